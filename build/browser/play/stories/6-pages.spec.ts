import { places } from "../places";
import { administrator, stage } from "../stage";
import { accessible, expect, signIn, test } from "../watched";

// Every page as people see it; the pictures are kept.
for (const scheme of ["light", "dark"] as const) {
  test(`each page is readable in ${scheme} on each screen`, async ({ page }) => {
    test.setTimeout(300_000);
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
    await signIn(page, administrator());
    for (const place of await places()) {
      await page.goto(place.path);
      await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
      await page.waitForLoadState("networkidle").catch(() => {}); // a page that follows something never rests
      for (const width of [1280, 360, 1920]) {
        await page.setViewportSize({ width, height: 900 });
        const over = () => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        await expect.poll(over, `${place.path} is wider than a screen of ${width}`).toBeLessThanOrEqual(0);
        await page.screenshot({ path: `${stage.screenshots}/${place.name}-${scheme}-${width}.png`, fullPage: true });
        if (width !== 1920) await accessible(page);
      }
    }
  });
}
