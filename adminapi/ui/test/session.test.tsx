import { waitFor } from "@testing-library/react";
import { afterEach, expect, test, vi } from "vitest";
import { enter, json, open, play, problem, provider, status, token, who } from "./played";

afterEach(() => void vi.useRealTimers());

const signIn = async (user: { type: (e: Element, text: string) => Promise<void>; click: (e: Element) => Promise<void> }, page: ReturnType<typeof open>["page"], text = token) => {
  await user.type(await page.findByLabelText(/^Token/), text);
  await user.click(page.getByRole("button", { name: /^(Sign in|Go on)$/ }));
};

test("a wrong token is refused with words", async () => {
  play({}, { who: null });
  const { user, page } = open();
  await signIn(user, page, "wrong");
  const alert = await page.findByRole("alert");
  expect(alert.textContent).toContain("The token was not accepted");
  expect(page.queryByRole("navigation")).toBeNull();
});

test("the token is sent once, to begin the session, and kept nowhere", async () => {
  const calls = play({}, { who: null });
  const { user, page } = open();
  await signIn(user, page);
  await page.findByRole("heading", { level: 1, name: "Overview" });
  const sent = calls.filter((c) => JSON.stringify(c.body ?? "").includes(token) || c.path.includes(token) || [...c.headers.values()].some((v) => v.includes(token)));
  expect(sent.map((c) => `${c.method} ${c.path}`)).toEqual(["POST /api/session"]);
  const inputs = [...document.querySelectorAll("input")].map((i) => i.value).join();
  const kept = inputs + JSON.stringify({ ...localStorage }) + JSON.stringify({ ...sessionStorage }) + document.cookie + location.href + document.documentElement.outerHTML;
  expect(kept).not.toContain(token);
});

test("who has a session does not sign in again after a reload", async () => {
  play();
  const { page } = await enter();
  await page.findByRole("heading", { level: 1, name: "Overview" });
});

test("ways of other systems lead there with the page to come back to", async () => {
  play(
    {
      "GET /api/sign-in": () =>
        json({ ways: [{ name: "oidc", path: "/auth/oidc/start", provider: "login.example.test" }, { name: "negotiate", path: "/auth/negotiate" }, { name: "token" }] }),
    },
    { who: null },
  );
  const { page } = open();
  const oidc = await page.findByRole("link", { name: "Sign in with login.example.test" });
  expect(oidc.getAttribute("href")).toBe("/auth/oidc/start?return=%2F");
  expect(page.getByRole("link", { name: "Sign in with Windows" }).getAttribute("href")).toBe("/auth/negotiate?return=%2F");
  page.getByLabelText(/^Token/);
});

test("signing out ends the session and leaves nothing of it on the page", async () => {
  const calls = play({ "GET /api/status": () => json({ ...status, provider: { ...provider, problem: "c4nary" } }) });
  const { user, page } = await enter();
  await page.findByText("c4nary");
  await user.click(page.getByRole("button", { name: /^Signed in as/ }));
  await user.click(await page.findByRole("menuitem", { name: "Sign out" }));
  await page.findByRole("button", { name: "Sign in" });
  expect(document.body.textContent).not.toContain("c4nary");
  expect(calls.filter((c) => c.method === "DELETE").map((c) => c.path)).toEqual(["/api/session"]);
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
  await signIn(user, page);
  await waitFor(() => expect(page.queryByRole("dialog", { name: "Sign in again" })).toBeNull());
  await waitFor(() => expect(calls.slice(before).map((c) => c.path.split("?")[0])).toContain("/api/secrets")); // what is shown is asked for anew
  expect((page.getByLabelText(/^Ref/) as HTMLInputElement).value).toBe("secret://kept/by/the/page");
});

test("who signs in as somebody else finds nothing of what the other typed", async () => {
  const cast = { who: { ...who } };
  let ended = false;
  play({ "PUT /api/secrets": () => (ended ? problem(401, "sign-in-required") : json({})) }, cast);
  const { user, page } = await enter("/secrets");
  await user.click(await page.findByRole("button", { name: "Set the first secret" }));
  await user.type(await page.findByLabelText(/^Ref/), "of/the/other");
  ended = true;
  await user.type(page.getByLabelText("Value"), "x");
  await user.type(page.getByLabelText("Value again"), "x");
  await user.click(page.getByRole("button", { name: "Set" }));
  await page.findByRole("dialog", { name: "Sign in again" });
  ended = false;
  cast.who = { ...who, name: "somebody else" };
  await signIn(user, page);
  await page.findByRole("button", { name: /^Signed in as somebody else/ });
  expect(page.queryByRole("dialog")).toBeNull();
});

test("while the session is over nothing is asked", async () => {
  let ended = false;
  const calls = play({ "GET /api/runs": () => (ended ? problem(401, "sign-in-required") : json({ items: [] })) });
  const { user, page } = await enter();
  ended = true;
  await user.click(page.getByRole("link", { name: "Runs" }));
  await page.findByRole("dialog", { name: "Sign in again" });
  await waitFor(() => expect(calls.at(-1)?.path).toBe("/api/sign-in"));
  const before = calls.length;
  await new Promise((done) => setTimeout(done, 4_500)); // the list of runs is looked at every 4 s
  expect(calls.length).toBe(before);
});

test("a session that ends soon is told, and goes on when one says so", async () => {
  const end = (ms: number) => new Date(Date.now() + ms).toISOString();
  let idle = end(60_000);
  play({ "GET /api/session": () => json({ ...who, expires: end(3_600_000), idleExpires: idle }) });
  const { user, page } = await enter();
  const alert = await page.findByRole("alert");
  expect(alert.textContent).toContain("Your session ends at");
  idle = end(1_800_000);
  await user.click(page.getByRole("button", { name: "Stay signed in" }));
  await waitFor(() => expect(page.queryByRole("alert")).toBeNull());
});

test("what a page asks while nobody is there does not keep the session alive", async () => {
  vi.useFakeTimers({ toFake: ["Date"] });
  const calls = play();
  const { user, page } = await enter();
  await page.findByRole("heading", { level: 1, name: "Overview" });
  expect(calls.map((c) => c.headers.get("X-IdentityMesh-Background"))).not.toContain("1");
  vi.setSystemTime(Date.now() + 61_000);
  const before = calls.length;
  await waitFor(() => expect(calls.length).toBeGreaterThan(before));
  expect(calls.at(-1)?.headers.get("X-IdentityMesh-Background")).toBe("1");
  await user.click(page.getByRole("link", { name: "Runs" }));
  await page.findByRole("heading", { level: 1, name: "Runs" });
  expect(calls.at(-1)?.headers.get("X-IdentityMesh-Background")).toBeNull();
});

test("an Admin API that does not answer is told with what to do", async () => {
  globalThis.fetch = () => Promise.reject(new TypeError("Failed to fetch"));
  const { page } = open();
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
