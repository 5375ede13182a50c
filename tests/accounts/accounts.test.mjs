// Accounts, from outside: sign-in against GitHub's stand-in, tokens checked and attacked with jose,
// keys, terms, repositories, and every route against every kind of bad credential.
// Run by tests/accounts/run, which says in the environment where everything is.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { createHmac, generateKeyPairSync, randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import https from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import * as jose from "jose";
import { assertRefused, ctl, origin, requester, sql } from "./api.mjs";

const env = process.env;
const agent = new https.Agent({ keepAlive: true, ca: [readFileSync(env.CODESET_CA), readFileSync(env.GITHUB_STANDIN_CA)] });
const secret = readFileSync(env.TOKEN_SECRET_FILE, "utf8").trimEnd();
const oldSecret = readFileSync(env.TOKEN_PREVIOUS_SECRET_FILE, "utf8").trimEnd();
const key = (text) => new TextEncoder().encode(text);

const request = requester(agent);
const api = (method, path, options) => request(method, `${origin}/api/v1${path}`, options);
const standin = (method, path, raw) => request(method, `${env.GITHUB_STANDIN}${path}`, { raw });
const logs = () => execFileSync("bash", ["-c", 'cat "$CODESET_LOGS"/*'], { encoding: "utf8", maxBuffer: 1 << 28 });

// Numbers of accounts that the stand-in knows no installation of; those it knows are below.
let nextUser = 1000;
let nextOcto = 501;
async function signIn(mode = "", login = "octo", number = nextUser++) {
  const code = `user-${number}-${login}${mode ? `-${mode}` : ""}`;
  return { number, login, code, ...(await api("POST", "/auth/github", { body: { code } })) };
}

/** GET /repos of an account without end: begun here, awaited by a test below. */
async function askEndless() {
  const { json } = await signIn("", "endless", 800);
  return api("GET", "/repos", { token: json.access_token });
}
const endless = askEndless();
endless.catch(() => {}); // told by the test

test("the first sign-in makes the user, the second finds it", async () => {
  const first = await signIn();
  assert.equal(first.status, 200, first.text);
  assert.equal(first.json.is_new_user, true);
  assert.equal(first.json.token_type, "Bearer");
  assert.equal(first.json.expires_in, 3600);
  const again = await api("POST", "/auth/github", { body: { code: `user-${first.number}-renamed`, state: "x" } });
  assert.equal(again.status, 200, again.text);
  assert.equal(again.json.is_new_user, false);
  assert.equal(again.json.user_id, first.json.user_id);
  const me = await api("GET", "/users/me", { token: again.json.access_token });
  assert.equal(me.json.github_login, "renamed");
  assert.equal(me.json.name, "Name of renamed");
  assert.equal(me.json.email, "octo@example.com");
  assert.equal(me.json.github_id, String(first.number));
  assert.deepEqual(me.json.api_keys, []);
  assert.equal(me.json.terms_accepted_at, null);
});

test("sign-ins and keys are in the audit log as the user's own acts", async () => {
  const { json, number } = await signIn();
  await api("POST", "/auth/github", { body: { code: `user-${number}-again`, state: "x" } });
  await api("POST", "/users/me/api-keys", { token: json.access_token, body: { name: "mine" } });
  const entries = JSON.parse(ctl("--json", "audit", "log", "--user", json.user_id));
  assert.deepEqual(entries.map((e) => e.kind), ["key.added", "user.signed_in", "money.promotion", "user.signed_up"]);
  for (const entry of entries) assert.deepEqual([entry.actor, entry.name], ["user", json.user_id]);
});

test("a user without a name goes by the login", async () => {
  const { json } = await signIn("nameless");
  assert.equal((await api("GET", "/users/me", { token: json.access_token })).json.name, "octo");
});

test("racing first sign-ins make one user", async () => {
  const number = nextUser++;
  const answers = await Promise.all(
    Array.from({ length: 8 }, (_, i) => api("POST", "/auth/github", { body: { code: `user-${number}-racer-ok${i}` } })));
  assert.deepEqual(answers.map((a) => a.status), Array(8).fill(200));
  assert.equal(new Set(answers.map((a) => a.json.user_id)).size, 1);
  assert.equal(answers.filter((a) => a.json.is_new_user).length, 1);
});

