import { fireEvent, waitFor, within } from "@testing-library/react";
import { expect, test } from "vitest";
import { connector, enter, json, play } from "./played";

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

test("a column is sorted up, down, and by the list's own order again, by the server", async () => {
  const calls = play({ "GET /api/connectors": () => json({ items: [connector], total: 1 }) });
  const { user, page } = await enter("/connectors?q=dir");
  const header = () => page.getByRole("columnheader", { name: /^Name/ });
  const asked = () => new URL(calls.filter((c) => c.path.startsWith("/api/connectors?") && !c.path.includes("total")).at(-1)?.path ?? "", "http://x").searchParams;
  await page.findByRole("table", { name: "Connectors" });
  expect(header().getAttribute("aria-sort")).toBe("none");
  for (const [sort, said] of [["name", "ascending"], ["-name", "descending"]] as const) {
    await user.click(within(header()).getByRole("button"));
    await waitFor(() => expect(asked().get("sort")).toBe(sort));
    expect(header().getAttribute("aria-sort")).toBe(said);
    expect(asked().get("q")).toBe("dir"); // what was looked for stays
  }
  await user.click(within(header()).getByRole("button"));
  await waitFor(() => expect(header().getAttribute("aria-sort")).toBe("none"));
  expect(page.getByRole("columnheader", { name: "Trend" }).getAttribute("aria-sort")).toBeNull();
});

test("the server is asked when somebody stopped typing, and not for every letter", async () => {
  const calls = play({ "GET /api/connectors": () => json({ items: [connector], total: 1 }) });
  const { page } = await enter("/connectors");
  const field = await page.findByRole("searchbox");
  for (const value of ["d", "di", "dir", "dire", "direc", "direct"]) fireEvent.change(field, { target: { value } });
  await waitFor(() => expect(calls.some((c) => c.path.includes("q=direct"))).toBe(true));
  expect(calls.filter((c) => /q=(d|di|dir|dire|direc)(&|$)/.test(c.path))).toEqual([]);
});

test("a page on which nothing was found yet leads on to the next", async () => {
  play({ "GET /api/audit": (call) => (call.path.includes("cursor") ? json({ items: [record(1)] }) : json({ items: [], next: "on" })) });
  const { user, page } = await enter("/audit?actor=rare");
  await page.findByText("No records were found so far");
  await user.click(page.getByRole("button", { name: "Next page" }));
  await page.findByRole("table", { name: "Records" });
  await page.findByText("Page 2");
});
