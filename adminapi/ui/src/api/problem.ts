import { reasonOf } from "./reasons";
import type { components } from "./schema";

export type Problem = components["schemas"]["Problem"];

/** Begins the type of every problem of the API. */
const prefix = "urn:identitymesh:problem:";

/**
 * One failed request: what happened (title), why (detail), every problem of the
 * input (items), and what to do next. It never holds what was sent.
 */
export class ProblemError extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail ?? problem.title);
    this.name = "ProblemError";
  }

  /** The last part of the type, by which code decides; empty for foreign answers. */
  get code(): string {
    return this.problem.type.startsWith(prefix) ? this.problem.type.slice(prefix.length) : "";
  }

  get items() {
    return this.problem.errors ?? [];
  }
}

/** Makes a ProblemError of whatever a request answered instead of success. */
export function toProblem(body: unknown, response: Response): ProblemError {
  if (typeof body === "object" && body !== null && "type" in body && "title" in body) {
    return new ProblemError(body as Problem);
  }
  return new ProblemError({
    type: "about:blank",
    title: `Unexpected answer (status ${response.status})`,
    status: response.status,
    detail: "The answer did not come from the Admin API; a proxy between may have given it.",
  });
}

/** Makes a ProblemError of anything that was thrown. */
export function asProblem(thrown: unknown): ProblemError {
  if (thrown instanceof ProblemError) return thrown;
  if (thrown instanceof TypeError) {
    // What fetch throws when no answer came.
    return new ProblemError({
      type: prefix + "unreachable",
      title: "The Admin API does not answer",
      status: 0,
      detail: "No connection to the host that served this page.",
    });
  }
  return new ProblemError({ type: "about:blank", title: "A defect of this page", status: 0, detail: String(thrown) });
}

const advice: Record<string, string> = {
  unreachable: "Check that identitymesh-adminapi runs and that the network is up, then try again.",
  "changed-meanwhile": "Load it again, look at what changed, and repeat your change if it still makes sense.",
  "connector-name-taken": "Choose another name.",
  "connector-running": "Wait until its run has ended, then try again.",
  "connector-disabled": "Enable the connector first.",
  "no-engine": "Start identitymesh-engine on a host that may run this connector, then try again.",
  "database-unavailable": "Check that the product database is up; the Admin API's log has the details.",
  "sign-in-unavailable": "Check that the product database and the identity provider are up; the Admin API's log has the details.",
  "permission-missing": "Ask an administrator for the permission, or sign in as somebody who has it.",
  "too-many-failed-sign-ins": "Wait, then sign in with the right token.",
  "run-ended": "It has ended meanwhile; load it again.",
};

/** What to do next. Empty when the problem's own words already say so. */
export function nextStep(e: ProblemError): string {
  const wait = e.problem.retryAfterSeconds ? ` Wait ${e.problem.retryAfterSeconds} s before the next try.` : "";
  const text = reasonOf(e.problem.reason)?.todo || advice[e.code] || "";
  return (text + wait).trim();
}
