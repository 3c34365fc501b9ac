import { within } from "@testing-library/react";
import { expect, test } from "vitest";
import { enter, json, play } from "./played";

/** A list of 60 records, in pages as long as one asks for. */
const record = (n: number) => ({ seq: n, time: "2026-01-01T00:00:00Z", phase: "intent", actor: "token a", action: "runs.start", hash: "h" });
const paged = (call: { path: string }) => {
  const query = new URL(call.path, "http://x").searchParams;
  const [from, limit] = [Number(query.get("cursor") ?? 0), Number(query.get("limit"))];
  const items = Array.from({ length: Math.max(0, Math.min(limit, 60 - from)) }, (_, i) => record(from + i));
  return json({ items, total: 60, ...(from + limit < 60 && { next: String(from + limit) }) });
};

test("a list shows one page of the server's rows and steps through them by keyboard", async () => {
  const calls = play({ "GET /api/audit": paged });
  const { user, page } = await enter("/audit");
  const table = await page.findByRole("table", { name: "Records" });
  expect(within(table).getAllByRole("row")).toHaveLength(26); // with the header
  await page.findByText("60 records");
  const next = page.getByRole("button", { name: "Next page" });
  expect(page.getByRole("button", { name: "Previous page" }).getAttribute("aria-disabled")).toBe("true");
  next.focus();
  await user.keyboard("{Enter}");
  await page.findByText("26 to 50 of 60");
  expect(calls.at(-1)?.path).toContain("cursor=25");
  await user.keyboard("{Enter}");
  await page.findByText("51 to 60 of 60");
  expect(document.activeElement).toBe(next); // though there is nowhere to go any more
  expect(next.getAttribute("aria-disabled")).toBe("true");
  const asked = calls.length;
  await user.keyboard("{Enter}");
  expect(calls.length).toBe(asked);
  await user.click(page.getByRole("button", { name: "Previous page" }));
  await page.findByText("26 to 50 of 60");
});

test("another number of rows begins at the first page again", async () => {
  const calls = play({ "GET /api/audit": paged });
  const { user, page } = await enter("/audit");
  await user.click(await page.findByRole("button", { name: "Next page" }));
  await page.findByText("26 to 50 of 60");
  await user.selectOptions(page.getByLabelText("Rows on a page"), "50");
  await page.findByText("1 to 50 of 60");
  expect(calls.at(-1)?.path).not.toContain("cursor");
});

test("what is looked for in vain can be taken out again", async () => {
  play({ "GET /api/audit": (call) => (call.path.includes("actor=") ? json({ items: [] }) : paged(call)) });
  const { user, page } = await enter("/audit?actor=nobody");
  await page.findByText("No records are like that");
  await user.click(page.getByRole("button", { name: "Show all" }));
  await page.findByRole("table", { name: "Records" });
});
