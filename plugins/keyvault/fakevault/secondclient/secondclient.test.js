// Microsoft's SDK for JavaScript against package fakevault, which must be told
// apart from the service by none of it. See README.md for how it is run.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { ClientSecretCredential } from "@azure/identity";
import { SecretClient } from "@azure/keyvault-secrets";

const { FAKEVAULT_TENANT: tenant, FAKEVAULT_CONTROL: control, FAKEVAULT_URL: url } = process.env;
const vault = new URL(url).hostname;

const quick = { retryOptions: { maxRetries: 5, retryDelayInMs: 50, maxRetryDelayInMs: 2000 } };
const clientOf = (id, secret, options = quick) => new SecretClient(url, new ClientSecretCredential(tenant, id, secret), options);
const officer = clientOf(process.env.FAKEVAULT_CLIENT_ID, process.env.FAKEVAULT_CLIENT_SECRET);

// tell speaks to the fake's control interface, which the service does not have.
async function tell(method, path, body) {
  const answer = await fetch(`${control}/${path}`, { method, body: body && JSON.stringify(body) });
  assert.ok(answer.ok, `${method} ${path}: ${answer.status}`);
  return answer.status === 204 ? undefined : answer.json();
}

const rules = (r) => tell("PATCH", "rules", r);
const seconds = (n) => Math.round(n * 1e9); // a duration of the control interface

// Every test starts with a vault that is ready at once and takes any rate.
beforeEach(() => rules({ Deleting: 0, Recovering: 0, Settling: 0, PurgeProtection: false, AccessPolicies: false, Network: "",
  Creates: -1, Others: -1, Window: 0, RetryAfter: 0 }));

// refused checks status, outer code and, as the service nests it, inner code.
async function refused(promise, status, code, inner) {
  await assert.rejects(promise, (error) => {
    assert.equal(error.statusCode, status, error.message);
    assert.equal(error.code, code);
    assert.equal(error.details.error.innerError?.code, inner);
    return true;
  });
}

async function all(pages) {
  const out = [];
  for await (const item of pages) out.push(item);
  return out;
}

async function remove(name) {
  return (await officer.beginDeleteSecret(name, { intervalInMs: 50 })).pollUntilDone();
}

test("a secret that was set is read with its properties", async () => {
  const expiresOn = new Date("2037-01-01T00:00:00Z");
  const set = await officer.setSecret("Set-Get", "first value", { contentType: "text/plain", tags: { one: "1" }, expiresOn, notBefore: new Date(0) });
  const got = await officer.getSecret("Set-Get");
  assert.equal(got.value, "first value");
  assert.equal(got.name, "Set-Get");
  assert.equal(got.properties.vaultUrl, `https://${vault}`);
  assert.equal(got.properties.version, set.properties.version);
  assert.match(got.properties.version, /^[0-9a-f]{32}$/);
  assert.equal(got.properties.contentType, "text/plain");
  assert.deepEqual(got.properties.tags, { one: "1" });
  assert.equal(got.properties.expiresOn.getTime(), expiresOn.getTime());
  assert.equal(got.properties.enabled, true);
  assert.equal(got.properties.recoveryLevel, "Recoverable+Purgeable");
  assert.equal(got.properties.recoverableDays, 90);
  assert.ok(Math.abs(got.properties.createdOn - Date.now()) < 60_000);
});

test("names do not depend on case, and a missing one is not found", async () => {
  await officer.setSecret("case", "v");
  assert.equal((await officer.getSecret("CASE")).value, "v");
  await refused(officer.getSecret("missing"), 404, "SecretNotFound", undefined);
  await refused(officer.setSecret("under_score", "v"), 400, "BadParameter", undefined);
});

test("every version stays readable and is listed without its value", async () => {
  const first = await officer.setSecret("versions", "1");
  const second = await officer.setSecret("versions", "2");
  assert.equal((await officer.getSecret("versions")).value, "2");
  assert.equal((await officer.getSecret("versions", { version: first.properties.version })).value, "1");
  const listed = await all(officer.listPropertiesOfSecretVersions("versions"));
  assert.deepEqual(listed.map((v) => v.version).sort(), [first, second].map((v) => v.properties.version).sort());
  for (const v of listed) assert.equal(v.value, undefined);
  assert.deepEqual(await all(officer.listPropertiesOfSecretVersions("missing")), []);
  await refused(officer.getSecret("versions", { version: "f".repeat(32) }), 404, "SecretNotFound", undefined);
});

