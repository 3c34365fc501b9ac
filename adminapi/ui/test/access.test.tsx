import { waitFor } from "@testing-library/react";
import { expect, test } from "vitest";
import { connector, enter, json, play, problem, viewer, who } from "./played";

const made = "imat_c4nary-token";
const tokenItem = {
  id: "t1", name: "report", hint: "q3Xz", role: "Viewer", permissions: ["runs.read"], narrowed: true, created: "2026-01-01T00:00:00Z", expired: false, current: false,
};

function everywhere(): string {
  const inputs = [...document.querySelectorAll("input")].map((i) => i.value).join();
  return inputs + document.documentElement.outerHTML + JSON.stringify({ ...localStorage }) + JSON.stringify({ ...sessionStorage }) + location.href;
}

test("a new token is shown once, and the dialog closes only when it was kept", async () => {
  const calls = play({ "POST /api/tokens": () => json({ ...tokenItem, token: made }, 201) });
  const { user, page } = await enter("/access");
  await user.click(await page.findByRole("button", { name: "Make the first token" }));
  await page.findByRole("dialog", { name: "Make a token" });
  await user.type(page.getByLabelText("Name"), "report");
  await user.selectOptions(page.getByLabelText("Valid for"), "never");
  await user.click(page.getByRole("button", { name: "Make" }));
  await page.findByRole("dialog", { name: "The token report" });
  expect(calls.find((c) => c.method === "POST" && c.path === "/api/tokens")?.body).toEqual({ name: "report", role: "Viewer", never: true });
  const field = page.getByLabelText("Token", { selector: "input[readonly]" }) as HTMLInputElement;
  expect(field.value).toBe(made);
  expect(document.documentElement.outerHTML).not.toContain(made); // it is in the field, and not in what React renders
  const done = page.getByRole("button", { name: "Done" }) as HTMLButtonElement;
  expect(done.disabled).toBe(true);
  await user.keyboard("{Escape}");
  page.getByRole("dialog", { name: "The token report" });
  await user.click(page.getByLabelText("I have kept it"));
  await user.click(done);
  await waitFor(() => expect(page.queryByRole("dialog")).toBeNull());
  expect(field.value).toBe("");
  expect(everywhere()).not.toContain(made);
});

test("while a token is being made its dialog cannot be closed, and a try that was not answered is the same one again", async () => {
  const answers: ((r: Response) => void)[] = [];
  const calls = play({ "POST /api/tokens": () => new Promise((answer, fail) => answers.push(answers.length === 0 ? () => fail(new TypeError("no answer")) : answer)) });
  const { user, page } = await enter("/access");
  await user.click(await page.findByRole("button", { name: "Make the first token" }));
  await page.findByRole("dialog", { name: "Make a token" });
  await user.type(page.getByLabelText("Name"), "report");
  await user.click(page.getByRole("button", { name: "Make" }));
  await waitFor(() => expect(answers).toHaveLength(1));
  await user.keyboard("{Escape}");
  await new Promise((done) => setTimeout(done, 300));
  page.getByRole("dialog", { name: "Make a token" });
  answers[0]?.(json({}));
  await page.findByText("The Admin API does not answer");
  await user.click(page.getByRole("button", { name: "Make" }));
  await waitFor(() => expect(answers).toHaveLength(2));
  answers[1]?.(json({ ...tokenItem, token: made }, 201));
  await page.findByRole("dialog", { name: "The token report" });
  const [first, second] = calls.filter((c) => c.method === "POST" && c.path === "/api/tokens");
  expect(first?.headers.get("Idempotency-Key")).toMatch(/^[0-9a-f]{32}$/);
  expect([second?.headers.get("Idempotency-Key"), second?.body]).toEqual([first?.headers.get("Idempotency-Key"), first?.body]);
});

test("nobody is offered a role that may do more than he himself", async () => {
  play({}, { who: { ...who, permissions: [...viewer.permissions, "tokens.read", "tokens.write"] } });
  const { user, page } = await enter("/access");
  await user.click(await page.findByRole("button", { name: "Make the first token" }));
  await page.findByRole("option", { name: /^Viewer/ });
  expect(page.queryByRole("option", { name: /^Admin/ })).toBeNull();
});

