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
  created: "2026-01-01T00:00:00Z", updated: "2026-01-01T00:00:00Z", secretRefs: [], state: { status: "Never", trend: [] },
};

export const permissions = [
  "audit.read", "connectors.read", "connectors.test", "connectors.write", "objects.read", "provider.reload", "runs.cancel", "runs.read", "runs.start", "schedules.write",
  "secrets.delete", "secrets.purge", "secrets.read", "secrets.write", "session", "sessions.write", "settings.read", "settings.write", "status.read", "tokens.read", "tokens.write",
];

export const who = { id: "s1", kind: "token", name: "administrator", role: "Admin", way: "token", permissions };

/** What a Viewer is told about himself. */
export const viewer = { ...who, name: "looks on", role: "Viewer", permissions: ["audit.read", "connectors.read", "objects.read", "runs.read", "secrets.read", "session", "status.read"] };

export const roles = {
  items: [
    { name: "Viewer", meaning: "sees", permissions: viewer.permissions },
    { name: "Admin", meaning: "does everything", permissions },
  ],
  permissions: permissions.map((name) => ({ name, meaning: `to ${name}` })),
};

const numbers = { succeeded: 0, failed: 0, interrupted: 0, cancelled: 0 };

interface Cast {
  /** Whom the cookie of the browser stands for at first. */
  who?: typeof who | null;
}

// What needs nobody to be signed in.
const anybody = ["POST /api/session", "GET /api/sign-in"];

/** Plays the API: path without query -> answer. What is not played is answered as an empty product does. */
export function play(answers: Answers = {}, cast: Cast = {}): Call[] {
  const calls: Call[] = [];
  let signedIn = cast.who !== null;
  const all: Answers = {
    "GET /api/sign-in": () => json({ ways: [{ name: "token" }] }),
    "GET /api/session": () => json(cast.who ?? who),
    "POST /api/session": ({ body }) => {
      if ((body as { token: string }).token !== token) return problem(401, "sign-in-required", { detail: "The token is not valid." });
      signedIn = true;
      return json(cast.who ?? who);
    },
    "DELETE /api/session": () => {
      signedIn = false;
      return new Response(null, { status: 204 });
    },
    "GET /api/sessions": () => json({ items: [] }),
    "GET /api/tokens": () => json({ items: [], total: 0 }),
    "GET /api/roles": () => json(roles),
    "GET /api/status": () => json(status),
    "GET /api/connectors": () => json({ items: [], total: 0 }),
    "GET /api/runs": () => json({ items: [] }),
    "GET /api/attention": () => json({ items: [], checked: status.now }),
    "GET /api/statistics/runs": () => json({ bucket: "hour", from: status.now, to: status.now, items: [], total: { from: status.now, runs: numbers, objects: {} } }),
    "GET /api/secrets": () => json({ items: [], complete: true }),
    ...answers,
  };
  globalThis.fetch = async (input) => {
    const request = input as Request;
    const url = new URL(request.url);
    const text = await request.text();
    const call = { method: request.method, path: url.pathname + url.search, headers: request.headers, body: text ? JSON.parse(text) : undefined };
    calls.push(call);
    const name = `${request.method} ${url.pathname}`;
    if (!signedIn && !anybody.includes(name)) return problem(401, "sign-in-required", { detail: "Send a token." });
    const answer = all[name];
    return answer ? answer(call) : problem(404, "no-such-path");
  };
  return calls;
}

/** Opens the application at a path. */
export function open(path = "/") {
  const user = userEvent.setup();
  const page = render(
    <MemoryRouter initialEntries={[path]}>
      <App env="test" />
    </MemoryRouter>,
  );
  return { user, page };
}

/** Opens the application at a path, for somebody who is signed in. */
export async function enter(path = "/") {
  const { user, page } = open(path);
  await page.findByRole("button", { name: /^Signed in as/ });
  return { user, page };
}
