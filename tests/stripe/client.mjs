// What the tests of deposits stand on: the API as a client sees it, webhooks signed by Stripe's own library, the
// stand-in's controls, the database for what no answer tells.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import https from "node:https";
import Stripe from "stripe";
import { assertRefused, ctl, origin, requester, sql } from "./api.mjs";

const env = process.env;
const agent = new https.Agent({ keepAlive: true, ca: readFileSync(env.CODESET_CA) });
export const secret = readFileSync(`${env.CODESET_STACK}/etc/stripe/webhook-secrets`, "utf8").trim().split("\n")[0];

export { assertRefused, ctl, sql };
export const request = requester(agent);

export const api = (method, path, options) => request(method, `${origin}/api/v1${path}`, options);
export const stack = (...words) =>
  new Promise((resolve, reject) =>
    execFile(env.CODESET_STACK_TOOL, ["--dir", env.CODESET_STACK, ...words], (error) => (error ? reject(error) : resolve())));

/** Until it holds; the time only ends a hang. */
export async function until(what, holds) {
  for (const end = Date.now() + 120_000; ; ) {
    const value = await holds();
    if (value) return value;
    assert.ok(Date.now() < end, `it never came: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

// ---- users and their money

let users = 0;
export function newUser() {
  const user = JSON.parse(ctl("--json", "user", "add", "A Payer", `payer${++users}@example.com`)).user_id;
  const token = JSON.parse(ctl("--json", "key", "add", user)).key;
  return { user, token };
}

/** What the user's paid money comes to; the entries must say the same. */
export function paid({ user }) {
  const [[cached, summed]] = sql(`SELECT IFNULL((SELECT paid_cents FROM balances WHERE user_id='${user}'), 0), IFNULL(SUM(e.amount_cents), 0)
    FROM ledger_entries e JOIN ledger_transactions t USING (transaction_id) WHERE t.user_id='${user}' AND e.account='user_paid'`);
  assert.equal(cached, summed, "the balance is the sum of the entries");
  return Number(cached);
}

export const movements = ({ user }) =>
  sql(`SELECT kind, amount_cents FROM ledger_transactions WHERE user_id='${user}' ORDER BY user_seq`).map(([kind, cents]) => `${kind} ${cents}`);

export const paidIs = (who, cents) => until(`paid money of ${cents} cents`, () => paid(who) === cents);

// ---- the stand-in

export const standin = async (method, path, body) => (await request(method, `${env.CODESET_STRIPE_STANDIN}${path}`, { body })).json;
export const fault = (word) => standin("POST", "/-/fault", { word });
export const hold = (held) => standin("POST", "/-/hooks", { held });
export const act = async (session, action, more = {}) => (await standin("POST", "/-/act", { session: session.id, action, ...more })).events;

export const deposit = (who, body = { amount_cents: 1000 }) => api("POST", "/billing/deposit", { token: who.token, body });

/** The session of the page that the user is sent to. */
export async function session(who, cents = 1000, more = {}) {
  const answer = await deposit(who, { amount_cents: cents, ...more });
  assert.equal(answer.status, 200, answer.text);
  const id = new URL(answer.json.checkout_url).pathname.split("/").pop();
  const found = (await standin("GET", "/-/session")).find((s) => s.id === id);
  return { ...found, checkout: found.client_reference_id };
}

// ---- webhooks

export const header = (payload, more = {}) => Stripe.webhooks.generateTestHeaderString({ payload, secret, ...more });

export const post = (payload, signature = header(payload)) =>
  api("POST", "/billing/webhook", { raw: payload, headers: signature === null ? {} : { "Stripe-Signature": signature } });

let made = 0;
export function event(type, object, more = {}) {
  return { id: `evt_test_own${++made}x${process.pid}`, object: "event", api_version: "2025-09-30.clover", type, livemode: false,
    created: Math.floor(Date.now() / 1000), data: { object }, ...more };
}

/** A session as Stripe tells of it when it was paid. */
export const paidSession = (of, more = {}) => ({
  id: of.id, object: "checkout.session", amount_subtotal: of.amount_subtotal, amount_total: of.amount_subtotal, currency: "usd",
  livemode: false, metadata: { codeset_checkout: of.checkout }, mode: "payment", payment_intent: `pi_${of.id}`,
  payment_status: "paid", status: "complete", total_details: { amount_discount: 0, amount_tax: 0, amount_shipping: 0 }, url: null, ...more });

export async function tell(what) {
  const answer = await post(JSON.stringify(what));
  assert.equal(answer.status, 200, answer.text);
  assert.deepEqual(answer.json, { received: true });
  return what.id;
}

export const stateOf = (id) => sql(`SELECT state, IFNULL(reason, '') FROM stripe_events WHERE event_id='${id}'`)[0];
export const settled = (id, state) =>
  until(`event ${id} is ${state}`, () => stateOf(id)?.[0] === state || (stateOf(id)?.[0] === "quarantined" && assert.fail(`quarantined: ${stateOf(id)[1]}`)));
export const quarantined = (id) => until(`event ${id} is quarantined`, () => stateOf(id)?.[0] === "quarantined" || (stateOf(id)?.[0] === "applied" && assert.fail("applied")));
