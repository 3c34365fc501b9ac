import { administrator, behind, names } from "../stage";
import { accessible, expect, go, nowhere, signIn, test } from "../watched";

const second = "canary-second-77aa €";

test("a run that fails says so in the directory's words, and rotating the secret mends it", async ({ page, watched }) => {
  await signIn(page, administrator());
  await go(page, "Connectors");
  await page.getByRole("link", { name: names.connector }).click();
  const watermark = page.locator("dt", { hasText: "Watermark" }).locator("+ dd");
  const before = await watermark.innerText();

  await behind("/directory/password", { password: second });
  await behind("/directory/change");
  await page.getByRole("button", { name: "Run delta" }).click();
  const newest = page.getByRole("table", { name: "Newest runs" }).getByRole("row").nth(1);
  await expect(newest.getByText("Failed")).toBeVisible({ timeout: 40_000 });
  // The time of its last move grows older; the watermark itself stays.
  expect((await watermark.innerText()).split(" (")[0]).toBe(before.split(" (")[0]);
  await newest.getByRole("link").first().click();
  await expect(page.getByText(/Invalid Credentials/).first()).toBeVisible();
  await accessible(page);

  await go(page, "Overview");
  await expect(page.getByRole("region", { name: "Needs attention" }).getByText(names.connector).first()).toBeVisible();

  await go(page, "Secrets");
  await page.getByRole("button", { name: `Rotate ${names.ref}` }).click();
  const dialog = page.getByRole("dialog", { name: "Rotate the secret" });
  await dialog.getByLabel("Value", { exact: true }).fill(second);
  await dialog.getByLabel("Value again").fill(second);
  await expect(dialog.getByLabel("Value", { exact: true })).toHaveAttribute("type", "password");
  await dialog.getByRole("button", { name: "Rotate" }).click();
  await expect(page.getByText("The secret was rotated.")).toBeVisible();
  await nowhere(page, watched, second);

  await go(page, "Connectors");
  await page.getByRole("link", { name: names.connector }).click();
  await page.getByRole("button", { name: "Run delta" }).click();
  await expect(newest.getByText("Succeeded")).toBeVisible({ timeout: 40_000 });
  await expect.poll(async () => (await watermark.innerText()).split(" (")[0]).not.toBe(before.split(" (")[0]);
});

test("a secret is set from a file, shown without its value, and deleted after it was typed", async ({ page, watched }) => {
  const value = "canary-certificate-0f0f\n";
  await signIn(page, administrator());
  await go(page, "Secrets");
  await page.getByRole("button", { name: /^Set a secret|^Set the first secret/ }).first().click();
  const dialog = page.getByRole("dialog", { name: "Set a secret" });
  await dialog.getByLabel("Ref").fill("secret://web/certificate");
  await dialog.getByText("File", { exact: true }).click();
  const chooser = page.waitForEvent("filechooser");
  await dialog.getByRole("button", { name: "File" }).click();
  await (await chooser).setFiles({ name: "web.pem", mimeType: "application/x-pem-file", buffer: Buffer.from(value) });
  await dialog.getByLabel("Leave out the line break at its end").check();
  await accessible(page);
  await dialog.getByRole("button", { name: "Set", exact: true }).click();
  await expect(page.getByText("The secret was set.")).toBeVisible();
  await nowhere(page, watched, value.trim());

  await page.getByRole("button", { name: "secret://web/certificate", exact: true }).click();
  const detail = page.getByRole("dialog", { name: "secret://web/certificate" });
  await expect(detail.getByText(/^im-[0-9a-f]{32}$/).first()).toBeVisible();
  await accessible(page);
  await detail.getByRole("button", { name: "Delete" }).click();
  const sure = page.getByRole("dialog").filter({ has: page.getByRole("textbox") }).last();
  const remove = sure.getByRole("button", { name: "Delete" });
  await sure.getByRole("textbox").fill("secret://web/other");
  await expect(remove).toBeDisabled();
  await sure.getByRole("textbox").fill("secret://web/certificate");
  await remove.click();
  await expect(page.getByRole("button", { name: "secret://web/certificate", exact: true })).toBeHidden();
});