test("a code works once", async () => {
  const first = await signIn();
  assertRefused(await api("POST", "/auth/github", { body: { code: first.code } }), 400, "GITHUB_CODE_REFUSED");
});

test("each way in which GitHub fails has its own code", async () => {
  const cases = [
    ["refused", 400, "GITHUB_CODE_REFUSED"], ["unverified", 403, "GITHUB_EMAIL_UNVERIFIED"],
    ["secondary", 403, "GITHUB_EMAIL_UNVERIFIED"], ["slow", 504, "GITHUB_TIMEOUT"],
    ["down", 503, "GITHUB_UNAVAILABLE"], ["redirect", 502, "GITHUB_BAD_ANSWER"],
    ["garbage", 502, "GITHUB_BAD_ANSWER"], ["html", 502, "GITHUB_BAD_ANSWER"], ["huge", 502, "GITHUB_BAD_ANSWER"],
    ["hangup", 502, "GITHUB_BAD_ANSWER"], ["empty", 502, "GITHUB_BAD_ANSWER"], ["wrongtype", 502, "GITHUB_BAD_ANSWER"],
    ["oauthdown", 503, "GITHUB_UNAVAILABLE"], ["oauthgarbage", 502, "GITHUB_BAD_ANSWER"],
    ["oauthempty", 502, "GITHUB_BAD_ANSWER"], ["oauthslow", 504, "GITHUB_TIMEOUT"],
    ["emaildown", 503, "GITHUB_UNAVAILABLE"], ["emailempty", 502, "GITHUB_BAD_ANSWER"],
    ["emailwrongtype", 403, "GITHUB_EMAIL_UNVERIFIED"], ["noemail", 403, "GITHUB_EMAIL_UNVERIFIED"],
  ];
  await Promise.all(cases.map(async ([mode, status, code]) => {
    const answer = await signIn(mode);
    assert.deepEqual([mode, answer.status, answer.json?.detail?.code], [mode, status, code], answer.text);
    if (status === 503 || status === 429) assert.match(answer.headers["retry-after"], /^[0-9]+$/);
  }));
});

test("what GitHub has against this server is the operator's to mend, and in the log", async () => {
  const reasons = { badclient: "status=200 error=incorrect_client_credentials", appsuspended: "status=200 error=application_suspended",
    mismatch: "status=200 error=redirect_uri_mismatch", oauthforbidden: "status=403", oauthlimited: "status=429",
    oauthmissing: "status=404", leak: "status=200", forbidden: "status=403", emaillimited: "status=429" };
  for (const [mode, reason] of Object.entries(reasons)) {
    const answer = await signIn(mode);
    assertRefused(answer, 503, "GITHUB_UNAVAILABLE");
    assert.match(answer.json.detail.message, /the operator finds GitHub.s reason/, mode);
    assert.ok(answer.headers["retry-after"]);
    const lines = logs().split("\n").filter((line) => line.includes(answer.headers["x-request-id"]));
    assert.ok(lines.some((line) => line.includes(`event=github_refused_us`) && line.includes(reason)), `${mode}: ${lines.join("\n")}`);
  }
});

test("a redirect_uri that GitHub doesn't know is the caller's fault", async () => {
  const answer = await api("POST", "/auth/github",
    { body: { code: `user-${nextUser++}-octo-mismatch`, redirect_uri: "https://console.example/callback" } });
  assertRefused(answer, 400, "GITHUB_CODE_REFUSED");
  assert.match(answer.json.detail.message, /redirect_uri/);
});

test("the log has the reason of what GitHub failed or refused", async () => {
  for (const [mode, level, code] of [["refused", 6, "GITHUB_CODE_REFUSED"], ["unverified", 6, "GITHUB_EMAIL_UNVERIFIED"],
    ["garbage", 4, "GITHUB_BAD_ANSWER"], ["down", 4, "GITHUB_UNAVAILABLE"], ["slow", 4, "GITHUB_TIMEOUT"]]) {
    const answer = await signIn(mode);
    const id = answer.headers["x-request-id"];
    const lines = logs().split("\n").filter((line) => line.includes("event=request_refused") && line.includes(id));
    assert.equal(lines.length, 1, `${mode}: ${lines.join("\n")}`);
    assert.match(lines[0], new RegExp(`^<${level}>.* code=${code} reason=".{10,}"`));
  }
});