test("properties are updated without a new version", async () => {
  const set = await officer.setSecret("update", "v", { tags: { old: "1" }, contentType: "a" });
  const updated = await officer.updateSecretProperties("update", set.properties.version, { tags: { new: "2" } });
  assert.deepEqual(updated.tags, { new: "2" });
  const got = await officer.getSecret("update");
  assert.equal(got.properties.version, set.properties.version);
  assert.equal(got.properties.contentType, "a");
  assert.equal(got.value, "v");
});

test("a disabled version is forbidden, with no older one in its place", async () => {
  const first = await officer.setSecret("disabled", "1");
  const second = await officer.setSecret("disabled", "2");
  await officer.updateSecretProperties("disabled", second.properties.version, { enabled: false });
  await refused(officer.getSecret("disabled"), 403, "Forbidden", "SecretDisabled");
  assert.equal((await officer.getSecret("disabled", { version: first.properties.version })).value, "1");
  const listed = await all(officer.listPropertiesOfSecrets());
  assert.equal(listed.find((p) => p.name === "disabled").enabled, false);
});

test("25 KB is the most that a value may have, and 15 the most tags", async () => {
  await officer.setSecret("large", "x".repeat(25 * 1024));
  await refused(officer.setSecret("large", "x".repeat(25 * 1024 + 1)), 400, "BadParameter", undefined);
  const tags = (n) => Object.fromEntries(Array.from({ length: n }, (_, i) => [`t${i}`, "x"]));
  await officer.setSecret("tags", "v", { tags: tags(15) });
  await refused(officer.setSecret("tags", "v", { tags: tags(16) }), 400, "BadParameter", undefined);
  assert.equal((await officer.getSecret("large")).value.length, 25 * 1024);
});

test("the pollers see a secret deleted and recovered once the service is done", async () => {
  await rules({ Deleting: seconds(0.3), Recovering: seconds(0.3), Settling: seconds(0.3) });
  const first = await officer.setSecret("poll", "1");
  await officer.setSecret("poll", "2");
  const deleting = await officer.beginDeleteSecret("poll", { intervalInMs: 50 });
  assert.equal(deleting.isDone(), false);
  await refused(officer.getDeletedSecret("poll"), 404, "SecretNotFound", undefined);
  await refused(officer.setSecret("poll", "3"), 409, "Conflict", "ObjectIsBeingDeleted");
  const deleted = await deleting.pollUntilDone();
  assert.equal(deleted.name, "poll");
  assert.ok(deleted.properties.scheduledPurgeDate > deleted.properties.deletedOn);
  await refused(officer.getSecret("poll"), 404, "SecretNotFound", undefined);
  await refused(officer.setSecret("poll", "3"), 409, "Conflict", "ObjectIsDeletedButRecoverable");

  const recovering = await officer.beginRecoverDeletedSecret("poll", { intervalInMs: 50 });
  assert.equal(recovering.isDone(), false);
  await refused(officer.getSecret("poll"), 404, "SecretNotFound", undefined);
  assert.equal((await recovering.pollUntilDone()).name, "poll");
  await refused(officer.setSecret("poll", "3"), 409, "Conflict", "ObjectIsBeingRecovered");
  assert.equal((await officer.getSecret("poll")).value, "2");
  assert.equal((await officer.getSecret("poll", { version: first.properties.version })).value, "1");
  await new Promise((resolve) => setTimeout(resolve, 400));
  assert.equal((await officer.setSecret("poll", "3")).value, "3");
});

test("what was purged is gone, and its name is free", async () => {
  await officer.setSecret("purge", "old");
  await remove("purge");
  await officer.purgeDeletedSecret("purge");
  await refused(officer.getDeletedSecret("purge"), 404, "SecretNotFound", undefined);
  const set = await officer.setSecret("purge", "new");
  assert.deepEqual((await all(officer.listPropertiesOfSecretVersions("purge"))).map((v) => v.version), [set.properties.version]);
});

test("purge protection keeps what an officer may otherwise purge", async () => {
  await rules({ PurgeProtection: true });
  await officer.setSecret("protected", "v");
  assert.equal((await officer.getSecret("protected")).properties.recoveryLevel, "Recoverable");
  await remove("protected");
  await refused(officer.purgeDeletedSecret("protected"), 403, "Forbidden", undefined);
  await rules({ PurgeProtection: false });
  await officer.purgeDeletedSecret("protected");
});

