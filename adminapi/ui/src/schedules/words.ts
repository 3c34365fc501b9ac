import type { Schemas } from "../api/client";

export type Timing = Pick<Schemas["Schedule"], "cron" | "intervalSeconds">;

const units = [
  { seconds: 86_400, name: "day" },
  { seconds: 3_600, name: "hour" },
  { seconds: 60, name: "minute" },
  { seconds: 1, name: "second" },
] as const;

export type Unit = (typeof units)[number]["name"];
export const unitNames: Unit[] = ["minute", "hour", "day", "second"];

/** The largest unit of which an interval is a whole number, and that number. */
export function split(seconds: number): { amount: number; unit: Unit } {
  const unit = units.find((u) => seconds % u.seconds === 0) ?? units[3];
  return { amount: seconds / unit.seconds, unit: unit.name };
}

export function seconds(amount: number, unit: Unit): number {
  return amount * (units.find((u) => u.name === unit)?.seconds ?? 1);
}

const days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const names: Record<string, string> = {
  "@hourly": "every hour",
  "@daily": "every day at 00:00 UTC",
  "@midnight": "every day at 00:00 UTC",
  "@weekly": "every Sunday at 00:00 UTC",
  "@monthly": "on the first of every month at 00:00 UTC",
  "@yearly": "on 1 January at 00:00 UTC",
  "@annually": "on 1 January at 00:00 UTC",
};

/** What a schedule's timing means; a cron expression that is not a common one is given as it is. */
export function timing(s: Timing): string {
  if (s.intervalSeconds) {
    const { amount, unit } = split(s.intervalSeconds);
    return amount === 1 ? `every ${unit}` : `every ${amount} ${unit}s`;
  }
  return cronWords(s.cron ?? "") || `by the cron expression ${s.cron} (UTC)`;
}

/** A common cron expression in words; empty for others. */
export function cronWords(cron: string): string {
  const text = cron.trim().toLowerCase();
  const named = names[text];
  if (named) return named;
  const [minute = "", hour = "", day, month, weekday = "", more] = text.split(/\s+/);
  if (month !== "*" || more !== undefined) return "";
  const at = /^\d+$/.test(minute) && /^\d+$/.test(hour) ? ` at ${hour.padStart(2, "0")}:${minute.padStart(2, "0")} UTC` : "";
  if (day === "*" && weekday === "*") {
    const step = /^\*\/(\d+)$/.exec(minute);
    if (hour === "*" && minute === "*") return "every minute";
    if (hour === "*" && step) return `every ${step[1]} minutes`;
    if (hour === "*" && /^\d+$/.test(minute)) return minute === "0" ? "every hour" : `every hour, ${minute} minutes past`;
    const hours = /^\*\/(\d+)$/.exec(hour);
    if (hours && minute === "0") return `every ${hours[1]} hours`;
    return at && `every day${at}`;
  }
  if (day === "*" && weekday === "1-5") return at && `every weekday${at}`;
  if (day === "*" && /^[0-7]$/.test(weekday)) return at && `every ${days[Number(weekday) % 7]}${at}`;
  if (weekday === "*" && day !== undefined && /^\d+$/.test(day)) return at && `on day ${day} of every month${at}`;
  return "";
}
