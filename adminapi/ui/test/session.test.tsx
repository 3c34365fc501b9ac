import { expect, test } from "vitest";
import { enter, json, open, play, problem, status, token } from "./played";

test("a wrong token is refused with words", async () => {
  play();
  const { user, page } = open();
  await user.type(page.getByLabelText(/Administrator's token/), "wrong");
  await user.click(page.getByRole("button", { name: "Sign in" }));
  const alert = await page.findByRole("alert");
  expect(alert.textContent).toContain("The token was not accepted");
  expect(page.queryByRole("navigation")).toBeNull();
});

test("the token is kept in memory only, and sent with every request", async () => {
  const calls = play();
  const { page } = await enter();
  await page.findByRole("heading", { level: 1, name: "Overview" });
  expect(calls.length).toBeGreaterThan(2);
  for (const c of calls) {
    expect(c.headers.get("Authorization")).toBe(`Bearer ${token}`);
    expect(c.path).not.toContain(token);
  }
  const kept = JSON.stringify({ ...localStorage }) + JSON.stringify({ ...sessionStorage }) + document.cookie + location.href + document.documentElement.outerHTML;
  expect(kept).not.toContain(token);
});

test("signing out leaves nothing of the session on the page", async () => {
  play({ "GET /api/status": () => json({ ...status, problems: ["c4nary"] }) });
  const { user, page } = await enter();
  await page.findByText("c4nary");
  await user.click(page.getByRole("button", { name: "Sign out" }));
  await page.findByRole("button", { name: "Sign in" });
  expect(document.body.textContent).not.toContain("c4nary");
});

test("a token that is worth nothing any more leads back to the sign-in", async () => {
  let reset = false;
  play({ "GET /api/secrets": () => (reset ? problem(401, "sign-in-required") : json({ items: [], complete: true })) });
  const { user, page } = await enter();
  reset = true;
  await user.click(page.getByRole("link", { name: "Secrets" }));
  await page.findByText("You were signed out");
});

test("an Admin API that does not answer is told with what to do", async () => {
  play();
  const { user, page } = open();
  globalThis.fetch = () => Promise.reject(new TypeError("Failed to fetch"));
  await user.type(page.getByLabelText(/Administrator's token/), token);
  await user.click(page.getByRole("button", { name: "Sign in" }));
  const alert = await page.findByRole("alert");
  expect(alert.textContent).toContain("does not answer");
  expect(alert.textContent).toContain("Check that identitymesh-adminapi runs");
});

test("each page puts the focus on its title, after a link to skip to the content", async () => {
  play();
  const { user, page } = await enter();
  expect(page.getByText("Skip to the content").getAttribute("href")).toBe("#main");
  await user.click(page.getByRole("link", { name: "Runs" }));
  const title = await page.findByRole("heading", { level: 1, name: "Runs" });
  expect(document.activeElement).toBe(title);
  expect(document.title).toContain("Runs");
  expect(page.getByRole("link", { name: "Runs" }).getAttribute("aria-current")).toBe("page");
});
