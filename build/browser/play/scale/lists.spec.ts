import type { Page } from "@playwright/test";
import { administrator } from "../stage";
import { expect, signIn, test } from "../watched";

// With 10,000 connectors and a million runs no page may hold more than it shows.

/** What a page may have, whatever there is: rows on it, and elements in all. */
const rowsOnAPage = 25;
const elements = 4000;

test.beforeEach(async ({ page }) => {
  await page.addInitScript(() => {
    const kept: number[] = [];
    Object.assign(window, { longTasks: kept });
    new PerformanceObserver((list) => kept.push(...list.getEntries().map((e) => e.duration))).observe({ type: "longtask", buffered: true });
  });
  await signIn(page, administrator());
});

/** Says how long the page did not react, which depends on the machine. */
test.afterEach(async ({ page }, info) => {
  const tasks = await page.evaluate(() => (window as unknown as { longTasks: number[] }).longTasks);
  const longest = Math.round(Math.max(0, ...tasks));
  console.log(`${info.title}: ${tasks.length} tasks of more than 50 ms, the longest of ${longest} ms`);
});

const rows = (page: Page, table: string) => page.getByRole("table", { name: table }).locator("tbody tr");

async function bounded(page: Page, table: string, most: number) {
  expect(await rows(page, table).count(), "rows").toBeLessThanOrEqual(most);
  expect(await page.locator("*").count(), "elements").toBeLessThan((elements * Math.max(most, rowsOnAPage)) / rowsOnAPage);
}

const firstName = (page: Page) => rows(page, "Connectors").first().locator("td").first();

test("connectors are paged, sorted and found", async ({ page }) => {
  await page.goto("/connectors");
  await expect(rows(page, "Connectors")).toHaveCount(rowsOnAPage);
  await expect(firstName(page)).toHaveText("Site 00001");
  await expect(page.getByText("1 to 25 of 10,000")).toBeVisible();
  await bounded(page, "Connectors", rowsOnAPage);
  for (let to = 2; to <= 6; to++) {
    await page.getByRole("button", { name: "Next page" }).click();
    await expect(firstName(page)).toHaveText(`Site ${String((to - 1) * rowsOnAPage + 1).padStart(5, "0")}`);
  }
  await bounded(page, "Connectors", rowsOnAPage);
  await page.getByRole("button", { name: "Previous page" }).click();
  await expect(firstName(page)).toHaveText("Site 00101");

  await page.getByLabel("Rows on a page").selectOption("100");
  await expect(rows(page, "Connectors")).toHaveCount(100);
  await bounded(page, "Connectors", 100);
  await page.getByLabel("Rows on a page").selectOption("25");

  for (const column of ["Name", "Last run", "Next run"]) {
    const header = page.getByRole("columnheader", { name: column });
    await header.getByRole("button").click();
    await expect(header).toHaveAttribute("aria-sort", "ascending");
    const first = await firstName(page).textContent();
    await header.getByRole("button").click();
    await expect(header).toHaveAttribute("aria-sort", "descending");
    await expect(firstName(page)).not.toHaveText(first ?? "");
  }

  await page.getByLabel("Last run", { exact: true }).selectOption("Failed");
  await expect(rows(page, "Connectors").filter({ hasText: "Failed" })).toHaveCount(rowsOnAPage);
  await page.getByLabel("Last run", { exact: true }).selectOption("");
  await page.getByRole("searchbox", { name: "Find by name" }).fill("SITE 0999");
  await expect(rows(page, "Connectors")).toHaveCount(10);
  await expect(page.getByText("10 connectors", { exact: true })).toBeVisible();
  await bounded(page, "Connectors", 10);
});

test("runs are paged, sorted and narrowed down", async ({ page }) => {
  await page.goto("/runs");
  await expect(rows(page, "Runs")).toHaveCount(rowsOnAPage);
  await bounded(page, "Runs", rowsOnAPage);
  for (let to = 2; to <= 6; to++) {
    await page.getByRole("button", { name: "Next page" }).click();
    await expect(page.getByText(`Page ${to}`, { exact: true })).toBeVisible();
  }
  await expect(rows(page, "Runs")).toHaveCount(rowsOnAPage);
  await bounded(page, "Runs", rowsOnAPage);

  await page.getByLabel("Outcome").selectOption("Failed");
  await expect(rows(page, "Runs").filter({ hasText: "Failed" })).toHaveCount(rowsOnAPage);
  const took = page.getByRole("columnheader", { name: "Took" });
  await took.getByRole("button").click();
  await expect(took).toHaveAttribute("aria-sort", "ascending");
  await expect(rows(page, "Runs").filter({ hasText: "Failed" })).toHaveCount(rowsOnAPage);
  await page.getByRole("button", { name: "More filters" }).click();
  await page.getByLabel("Reason").fill("ACCESS_DENIED");
  await page.getByLabel("Reason").press("Enter");
  await expect(rows(page, "Runs").filter({ hasText: "Failed" })).toHaveCount(rowsOnAPage);
  await bounded(page, "Runs", rowsOnAPage);

  // One of ten thousand is offered where its name is typed.
  await page.goto("/runs");
  await page.getByRole("combobox", { name: "Connector" }).fill("site 07777");
  await page.getByRole("option", { name: "Site 07777" }).click();
  await expect(rows(page, "Runs").filter({ hasText: "Site 07777" })).toHaveCount(rowsOnAPage);
});

test("the overview tells of ten thousand connectors in a few lines", async ({ page }) => {
  await expect(page.getByRole("region", { name: "At a glance" }).getByText("10,000")).toBeVisible();
  const attention = page.getByRole("region", { name: "Needs attention" });
  await expect(attention.getByText(/connectors fail for one reason/).first()).toBeVisible();
  expect(await attention.locator("li").count(), "things that need attention").toBeLessThan(40);
  await page.getByText("30 days", { exact: true }).click();
  await expect(page.getByText("Runs per day").first()).toBeVisible();
  await bounded(page, "Newest runs", 5);
});
