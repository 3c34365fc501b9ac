import { waitFor, within } from "@testing-library/react";
import { expect, test } from "vitest";
import { exact } from "../src/parts/words";
import { cronWords, seconds, split, timing } from "../src/schedules/words";
import { connector, enter, json, play, problem } from "./played";

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

const coming = ["2026-01-02T02:30:00Z", "2026-01-03T02:30:00Z"];
const upcoming = (calls: { path: string }[]) => calls.filter((c) => c.path.startsWith("/api/schedules/upcoming")).map((c) => Object.fromEntries(new URL(c.path, "http://x").searchParams));

test("the next times of what is being typed are shown, or why there are none, and the times stand in a zone", async () => {
  const calls = play({
    "GET /api/connectors/c1": () => json(detail),
    "GET /api/connectors/c1/schedules": () => json({ items: [], total: 0 }),
    "GET /api/schedules/upcoming": ({ path }) =>
      new URL(path, "http://x").searchParams.get("cron") === "30 2 * * *" ? json({ items: coming }) : problem(422, "invalid-input", { errors: [{ path: "query:cron", message: "there is no such time" }] }),
  });
  const { user, page } = await enter("/connectors/c1");
  await user.click(await page.findByRole("button", { name: "Add a schedule" }));
  await user.click(await page.findByText("At certain times (cron)"));
  const times = await page.findByRole("list", { name: "The next times" });
  await waitFor(() => expect(within(times).getAllByRole("listitem").map((x) => x.textContent)).toEqual(coming.map(exact)));
  expect(exact(coming[0])).toMatch(/(UTC|GMT|[A-Z]{3,4})/);
  const before = upcoming(calls).length;
  await user.clear(page.getByLabelText("Cron expression"));
  await user.type(page.getByLabelText("Cron expression"), "0 0 30 2 *");
  await page.findByText("there is no such time");
  expect(upcoming(calls).slice(before).length).toBeLessThan(4); // and not one for each key
  expect(upcoming(calls).at(-1)).toEqual({ cron: "0 0 30 2 *" });
});

test("the next times of a schedule go on from when it is due, and are asked for only by who wants them", async () => {
  const calls = play({
    "GET /api/connectors/c1": () => json(detail),
    "GET /api/connectors/c1/schedules": () => json({ items: [schedule], total: 1 }),
    "GET /api/schedules/upcoming": () => json({ items: coming }),
  });
  const { user, page } = await enter("/connectors/c1");
  const more = await page.findByRole("button", { name: "The next times of the schedule every 15 minutes" });
  expect(upcoming(calls)).toEqual([]);
  await user.click(more);
  await page.findByText(exact(coming[1]));
  expect(upcoming(calls)).toEqual([{ intervalSeconds: "900", due: schedule.nextDue }]);
});

test("the focus returns to the button of a dialog, and to the heading when what had it was deleted", async () => {
  let items = [schedule];
  play({
    "GET /api/connectors/c1": () => json(detail),
    "GET /api/connectors/c1/schedules": () => json({ items, total: items.length }),
    "GET /api/schedules/upcoming": () => json({ items: coming }),
    "DELETE /api/connectors/c1/schedules/s1": () => {
      items = [];
      return new Response(null, { status: 204 });
    },
  });
  const { user, page } = await enter("/connectors/c1");
  const edit = await page.findByRole("button", { name: /^Edit the schedule/ });
  await user.click(edit);
  await user.click(within(await page.findByRole("dialog")).getByRole("button", { name: "Cancel" }));
  await waitFor(() => expect(document.activeElement).toBe(edit));
  await user.click(page.getByRole("button", { name: /^Delete the schedule/ }));
  await page.findByText("The schedule was deleted.");
  expect(document.activeElement).toBe(page.getByRole("heading", { name: "Schedules" }));
});

test("who was forestalled by another change sees that change", async () => {
  let version = 3;
  const calls = play({
    "GET /api/connectors/c1": () => json(detail),
    "GET /api/connectors/c1/schedules": () => json({ items: [{ ...schedule, version }], total: 1 }),
    "PUT /api/connectors/c1/schedules/s1": ({ headers }) => {
      version = 4;
      return headers.get("If-Match") === '"4"' ? json({ ...schedule, version: 5 }) : problem(412, "changed-meanwhile");
    },
  });
  const { user, page } = await enter("/connectors/c1");
  await user.click(await page.findByRole("button", { name: /^Switch off/ }));
  await page.findByText(/Load it again/);
  await waitFor(() => expect(calls.filter((c) => c.path.startsWith("/api/connectors/c1/schedules") && c.method === "GET").length).toBe(2), { timeout: 5_000 }); // not only when all is asked again
  await user.click(page.getByRole("button", { name: /^Switch off/ }));
  await page.findByText("The schedule is off.");
});

test("a connector that is gone is not asked for again and again", async () => {
  const calls = play({ "GET /api/connectors/c1": () => problem(404, "connector-not-found", { title: "Connector not found" }) });
  const { page } = await enter("/connectors/c1");
  await page.findByText("Connector not found");
  await new Promise((done) => setTimeout(done, 4_500));
  expect(calls.filter((c) => c.path === "/api/connectors/c1")).toHaveLength(1);
});
