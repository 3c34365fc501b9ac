import { AxeBuilder } from "@axe-core/playwright";
import { expect, type Page, test as base } from "@playwright/test";
import { stage } from "./stage";

/** What the page did that nobody sees on it. */
export interface Watched {
  /** Addresses that were asked for. */
  addresses: string[];
  /** What must not happen on any page. */
  mistakes: string[];
  /** Answers that refused something: method, path, status. */
  refusals: string[];
}

/** A page that is watched, and must have made no mistake in the end. */
export const test = base.extend<{ watched: Watched }>({
  watched: [
    async ({ page }, use) => {
      const watched: Watched = { addresses: [], mistakes: [], refusals: [] };
      page.on("request", (request) => {
        watched.addresses.push(request.url());
        const url = new URL(request.url());
        if (url.protocol !== "data:" && url.protocol !== "blob:" && url.origin !== stage.url) watched.mistakes.push(`another origin was asked: ${url.origin}`);
      });
      page.on("response", (response) => {
        if (response.status() === 403) watched.refusals.push(`${response.request().method()} ${new URL(response.url()).pathname}`);
        if (response.status() >= 500) watched.mistakes.push(`${response.status()} ${response.url()}`);
      });
      page.on("pageerror", (error) => watched.mistakes.push(`a script failed: ${error.message}`));
      page.on("console", (message) => {
        // Chromium writes each refused request there too, which some stories want.
        if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) watched.mistakes.push(message.text());
      });
      await use(watched);
      expect(watched.mistakes, "what the page did wrong").toEqual([]);
    },
    { auto: true },
  ],
});

export { expect };

export async function signIn(page: Page, token: string) {
  await page.goto("/");
  await page.getByLabel("Token").fill(token);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("heading", { name: "Overview", level: 1 })).toBeVisible();
}

/** Goes to a page by the navigation. */
export async function go(page: Page, name: string) {
  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name, exact: true }).click();
  await expect(page.getByRole("heading", { name, level: 1 })).toBeVisible();
}

/** Fails when somebody who cannot see or use a mouse would be stuck. */
export async function accessible(page: Page) {
  const found = await new AxeBuilder({ page }).withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]).analyze();
  const serious = found.violations.filter((v) => v.impact === "serious" || v.impact === "critical");
  expect(
    serious.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(" ")}`),
    "what axe finds",
  ).toEqual([]);
}

/** Fails when the page, its address, what it stored or asked for has the text. */
export async function nowhere(page: Page, watched: Watched, secret: string) {
  const held = await page.evaluate(async () => {
    const fields = [...document.querySelectorAll("input, textarea")].map((f) => (f as HTMLInputElement).value);
    const databases = (await indexedDB.databases()).map((d) => d.name);
    return JSON.stringify([
      document.documentElement.outerHTML, fields, location.href, history.state, document.cookie, { ...localStorage }, { ...sessionStorage }, databases,
      performance.getEntries().map((e) => e.name), await caches.keys(),
    ]);
  });
  const kept = await page.context().storageState();
  for (const form of [secret, encodeURIComponent(secret), Buffer.from(secret).toString("base64")]) {
    expect(held.includes(form), "the page holds a secret").toBe(false);
    expect(JSON.stringify(kept).includes(form), "the browser stores a secret").toBe(false);
    expect(watched.addresses.some((a) => a.includes(form)), "a secret stood in an address").toBe(false);
  }
}
