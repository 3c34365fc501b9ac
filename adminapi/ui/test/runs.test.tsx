import { act } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { seldomly } from "../src/api/events";
import { enter, json, play } from "./played";

const run = {
  id: "r1", connectorId: "c1", connectorName: "Directory", connectorType: "ldap", kind: "full", trigger: "manual", status: "Running", queued: "2026-01-01T00:00:00Z",
  started: "2026-01-01T00:00:01Z", counts: { added: 1, updated: 0, unchanged: 0, absent: 0, failed: 0 }, pages: 1, durationSeconds: 1, traceId: "t-1",
  watermarkBefore: "w1", watermarkAfter: "w2",
};

/** Plays the browser's side of a stream of events. */
class Stream extends EventTarget {
  static all: Stream[] = [];
  onopen: (() => void) | null = null;
  onerror: (() => void) | null = null;
  closed = false;
  constructor(readonly url: string) {
    super();
    Stream.all.push(this);
  }
  close() {
    this.closed = true;
  }
  say(name: string, data: unknown = {}) {
    act(() => void this.dispatchEvent(new MessageEvent(name, { data: JSON.stringify(data) })));
  }
}

beforeEach(() => {
  Stream.all = [];
  vi.stubGlobal("EventSource", Stream);
});
afterEach(() => vi.unstubAllGlobals());

const stream = (url: string) => Stream.all.find((s) => s.url === url && !s.closed);

test("a run is followed by its events, and asked for no more", async () => {
  const calls = play({ "GET /api/runs/r1": () => json(run), "GET /api/runs/r1/logs": () => json({ items: [] }) });
  const { page } = await enter("/runs/r1");
  await page.findByRole("heading", { level: 1, name: "Run (full) of Directory" });
  for (const want of ["t-1", "w1", "w2"]) await page.findByText(want);
  const events = stream("/api/runs/r1/events");
  act(() => events?.onopen?.());
  const asked = calls.filter((c) => c.path === "/api/runs/r1").length;
  events?.say("run", { ...run, counts: { ...run.counts, added: 4321 } });
  await page.findByText("4,321");
  await new Promise((done) => setTimeout(done, 2_500));
  expect(calls.filter((c) => c.path === "/api/runs/r1").length).toBe(asked);
  events?.say("run", { ...run, status: "Succeeded" });
  events?.say("end");
  await page.findByText("Succeeded");
  expect(events?.closed).toBe(true);
});

test("a run under way is cancelled, and says who asked for that", async () => {
  const calls = play({
    "GET /api/runs/r1": () => json(calls.some((c) => c.method === "POST") ? { ...run, cancelRequestedBy: "token administrator" } : run),
    "GET /api/runs/r1/logs": () => json({ items: [] }),
    "POST /api/runs/r1/cancel": () => json({ ...run, cancelRequestedBy: "token administrator" }, 202),
  });
  const { user, page } = await enter("/runs/r1");
  await user.click(await page.findByRole("button", { name: "Cancel" }));
  await page.findByText(/The engine was asked to end the run/);
  await page.findByText("token administrator asked to end it.");
  expect(page.queryByRole("button", { name: "Cancel" })).toBeNull();
});

test("entries that were not understood are shown first", async () => {
  const calls = play({
    "GET /api/runs/r1": () => json({ ...run, status: "Succeeded", counts: { ...run.counts, failed: 2 } }),
    "GET /api/runs/r1/logs": () => json({ items: [{ logged: run.queued, level: "Error", entry: "cn=odd", message: "no anchor" }] }),
  });
  const { page } = await enter("/runs/r1");
  await page.findByText("no anchor");
  expect(calls.find((c) => c.path.startsWith("/api/runs/r1/logs"))?.path).toContain("level=Error");
});

test("a list of runs is asked for anew when a run changes, and not when its page is left", async () => {
  const calls = play({ "GET /api/runs": () => json({ items: [run] }) });
  const { user, page } = await enter("/runs");
  await page.findByRole("table", { name: "Runs" });
  const events = stream("/api/events");
  act(() => events?.onopen?.());
  const before = calls.filter((c) => c.path.startsWith("/api/runs?")).length;
  for (let i = 0; i < 20; i++) events?.say("run", run);
  await vi.waitFor(() => expect(calls.filter((c) => c.path.startsWith("/api/runs?")).length).toBe(before + 1), { timeout: 5_000 });
  await user.click(page.getByRole("link", { name: "Audit" }));
  await page.findByRole("heading", { level: 1, name: "Audit" });
  expect(events?.closed).toBe(true);
});

test("many requests become few, and the last is never lost", () => {
  vi.useFakeTimers();
  const act = vi.fn();
  const s = seldomly(act, 1_000);
  for (let i = 0; i < 5; i++) s.tell();
  vi.advanceTimersByTime(1);
  expect(act).toHaveBeenCalledTimes(1);
  s.tell();
  s.tell();
  vi.advanceTimersByTime(500);
  expect(act).toHaveBeenCalledTimes(1);
  vi.advanceTimersByTime(600);
  expect(act).toHaveBeenCalledTimes(2);
  vi.useRealTimers();
});
