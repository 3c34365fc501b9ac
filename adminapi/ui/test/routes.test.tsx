import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

test("the server is told every route of the application", () => {
  const source = readFileSync("src/App.tsx", "utf8");
  const inApp = [...source.matchAll(/<Route path="(\/[^"]*)"/g)].map((m) => m[1]);
  expect(JSON.parse(readFileSync("src/routes.json", "utf8"))).toEqual(inApp);
});
