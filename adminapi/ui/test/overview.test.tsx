import { within } from "@testing-library/react";
import { expect, test } from "vitest";
import { enter, json, play, provider, status, viewer } from "./played";

const checked = "2026-01-01T00:00:00Z";
const quarantined = {
  code: "plugin-quarantined", severity: "error", summary: "The secret provider DPAPI of engine Engine1 is quarantined.", detail: "wrong hash", count: 1,
  subjects: [{ kind: "instance", id: "engine/Engine1", name: "Engine1" }],
  action: { kind: "call", label: "Reload the secret provider there", operation: "reload-instance", permission: "provider.reload", parameters: { role: "engine", name: "Engine1" } },
};
const failing = {
  code: "connectors-failing", severity: "error", summary: "2 connectors fail for one reason (NOT_FOUND).", count: 12, subjects: [{ kind: "connector", id: "c1", name: "Directory" }],
  action: { kind: "link", label: "See the secret", to: "/secrets?ref=secret%3A%2F%2Fad", permission: "secrets.read" },
};

test("what needs attention comes with the action that mends it", async () => {
  const calls = play({
    "GET /api/attention": () => json({ items: [quarantined, failing], checked }),
    "POST /api/instances/engine/Engine1/reload": () => json({}, 202),
  });
  const { user, page } = await enter("/");
  const section = await page.findByRole("region", { name: "Needs attention" });
  await within(section).findByText("wrong hash");
  expect(within(section).getByRole("link", { name: "See the secret" }).getAttribute("href")).toBe(failing.action.to);
  expect(within(section).getByRole("link", { name: "Directory" }).getAttribute("href")).toBe("/connectors/c1");
  expect(section.textContent).toContain("and 11 more");
  await user.click(within(section).getByRole("button", { name: "Reload the secret provider there" }));
  await page.findByText("Reload the secret provider there: it was asked for.");
  expect(calls.find((c) => c.method === "POST")?.path).toBe("/api/instances/engine/Engine1/reload");
});

test("an action that one may not do is not offered, and one that this page does not know neither", async () => {
  const unknown = { ...quarantined, summary: "Something new", action: { ...quarantined.action, operation: "mend-by-magic", permission: "status.read" } };
  play({ "GET /api/attention": () => json({ items: [quarantined, unknown], checked }) }, { who: viewer });
  const { page } = await enter("/");
  const section = await page.findByRole("region", { name: "Needs attention" });
  await within(section).findByText("Something new");
  expect(within(section).queryAllByRole("button")).toEqual([]);
});

test("every page says when another provider serves and when stores differ", async () => {
  play({ "GET /api/status": () => json({ ...status, mismatch: true, provider: { ...provider, fallback: true } }) });
  const { user, page } = await enter("/");
  await page.findByText(/unknown; DPAPI serves in its place/);
  await user.click(page.getByRole("link", { name: "Secrets" }));
  await page.findByRole("heading", { level: 1, name: "Secrets" });
  await page.findByText(/unknown; DPAPI serves in its place/);
  await page.findByText(/different secret stores/);
});

test("all is well is said when nothing needs attention", async () => {
  play();
  const { page } = await enter("/");
  await page.findByText("All is well.");
});

test("what the banner tells is not told again, nor passed over", async () => {
  play({
    "GET /api/status": () => json({ ...status, provider: { ...provider, fallback: true } }),
    "GET /api/attention": () => json({ items: [{ ...failing, code: "provider-fallback", action: undefined }], checked }),
  });
  const { page } = await enter("/");
  const section = await page.findByRole("region", { name: "Needs attention" });
  await within(section).findByText("What the top of this page says, and nothing else.");
});

test("what to do first comes first, and once", async () => {
  play();
  const { page } = await enter("/");
  const first = await page.findByRole("link", { name: "Create a connector" });
  const after = page.getByRole("region", { name: "Needs attention" });
  expect(first.compareDocumentPosition(after) & Node.DOCUMENT_POSITION_FOLLOWING).toBeTruthy();
  expect(page.getAllByText("Nothing is connected yet")).toHaveLength(1);
});
