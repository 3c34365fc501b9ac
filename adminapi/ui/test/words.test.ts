import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { choices, spelled, withKey } from "../src/connectors/schema";
import { reasonOf } from "../src/api/reasons";
import { ago, duration } from "../src/parts/words";
import { fileAsBase64 } from "../src/secrets/value";

test.each([
  [0, "just now"],
  [-30, "30 seconds ago"],
  [-120, "2 minutes ago"],
  [-7200, "2 hours ago"],
  [-86400 * 3, "3 days ago"],
  [600, "in 10 minutes"],
])("%i seconds from now is %s", (seconds, want) => {
  const now = Date.parse("2026-01-01T00:00:00Z");
  expect(ago(new Date(now + seconds * 1000).toISOString(), now)).toBe(want);
});

test("a time that never was", () => expect(ago(undefined)).toBe("never"));

test.each([
  [0.25, "250 ms"],
  [12.34, "12.3 s"],
  [600, "10 min"],
  [9000, "2.5 h"],
])("%f seconds are %s", (seconds, want) => expect(duration(seconds)).toBe(want));

test("bytes of a file survive as Base64", async () => {
  const bytes = Uint8Array.from({ length: 100_000 }, (_, i) => i % 256);
  const back = Uint8Array.from(atob(await fileAsBase64(new Blob([bytes]))), (c) => c.charCodeAt(0));
  expect(back).toEqual(bytes);
});

test("keys are spelled as the schema has them, also within objects, and foreign ones stay", () => {
  const schema = { properties: { baseDn: { type: "string" }, tls: { type: "object", properties: { caFile: { type: "string" } } } } };
  expect(spelled({ BASEDN: "x", Tls: { CAFILE: "y" }, other: 1 }, schema)).toEqual({ baseDn: "x", tls: { caFile: "y" }, other: 1 });
});

test("what is emptied is taken out, false and zero are kept", () => {
  expect(withKey({ a: 1, b: 2 }, "a", "")).toEqual({ b: 2 });
  expect(withKey({}, "a", [])).toEqual({});
  expect(withKey({}, "a", false)).toEqual({ a: false });
  expect(withKey({}, "a", 0)).toEqual({ a: 0 });
});

test("groups of which one is to be set", () => {
  expect(choices({ allOf: [{ oneOf: [{ required: ["a"] }, { required: ["b"] }] }] })).toEqual([["a", "b"]]);
});

test("every reason of the contract and of runs is explained", () => {
  const spec = readFileSync("../../docs/spec/errors.md", "utf8");
  const table = spec.slice(spec.indexOf("## Reasons"), spec.indexOf("### reason-travels"));
  const reasons = [...table.matchAll(/^\| ([A-Z_]{2,}) \|/gm)].map((m) => m[1]);
  const source = readFileSync("../../engine/run/outcome.go", "utf8");
  reasons.push(...[...source.matchAll(/Reason\w+ = "([A-Z_]+)"/g)].map((m) => m[1]));
  expect(reasons.length).toBeGreaterThan(24);
  for (const code of reasons) expect(reasonOf(code), code).toEqual({ what: expect.stringMatching(/./), why: expect.stringMatching(/./), todo: expect.stringMatching(/./) });
});
