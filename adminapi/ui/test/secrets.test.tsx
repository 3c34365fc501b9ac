import { waitFor, within } from "@testing-library/react";
import { expect, test } from "vitest";
import { aboutPaste, endsWithLine, withoutLineEnd } from "../src/secrets/value";
import { enter, json, play, problem, provider, status } from "./played";

const canary = "c4nary-value";
const secret = {
  ref: "secret://ad/svc/password", name: "im-4dcca9e40db8d988ebd8f907f7449ec4", version: "v3", disabled: false, missing: false, deleted: false, store: "DPAPI",
  usedBy: [{ connectorId: "c1", connectorName: "Directory" }], usedByCount: 1,
};

function everywhere(): string {
  const inputs = [...document.querySelectorAll("input")].map((i) => i.value).join();
  return inputs + document.documentElement.outerHTML + JSON.stringify({ ...localStorage }) + JSON.stringify({ ...sessionStorage }) + location.href;
}

test("a secret is set with a value typed twice, which is nowhere afterwards", async () => {
  const calls = play({ "PUT /api/secrets": () => json(secret) });
  const { user, page } = await enter("/secrets");
  await user.click(await page.findByRole("button", { name: "Set the first secret" }));
  const dialog = await page.findByRole("dialog");
  const [value, again] = [page.getByLabelText("Value"), page.getByLabelText("Value again")] as [HTMLInputElement, HTMLInputElement];
  expect([value.type, value.autocomplete, again.type, again.autocomplete]).toEqual(["password", "off", "password", "off"]);
  await user.type(page.getByLabelText(/^Ref/), "ad/svc/password");
  await user.type(value, canary);
  await user.type(again, "other");
  await user.click(page.getByRole("button", { name: "Set" }));
  expect(dialog.textContent).toContain("The two are not the same");
  expect(calls.filter((c) => c.method === "PUT")).toEqual([]);

  await user.clear(again);
  await user.type(again, canary);
  await user.click(page.getByRole("button", { name: "Set" }));
  await page.findByText("The secret was set.");
  const put = calls.filter((c) => c.method === "PUT");
  expect(put.map((c) => c.body)).toEqual([{ ref: "secret://ad/svc/password", value: canary, expectedVersion: "" }]);
  expect(put[0]?.path).toBe("/api/secrets");
  expect(everywhere()).not.toContain(canary);
  expect(value.value + again.value).toBe("");
});

test("a value that the store refused is wiped too, and the reason is explained", async () => {
  play({
    "GET /api/secrets": () => json({ items: [secret], complete: true }),
    "PUT /api/secrets": () => problem(502, "secret-access-denied", { detail: "The vault refused.", reason: "ACCESS_DENIED", source: "backend", requestId: "r-1" }),
  });
  const { user, page } = await enter("/secrets");
  await user.click(await page.findByRole("button", { name: `Rotate ${secret.ref}` }));
  await page.findByRole("dialog");
  await user.type(page.getByLabelText("Value"), canary);
  await user.type(page.getByLabelText("Value again"), canary);
  await user.click(page.getByRole("button", { name: "Rotate" }));
  const alert = await page.findByRole("alert");
  for (const want of ["The vault refused.", "ACCESS_DENIED", "What to do: Give the identity", "r-1"]) expect(alert.textContent).toContain(want);
  expect(everywhere()).not.toContain(canary);
});

test("rotating names the version that was seen", async () => {
  const calls = play({ "GET /api/secrets": () => json({ items: [secret], complete: true }), "PUT /api/secrets": () => json(secret) });
  const { user, page } = await enter("/secrets");
  await user.click(await page.findByRole("button", { name: `Rotate ${secret.ref}` }));
  await page.findByRole("dialog");
  await user.type(page.getByLabelText("Value"), canary);
  await user.type(page.getByLabelText("Value again"), canary);
  await user.click(page.getByRole("button", { name: "Rotate" }));
  await page.findByText(/The secret was rotated/);
  expect(calls.find((c) => c.method === "PUT")?.body).toMatchObject({ expectedVersion: "v3" });
});

