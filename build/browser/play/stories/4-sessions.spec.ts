import { administrator, ask } from "../stage";
import { accessible, expect, signIn, test } from "../watched";

test("a session survives a reload of the page, and no script can read its cookie", async ({ page, context }) => {
  await signIn(page, administrator());
  await page.reload();
  await expect(page.getByRole("heading", { name: "Overview", level: 1 })).toBeVisible();
  const cookies = await context.cookies();
  expect(cookies.map((c) => [c.httpOnly, c.sameSite])).toEqual([[true, "Strict"]]);
  expect(await page.evaluate(() => document.cookie)).toBe("");
});

test("who is signed out while he types goes on where he was", async ({ page }) => {
  await signIn(page, administrator());
  await page.goto("/connectors/new");
  await page.getByRole("textbox", { name: "Name", exact: true }).fill("typed before the end");
  await ask("DELETE", "/api/sessions?all=true");
  await page.getByRole("button", { name: "Create", exact: true }).click();
  const again = page.getByRole("dialog", { name: "Sign in again" });
  await expect(again).toBeVisible();
  await accessible(page);
  await again.getByLabel("Token").fill(administrator());
  await again.getByRole("button", { name: "Go on" }).click();
  await expect(again).toBeHidden();
  await expect(page.getByRole("textbox", { name: "Name", exact: true })).toHaveValue("typed before the end");
});

test("signing out ends the session for good", async ({ page, context }) => {
  await signIn(page, administrator());
  const cookies = await context.cookies();
  await page.getByRole("button", { name: /^Signed in as/ }).click();
  await page.getByRole("menuitem", { name: "Sign out", exact: true }).click();
  await expect(page.getByLabel("Token")).toBeVisible();
  await context.addCookies(cookies);
  await page.goto("/connectors");
  await expect(page.getByLabel("Token")).toBeVisible();
});