// Each of the slow ones takes five seconds and a worker of the pool that calls out; a machine that stalls for so
// long gets another try.
test("while GitHub is slow, other requests are answered", async () => {
  let first;
  for (let i = 0; i < 3 && first !== "quick"; i++) {
    const slow = Array.from({ length: 3 }, () => signIn("slow"));
    const quick = api("GET", "/health");
    first = await Promise.race([quick.then(() => "quick"), ...slow.map((one) => one.then(() => "slow"))]);
    assert.equal((await quick).status, 200);
    for (const answer of await Promise.all(slow)) assertRefused(answer, 504, "GITHUB_TIMEOUT");
  }
  assert.equal(first, "quick");
});

test("redirect_uri must be in the list", async () => {
  const good = await api("POST", "/auth/github",
    { body: { code: `user-${nextUser++}-octo`, redirect_uri: "https://console.example/callback" } });
  assert.equal(good.status, 200, good.text);
  for (const redirect_uri of ["https://evil.example/callback", "", "https://console.example/callback/", "https://console.example"])
    assertRefused(await api("POST", "/auth/github", { body: { code: `user-${nextUser++}-octo`, redirect_uri } }),
      400, "REDIRECT_URI_NOT_ALLOWED");
  const refused = await api("POST", "/auth/github", { body: { code: "x", redirect_uri: "https://evil.example/" } });
  assert.match(refused.json.detail.message, /^This server does not accept the redirect_uri/);
});

test("a body that lacks its fields is told so in pydantic's words", async () => {
  const answer = await api("POST", "/auth/github", { body: { state: 5 } });
  assert.equal(answer.status, 422);
  assert.deepEqual(answer.json.detail.map((f) => [f.loc.join("."), f.type]).sort(),
    [["body.code", "missing"], ["body.state", "string_type"]]);
});

// --- tokens -------------------------------------------------------------------------------------

test("our tokens verify with jose", async () => {
  const { json } = await signIn();
  for (const [text, type, life] of [[json.access_token, "access", 3600], [json.refresh_token, "refresh", 2592000]]) {
    const { payload, protectedHeader } = await jose.jwtVerify(text, key(secret),
      { issuer: "codeset", audience: "codeset-api", algorithms: ["HS256"], typ: "JWT" });
    assert.deepEqual(protectedHeader, { alg: "HS256", typ: "JWT" });
    assert.equal(payload.sub, json.user_id);
    assert.equal(payload.type, type);
    assert.equal(payload.exp - payload.iat, life);
    assert.match(payload.jti, /^[0-9a-f-]{36}$/);
  }
});

test("a refresh token gives access tokens until it is revoked", async () => {
  const { json } = await signIn();
  const fresh = await api("POST", "/auth/refresh", { body: { refresh_token: json.refresh_token } });
  assert.equal(fresh.status, 200, fresh.text);
  assert.equal(fresh.json.expires_in, 3600);
  assert.equal((await api("GET", "/users/me", { token: fresh.json.access_token })).status, 200);
  assertRefused(await api("POST", "/auth/refresh", { body: { refresh_token: json.access_token } }), 401, "INVALID_CREDENTIALS");
  assertRefused(await api("GET", "/users/me", { token: json.refresh_token }), 401, "INVALID_CREDENTIALS");
  ctl("user", "revoke", json.user_id);
  assertRefused(await api("POST", "/auth/refresh", { body: { refresh_token: json.refresh_token } }), 401, "INVALID_CREDENTIALS");
});

test("a deactivated user is refused at once, by token and by key, and let in again", async () => {
  const { json, number } = await signIn();
  const made = await api("POST", "/users/me/api-keys", { token: json.access_token, body: {} });
  const apiKey = made.json.api_key.key;
  ctl("user", "deactivate", json.user_id);
  assertRefused(await api("GET", "/users/me", { token: json.access_token }), 401, "INVALID_CREDENTIALS");
  assertRefused(await api("GET", "/users/me", { token: apiKey }), 401, "INVALID_CREDENTIALS");
  assertRefused(await api("POST", "/auth/refresh", { body: { refresh_token: json.refresh_token } }), 401, "INVALID_CREDENTIALS");
  assertRefused(await api("POST", "/auth/github", { body: { code: `user-${number}-octo-again` } }), 403, "ACCOUNT_DEACTIVATED");
  ctl("user", "activate", json.user_id);
  assert.equal((await api("GET", "/users/me", { token: apiKey })).status, 200);
});

