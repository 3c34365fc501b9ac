import { expect, test } from "vitest";
import { enter, json, play, problem } from "./played";

const canary = "c4nary-value";
const secret = { ref: "secret://ad/svc/password", name: "im-4dcca9e40db8d988ebd8f907f7449ec4", version: "v3", disabled: false, usedBy: [{ connectorId: "c1", connectorName: "Directory" }] };

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

test("a secret is deleted only after its ref was typed", async () => {
  const calls = play({
    "GET /api/secrets": () => json({ items: [secret], complete: true }),
    "DELETE /api/secrets": () => new Response(null, { status: 204 }),
  });
  const { user, page } = await enter("/secrets");
  await user.click(await page.findByRole("button", { name: `Delete ${secret.ref}` }));
  const dialog = await page.findByRole("dialog");
  expect(dialog.textContent).toContain("Runs of Directory will fail");
  const button = page.getByRole("button", { name: "Delete" }) as HTMLButtonElement;
  expect(button.disabled).toBe(true);
  await user.type(page.getByLabelText(/Type .* to confirm/), secret.ref);
  expect(button.disabled).toBe(false);
  await user.click(button);
  await page.findByText("The secret was deleted.");
  expect(calls.filter((c) => c.method === "DELETE").map((c) => c.path)).toEqual([`/api/secrets?ref=${encodeURIComponent(secret.ref)}`]);
});