test("whoever was forestalled rotates what is there now", async () => {
  let version = "v3";
  const calls = play({
    "GET /api/secrets": () => json({ items: [{ ...secret, version }], complete: true }),
    "PUT /api/secrets": ({ body }) => {
      version = "v4";
      return (body as { expectedVersion: string }).expectedVersion === "v4" ? json(secret) : problem(409, "secret-version-conflict", { reason: "VERSION_CONFLICT" });
    },
  });
  const { user, page } = await enter("/secrets");
  const rotate = async () => {
    await user.click(await page.findByRole("button", { name: `Rotate ${secret.ref}` }));
    await page.findByRole("dialog", { name: "Rotate the secret" });
    await user.type(page.getByLabelText("Value"), canary);
    await user.type(page.getByLabelText("Value again"), canary);
    await user.click(page.getByRole("button", { name: "Rotate" }));
  };
  await rotate();
  await page.findByText(/load it again and decide anew/);
  await waitFor(() => expect(calls.filter((c) => c.method === "GET" && c.path.startsWith("/api/secrets")).length).toBe(2));
  await user.click(page.getByRole("button", { name: "Cancel" }));
  await rotate();
  await page.findByText(/The secret was rotated/);
});

test("why a secret could not be set is told also when its dialog was closed meanwhile", async () => {
  let answer: (r: Response) => void = () => {};
  const calls = play({ "PUT /api/secrets": () => new Promise((tell) => (answer = tell)) });
  const { user, page } = await enter("/secrets");
  await user.click(await page.findByRole("button", { name: "Set the first secret" }));
  await page.findByRole("dialog");
  await user.type(page.getByLabelText(/^Ref/), "x");
  await user.type(page.getByLabelText("Value"), canary);
  await user.type(page.getByLabelText("Value again"), canary);
  await user.click(page.getByRole("button", { name: "Set" }));
  await waitFor(() => expect(calls.some((c) => c.method === "PUT")).toBe(true));
  await user.click(page.getByRole("button", { name: "Cancel" }));
  await waitFor(() => expect(page.queryByRole("dialog")).toBeNull());
  answer(problem(502, "secret-access-denied", { detail: "The vault refused." }));
  await page.findByText("The vault refused.");
  expect(everywhere()).not.toContain(canary);
});

test("a secret is deleted only after its ref was typed", async () => {
  const calls = play({
    "GET /api/secrets": () => json({ items: [secret], complete: true }),
    "DELETE /api/secrets": () => new Response(null, { status: 204 }),
  });
  const { user, page } = await enter("/secrets");
  await user.click(await page.findByRole("button", { name: secret.ref }));
  await user.click(await page.findByRole("button", { name: "Delete" }));
  const dialog = await page.findByRole("dialog", { name: "Delete the secret" });
  expect(dialog.textContent).toContain("Runs of Directory will fail");
  const button = within(dialog).getByRole("button", { name: "Delete" }) as HTMLButtonElement;
  expect(button.disabled).toBe(true);
  await user.type(page.getByLabelText(/Type .* to confirm/), secret.ref);
  expect(button.disabled).toBe(false);
  await user.click(button);
  await page.findByText("The secret was deleted.");
  const sent = calls.filter((c) => c.method === "DELETE");
  expect(sent.map((c) => c.path)).toEqual([`/api/secrets?ref=${encodeURIComponent(secret.ref)}`]);
  expect(sent[0]?.headers.get("If-Match")).toBe('"v3"'); // as it was seen
});

const keeping = { ...status, provider: { ...provider, capabilities: ["SOFT_DELETE", "RECOVER", "PURGE", "VERSIONS"] } };

test("a deleted secret is found by its ref and recovered", async () => {
  const calls = play({
    "GET /api/status": () => json(keeping),
    "GET /api/secrets": () => json({ items: [secret], complete: true }),
    "GET /api/secrets/describe": () => problem(410, "secret-deleted", { reason: "DELETED" }),
    "POST /api/secrets/recover": () => json(secret),
  });
  const { user, page } = await enter("/secrets");
  await user.click(await page.findByRole("button", { name: "Find a deleted one" }));
  await user.type(await page.findByLabelText("Ref"), "old");
  await user.click(page.getByRole("button", { name: "Find" }));
  await page.findByText("It was deleted");
  await user.click(page.getByRole("button", { name: "Recover" }));
  await page.findByText(/back with its old value/);
  expect(calls.find((c) => c.path === "/api/secrets/recover")?.body).toEqual({ ref: "secret://old" });
});