const now = () => Math.floor(Date.now() / 1000);
const b64 = (value) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");
const hs256 = (input, secretText) => createHmac("sha256", secretText).update(input).digest("base64url");

/** Tokens with each classic flaw: [name, text]. */
async function flawed(userId) {
  const good = { iss: "codeset", aud: "codeset-api", sub: userId, type: "access", iat: now(), exp: now() + 3600, jti: randomUUID() };
  const signed = (claims, header = {}, text = secret) =>
    new jose.SignJWT(claims).setProtectedHeader({ alg: "HS256", typ: "JWT", ...header }).sign(key(text));
  const raw = (header, claims, text = secret) => `${b64(header)}.${b64(claims)}.${hs256(`${b64(header)}.${b64(claims)}`, text)}`;
  const without = (name) => Object.fromEntries(Object.entries(good).filter(([n]) => n !== name));
  const fine = await signed(good);
  assert.equal((await api("GET", "/users/me", { token: fine })).status, 200, "the unflawed one is accepted");
  const rotated = await signed(good, {}, oldSecret);
  assert.equal((await api("GET", "/users/me", { token: rotated })).status, 200, "the previous secret's is accepted");
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const [head, body, mac] = fine.split(".");
  return [
    ["alg none, no signature", `${b64({ alg: "none", typ: "JWT" })}.${b64(good)}.`],
    ["alg none, with a good MAC", raw({ alg: "none" }, good)],
    ["alg NONE", raw({ alg: "NONE" }, good)],
    ["HS384", await new jose.SignJWT(good).setProtectedHeader({ alg: "HS384" }).sign(key(secret))],
    ["HS512", await new jose.SignJWT(good).setProtectedHeader({ alg: "HS512" }).sign(key(secret))],
    ["RS256 of anybody", await new jose.SignJWT(good).setProtectedHeader({ alg: "RS256" }).sign(rsa.privateKey)],
    ["a public key as secret", raw({ alg: "HS256" }, good, rsa.publicKey.export({ type: "spki", format: "pem" }))],
    ["an empty secret", raw({ alg: "HS256" }, good, "")],
    ["another secret", await signed(good, {}, "x".repeat(64))],
    ["no signature", `${head}.${body}.`],
    ["a cut signature", `${head}.${body}.${mac.slice(0, -2)}`],
    ["a padded signature", `${head}.${body}.${mac}=`],
    ["a changed payload", `${head}.${b64({ ...good, sub: randomUUID() })}.${mac}`],
    ["two parts", `${head}.${body}`],
    ["four parts", `${fine}.x`],
    ["a critical extension", raw({ alg: "HS256", crit: ["exp"] }, good)],
    ["embedded key", raw({ alg: "HS256", jwk: { kty: "oct", k: b64("x") }, kid: "../../dev/null" }, good, "x")],
    ["typ of something else", await signed(good, { typ: "at+jwt" })],
    ["issuer", await signed({ ...good, iss: "evil" })],
    ["audience", await signed({ ...good, aud: "evil" })],
    ["audience as a list", await signed({ ...good, aud: ["codeset-api", "evil"] })],
    ["type", await signed({ ...good, type: "refresh" })],
    ["exp as text", await signed({ ...good, exp: String(now() + 60) })],
    ["exp as a fraction", raw({ alg: "HS256" }, { ...good, exp: now() + 60.5 })],
    ["exp beyond numbers", raw({ alg: "HS256" }, JSON.stringify(good).replace(/"exp":\d+/, '"exp":1e400'))],
    ["not yet", await signed({ ...good, nbf: now() + 120 })],
    ["from the future", await signed({ ...good, iat: now() + 120 })],
    ["sub that is nobody", await signed({ ...good, sub: randomUUID() })],
    ["sub that is no id", await signed({ ...good, sub: "1 OR 1=1" })],
    ["claims that are a list", raw({ alg: "HS256" }, "[]")],
    ["claims that are no JSON", raw({ alg: "HS256" }, "{")],
    ["nested too deep", raw({ alg: "HS256" }, `${'{"a":'.repeat(100)}1${"}".repeat(100)}`)],
    ["longer than any token", await signed({ ...good, padding: "x".repeat(5000) })],
    ["blank", " "], ["dots", ".."],
    ...await Promise.all(["iss", "aud", "sub", "type", "iat", "exp", "jti"].map(async (name) =>
      [`no ${name}`, await signed(without(name))])),
  ];
}

