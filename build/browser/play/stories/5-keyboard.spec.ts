import { administrator, names } from "../stage";
import { expect, go, signIn, test } from "../watched";

test("everything is reached without a mouse", async ({ page }) => {
  await page.goto("/");
  await expect(page.getByLabel("Token")).toBeFocused();
  await page.keyboard.type(administrator());
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "Overview", level: 1 })).toBeVisible();
  // Where one came to is said, and the long way round is never needed.
  await expect(page.getByRole("heading", { name: "Overview", level: 1 })).toBeFocused();

  const tabTo = async (name: string) => {
    for (let presses = 0; presses < 60; presses++) {
      if ((await page.evaluate(() => (document.activeElement as HTMLElement | null)?.innerText?.trim())) === name) return;
      await page.keyboard.press("Tab");
    }
    throw new Error(`${name} cannot be reached by the keyboard`);
  };
  await tabTo("Skip to the content");
  await tabTo("Connectors");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "Connectors", level: 1 })).toBeVisible();
  await expect(page.getByRole("link", { name: names.connector })).toBeVisible();
  await tabTo("Actions");
  await page.keyboard.press("Enter");
  // The menu takes the focus a moment after it can be seen, and keys with it.
  await expect.poll(() => page.evaluate(() => !!document.activeElement?.closest("[role=menu]"))).toBe(true);
  await page.keyboard.press("Escape");
  await expect(page.getByRole("menu")).toBeHidden();
  await expect(page.getByRole("button", { name: /^Actions for/ }).first()).toBeFocused();
});

test("a dialog gives the focus back to where it came from", async ({ page }) => {
  await signIn(page, administrator());
  await go(page, "Secrets");
  const rotate = page.getByRole("button", { name: `Rotate ${names.ref}` });
  await rotate.press("Enter");
  await expect(page.getByRole("dialog").getByLabel("Value", { exact: true })).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(rotate).toBeFocused();
});

test("on a narrow screen the navigation takes the focus only when it is open", async ({ page }) => {
  await page.setViewportSize({ width: 360, height: 800 });
  await signIn(page, administrator());
  const main = page.getByRole("navigation", { name: "Main" });
  await page.getByRole("link", { name: "Engines" }).focus();
  await page.keyboard.press("Shift+Tab");
  await expect(page.getByRole("button", { name: /^Signed in as/ })).toBeFocused();
  await page.getByRole("button", { name: "Navigation" }).press("Enter");
  await expect(main.getByRole("link", { name: "Runs", exact: true })).toBeVisible();
  await page.getByRole("button", { name: /^Signed in as/ }).focus();
  await page.keyboard.press("Tab");
  await expect(main.getByRole("link", { name: "Overview" })).toBeFocused();
});
