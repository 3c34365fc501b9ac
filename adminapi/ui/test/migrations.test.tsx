import { expect, test } from "vitest";
import { enter, json, play } from "./played";

const migration = {
  id: "m1", step: "soak", from: "DPAPI", fromTarget: "/data/identitymesh.db", to: "AzureKeyVault", toTarget: "v.vault.azure.net", by: "user ann",
  machine: "h1", ledger: "/etc/migration.db", started: "2026-01-01T00:00:00Z", updated: "2026-01-01T00:00:09Z", counts: { soaking: 3 }, refs: [],
};

test("a migration in which nobody is needed says so, and lists nothing", async () => {
  play({ "GET /api/migrations/m1": () => json(migration) });
  const { page } = await enter("/migrations/m1");
  await page.findByRole("heading", { level: 1, name: "DPAPI to AzureKeyVault" });
  await page.findByText(/No secret is blocked or has drifted/);
  expect(page.queryByRole("table")).toBeNull();
});

test("a migration names the refs that do not get ahead, with why and what to do", async () => {
  const refs = [{ ref: "secret://ad/key", state: "blocked", reason: "too-large", message: "19,201 bytes; set a shorter value" }];
  play({ "GET /api/migrations/m1": () => json({ ...migration, step: "run", counts: { verified: 3, blocked: 2 }, refs }) });
  const { page } = await enter("/migrations/m1");
  await page.findByRole("table", { name: "Secrets that need somebody" });
  await page.findByText("secret://ad/key");
  await page.findByText(/too-large 19,201 bytes; set a shorter value/);
  await page.findByText(/The first 1 of 2 are listed here/);
});

test("a migration that was rolled back does not look like one that was brought to its end", async () => {
  const over = { ...migration, finished: "2026-01-01T00:01:00Z" };
  play({
    "GET /api/migrations/m1": () => json({ ...over, step: "rollback", counts: { "rolled back": 3 } }),
    "GET /api/migrations/m2": () => json({ ...over, id: "m2", step: "purge", counts: { purged: 3 } }),
  });
  const { page } = await enter("/migrations/m1");
  await page.findByText("Rolled back");
  expect(page.getByLabelText("Way behind it").getAttribute("aria-valuenow")).toBe("0");
  page.unmount();
  const other = await enter("/migrations/m2");
  await other.page.findByText("State");
  expect(other.page.getAllByText("Finished")).toHaveLength(2);
  expect(other.page.getByLabelText("Way behind it").getAttribute("aria-valuenow")).toBe("100");
});
