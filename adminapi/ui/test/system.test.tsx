import { within } from "@testing-library/react";
import { expect, test } from "vitest";
import { enter, json, play, problem, status, viewer } from "./played";

const at = "2026-01-01T00:00:00Z";
const engine = { ...status.instances[0], runs: [] };
const gone = { ...engine, name: "Old", alive: false };
const state = {
  role: "engine", instance: "Engine1", alive: true, provider: "DPAPI", state: "Quarantined", recorded: at, restarts: 7, problem: "the hash does not fit", warnings: [],
  history: [{ at, state: "Starting" }, { at, state: "Quarantined", reason: "too many failures" }], lines: ["ERROR it broke"],
};
const plugin = { name: "DPAPI", shipped: true, path: "/p", inForce: true, states: [state], about: { name: "DPAPI", version: "1", contract: "1.0", capabilities: [], limits: { largestBytes: 1, longestRef: 1 } } };

test("an instance that is gone can be forgotten, one that lives reloaded", async () => {
  const calls = play({
    "GET /api/instances": () => json({ items: [engine, gone], total: 2 }),
    "POST /api/instances/engine/Engine1/reload": () => json({}, 202),
    "DELETE /api/instances/engine/Old": () => new Response(null, { status: 204 }),
  });
  const { user, page } = await enter("/instances");
  await user.click(await page.findByRole("button", { name: "Reload Engine1" }));
  await page.findByText(/Engine1 was asked to reload/);
  expect(page.queryByRole("button", { name: "Forget Engine1" })).toBeNull();
  await user.click(page.getByRole("button", { name: "Forget Old" }));
  await user.type(await page.findByLabelText(/Type .* to confirm/), "Old");
  await user.click(page.getByRole("button", { name: "Forget" }));
  await page.findByText("Old was forgotten.");
  expect(calls.filter((c) => c.method === "DELETE").map((c) => c.path)).toEqual(["/api/instances/engine/Old"]);
});

test("a quarantined plugin shows what happened and is released", async () => {
  const calls = play({ "GET /api/plugins/DPAPI": () => json(plugin), "POST /api/instances/engine/Engine1/reload": () => json({}, 202) });
  const { user, page } = await enter("/plugins/DPAPI");
  const card = await page.findByRole("article", { name: "On engine Engine1" });
  for (const want of ["the hash does not fit", "too many failures", "ERROR it broke", "7 since"]) expect(card.textContent).toContain(want);
  await user.click(within(card).getByRole("button", { name: "Release it" }));
  await page.findByText(/was asked to start it anew/);
  expect(calls.find((c) => c.method === "POST")?.path).toBe("/api/instances/engine/Engine1/reload");
});

test("a configuration is tried by the plugin, and what it holds is nowhere on the page but in its field", async () => {
  const calls = play({
    "GET /api/plugins/DPAPI": () => json(plugin),
    "POST /api/plugins/DPAPI/validate": () => json({ ok: false, problems: [{ severity: "error", path: "clientSecret", summary: "must be a ref" }] }),
  });
  const { user, page } = await enter("/plugins/DPAPI");
  const field = (await page.findByLabelText("Configuration")) as HTMLTextAreaElement;
  await user.clear(field);
  await user.click(page.getByRole("button", { name: "Try it" }));
  await page.findByText(/Expected a JSON object/);
  await user.type(field, '{{"clientSecret":"c4nary"}');
  await user.click(page.getByRole("button", { name: "Try it" }));
  const alert = await page.findByRole("alert");
  expect(alert.textContent).toContain("clientSecret: must be a ref");
  expect(calls.find((c) => c.method === "POST")?.body).toEqual({ config: { clientSecret: "c4nary" } });
  expect(document.documentElement.outerHTML).not.toContain("c4nary");
});

test("a setting that may hold a credential is not shown, and each says where it comes from", async () => {
  play({
    "GET /api/settings": () =>
      json({
        environment: "Production", files: ["appsettings.json"], differences: [{ role: "engine", name: "Engine1", what: "target", here: "a", there: "b" }],
        items: [
          { key: "Engine:PollInterval", text: "1s", masked: false, default: true, source: "default" },
          { key: "Database:ConnectionString", masked: true, default: false, source: "appsettings.json", line: 3 },
        ],
      }),
  });
  const { user, page } = await enter("/settings");
  const row = await page.findByRole("row", { name: /Database:ConnectionString/ });
  expect(row.textContent).toContain("not shown");
  expect(row.textContent).toContain("appsettings.json, line 3");
  await page.findByText(/has the secret store/);
  await user.click(page.getByLabelText("Only those that somebody set"));
  expect(page.queryByText("Engine:PollInterval")).toBeNull();
});

