import { administrator, names, stage } from "../stage";
import { accessible, expect, go, nowhere, signIn, test } from "../watched";

// From the first start to the first run that succeeds, as the pages lead there.
test("a new administrator connects a directory and imports it", async ({ page, watched }) => {
  await page.goto("/");
  await expect(page.getByRole("heading", { name: "IdentityMesh" })).toBeVisible();
  await accessible(page);
  await page.getByLabel("Token").fill("imat_nobody");
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByText("The token was not accepted")).toBeVisible();
  await signIn(page, administrator());
  await nowhere(page, watched, administrator());

  await expect(page.getByText("Nothing is connected yet")).toBeVisible();
  await accessible(page);
  await page.getByRole("link", { name: "Create a connector" }).click();
  await page.getByRole("combobox", { name: "Type", exact: true }).selectOption("ldap");
  await page.getByRole("textbox", { name: "Name", exact: true }).fill(names.connector);

  // Nothing else is filled in: everything that is missing is said at once.
  await page.getByRole("button", { name: "Create", exact: true }).click();
  await expect(page.getByLabel(/^host/i)).toHaveAttribute("aria-invalid", "true");
  await expect(page.getByLabel(/^baseDn/i)).toHaveAttribute("aria-invalid", "true");
  await accessible(page);

  const d = stage.directory;
  await page.getByLabel(/^host/i).fill(d.host);
  await page.getByLabel(/^bindDn/i).fill("cn=nobody,dc=example,dc=test");
  await page.getByLabel(/^baseDn/i).fill(d.base);
  const more = page.getByRole("button", { name: /more settings/i });
  if (await more.isVisible()) await more.click();
  await page.getByLabel(/^port/i).fill(String(d.port));
  await page.getByRole("combobox", { name: "security", exact: true }).selectOption("none");

  await page.getByRole("button", { name: /Set a new secret for/ }).first().click();
  const dialog = page.getByRole("dialog", { name: "Set a secret" });
  await dialog.getByLabel("Ref").fill(names.ref);
  await dialog.getByLabel("Value", { exact: true }).fill(d.password);
  await dialog.getByLabel("Value again").fill(`${d.password}x`);
  await dialog.getByRole("button", { name: "Set", exact: true }).click();
  await expect(dialog.getByText("The two are not the same")).toBeVisible();
  await dialog.getByLabel("Value again").fill(d.password);
  await accessible(page);
  await dialog.getByRole("button", { name: "Set", exact: true }).click();
  await expect(dialog).toBeHidden();
  await nowhere(page, watched, d.password);

  // The directory says what is wrong, the form keeps what was typed, and is tested again.
  await page.getByRole("button", { name: "Create and test" }).click();
  const found = page.getByRole("region", { name: "Test", exact: true });
  await expect(found.getByText(/Invalid Credentials/)).toBeVisible({ timeout: 40_000 });
  await accessible(page);
  await page.getByLabel(/^bindDn/i).fill(d.account);
  await page.getByRole("button", { name: "Save and test" }).click();
  await expect(found.getByText("Succeeded").first()).toBeVisible({ timeout: 40_000 });
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await expect(page.getByRole("heading", { name: names.connector, level: 1 })).toBeVisible();

  await page.getByRole("button", { name: "Run full" }).click();
  await expect(page.getByText(`A full run of ${names.connector} is queued.`)).toBeVisible();
  // The test of the connection is a run too, which is there before the list is asked for again.
  const newest = page.getByRole("table", { name: "Newest runs" }).getByRole("row").nth(1).filter({ has: page.getByRole("cell", { name: "full", exact: true }) });
  await expect(newest.getByText("Succeeded")).toBeVisible({ timeout: 40_000 });
  await newest.getByRole("link").first().click();
  await expect(page).toHaveURL(/\/runs\//);
  await expect(page.getByText(d.people.toLocaleString("en-GB")).first()).toBeVisible();
  await accessible(page);
});

test("a schedule says when it runs next, while it is typed and afterwards", async ({ page }) => {
  await signIn(page, administrator());
  await go(page, "Connectors");
  await page.getByRole("link", { name: names.connector }).click();
  await page.getByRole("button", { name: "Add a schedule" }).click();
  const dialog = page.getByRole("dialog", { name: "Add a schedule" });
  await dialog.getByText("At certain times (cron)").click();
  const expression = dialog.getByRole("textbox", { name: "Cron expression" });
  await expression.fill("0 0 30 2 *");
  await expect(dialog.getByText(/there is no time that the cron expression/)).toBeVisible();
  await expression.fill("0 12 1 1 *");
  const times = dialog.getByRole("list", { name: "The next times" }).getByRole("listitem");
  await expect(times).toHaveText(Array.from({ length: 5 }, () => /^1 Jan 20\d\d, 13:00:00 CET$/)); // here it is an hour later than in UTC
  await accessible(page);
  await dialog.getByRole("button", { name: "Add", exact: true }).click();
  await page.getByRole("button", { name: /^The next times of the schedule/ }).click();
  await expect(page.getByRole("dialog").getByRole("listitem")).toHaveCount(5);
  await accessible(page);
});

test("what was imported is found, with how it came", async ({ page }) => {
  await signIn(page, administrator());
  await go(page, "Objects");
  await expect(page.getByRole("heading", { name: "Objects", level: 1 })).toBeVisible();
  const first = page.getByRole("table").getByRole("row").nth(1);
  await expect(first).toBeVisible();
  const rows = await page.getByRole("table").getByRole("row").count();
  expect(rows).toBeLessThan(150);
  await first.getByRole("link").first().click();
  await expect(page).toHaveURL(/\/objects\//);
  await expect(page.getByText(/added/i).first()).toBeVisible();
  await accessible(page);
});
