import { render } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { MemoryRouter } from "react-router";
import { App } from "../src/App";

export const token = "imat_test";

export interface Call {
  method: string;
  path: string;
  headers: Headers;
  body: unknown;
}

type Answers = Record<string, (call: Call) => Response | Promise<Response>>;

export function json(body: unknown, status = 200): Response {
  return new Response(JSON.stringify(body), { status, headers: { "Content-Type": status < 400 ? "application/json" : "application/problem+json" } });
}

export function problem(status: number, code: string, more: object = {}): Response {
  return json({ type: `urn:identitymesh:problem:${code}`, title: code, status, ...more }, status);
}

export const provider = {
  name: "DPAPI", why: "it is the default", fallback: false, state: "Ready", capabilities: ["CONDITIONAL_SET", "EXPIRY"], restarts: 0, warnings: [], reload: { pending: false }, history: [],
};

export const status = {
  version: "1.2.3", database: "db", now: "2026-01-01T00:00:00Z", mismatch: false, problems: [], provider,
  instances: [
    {
      role: "engine", name: "Engine1", machine: "host", version: "1.2.3", alive: true, started: "2026-01-01T00:00:00Z", lastHeartbeat: "2026-01-01T00:00:00Z",
      heartbeatAgeSeconds: 1, provider: "DPAPI", reload: { pending: false },
    },
  ],
};

export const connector = {
  id: "c1", name: "Directory", type: "ldap", config: { host: "ldap.example.test" }, enabled: true, version: 7,
  created: "2026-01-01T00:00:00Z", updated: "2026-01-01T00:00:00Z", secretRefs: [],
};

/** Plays the API: path without query -> answer. What is not played is answered as an empty product does. */
export function play(answers: Answers = {}): Call[] {
  const calls: Call[] = [];
  const all: Answers = {
    "GET /api/status": () => json(status),
    "GET /api/connectors": () => json({ items: [], total: 0 }),
    "GET /api/runs": () => json({ items: [] }),
    "GET /api/secrets": () => json({ items: [], complete: true }),
    ...answers,
  };
  globalThis.fetch = async (input) => {
    const request = input as Request;
    const url = new URL(request.url);
    const text = await request.text();
    const call = { method: request.method, path: url.pathname + url.search, headers: request.headers, body: text ? JSON.parse(text) : undefined };
    calls.push(call);
    if (request.headers.get("Authorization") !== `Bearer ${token}`) return problem(401, "sign-in-required", { detail: "Send a token." });
    const answer = all[`${request.method} ${url.pathname}`];
    return answer ? answer(call) : problem(404, "no-such-path");
  };
  return calls;
}

/** Opens the application at a path, not yet signed in. */
export function open(path = "/") {
  const user = userEvent.setup();
  const page = render(
    <MemoryRouter initialEntries={[path]}>
      <App env="test" />
    </MemoryRouter>,
  );
  return { user, page };
}

/** Opens the application at a path and signs in. */
export async function enter(path = "/") {
  const { user, page } = open(path);
  await user.type(page.getByLabelText(/^Token/), token);
  await user.click(page.getByRole("button", { name: "Sign in" }));
  await page.findByRole("button", { name: "Sign out" });
  return { user, page };
}