test("the settings that somebody set are found also when there are none, and the others come back", async () => {
  play({ "GET /api/settings": () => json({ environment: "Production", files: [], differences: [], items: [{ key: "Engine:PollInterval", text: "1s", masked: false, default: true, source: "default" }] }) });
  const { user, page } = await enter("/settings");
  await page.findByText("Engine:PollInterval");
  await user.click(page.getByLabelText("Only those that somebody set"));
  await user.click(await page.findByRole("button", { name: "Show all" }));
  await page.findByText("Engine:PollInterval");
});

test("a configuration that was tried is not left for who comes after the session has ended", async () => {
  let ended = false;
  play({ "GET /api/plugins/DPAPI": () => json(plugin), "POST /api/plugins/DPAPI/validate": () => ((ended = true), problem(401, "sign-in-required")) });
  const { user, page } = await enter("/plugins/DPAPI");
  const field = (await page.findByLabelText("Configuration")) as HTMLTextAreaElement;
  await user.clear(field);
  await user.type(field, '{{"clientSecret":"c4nary"}');
  await user.click(page.getByRole("button", { name: "Try it" }));
  await page.findByRole("dialog", { name: "Sign in again" });
  expect([ended, field.value]).toEqual([true, "{}"]);
});

test("a Viewer is not led to the settings", async () => {
  play({ "GET /api/plugins": () => json({ items: [plugin], total: 1 }) }, { who: viewer });
  const { page } = await enter("/plugins");
  await page.findByText("comes with the product");
  expect(page.queryByRole("link", { name: "Settings" })).toBeNull();
  expect(page.queryByRole("link", { name: "DPAPI" })).toBeNull(); // what is behind it needs settings.read
});

test("a Viewer is not led from an instance to a page that he may not see", async () => {
  play({ "GET /api/instances": () => json({ items: [engine], total: 1 }) }, { who: viewer });
  const { page } = await enter("/instances");
  const row = await page.findByRole("row", { name: /Engine1/ });
  expect(row.textContent).toContain("DPAPI");
  expect(within(row).queryAllByRole("link")).toEqual([]);
});

test("what was imported is found by the server, and shown attribute by attribute", async () => {
  const object = {
    id: 7, anchor: "S-1-5", attributes: { cn: ["Ann"], member: Array.from({ length: 30 }, (_, i) => `m${i}`) }, connectorId: "c1", connectorName: "Directory", name: "Ann",
    firstSeen: at, lastChanged: at, lastRunId: "r1", present: true, type: "user",
  };
  const history = {
    cut: true,
    items: [{ seq: 9, time: at, change: "updated", attributes: ["cn", "mail"], more: 2, runId: "r2", type: "user" }, { seq: 1, time: at, change: "added", attributes: ["cn"], runId: "r1", type: "user" }],
  };
  const calls = play({ "GET /api/objects": () => json({ items: [object] }), "GET /api/objects/7": () => json(object), "GET /api/objects/7/history": () => json(history), "GET /api/connectors": () => json({ items: [] }) });
  const { user, page } = await enter("/objects?present=true&q=ann");
  await user.click(await page.findByRole("link", { name: "Ann" }));
  await page.findByRole("heading", { level: 1, name: "Ann" });
  const asked = new URL(calls.find((c) => c.path.startsWith("/api/objects?"))?.path ?? "", "http://x").searchParams;
  expect([asked.get("present"), asked.get("q"), asked.get("limit")]).toEqual(["true", "ann", "25"]);
  await page.findByText("and 10 more");
  const changes = await page.findAllByRole("listitem");
  expect(changes.map((c) => c.textContent)).toEqual([expect.stringContaining("Changed: cn, mail and 2 more"), expect.stringContaining("With: cn")]);
  expect(page.getAllByRole("link", { name: /^The run of/ })[0]?.getAttribute("href")).toBe("/runs/r2");
  await page.findByText(/Older changes are not here any more/);
});
