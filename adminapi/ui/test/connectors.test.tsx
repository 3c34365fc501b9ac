import { expect, test } from "vitest";
import { connector, enter, json, play, problem } from "./played";

const type = {
  name: "ldap",
  schema: {
    type: "object",
    required: ["host"],
    properties: {
      host: { type: "string", description: "The server" },
      port: { type: "integer", minimum: 1, maximum: 65535 },
      security: { type: "string", enum: ["ldaps", "none"], default: "ldaps" },
      tls: { type: "object", properties: { caFile: { type: "string" } } },
      attributes: { type: "array", items: { type: "string" } },
      passwordSecretRef: { type: "string", format: "secret-ref" },
      pageSize: { type: "integer", default: 1000 },
    },
  },
};

test("a connector is disabled as it was seen, and a change meanwhile is told", async () => {
  const calls = play({
    "GET /api/connectors": () => json({ items: [connector], total: 1 }),
    "PUT /api/connectors/c1": () => problem(412, "changed-meanwhile", { detail: "It was changed since it was read." }),
  });
  const { user, page } = await enter("/connectors");
  await user.click(await page.findByRole("button", { name: "Actions for Directory" }));
  await user.click(await page.findByRole("menuitem", { name: "Disable" }));
  const alert = await page.findByRole("alert");
  expect(alert.textContent).toContain("Load it again");
  const put = calls.find((c) => c.method === "PUT");
  expect(put?.headers.get("If-Match")).toBe('"7"');
  expect(put?.body).toEqual({ name: "Directory", type: "ldap", config: { host: "ldap.example.test" }, enabled: false });
});

test("a run is started from the list", async () => {
  const calls = play({ "GET /api/connectors": () => json({ items: [connector], total: 1 }), "POST /api/runs": () => json({}, 202) });
  const { user, page } = await enter("/connectors");
  await user.click(await page.findByRole("button", { name: "Actions for Directory" }));
  await user.click(await page.findByRole("menuitem", { name: "Run full" }));
  await page.findByText("A full run of Directory is queued.");
  expect(calls.find((c) => c.method === "POST")?.body).toEqual({ connectorId: "c1", kind: "full" });
});

test("the form is made from the schema, sends only what was set, and shows each problem at its field", async () => {
  const answers = [
    problem(422, "invalid-input", { errors: [{ path: "config:HOST", message: "no such server" }, { path: "config:pageSize", message: "too many" }] }),
    json({ ...connector, id: "c2" }, 201),
  ];
  const calls = play({ "GET /api/connector-types": () => json({ items: [type], total: 1 }), "POST /api/connectors": () => answers.shift() ?? problem(500, "internal") });
  const { user, page } = await enter("/connectors/new");
  await user.type(await page.findByRole("textbox", { name: "Name" }), "New");
  await user.type(page.getByRole("textbox", { name: "host" }), "h");
  await user.type(page.getByRole("textbox", { name: "port" }), "636");
  await user.type(page.getByRole("textbox", { name: "caFile" }), "/ca.pem");
  await user.type(page.getByLabelText("attributes", { selector: "input" }), "cn,mail,");
  await user.selectOptions(page.getByLabelText("security"), "none");
  await user.click(page.getByRole("button", { name: "Create" }));
  await page.findByRole("alert");
  expect(page.getByRole("textbox", { name: "host" }).getAttribute("aria-invalid")).toBe("true");
  // A setting that was folded away shows itself when it has a problem.
  expect(page.getByRole("textbox", { name: "pageSize" }).getAttribute("aria-invalid")).toBe("true");
  await user.click(page.getByRole("button", { name: "Create" }));
  await page.findByText(/was created/);
  expect(calls.filter((c) => c.method === "POST").at(-1)?.body).toEqual({
    name: "New", type: "ldap", enabled: true,
    config: { host: "h", port: 636, tls: { caFile: "/ca.pem" }, attributes: ["cn", "mail"], security: "none" },
  });
});

test("a secret set within the form becomes its ref and does not send the form", async () => {
  const calls = play({ "GET /api/connector-types": () => json({ items: [type], total: 1 }), "PUT /api/secrets": () => json({}) });
  const { user, page } = await enter("/connectors/new");
  await user.click(await page.findByRole("button", { name: "Set a new secret for passwordSecretRef" }));
  await page.findByRole("dialog");
  await user.type(page.getByLabelText(/^Ref/), "new");
  await user.type(page.getByLabelText("Value"), "x");
  await user.type(page.getByLabelText("Value again"), "x");
  await user.click(page.getByRole("button", { name: "Set" }));
  await page.findByText("The secret was set.");
  expect((page.getByLabelText("passwordSecretRef", { selector: "input" }) as HTMLInputElement).value).toBe("secret://new");
  expect(calls.filter((c) => c.method === "POST")).toEqual([]);
});

test("what is typed is saved and tested within the form, until it works", async () => {
  const ran = (more: object) => json({ id: "r1", connectorId: "c1", connectorName: "Directory", kind: "test", status: "Failed", queued: "2026-03-01T12:00:00Z", ...more });
  const tests = [
    ran({ reason: "CONNECTED_SYSTEM", error: "bind as cn=reader: Invalid Credentials" }),
    ran({ status: "Succeeded", report: { server: "OpenLDAP", sample: 3, notes: [] } }),
  ];
  const calls = play({
    "GET /api/connector-types": () => json({ items: [type], total: 1 }),
    "POST /api/connectors": () => json({ ...connector, version: 1 }, 201),
    "GET /api/connectors/c1": () => json({ ...connector, version: 1, state: {} }),
    "PUT /api/connectors/c1": () => json({ ...connector, version: 2 }),
    "POST /api/connectors/c1/test": () => tests.shift() ?? problem(500, "internal"),
  });
  const { user, page } = await enter("/connectors/new");
  await user.type(await page.findByRole("textbox", { name: "Name" }), "Directory");
  await user.click(page.getByRole("button", { name: "Create and test" }));
  await page.findByText("bind as cn=reader: Invalid Credentials");
  const host = page.getByRole("textbox", { name: "host" }) as HTMLInputElement;
  await user.type(host, "2");
  await user.click(page.getByRole("button", { name: "Save and test" }));
  await page.findByText("It works: OpenLDAP");
  // It is still the same form, with what was typed.
  expect(page.getByRole("textbox", { name: "host" })).toBe(host);
  await user.click(page.getByRole("button", { name: "Save" }));
  await page.findByText("Directory was saved.");
  const puts = calls.filter((c) => c.method === "PUT");
  expect(puts.map((c) => c.headers.get("If-Match"))).toEqual(['"1"', '"2"']);
});
