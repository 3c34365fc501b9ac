import { expect, test } from "vitest";
import { connector, enter, json, play, problem } from "./played";

const keyOf = (calls: ReturnType<typeof play>) => calls.filter((c) => c.method === "POST").map((c) => c.headers.get("Idempotency-Key"));

test("what was asked for without hearing an answer is asked for again under the same key", async () => {
  const answers = [() => Promise.reject(new TypeError("Failed to fetch")), () => problem(409, "connector-disabled"), () => json({}, 202)];
  const calls = play({ "GET /api/connectors": () => json({ items: [connector], total: 1 }), "POST /api/runs": () => (answers.shift() ?? (() => json({}, 202)))() });
  const { user, page } = await enter("/connectors");
  for (const said of [/does not answer/, /connector-disabled/, /A full run of Directory is queued/]) {
    await user.click(await page.findByRole("button", { name: "Actions for Directory" }));
    await user.click(await page.findByRole("menuitem", { name: "Run full" }));
    await page.findByText(said);
  }
  const [first, second, third] = keyOf(calls);
  expect(first).toMatch(/^[0-9a-f]{32}$/);
  expect(second).toBe(first); // nobody knew whether the first was done
  expect(third).not.toBe(first); // the second was answered
});