test("tokens with each classic flaw are refused", async () => {
  const { json } = await signIn();
  for (const [name, text] of await flawed(json.user_id)) {
    const answer = await api("GET", "/users/me", { token: text });
    assert.deepEqual([name, answer.status], [name, 401], answer.text);
    assert.equal(answer.headers["www-authenticate"]?.startsWith("Bearer"), true);
  }
});

test("an expired token says so, after a minute of grace", async () => {
  const { json } = await signIn();
  const at = (exp) => new jose.SignJWT({ iss: "codeset", aud: "codeset-api", sub: json.user_id, type: "access", jti: randomUUID(), iat: exp - 3600, exp })
    .setProtectedHeader({ alg: "HS256" }).sign(key(secret));
  assert.equal((await api("GET", "/users/me", { token: await at(now() - 30) })).status, 200);
  assertRefused(await api("GET", "/users/me", { token: await at(now() - 90) }), 401, "TOKEN_EXPIRED");
});

// --- keys ---------------------------------------------------------------------------------------

test("a key is shown once, masked afterwards, and dead when revoked", async () => {
  const { json } = await signIn();
  const token = json.access_token;
  const made = await api("POST", "/users/me/api-keys", { token, body: { name: "laptop" } });
  assert.equal(made.status, 200, made.text);
  const { key: text, key_id, ...rest } = made.json.api_key;
  assert.match(text, /^codeset_[0-9A-Za-z]{36}$/);
  assert.deepEqual([rest.name, rest.expires_at, rest.is_active, rest.last_used_at], ["laptop", null, true, null]);
  const me = await api("GET", "/users/me", { token: text });
  assert.equal(me.status, 200);
  assert.equal(me.json.api_keys.length, 1);
  assert.equal(me.json.api_keys[0].key, `${text.slice(0, 12)}...${text.slice(-4)}`);
  assert.ok(!me.text.includes(text));
  const stranger = await signIn();
  assertRefused(await api("DELETE", "/users/me/api-keys", { token: stranger.json.access_token, body: { key_id } }), 404, "API_KEY_NOT_FOUND");
  const gone = await api("DELETE", "/users/me/api-keys", { token, body: { key_id } });
  assert.deepEqual([gone.status, gone.json.revoked_key_id], [200, key_id]);
  assertRefused(await api("GET", "/users/me", { token: text }), 401, "INVALID_CREDENTIALS");
  const [kept, ...others] = (await api("GET", "/users/me", { token })).json.api_keys;
  assert.deepEqual(others, []);
  assert.deepEqual([kept.key_id, kept.is_active, kept.key], [key_id, false, `${text.slice(0, 12)}...${text.slice(-4)}`]);
});

test("the newest hundred of the revoked keys are shown, behind the active ones", async () => {
  const { json } = await signIn();
  const token = json.access_token;
  const ids = [];
  for (let i = 0; i < 103; i++) {
    const made = await api("POST", "/users/me/api-keys", { token, body: { name: `key ${i}` } });
    assert.equal(made.status, 200, made.text);
    ids.push(made.json.api_key.key_id);
    if (i < 102) await api("DELETE", "/users/me/api-keys", { token, body: { key_id: ids[i] } });
  }
  const keys = (await api("GET", "/users/me", { token })).json.api_keys;
  assert.deepEqual(keys.map((key) => key.is_active), [true, ...Array(100).fill(false)]);
  assert.deepEqual(keys.map((key) => key.key_id), [ids[102], ...ids.slice(2, 102).reverse()]);
});

test("use is recorded without a write a request", async () => {
  const { json } = await signIn();
  const text = (await api("POST", "/users/me/api-keys", { token: json.access_token, body: {} })).json.api_key.key;
  const read = async () => (await api("GET", "/users/me", { token: text })).json.api_keys[0].last_used_at;
  assert.equal(await read(), null, "what is told is the use before this one");
  const first = await read();
  assert.match(first, /Z$/);
  for (let i = 0; i < 5; i++) assert.equal(await read(), first);
});

