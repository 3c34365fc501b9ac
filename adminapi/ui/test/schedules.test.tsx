import { expect, test } from "vitest";
import { cronWords, seconds, split, timing } from "../src/schedules/words";
import { connector, enter, json, play } from "./played";

test.each([
  ["* * * * *", "every minute"],
  ["*/15 * * * *", "every 15 minutes"],
  ["0 * * * *", "every hour"],
  ["5 * * * *", "every hour, 5 minutes past"],
  ["0 */6 * * *", "every 6 hours"],
  ["30 2 * * *", "every day at 02:30 UTC"],
  ["0 7 * * 1-5", "every weekday at 07:00 UTC"],
  ["0 7 * * 7", "every Sunday at 07:00 UTC"],
  ["0 3 1 * *", "on day 1 of every month at 03:00 UTC"],
  ["@Hourly", "every hour"],
  ["0 3 1 2 *", ""],
  ["1,2 3 * * *", ""],
  ["0 3 1 * 1", ""],
  ["nonsense", ""],
])("the cron expression %s is %j", (cron, want) => expect(cronWords(cron)).toBe(want));

test.each([
  [{ intervalSeconds: 900 }, "every 15 minutes"],
  [{ intervalSeconds: 3600 }, "every hour"],
  [{ intervalSeconds: 90 }, "every 90 seconds"],
  [{ intervalSeconds: 172800 }, "every 2 days"],
  [{ cron: "1,2 3 * * *" }, "by the cron expression 1,2 3 * * * (UTC)"],
])("%j is said as %s", (schedule, want) => expect(timing(schedule)).toBe(want));

test("an interval comes back from its unit", () => {
  for (const s of [10, 60, 900, 5400, 86400]) expect(seconds(split(s).amount, split(s).unit)).toBe(s);
});

const detail = { ...connector, state: {} };
const schedule = { id: "s1", connectorId: "c1", kind: "delta", intervalSeconds: 900, enabled: true, nextDue: "2026-01-01T00:00:00Z", version: 3 };

test("a schedule is added in words and told back in words", async () => {
  const calls = play({
    "GET /api/connectors/c1": () => json(detail),
    "GET /api/connectors/c1/schedules": () => json({ items: [], total: 0 }),
    "POST /api/connectors/c1/schedules": () => json(schedule, 201),
  });
  const { user, page } = await enter("/connectors/c1");
  await user.click(await page.findByRole("button", { name: "Add a schedule" }));
  await page.findByRole("dialog");
  await user.clear(page.getByLabelText("Every"));
  await user.type(page.getByLabelText("Every"), "2");
  await user.selectOptions(page.getByLabelText("Unit"), "hour");
  await page.findByText("It runs every 2 hours.");
  await user.click(page.getByRole("button", { name: "Add" }));
  await page.findByText(/A delta run every 2 hours/);
  expect(calls.find((c) => c.method === "POST")?.body).toEqual({ kind: "delta", enabled: true, intervalSeconds: 7200 });
});

test("a schedule is switched off as it was seen", async () => {
  const calls = play({
    "GET /api/connectors/c1": () => json(detail),
    "GET /api/connectors/c1/schedules": () => json({ items: [schedule], total: 1 }),
    "PUT /api/connectors/c1/schedules/s1": () => json({ ...schedule, enabled: false }),
  });
  const { user, page } = await enter("/connectors/c1");
  await user.click(await page.findByRole("button", { name: "Switch off the schedule every 15 minutes" }));
  await page.findByText("The schedule is off.");
  const put = calls.find((c) => c.method === "PUT");
  expect(put?.headers.get("If-Match")).toBe('"3"');
  expect(put?.body).toEqual({ kind: "delta", enabled: false, intervalSeconds: 900 });
});
