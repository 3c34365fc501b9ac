import { administrator, names } from "../stage";
import { expect, test } from "../watched";

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
  await expect(page.getByRole("menu")).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("menu")).toBeHidden();
  await expect(page.getByRole("button", { name: /^Actions for/ }).first()).toBeFocused();
});
