/** A time for people: how long ago, or how long until. now is in milliseconds. */
export function ago(time: string | undefined, now = Date.now()): string {
  if (!time) return "never";
  const seconds = Math.round((now - Date.parse(time)) / 1000);
  const size = Math.abs(seconds);
  if (size < 5) return "just now";
  const [count, unit] =
    size < 90 ? [size, "second"] : size < 5400 ? [Math.round(size / 60), "minute"] : size < 129600 ? [Math.round(size / 3600), "hour"] : [Math.round(size / 86400), "day"];
  const text = `${count} ${unit}${count === 1 ? "" : "s"}`;
  return seconds >= 0 ? `${text} ago` : `in ${text}`;
}

/** The time in full, in the reader's own zone, which it names. */
export function exact(time: string | undefined): string {
  return time ? new Date(time).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "long" }) : "";
}

export function duration(seconds: number): string {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 120) return `${seconds.toFixed(1)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

export function count(n: number): string {
  return n.toLocaleString();
}
