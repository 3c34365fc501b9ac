import createClient, { type Middleware } from "openapi-fetch";
import { asProblem, toProblem } from "./problem";
import type { components, paths } from "./schema";

export type Schemas = components["schemas"];
export type Api = ReturnType<typeof connect>;

interface Config {
  /** The token to sign in with. */
  token: string;
  /** Whether asking is of no use until somebody has signed in again. */
  lapsed: () => boolean;
  /** Called when the API takes what one signed in with no more. */
  onRefused: () => void;
}

/** A client of the API that served this page. */
export function connect({ token, lapsed, onRefused }: Config) {
  const client = createClient<paths>({
    // Found at each call, so that a test can play the API.
    fetch: (request) => globalThis.fetch(request),
    baseUrl: globalThis.location.origin,
    credentials: "omit",
    cache: "no-store",
    redirect: "error",
  });
  const session: Middleware = {
    onRequest({ request }) {
      // Pages that look again and again would be counted as failed sign-ins.
      if (lapsed()) return unasked();
      request.headers.set("Authorization", `Bearer ${token}`);
      return request;
    },
    onResponse({ response }) {
      if (response.status === 401) onRefused();
    },
  };
  client.use(session);
  return client;
}

function unasked(): Response {
  const problem = {
    type: "urn:identitymesh:problem:sign-in-required",
    title: "Sign in again",
    status: 401,
    detail: "Your session has ended, so this was not asked for.",
  };
  return new Response(JSON.stringify(problem), { status: 401, headers: { "Content-Type": "application/problem+json" } });
}

/** What openapi-fetch returns, whichever operation it was. */
interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** Returns the body of a successful answer; throws a ProblemError for any other. */
export async function must<T>(answer: Promise<Answer<T>>): Promise<T> {
  let got: Answer<T>;
  try {
    got = await answer;
  } catch (thrown) {
    throw asProblem(thrown);
  }
  if (!got.response.ok) throw toProblem(got.error, got.response);
  return got.data as T;
}
