import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { places } from "../src/shell/places";

test("the server is told every route of the application", () => {
  expect(JSON.parse(readFileSync("src/routes.json", "utf8"))).toEqual(places.map((p) => p.path));
});

test.each(places.map((p) => [p.path, p] as const))("what is at %s can be loaded", async (_, place) => {
  // The only way to load a lazy component without showing it.
  const { _payload, _init } = place.page as unknown as { _payload: unknown; _init: (payload: unknown) => unknown };
  let loaded: unknown;
  for (let tries = 0; tries < 100 && loaded === undefined; tries++) {
    try {
      loaded = _init(_payload);
    } catch (pending) {
      await pending;
    }
  }
  expect(typeof loaded).toBe("function");
});
