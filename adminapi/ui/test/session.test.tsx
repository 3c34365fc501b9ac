import { waitFor } from "@testing-library/react";
import { expect, test } from "vitest";
import { enter, json, open, play, problem, status, token } from "./played";

test("a wrong token is refused with words", async () => {
  play();
  const { user, page } = open();
  await user.type(page.getByLabelText(/^Token/), "wrong");
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

test("when the session ends, one signs in again on the same page and finds what was typed, but no value of a secret", async () => {
  let ended = false;
  const calls = play({
    "GET /api/secrets": () => (ended ? problem(401, "sign-in-required") : json({ items: [], complete: true })),
    "PUT /api/secrets": () => (ended ? problem(401, "sign-in-required") : json({})),
  });
  const { user, page } = await enter("/secrets");
  await user.click(await page.findByRole("button", { name: "Set the first secret" }));
  await page.findByRole("dialog", { name: "Set a secret" });
  await user.type(page.getByLabelText(/^Ref/), "kept/by/the/page");
  const [value, again] = [page.getByLabelText("Value"), page.getByLabelText("Value again")] as [HTMLInputElement, HTMLInputElement];
  await user.type(value, "c4nary");
  await user.type(again, "c4nary");
  ended = true;
  await user.click(page.getByRole("button", { name: "Set" }));
  await page.findByRole("dialog", { name: "Sign in again" });
  expect([value.value, again.value]).toEqual(["", ""]);
  const before = calls.length;
  ended = false;
  await user.type(page.getByLabelText(/^Token/), token);
  await user.click(page.getByRole("button", { name: "Go on" }));
  await waitFor(() => expect(page.queryByRole("dialog", { name: "Sign in again" })).toBeNull());
  expect(calls.length).toBeGreaterThan(before); // what was shown is asked for anew
  expect((page.getByLabelText(/^Ref/) as HTMLInputElement).value).toBe("secret://kept/by/the/page");
});

test("while the session is over nothing is asked, which would count as failed sign-ins", async () => {
  let ended = false;
  const calls = play({ "GET /api/runs": () => (ended ? problem(401, "sign-in-required") : json({ items: [] })) });
  const { user, page } = await enter();
  ended = true;
  await user.click(page.getByRole("link", { name: "Runs" }));
  await page.findByRole("dialog", { name: "Sign in again" });
  const before = calls.length;
  await new Promise((done) => setTimeout(done, 4_500)); // the list of runs is looked at every 4 s
  expect(calls.length).toBe(before);
});

test("an Admin API that does not answer is told with what to do", async () => {
  play();
  const { user, page } = open();
  globalThis.fetch = () => Promise.reject(new TypeError("Failed to fetch"));
  await user.type(page.getByLabelText(/^Token/), token);
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