test("keys end at the user's limit, however they race", async () => {
  const { json } = await signIn();
  const answers = await Promise.all(Array.from({ length: 12 }, () =>
    api("POST", "/users/me/api-keys", { token: json.access_token, body: { name: null } })));
  assert.equal(answers.filter((a) => a.status === 200).length, 5);
  const refused = answers.find((a) => a.status !== 200);
  assertRefused(refused, 429, "API_KEY_LIMIT");
  assert.match(refused.json.detail.message, /\b5\b/);
  assert.ok(refused.headers["retry-after"]);
});

// --- terms --------------------------------------------------------------------------------------

test("what costs money wants the terms accepted", async () => {
  const { json } = await signIn();
  const create = () => api("POST", "/sessions", { token: json.access_token, body: { dataset: "none", sample_id: "none" } });
  const job = () => api("POST", "/agent-jobs", { token: json.access_token, body: { repo: "public/hello", agent_id: "none" } });
  assertRefused(await create(), 403, "TERMS_NOT_ACCEPTED");
  assertRefused(await job(), 403, "TERMS_NOT_ACCEPTED");
  const accepted = await api("POST", "/users/me/accept-terms", { token: json.access_token });
  assert.equal(accepted.status, 200, accepted.text);
  assert.match(accepted.json.terms_accepted_at, /Z$/);
  assertRefused(await create(), 404, "SAMPLE_NOT_FOUND");
  assertRefused(await job(), 404, "AGENT_NOT_FOUND");
  const again = await api("POST", "/users/me/accept-terms", { token: json.access_token });
  assert.equal(again.json.terms_accepted_at, accepted.json.terms_accepted_at, "the first time counts");
});

test("terms that were accepted in another version are not accepted", async () => {
  const { json } = await signIn();
  const token = json.access_token;
  await api("POST", "/users/me/accept-terms", { token });
  sql(`UPDATE users SET terms_version='2020-01' WHERE user_id='${json.user_id}'`);
  assert.equal((await api("GET", "/users/me", { token })).json.terms_accepted_at, null);
  assertRefused(await api("POST", "/sessions", { token, body: { dataset: "none", sample_id: "none" } }), 403, "TERMS_NOT_ACCEPTED");
  const accepted = await api("POST", "/users/me/accept-terms", { token });
  assert.match(accepted.json.terms_accepted_at, /Z$/);
});

test("the operator accepts the terms for a user who has no page to do it on", async () => {
  const user = ctl("user", "add", "Without a page", "nopage@example.com").trim();
  const token = ctl("key", "add", user).trim();
  const create = () => api("POST", "/sessions", { token, body: { dataset: "none", sample_id: "none" } });
  assertRefused(await create(), 403, "TERMS_NOT_ACCEPTED");
  ctl("user", "accept-terms", user);
  assertRefused(await create(), 404, "SAMPLE_NOT_FOUND");
  assert.match((await api("GET", "/users/me", { token })).json.terms_accepted_at, /Z$/);
});

// --- repositories -------------------------------------------------------------------------------

test("repositories of all installations and all pages are listed", async () => {
  const many = await signIn("", "many", 600);
  const answer = await api("GET", "/repos", { token: many.json.access_token });
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.json.repos.length, 250);
  assert.equal(new Set(answer.json.repos.map((r) => r.full_name)).size, 250);
  assert.deepEqual(Object.keys(answer.json.repos[0]).sort(), ["full_name", "html_url", "private"]);
  const octo = await signIn("", "octo", nextOcto++);
  assert.equal((await api("GET", "/repos", { token: octo.json.access_token })).json.repos.length, 2);
});

test("whoever takes over a login doesn't see what its former owner's installations reach", async () => {
  const owner = await signIn("", "octo", nextOcto++);
  assert.equal((await api("GET", "/repos", { token: owner.json.access_token })).json.repos.length, 2);
  for (const number of [nextUser++, 600]) { // nobody's number, and one with installations under another login
    const heir = await signIn(number === 600 ? "heir" : "", "octo", number);
    assert.equal(heir.status, 200, heir.text);
    assertRefused(await api("GET", "/repos", { token: heir.json.access_token }), 403, "GITHUB_APP_NOT_INSTALLED");
  }
});