test("lists go through all pages of twenty-five", async () => {
  const names = Array.from({ length: 60 }, (_, i) => `page-${String(i).padStart(2, "0")}`);
  for (const name of names) await officer.setSecret(name, "v");
  const sizes = [];
  const seen = [];
  for await (const page of officer.listPropertiesOfSecrets().byPage()) {
    sizes.push(page.length);
    seen.push(...page.map((p) => p.name).filter((n) => n.startsWith("page-")));
  }
  assert.deepEqual(seen, names);
  assert.deepEqual(sizes.slice(0, -1), sizes.slice(0, -1).fill(25));
  for await (const page of officer.listPropertiesOfSecrets().byPage({ maxPageSize: 7 })) {
    assert.ok(page.length <= 7);
  }
  for (const name of names.slice(0, 30)) await remove(name);
  const deleted = await all(officer.listDeletedSecrets());
  assert.deepEqual(deleted.map((d) => d.name).filter((n) => n.startsWith("page-")), names.slice(0, 30));
  assert.ok(deleted.every((d) => d.value === undefined && d.properties.recoveryId));
});

test("a user reads and lists, and nothing else", async () => {
  const { clientId, clientSecret } = await tell("POST", "principals", ["get", "list"]);
  const user = clientOf(clientId, clientSecret);
  await officer.setSecret("role", "v");
  assert.equal((await user.getSecret("role")).value, "v");
  assert.ok((await all(user.listPropertiesOfSecrets())).length > 0);
  await refused(user.setSecret("role", "x"), 403, "Forbidden", "ForbiddenByRbac");
  await refused(user.beginDeleteSecret("role"), 403, "Forbidden", "ForbiddenByRbac");
  await refused(user.beginRecoverDeletedSecret("page-00"), 403, "Forbidden", "ForbiddenByRbac");
  await refused(user.purgeDeletedSecret("page-00"), 403, "Forbidden", "ForbiddenByRbac");
  await rules({ AccessPolicies: true });
  await refused(user.setSecret("role", "x"), 403, "Forbidden", "ForbiddenByPolicy");
});

test("the network rules of the vault refuse everyone", async () => {
  for (const inner of ["ForbiddenByFirewall", "ForbiddenByConnection"]) {
    await rules({ Network: inner });
    await refused(officer.getSecret("role"), 403, "Forbidden", inner);
  }
});

test("a wrong client secret gets no token, and the vault no second request", async () => {
  await tell("DELETE", "requests");
  const stranger = clientOf(process.env.FAKEVAULT_CLIENT_ID, "wrong");
  await assert.rejects(stranger.getSecret("role"), (error) => {
    assert.match(error.name, /^Authentication(Required)?Error$/);
    assert.match(error.message, /7000215/);
    return true;
  });
  const requests = await tell("GET", "requests");
  assert.deepEqual(requests.filter((r) => r.Service === "vault").map((r) => r.Status), [401]);
});

test("the first request is challenged and sent again with a token", async () => {
  await tell("DELETE", "requests");
  await clientOf(process.env.FAKEVAULT_CLIENT_ID, process.env.FAKEVAULT_CLIENT_SECRET).setSecret("challenge", "v");
  const requests = (await tell("GET", "requests")).filter((r) => r.Service === "vault");
  assert.deepEqual(requests.map((r) => [r.HasToken, r.Status]), [[false, 401], [true, 200]]);
});

test("a throttled client succeeds after the wait that it was asked for", async () => {
  await officer.setSecret("throttled", "v");
  await rules({ Others: 2, Window: seconds(1), RetryAfter: seconds(1) });
  await tell("DELETE", "requests");
  const began = Date.now();
  for (let i = 0; i < 3; i++) assert.equal((await officer.getSecret("throttled")).value, "v");
  const statuses = (await tell("GET", "requests")).map((r) => r.Status);
  assert.deepEqual(statuses, [200, 200, 429, 200]);
  assert.ok(Date.now() - began >= 900, "three reads did not wait");
});

test("a throttled client that was asked for no wait says so", async () => {
  // This SDK repeats a 429 only when there is a Retry-After.
  await rules({ Others: 1, Window: seconds(60) });
  await officer.getSecret("throttled").catch(() => {}); // uses the limit up, if that was not done before
  await refused(officer.getSecret("throttled"), 429, "Throttled", undefined);
  assert.equal((await officer.setSecret("throttled", "creates have a limit of their own")).name, "throttled");
});
