import { cleanup, configure } from "@testing-library/react";
import { afterEach, beforeEach } from "vitest";

// Pages are loaded when they are gone to, which takes its time on a loaded machine.
configure({ asyncUtilTimeout: 15_000 });

// No test may reach the network: what a test does not play is refused.
beforeEach(() => {
  globalThis.fetch = () => Promise.reject(new Error("a test used the network"));
});
afterEach(cleanup);