test("an account without the App is told to install it", async () => {
  for (const [login, number] of [["nobody", nextUser++], ["suspended", 700]]) {
    const { json } = await signIn("", login, number);
    assertRefused(await api("GET", "/repos", { token: json.access_token }), 403, "GITHUB_APP_NOT_INSTALLED");
  }
});

test("an App that GitHub fails has its codes too", async () => {
  for (const [mode, status, code] of [["down", 503, "GITHUB_UNAVAILABLE"], ["garbage", 502, "GITHUB_BAD_ANSWER"],
    ["wrongtype", 403, "GITHUB_APP_NOT_INSTALLED"], ["empty", 502, "GITHUB_BAD_ANSWER"],
    ["forbidden", 503, "GITHUB_UNAVAILABLE"], ["limited", 503, "GITHUB_UNAVAILABLE"], ["missing", 503, "GITHUB_UNAVAILABLE"]]) {
    const { json } = await signIn("", "octo", nextOcto++);
    await standin("POST", "/-/fault", mode);
    const answer = await api("GET", "/repos", { token: json.access_token });
    await standin("POST", "/-/fault", "");
    assert.deepEqual([mode, answer.status, answer.json?.detail?.code], [mode, status, code], answer.text);
  }
});

// --- every route --------------------------------------------------------------------------------

test("every route that wants credentials refuses every kind of bad ones", async () => {
  const routes = JSON.parse(execFileSync(env.CODESET_API, ["--routes"], { encoding: "utf8" }));
  const guarded = routes.filter((r) => r.auth === "bearer" && !r.awaited);
  assert.ok(guarded.length >= 15, `${guarded.length} guarded routes`);
  const { json } = await signIn();
  const made = await api("POST", "/users/me/api-keys", { token: json.access_token, body: {} });
  const good = made.json.api_key.key;
  await api("DELETE", "/users/me/api-keys", { token: json.access_token, body: { key_id: made.json.api_key.key_id } });
  const mistyped = good.slice(0, -1) + (good.endsWith("0") ? "1" : "0");
  const bad = [
    ["none", {}], ["empty", { Authorization: "" }], ["Bearer alone", { Authorization: "Bearer" }],
    ["Bearer and a blank", { Authorization: "Bearer " }], ["Basic", { Authorization: "Basic dTpw" }],
    ["no scheme", { Authorization: good }], ["revoked key", { Authorization: `Bearer ${good}` }],
    ["wrong checksum", { Authorization: `Bearer ${mistyped}` }], ["garbage", { Authorization: "Bearer \xff\xfe" }],
    ["long", { Authorization: `Bearer ${"a".repeat(4000)}` }], ["two tokens", { Authorization: `Bearer ${good} ${good}` }],
    ["SQL", { Authorization: "Bearer ' OR '1'='1" }],
    ...(await flawed(json.user_id)).filter(([name]) => ["alg none, no signature", "another secret", "type", "no exp"].includes(name))
      .map(([name, text]) => [name, { Authorization: `Bearer ${text}` }]),
  ];
  for (const route of guarded) {
    const path = route.pattern.replace(/\{[a-z_]+\}/g, "01900000-0000-7000-8000-000000000000");
    for (const [name, headers] of bad) {
      const options = { headers: { ...headers }, raw: ["POST", "DELETE", "PUT"].includes(route.method) ? "{}" : undefined };
      const answer = await request(route.method, `${origin}${path}`, options);
      assert.deepEqual([route.method, route.pattern, name, answer.status],
        [route.method, route.pattern, name, 401], answer.text);
      assert.match(answer.headers["www-authenticate"], /^Bearer/);
    }
  }
});

test("browsers of the configured origins may call, others not", async () => {
  const preflight = (Origin) => request("OPTIONS", `${origin}/api/v1/users/me`,
    { headers: { Origin, "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization" } });
  const good = await preflight("https://console.example");
  assert.equal(good.status, 204);
  assert.equal(good.headers["access-control-allow-origin"], "https://console.example");
  assert.match(good.headers["access-control-allow-headers"], /authorization/i);
  assert.ok(Number(good.headers["access-control-max-age"]) > 0);
  assert.match(good.headers.vary, /Origin/i);
  for (const origin of ["https://evil.example", "null", "https://console.example.evil", "http://console.example"])
    assert.equal((await preflight(origin)).headers["access-control-allow-origin"], undefined);
});

