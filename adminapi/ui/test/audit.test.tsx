import { within } from "@testing-library/react";
import { expect, test } from "vitest";
import { detailOf, sideBySide } from "../src/audit/changes";
import { enter, json, play } from "./played";

const intent = {
  seq: 7, time: "2026-01-01T00:00:00Z", phase: "intent", actor: "token administrator", role: "Admin", address: "127.0.0.1", action: "connectors.update", target: "c1",
  correlation: "r-1", hash: "h7", detail: JSON.stringify({ before: { name: "Old", config: { port: 389, host: "h" } }, wanted: { name: "New", config: { port: 636, host: "h" } } }),
};
const outcome = { seq: 8, time: "2026-01-01T00:00:01Z", phase: "outcome", intent: 7, actor: "token administrator", action: "connectors.update", target: "c1", outcome: "OK", hash: "h8",
  detail: JSON.stringify({ after: { name: "New", config: { port: 636, host: "h" } } }) };

test("a record shows what was before beside what came after, also when its other record is on another page", async () => {
  const calls = play({ "GET /api/audit": (call) => json({ items: call.path.includes("action=connectors.update") ? [outcome, intent] : [outcome] }) });
  const { user, page } = await enter("/audit");
  await user.click(await page.findByRole("button", { name: /connectors.update, outcome/ }));
  const table = await page.findByRole("table", { name: "Before and after" });
  const row = (name: RegExp) => within(table).getByRole("row", { name });
  expect(row(/config:port/).textContent).toContain("389");
  expect(row(/config:port/).textContent).toContain("636");
  expect(row(/config:port/).querySelector("del")?.textContent).toBe("389");
  expect(row(/config:host/).querySelector("del")).toBeNull(); // it stayed as it was
  const dialog = page.getByRole("dialog");
  for (const want of ["token administrator (Admin)", "127.0.0.1", "r-1", "7 and 8"]) expect(dialog.textContent).toContain(want);
  expect(calls.at(-1)?.path).toContain("action=connectors.update");
});

test("the log is narrowed down by the server, and the address says how", async () => {
  const calls = play({ "GET /api/audit": () => json({ items: [intent] }) });
  const { user, page } = await enter("/audit?outcome=ACCESS_DENIED");
  await page.findByRole("table", { name: "Records" });
  expect(calls.at(-1)?.path).toContain("outcome=ACCESS_DENIED");
  await user.type(page.getByLabelText("To what begins with"), "secret://ad/{Enter}");
  await page.findByRole("table", { name: "Records" });
  expect(calls.at(-1)?.path).toContain(`target=${encodeURIComponent("secret://ad/")}`);
});

test("a log that somebody changed is told with the record and what to do", async () => {
  play({
    "GET /api/audit": () => json({ items: [intent] }),
    "GET /api/audit/verify": () => json({ intact: false, records: 6, hash: "h6", open: 0, brokenAt: 7, why: "the hash does not fit", written: { state: "none" } }),
  });
  const { user, page } = await enter("/audit");
  await user.click(await page.findByRole("button", { name: "Verify" }));
  const alert = await page.findByRole("alert");
  for (const want of ["changed at record 7", "the hash does not fit", "What to do"]) expect(alert.textContent).toContain(want);
});

test("the chains of connectors are checked part by part and told together", async () => {
  const chains = (chain: number, first: object[] = []) => ({ chains: chain, records: chain * 10, removed: 0, heads: 1, signers: [], broken: first.length, first });
  const calls = play({
    "GET /api/audit": () => json({ items: [intent] }),
    "GET /api/audit/verify": (call) =>
      json(
        call.path.includes("after=")
          ? { intact: false, records: 0, hash: "", open: 0, written: { state: "compared", count: 1234 }, connectors: chains(3, [{ chain: "objects/c9", records: 1, hash: "x", open: 0, brokenAt: 2, why: "it was replaced" }]) }
          : { intact: true, chain: "admin", records: 6, hash: "h6", open: 0, heads: 3, written: { state: "compared", count: 1234 }, connectors: chains(4), next: "objects/c4" },
      ),
  });
  const { user, page } = await enter("/audit");
  await user.click(await page.findByRole("button", { name: "Verify" }));
  const alert = await page.findByRole("alert");
  for (const want of ["changed for one connector", "objects/c9, record 2: it was replaced", "first 6 records", "compared with 1,234 heads", "5 of them agree"]) expect(alert.textContent).toContain(want);
  expect(calls.filter((c) => c.path.includes("/api/audit/verify")).at(-1)?.path).toContain(`after=${encodeURIComponent("objects/c4")}`);
});

test("a verification tells what the log was compared with, and that it could not be", async () => {
  const good = { intact: true, chain: "admin", records: 6, hash: "h6", open: 0 };
  const chains = { chains: 1, records: 2, removed: 0, heads: 0, signers: [], broken: 0, first: [] };
  let answer: (part: boolean) => object = () => ({ ...good, written: { state: "none" } });
  play({ "GET /api/audit": () => json({ items: [intent] }), "GET /api/audit/verify": (call) => json(answer(call.path.includes("after="))) });
  const { user, page } = await enter("/audit");
  const verify = async (...wants: RegExp[]) => {
    await user.click(await page.findByRole("button", { name: "Verify" }));
    for (const want of wants) await page.findByText(want);
  };
  await verify(/no file of heads is configured/);
  answer = () => ({ ...good, heads: 4, written: { state: "compared", count: 9 } });
  await verify(/compared with 9 heads.* 4 of them/);
  answer = () => ({ ...good, intact: false, written: { state: "unusable", why: "no such file" } });
  await verify(/could not be compared with the heads/, /no such file/, /first 6 records/, /its key/);
  // The file is lost between two parts.
  const compared = { state: "compared", count: 9 };
  for (const lostFirst of [true, false]) {
    const lost = { state: "unusable", why: `it went away, ${lostFirst}` };
    answer = (part) => ({ ...good, intact: part === lostFirst, written: part === lostFirst ? compared : lost, connectors: chains, ...(!part && { next: "objects/c4" }) });
    await verify(new RegExp(lost.why));
  }
});

test("states are compared value by value", () => {
  expect(sideBySide({ a: 1, b: { c: [1, 2] }, gone: true }, { a: 1, b: { c: [1] }, come: "x" })).toEqual([
    { path: "a", before: "1", after: "1", changed: false },
    { path: "b:c", before: "1, 2", after: "1", changed: true },
    { path: "gone", before: "true", after: "", changed: true },
    { path: "come", before: "", after: "x", changed: true },
  ]);
});

test("a detail that is no object compares nothing", () => expect([detailOf(undefined), detailOf("[1]"), detailOf("{")]).toEqual([{}, {}, {}]));
