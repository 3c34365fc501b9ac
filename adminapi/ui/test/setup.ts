import { cleanup } from "@testing-library/react";
import { afterEach, beforeEach } from "vitest";

// No test may reach the network: what a test does not play is refused.
beforeEach(() => {
  globalThis.fetch = () => Promise.reject(new Error("a test used the network"));
});
afterEach(cleanup);