test("a page may read that a path is unknown", async () => {
  const Origin = "https://console.example";
  for (const path of ["/api/v1/nothing", "/api/v1/sessions/x/nothing"]) {
    const asked = await request("OPTIONS", origin + path,
      { headers: { Origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization" } });
    assert.equal(asked.status, 204);
    assert.equal(asked.headers["access-control-allow-origin"], Origin);
    assert.match(asked.headers["access-control-allow-methods"], /POST/);
    assert.match(asked.headers["access-control-allow-headers"], /authorization/i);
    const answer = await request("POST", origin + path, { headers: { Origin }, body: {} });
    assertRefused(answer, 404, "NOT_FOUND");
    assert.equal(answer.headers["access-control-allow-origin"], Origin);
  }
});

test("pages without end are given up before nginx gives up the worker", async () => {
  assertRefused(await endless, 504, "GITHUB_TIMEOUT"); // nginx's own has another code
});

test("a worker does not start with secrets that it can't use", () => {
  const conf = readFileSync(`${env.CODESET_STACK}/etc/codeset.conf`, "utf8");
  const folder = mkdtempSync(join(tmpdir(), "accounts-"));
  for (const [setting, content, said] of [["github_app_key_file", "no PEM\n", "not an RSA private key"],
    ["github_client_secret_file", "\n", "is empty"], ["token_secret_file", "short\n", "at least 32 bytes"]]) {
    writeFileSync(`${folder}/secret`, content);
    writeFileSync(`${folder}/conf`, conf.replace(new RegExp(`^${setting} = .*$`, "m"), `${setting} = ${folder}/secret`));
    for (const options of [[], ["--check"]]) {
      const run = spawnSync(env.CODESET_API, ["--config", `${folder}/conf`, ...options], { encoding: "utf8", input: "" });
      assert.equal(run.status, 1, run.stderr);
      assert.ok(run.stderr.includes("start_failed") && run.stderr.includes(said) && run.stderr.includes(folder), run.stderr);
    }
  }
  rmSync(folder, { recursive: true });
  const good = spawnSync(env.CODESET_API, ["--config", `${env.CODESET_STACK}/etc/codeset.conf`, "--check"], { encoding: "utf8", input: "" });
  assert.deepEqual([good.status, good.stdout + good.stderr], [0, ""], "--check of what can be used");
});

test("a worker reads the secrets of its own pool alone", () => {
  const conf = readFileSync(`${env.CODESET_STACK}/etc/codeset.conf`, "utf8");
  const folder = mkdtempSync(join(tmpdir(), "accounts-"));
  const starts = (pool, setting) => {
    writeFileSync(`${folder}/conf`, conf.replace(new RegExp(`^${setting} = .*$`, "m"), `${setting} = ${folder}/none`));
    const run = spawnSync(env.CODESET_API, ["--config", `${folder}/conf`, "--check", "--pool", pool], { encoding: "utf8" });
    assert.equal(run.stderr.includes(`${folder}/none`), run.status === 1, run.stderr);
    return run.status === 0;
  };
  for (const [setting, pools] of [["github_client_secret_file", ["outbound"]], ["github_app_key_file", ["outbound"]], ["api_key_file", ["outbound"]],
    ["webhook_secrets_file", ["api"]], ["token_secret_file", ["api", "outbound"]], ["db_api_password_file", ["api", "outbound"]]]) {
    assert.match(conf, new RegExp(`^${setting} = .`, "m"), `the stack sets ${setting}`);
    for (const pool of ["api", "outbound"]) assert.equal(starts(pool, setting), !pools.includes(pool), `${pool} without ${setting}`);
  }
  rmSync(folder, { recursive: true });
});

test("GitHub was never sent what it would refuse", async () => {
  assert.deepEqual((await standin("GET", "/-/violations")).json, []);
});

test("no secret is in a log", () => {
  const text = logs();
  for (const pattern of [secret, oldSecret, "standin-secret", /gh[os]_/, /codeset_[0-9A-Za-z]{36}/, /eyJ[A-Za-z0-9_-]{20,}/])
    assert.ok(typeof pattern === "string" ? !text.includes(pattern) : !pattern.test(text), `found ${pattern}`);
});