test("a deleted secret is purged only after its ref was typed", async () => {
  const calls = play({
    "GET /api/status": () => json(keeping),
    "GET /api/secrets": () => json({ items: [{ ...secret, missing: true, deleted: true }], complete: true }),
    "POST /api/secrets/purge": () => new Response(null, { status: 204 }),
  });
  const { user, page } = await enter(`/secrets?ref=${encodeURIComponent(secret.ref)}`);
  await user.click(await page.findByRole("button", { name: "Purge" }));
  const dialog = await page.findByRole("dialog", { name: "Purge the secret" });
  const button = within(dialog).getByRole("button", { name: "Purge" }) as HTMLButtonElement;
  expect(button.disabled).toBe(true);
  await user.type(page.getByLabelText(/Type .* to confirm/), secret.ref);
  await user.click(button);
  await page.findByText(/Its ref is free again/);
  expect(calls.find((c) => c.path === "/api/secrets/purge")?.body).toEqual({ ref: secret.ref });
});

test("a secret that connectors lack is set from where it is missed", async () => {
  play({ "GET /api/secrets/describe": () => problem(404, "secret-not-found", { reason: "NOT_FOUND" }), "GET /api/secrets": () => json({ items: [secret], complete: true }) });
  const { user, page } = await enter("/secrets?ref=secret%3A%2F%2Fmissing");
  await user.click(await page.findByRole("button", { name: "Set it" }));
  await page.findByRole("dialog", { name: "Set a secret" });
  expect((page.getByLabelText(/^Ref/) as HTMLInputElement).value).toBe("secret://missing");
});

test("what is looked for among secrets stands in no address", async () => {
  const calls = play({ "GET /api/secrets": () => json({ items: [secret], complete: true }) });
  const { user, page } = await enter("/secrets");
  await user.type(await page.findByRole("searchbox"), "pasted");
  await page.findByRole("table", { name: "Secrets" });
  await new Promise((done) => setTimeout(done, 500));
  expect(calls.some((c) => c.path.includes("q=pasted"))).toBe(true);
  await user.click(page.getByRole("button", { name: secret.ref }));
  await page.findByRole("dialog");
  expect(location.href + JSON.stringify(history.state)).not.toContain("pasted");
});

test("the reason why a secret could not be read explains itself", async () => {
  play({
    "GET /api/secrets": () =>
      json({ items: [{ ...secret, lastUsed: "2026-01-01T00:00:00Z", lastOutcome: { outcome: "ACCESS_DENIED", connectorId: "c1", connectorName: "Directory", runId: "r1" } }], complete: true }),
  });
  const { user, page } = await enter("/secrets");
  await user.click(await page.findByRole("button", { name: "ACCESS_DENIED: what does it mean?" }));
  const words = await page.findByRole("dialog");
  for (const want of ["What happened:", "Why:", "What to do:", "Give the identity"]) expect(words.textContent).toContain(want);
});

test.each([
  ["secret", ""],
  ["secret\n", "What you pasted ended with a line break; it was left out."],
  ["secret\r\n", "What you pasted ended with a line break; it was left out."],
  [" secret", "What you pasted begins or ends with a space, which is part of the value."],
  ["a\nb\n", "What you pasted has several lines, which were joined into one. For a key or a certificate, choose File instead."],
])("pasting %j is told as %j", (text, want) => expect(aboutPaste(text)).toBe(want));

test.each([
  ["secret", false, "secret"],
  ["secret\n", true, "secret"],
  ["secret\r\n", true, "secret"],
  ["secret\n\n", true, "secret\n"],
  ["\n", true, ""],
])("a file of %j ends with a line: %s, and is %j without", async (text, ends, without) => {
  const file = new Blob([text]);
  expect(await endsWithLine(file)).toBe(ends);
  expect(await (await withoutLineEnd(file)).text()).toBe(without);
});

test("a password from a text file can be sent without the line break at its end", async () => {
  const calls = play({ "PUT /api/secrets": () => json(secret) });
  const { user, page } = await enter("/secrets");
  await user.click(await page.findByRole("button", { name: "Set the first secret" }));
  await page.findByRole("dialog");
  await user.type(page.getByLabelText(/^Ref/), "file");
  await user.click(page.getByText("File"));
  const input = document.querySelector('input[type="file"]') as HTMLInputElement;
  await user.upload(input, new File([`${canary}\n`], "password.txt"));
  await user.click(await page.findByLabelText(/Leave out the line break/));
  await user.click(page.getByRole("button", { name: "Set" }));
  await page.findByText("The secret was set.");
  expect((calls.find((c) => c.method === "PUT")?.body as { valueBase64: string }).valueBase64).toBe(btoa(canary));
});
