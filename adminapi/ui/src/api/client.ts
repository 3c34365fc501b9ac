import createClient, { type Middleware } from "openapi-fetch";
import { asProblem, toProblem } from "./problem";
import type { components, paths } from "./schema";

export type Schemas = components["schemas"];
export type Api = ReturnType<typeof connect>;

/**
 * A client that signs in with token. onRefused is called when the API takes the
 * token no more.
 */
export function connect(token: string, onRefused: () => void) {
  const client = createClient<paths>({
    // Found at each call, so that a test can play the API.
    fetch: (request) => globalThis.fetch(request),
    baseUrl: globalThis.location.origin,
    credentials: "omit",
    cache: "no-store",
    redirect: "error",
  });
  const signIn: Middleware = {
    onRequest({ request }) {
      request.headers.set("Authorization", `Bearer ${token}`);
      return request;
    },
    onResponse({ response }) {
      if (response.status === 401) onRefused();
    },
  };
  client.use(signIn);
  return client;
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
