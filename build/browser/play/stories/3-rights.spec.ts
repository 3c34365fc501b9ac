import { places } from "../places";
import { administrator, ask } from "../stage";
import { accessible, expect, go, signIn, test } from "../watched";

const verbs = /^(create|new|run|test|edit|disable|enable|delete|set|rotate|make|revoke|reload|forget|purge|recover|cancel|sign .* out)\b/i;

test("an administrator makes a token, which is shown once", async ({ page, watched }) => {
  await signIn(page, administrator());
  await go(page, "Tokens and roles");
  await page.getByRole("button", { name: /make a token/i }).first().click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill("nagios");
  await dialog.getByLabel("Role").selectOption("Viewer");
  await dialog.getByRole("button", { name: "Make", exact: true }).click();
  const field = dialog.getByLabel("Token", { exact: true });
  await expect(field).toHaveValue(/^imat_.{30,}$/);
  const token = await field.inputValue();
  await accessible(page);
  await expect(dialog.getByRole("button", { name: "Done" })).toBeDisabled();
  await dialog.getByLabel("I have kept it").check();
  await dialog.getByRole("button", { name: "Done" }).click();
  await expect(page.getByText("nagios").first()).toBeVisible();
  expect(watched.addresses.some((a) => a.includes(token))).toBe(false);
  expect(await page.content()).not.toContain(token);
  const me = await ask<{ name: string; role: string }>("GET", "/api/session", undefined, token);
  expect([me.name, me.role]).toEqual(["nagios", "Viewer"]);
});

for (const [role, may] of [["Viewer", []], ["Operator", ["run", "test", "set", "rotate", "reload", "cancel", "create a schedule", "edit", "delete"]]] as const) {
  test(`who is ${role} sees no button that would be refused`, async ({ page, watched }) => {
    const made = await ask<{ token: string }>("POST", "/api/tokens", { name: `${role} of the stories`, role, expires: new Date(Date.now() + 86_400_000).toISOString() });
    await signIn(page, made.token);
    const linked = new Map<string, string>(); // one for each kind of page
    for (const place of await places()) {
      await page.goto(place.path);
      await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
      await page.waitForLoadState("networkidle");
      const buttons = await page.locator("main").getByRole("button").or(page.locator("main").getByRole("link")).allInnerTexts();
      if (role === "Viewer") {
        // Viewers may end their own sessions and nothing else.
        const doing = buttons.filter((b) => verbs.test(b.trim()) && place.name !== "access");
        expect(doing, `${role} on ${place.path}`).toEqual([]);
      }
      expect(watched.refusals, `${role} on ${place.path}`).toEqual([]);
      for (const link of await page.locator("#root a[href^='/']:not([target])").all()) {
        const to = (await link.getAttribute("href")) ?? "";
        if (!to.startsWith("/api/")) linked.set((to.split("?")[0] ?? "").replace(/^(\/[a-z]+\/).+/, "$1"), to);
      }
    }
    expect([...linked.keys()]).toContain("/instances");
    for (const to of linked.values()) {
      await page.goto(to);
      await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
      await expect(page.getByText("You may not see this page"), `${role} is led to ${to}`).toBeHidden();
    }
    expect(may.length === 0).toBe(role === "Viewer");
  });
}

test("who lacks a right is refused by the API whatever the page shows", async ({ page, watched }) => {
  const made = await ask<{ token: string }>("POST", "/api/tokens", { name: "curious viewer", role: "Viewer", expires: new Date(Date.now() + 86_400_000).toISOString() });
  await signIn(page, made.token);
  const status = await page.evaluate(async () => (await fetch("/api/provider/reload", { method: "POST" })).status);
  expect(status).toBe(403);
  expect(watched.refusals).toEqual(["POST /api/provider/reload"]);
});