test("a token is revoked only after its name was typed", async () => {
  const calls = play({ "GET /api/tokens": () => json({ items: [tokenItem], total: 1 }), "DELETE /api/tokens/t1": () => new Response(null, { status: 204 }) });
  const { user, page } = await enter("/access");
  await user.click(await page.findByRole("button", { name: "Revoke report" }));
  const button = (await page.findByRole("button", { name: "Revoke" })) as HTMLButtonElement;
  expect(button.disabled).toBe(true);
  await user.type(page.getByLabelText(/Type .* to confirm/), "report");
  await user.click(button);
  await page.findByText(/is worth nothing any more/);
  expect(calls.filter((c) => c.method === "DELETE").map((c) => c.path)).toEqual(["/api/tokens/t1"]);
});

test("the problems of a token's input stand at their fields", async () => {
  play({ "POST /api/tokens": () => problem(422, "invalid-input", { errors: [{ path: "name", message: "the name must have 1 to 200 bytes" }] }) });
  const { user, page } = await enter("/access");
  await user.click(await page.findByRole("button", { name: "Make the first token" }));
  await page.findByRole("dialog", { name: "Make a token" });
  await user.click(page.getByRole("button", { name: "Make" }));
  await page.findByRole("alert");
  expect(page.getByLabelText("Name").getAttribute("aria-invalid")).toBe("true");
});

// What changes something; each of these fails for a Viewer.
const forbidden = /^(Create|Set |Rotate|Delete|Run |Test|Edit|Enable|Disable|Reload|Add a schedule|Switch|Cancel|Make|Revoke|Recover|Purge|Actions)/;

test.each([
  ["/", "Overview"],
  ["/connectors", "Connectors"],
  ["/connectors/c1", "Directory"],
  ["/runs/r1", "Run (full) of Directory"],
  ["/secrets", "Secrets"],
  ["/access", "Tokens and roles"],
])("a Viewer finds no button at %s that would fail", async (path, title) => {
  const run = {
    id: "r1", connectorId: "c1", connectorName: "Directory", connectorType: "ldap", kind: "full", trigger: "manual", status: "Running", queued: "2026-01-01T00:00:00Z",
    counts: { added: 0, updated: 0, unchanged: 0, absent: 0, failed: 0 }, pages: 0, durationSeconds: 1,
  };
  play(
    {
      "GET /api/connectors": () => json({ items: [connector], total: 1 }),
      "GET /api/connectors/c1": () => json({ ...connector, state: {} }),
      "GET /api/connectors/c1/schedules": () => json({ items: [{ id: "s1", connectorId: "c1", kind: "full", cron: "@daily", enabled: true, nextDue: "2026-01-01T00:00:00Z", version: 1 }], total: 1 }),
      "GET /api/runs": () => json({ items: [run] }),
      "GET /api/runs/r1": () => json(run),
      "GET /api/runs/r1/logs": () => json({ items: [] }),
      "GET /api/secrets": () => json({ items: [{ ref: "secret://a", name: "im-1", version: "1", disabled: false, missing: false, deleted: false, store: "DPAPI", usedBy: [], usedByCount: 0 }], complete: true }),
    },
    { who: viewer },
  );
  const { page } = await enter(path);
  await page.findByRole("heading", { level: 1, name: title });
  await new Promise((done) => setTimeout(done, 100)); // until everything that is asked for is there
  const names = [...page.queryAllByRole("button"), ...page.queryAllByRole("link")].map((b) => b.getAttribute("aria-label") ?? b.textContent ?? "");
  expect(names.filter((n) => forbidden.test(n))).toEqual([]);
  expect(page.queryByRole("link", { name: "Settings" })).toBeNull();
});

test("an administrator finds those buttons", async () => {
  play({ "GET /api/connectors/c1": () => json({ ...connector, state: {} }), "GET /api/connectors/c1/schedules": () => json({ items: [], total: 0 }) });
  const { page } = await enter("/connectors/c1");
  for (const name of ["Run delta", "Test", "Delete", "Add a schedule"]) await page.findByRole("button", { name });
});

test("who goes to a page that he may not see is told what he lacks", async () => {
  play({}, { who: viewer });
  const { page } = await enter("/connectors/new");
  await page.findByText(/needs the permission connectors.write/);
});
