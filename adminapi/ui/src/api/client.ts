import createClient, { type Middleware } from "openapi-fetch";
import { asProblem, toProblem } from "./problem";
import type { components, paths } from "./schema";

export type Schemas = components["schemas"];
export type Api = ReturnType<typeof connect>;

interface Config {
  /** Whether asking is of no use until somebody has signed in again. */
  lapsed: () => boolean;
  /** Whether nobody works with the page: what it then asks by itself must not keep the session alive. */
  unattended: () => boolean;
  /** Called when the API says that nobody is signed in. */
  onRefused: () => void;
}

// What is asked to sign in is asked, and refused, in any case.
const signingIn: readonly string[] = ["/api/session", "/api/sign-in"];

/** A client of the API that served this page. The browser signs in with a cookie that no script can read. */
export function connect({ lapsed, unattended, onRefused }: Config) {
  const client = createClient<paths>({
    // Found at each call, so that a test can play the API.
    fetch: (request) => globalThis.fetch(request),
    baseUrl: globalThis.location.origin,
    credentials: "same-origin",
    cache: "no-store",
    redirect: "error",
  });
  const session: Middleware = {
    onRequest({ request, schemaPath }) {
      if (lapsed() && !signingIn.includes(schemaPath)) return unasked();
      if (unattended()) request.headers.set("X-IdentityMesh-Background", "1");
      return request;
    },
    onResponse({ response, schemaPath }) {
      if (response.status === 401 && !signingIn.includes(schemaPath)) onRefused();
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
