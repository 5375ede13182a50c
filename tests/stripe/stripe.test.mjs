// Deposits from the first click to the ledger, against the stand-in for Stripe and by events of the tests' own, which are
// signed by Stripe's library. Run by tests/stripe/run. Each way in which others lost money is a test by name.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { histories } from "./histories.mjs";
import {
  act, api, assertRefused, ctl, deposit, event, fault, header, hold, movements, newUser, paid, paidIs, paidSession, post,
  quarantined, secret, session, settled, sql, stack, standin, stateOf, tell, until,
} from "./client.mjs";

after(async () => {
  await fault("");
  assert.deepEqual(await standin("GET", "/-/violations"), [], "nothing that Stripe would refuse was sent");
});

// ---- signatures

test("an event that Stripe's own library signed is kept, and answered", async () => {
  const id = await tell(event("customer.created", { id: "cus_1", object: "customer" }));
  await settled(id, "ignored");
});

test("what is not signed, or by another secret, or over other bytes, is refused and not kept", async () => {
  const what = event("customer.created", { id: "cus_1" });
  const payload = JSON.stringify(what);
  const good = header(payload);
  const [, t, v1] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(good);
  const bad = [null, "", "t=", "nonsense", `t=${t}`, `v1=${v1}`, `t=${t},v0=${v1}`, `t=${t},v1=${v1.toUpperCase()}`, `t=${t},v1=${v1.slice(1)}`,
    `t=${t},v1=${"0".repeat(64)}`, `t=${Number(t) + 1},v1=${v1}`, `t=${t},t=${t},v1=${v1}`, `t=-${t},v1=${v1}`, `t=${t}${"0".repeat(20)},v1=${v1}`,
    `${good}${",v1=00".repeat(1000)}`, header(payload, { secret: "whsec_another" }), header(`${payload} `), header(payload, { scheme: "v2" })];
  for (const signature of bad) assertRefused(await post(payload, signature), 400, "STRIPE_SIGNATURE_INVALID");
  assertRefused(await post(`${payload}\n`, good), 400, "STRIPE_SIGNATURE_INVALID");
  assertRefused(await post(JSON.stringify(what, null, 1), good), 400, "STRIPE_SIGNATURE_INVALID");
  assert.equal(stateOf(what.id), undefined);
});

test("a signature is good for 300 seconds to both sides of now, and no longer", async () => {
  const at = (seconds) => {
    const what = event("customer.created", { id: "cus_1" });
    const payload = JSON.stringify(what);
    return post(payload, header(payload, { timestamp: Math.floor(Date.now() / 1000) + seconds }));
  };
  for (const seconds of [-240, 240]) assert.equal((await at(seconds)).status, 200);
  for (const seconds of [-360, 360, -86400, 86400]) assertRefused(await at(seconds), 400, "STRIPE_SIGNATURE_INVALID");
});

test("while a secret is rolled, signatures of both are good", async () => {
  const payload = JSON.stringify(event("customer.created", { id: "cus_1" }));
  const old = header(payload, { secret: "whsec_another" });
  const both = `${old},v1=${header(payload).split("v1=")[1]}`;
  assert.equal((await post(payload, both)).status, 200);
});

test("a signed body that is no event is refused", async () => {
  for (const payload of ["", "{", "[]", "null", "{}", JSON.stringify({ ...event("x.y", {}), id: 5 }), JSON.stringify({ ...event("x.y", {}), created: -1 }),
    JSON.stringify({ ...event("x.y", {}), type: "a b" }), JSON.stringify({ ...event("x.y", {}), id: "e".repeat(400) }), `${JSON.stringify(event("x.y", {}))}x`])
    assertRefused(await post(payload), 400, "STRIPE_EVENT_INVALID");
});

test("a body that is too large is refused before it is read", async () => {
  assertRefused(await post("x".repeat(600 * 1024), "t=1,v1=0"), 413, "BODY_TOO_LARGE");
});

// ---- deposits

test("a deposit leads to Stripe's page, with the amount, our id and the pages to return to", async () => {
  const who = newUser();
  const page = await session(who, 1234);
  assert.equal(page.amount_total, 1234);
  assert.equal(page.currency, "usd");
  assert.equal(page.mode, "payment");
  assert.equal(page.success_url, "https://console.example/dashboard/credits?payment=success");
  assert.equal(page.cancel_url, "https://console.example/dashboard/credits?payment=cancelled");
  assert.deepEqual(page.metadata, { codeset_checkout: page.checkout });
  assert.deepEqual(page["-intent-metadata"], { codeset_checkout: page.checkout });
  assert.match(page["-receipt"], /^payer/);
  assert.deepEqual(sql(`SELECT user_id, amount_cents, state FROM stripe_checkouts WHERE checkout_id='${page.checkout}'`), [[who.user, "1234", "open"]]);
});

test("many impatient clicks lead to one page, not to a new checkout each", async () => {
  const who = newUser();
  const before = (await standin("GET", "/-/session")).length;
  await fault("delay");
  const answers = await Promise.all(Array.from({ length: 8 }, () => deposit(who)));
  await fault("");
  assert.deepEqual(answers.map((a) => a.status), Array(8).fill(200), answers.map((a) => a.text).join("\n"));
  assert.equal(new Set(answers.map((a) => a.json.checkout_url)).size, 1);
  assert.equal((await standin("GET", "/-/session")).length, before + 1);
  assert.equal((await deposit(who)).json.checkout_url, answers[0].json.checkout_url);
});

test("another amount, other pages to return to, and a page that was paid, make another page", async () => {
  const who = newUser();
  const first = await session(who);
  assert.notEqual((await session(who, 1001)).id, first.id);
  assert.notEqual((await session(who, 1000, { success_url: "https://agents.example/a?job=1&x=%20" })).id, first.id);
  assert.equal((await session(who)).id, first.id);
  await act(first, "pay");
  await paidIs(who, 1000);
  assert.notEqual((await session(who)).id, first.id);
});

test("one customer of Stripe's is kept for a user, and made again where Stripe has lost it", async () => {
  const who = newUser();
  const first = await session(who, 500);
  assert.equal((await session(who, 501)).customer, first.customer);
  assert.deepEqual(sql(`SELECT customer_id FROM stripe_customers WHERE user_id='${who.user}'`), [[first.customer]]);
  assert.equal((await api("GET", "/billing/balance", who)).json.stripe_customer_id, first.customer);
  await standin("POST", "/-/forget-customers");
  assert.notEqual((await session(who, 502)).customer, first.customer);
});

test("an amount out of range, another currency and faulty fields are refused", async () => {
  const who = newUser();
  for (const body of [{}, { amount_cents: 99 }, { amount_cents: 100001 }, { amount_cents: 0 }, { amount_cents: -1000 }, { amount_cents: "x" },
    { amount_cents: 10.5 }, { amount_cents: 1000, currency: "eur" }, { amount_cents: 1000, success_url: 5 }, { amount_cents: 1000, success_url: "https://console.example/".padEnd(3000, "x") }])
    assert.equal((await deposit(who, body)).status, 422, JSON.stringify(body));
  assert.equal((await api("POST", "/billing/deposit", { body: { amount_cents: 1000 } })).status, 401);
});

test("users return to the operator's origins, and nowhere else", async () => {
  const who = newUser();
  for (const success_url of ["https://console.example", "https://console.example/a/b?x=1#y", "https://agents.example/?q", "http://localhost:3000/agent?a=b&c={CHECKOUT_SESSION_ID}"])
    assert.equal((await deposit(who, { amount_cents: 700, success_url, currency: "usd", cancel_url: null })).status, 200, success_url);
  for (const url of ["https://evil.example/", "https://console.example.evil.example/", "https://console.example@evil.example/", "https://console.example:444/",
    "https://console.example\\@evil.example/", "//console.example/", "/dashboard", "javascript:alert(1)", "http://console.example/", "https://console.example/\n", "https://console.exampl",
    "https://console.example/ x", "https://console.example/\u00e9"]) {
    assertRefused(await deposit(who, { amount_cents: 700, success_url: url }), 400, "RETURN_URL_NOT_ALLOWED");
    assertRefused(await deposit(who, { amount_cents: 700, cancel_url: url }), 400, "RETURN_URL_NOT_ALLOWED");
  }
});

test("open deposits of a user are limited", async () => {
  const who = newUser();
  for (let i = 0; i < 20; i++) assert.equal((await deposit(who, { amount_cents: 1000 + i })).status, 200);
  const answer = await deposit(who, { amount_cents: 2000 });
  assertRefused(answer, 429, "DEPOSIT_LIMIT");
  assert.match(answer.json.detail.message, /20/);
  assert.ok(Number(answer.headers["retry-after"]) > 0);
  assert.equal((await deposit(who, { amount_cents: 1000 })).status, 200, "those that are open are given again");
});

test("each way in which Stripe fails has its own code, and the next deposit works", async () => {
  const cases = [["slow", 504, "STRIPE_TIMEOUT"], ["down", 503, "STRIPE_UNAVAILABLE"], ["garbage", 502, "STRIPE_BAD_ANSWER"], ["html", 502, "STRIPE_BAD_ANSWER"],
    ["empty", 502, "STRIPE_BAD_ANSWER"], ["wrongtype", 502, "STRIPE_BAD_ANSWER"], ["redirect", 503, "STRIPE_UNAVAILABLE"], ["hangup", 502, "STRIPE_BAD_ANSWER"],
    ["limited", 503, "STRIPE_UNAVAILABLE"], ["unauthorized", 503, "STRIPE_UNAVAILABLE"]];
  const who = newUser();
  await session(who, 999); // has a customer
  for (const [i, [word, status, code]] of cases.entries()) {
    await fault(word);
    const answer = await deposit(who, { amount_cents: 1000 + i });
    await fault("");
    assertRefused(answer, status, code);
    assert.ok(!answer.text.includes("sk_"), "Stripe's sentences are not repeated");
    assert.equal((await deposit(who, { amount_cents: 1000 + i })).status, 200, word);
  }
});

test("a page whose making was not told of is the same page when it is asked for again", async () => {
  const who = newUser();
  await session(who, 999);
  const before = (await standin("GET", "/-/session")).length;
  await fault("lost");
  const answer = await deposit(who, { amount_cents: 1500 }); // libcurl may have asked again by itself
  if (answer.status !== 200) assertRefused(answer, 502, "STRIPE_BAD_ANSWER");
  await fault("");
  await session(who, 1500);
  assert.equal((await standin("GET", "/-/session")).length, before + 1);
});

// ---- credit

test("a payment is credited once its webhook has come", async () => {
  const who = newUser();
  const page = await session(who, 2500);
  await act(page, "pay");
  await paidIs(who, 2500);
  assert.deepEqual(movements(who), ["deposit 2500"]);
  const [entry] = JSON.parse(ctl("--json", "audit", "log", "--user", who.user, "--kind", "money.deposit"));
  assert.equal(entry.actor, "daemon");
  assert.match(entry.detail, /^2500 cents, checkout:cs_/);
});

test("the browser's redirect alone credits nothing", async () => {
  const who = newUser();
  const page = await session(who, 2500);
  await until("Stripe was asked about the page twice", async () =>
    (await standin("GET", "/-/requests")).filter((r) => r === `GET /v1/checkout/sessions/${page.id}`).length >= 2);
  assert.deepEqual(movements(who), []);
});

test("a replay after the credit credits nothing", async () => {
  const who = newUser();
  const page = await session(who);
  const [, completed] = await act(page, "pay");
  await paidIs(who, 1000);
  const attempts = async () => (await standin("GET", "/-/attempts"))[completed];
  await until("the event was delivered", async () => (await attempts()) >= 1);
  const before = await attempts();
  await standin("POST", "/-/deliver", { event: completed });
  await until("the replay was delivered", async () => (await attempts()) > before);
  await settled(await tell(event("checkout.session.completed", paidSession(page, { payment_intent: null }))), "applied");
  assert.deepEqual(movements(who), ["deposit 1000"]);
});

test("two handlers of one event in the same millisecond credit once", async () => {
  const who = newUser();
  const page = await session(who);
  const payload = JSON.stringify(event("checkout.session.completed", paidSession(page)));
  const answers = await Promise.all(Array.from({ length: 16 }, () => post(payload)));
  assert.deepEqual(answers.map((a) => a.status), Array(16).fill(200));
  await paidIs(who, 1000);
  assert.deepEqual(movements(who), ["deposit 1000"]);
});

test("sixteen events of one payment at the same time credit once", async () => {
  const who = newUser();
  const page = await session(who);
  const ids = await Promise.all(Array.from({ length: 16 }, (_, i) =>
    tell(event(`checkout.session.${i % 2 ? "completed" : "async_payment_succeeded"}`, paidSession(page)))));
  for (const id of ids) await settled(id, "applied");
  assert.deepEqual(movements(who), ["deposit 1000"]);
});

test("a slow payment is credited when it succeeds, and not by the completed session and the later success event both", async () => {
  const who = newUser();
  const page = await session(who);
  const [completed] = await act(page, "pay_later");
  await settled(completed, "applied");
  assert.deepEqual(movements(who), [], "it is not paid yet");
  const [succeeded] = await act(page, "succeed");
  await settled(succeeded, "applied");
  await settled(await tell(event("checkout.session.completed", paidSession(page, { payment_intent: null }))), "applied");
  assert.deepEqual(movements(who), ["deposit 1000"]);
});

test("a slow payment that fails, and a page that expires, credit nothing", async () => {
  const who = newUser();
  const failing = await session(who, 1000), expiring = await session(who, 1100);
  await act(failing, "pay_later");
  const [failed] = await act(failing, "fail");
  const [expired] = await act(expiring, "expire");
  await settled(failed, "applied");
  await settled(expired, "applied");
  assert.deepEqual(movements(who), []);
  assert.deepEqual(sql(`SELECT state FROM stripe_checkouts WHERE user_id='${who.user}' ORDER BY amount_cents`), [["failed"], ["expired"]]);
  const late = await tell(event("checkout.session.async_payment_succeeded", paidSession(failing)));
  await settled(late, "applied");
  assert.equal(paid(who), 1000, "money that comes after all is credited");
});

test("an event before its local row waits, and is applied when the row is there", async () => {
  const who = newUser();
  const page = await session(who);
  const checkout = "01a22493-0000-7000-8000-00000000abcd";
  const id = await tell(event("checkout.session.completed", paidSession({ ...page, id: "cs_test_before", checkout })));
  await until("it was tried", () => stateOf(id)[1] !== "");
  assert.equal(stateOf(id)[0], "due");
  sql(`INSERT INTO stripe_checkouts (checkout_id, user_id, amount_cents, livemode, allows_promotions, allows_tax, success_url, cancel_url,
    urls_hash, expires_at) VALUES ('${checkout}', '${who.user}', 1000, 0, 0, 0, '', '', REPEAT('x', 32), NOW(6) + INTERVAL 1 HOUR)`);
  await settled(id, "applied");
  assert.equal(paid(who), 1000);
});

test("an event that was seen, and whose crediting fails, stays due until it is applied", async () => {
  const who = newUser();
  const page = await session(who);
  sql("REVOKE INSERT ON codeset.ledger_entries FROM 'codeset-reaper'@'localhost'");
  const id = await tell(event("checkout.session.completed", paidSession(page)));
  try {
    await until("it was tried", () => stateOf(id)[1] !== "");
    assert.equal(stateOf(id)[0], "due");
    assert.deepEqual(movements(who), []);
  } finally {
    sql("GRANT INSERT ON codeset.ledger_entries TO 'codeset-reaper'@'localhost'");
  }
  await settled(id, "applied");
  assert.deepEqual(movements(who), ["deposit 1000"]);
});

test("events that come while the daemon is away are answered, and credited when it is back", async () => {
  const who = newUser();
  const page = await session(who);
  await stack("kill", "reaper");
  const id = await tell(event("checkout.session.completed", paidSession(page)));
  assert.equal(stateOf(id)[0], "due");
  await stack("start", "reaper");
  await settled(id, "applied");
  assert.deepEqual(movements(who), ["deposit 1000"]);
});

test("a wrong amount, currency, mode or session is quarantined, and never credited", async () => {
  const who = newUser();
  const page = await session(who);
  sql(`UPDATE stripe_checkouts SET allows_promotions=0, allows_tax=0 WHERE checkout_id='${page.checkout}'`);
  const wrong = [{ amount_subtotal: 100000, amount_total: 100000 }, { amount_subtotal: 1 }, { amount_total: 1 }, { amount_total: 999 }, { amount_total: 2000 }, { currency: "eur" },
    { currency: "jpy" }, { mode: "subscription" }, { mode: "setup" }, { livemode: true }, { id: "cs_test_other" },
    { amount_total: 0, total_details: { amount_discount: 1000, amount_tax: 0 } }, { amount_total: 500, total_details: { amount_discount: 500, amount_tax: 0 } },
    { amount_total: 1100, total_details: { amount_discount: 0, amount_tax: 100 } }, { payment_status: "no_payment_required" }, { amount_total: -1000, amount_subtotal: -1000 },
    { amount_subtotal: "1000" }, { currency: null }, { metadata: { codeset_checkout: "nonsense" }, id: "cs_x" }];
  for (const more of wrong) {
    const id = await tell(event("checkout.session.completed", paidSession(page, more)));
    await quarantined(id);
    assert.ok(stateOf(id)[1].length > 10, "it says why");
  }
  assert.deepEqual(movements(who), []);
  await settled(await tell(event("checkout.session.completed", paidSession(page))), "applied");
  assert.equal(paid(who), 1000);
});

test("a negative or zero price of Stripe's is quarantined, and credits nothing", async () => {
  const who = newUser();
  const page = await session(who);
  for (const amount of [0, -1, -1000, -(2 ** 53)])
    for (const more of [{ amount_subtotal: amount, amount_total: amount }, { amount_total: amount }, { amount_subtotal: amount },
      { amount_total: amount, total_details: { amount_discount: 0, amount_tax: 0 }, payment_status: "no_payment_required" }])
      await quarantined(await tell(event("checkout.session.completed", paidSession(page, more))));
  assert.deepEqual(movements(who), []);
  await settled(await tell(event("checkout.session.completed", paidSession(page))), "applied");
  assert.equal(paid(who), 1000);
});

test("an unpaid session, and one of another shop on the same account, move nothing", async () => {
  const who = newUser();
  const page = await session(who);
  await settled(await tell(event("checkout.session.completed", paidSession(page, { payment_status: "unpaid", status: "open" }))), "applied");
  await settled(await tell(event("checkout.session.completed", paidSession(page, { id: "cs_test_shop", payment_intent: "pi_shop", metadata: {} }))), "ignored");
  await settled(await tell(event("charge.refunded", { id: "ch_shop", object: "charge", amount: 5, amount_refunded: 5, currency: "usd", livemode: false, payment_intent: "pi_shop", metadata: {} })), "ignored");
  assert.deepEqual(movements(who), []);
});

test("taxes are no credit, and what a promotion code took off is granted, not paid", async () => {
  const taxed = newUser(), promoted = newUser(), free = newUser();
  await act(await session(taxed), "pay", { tax: 190 });
  await act(await session(promoted), "pay", { discount: 200 });
  await act(await session(free), "pay", { discount: 1000 });
  await paidIs(taxed, 1000);
  await paidIs(promoted, 800);
  await until("the grant", () => movements(free).length === 1);
  assert.deepEqual(movements(taxed), ["deposit 1000"]);
  assert.deepEqual(movements(promoted), ["deposit 800", "promotion 200"]);
  assert.deepEqual(movements(free), ["promotion 1000"]);
});

// ---- what is taken back

test("refunds take the credit back, in parts and as a whole, in any order and any number of times", async () => {
  const who = newUser();
  const page = await session(who);
  await act(page, "pay");
  await paidIs(who, 1000);
  const told = [];
  for (const amount of [300, 200, 500]) told.push((await act(page, "refund", { amount, deliver: false, listed: false }))[0]);
  const deliver = (id) => standin("POST", "/-/deliver", { event: id });
  await deliver(told[1]);
  await settled(told[1], "applied");
  assert.equal(paid(who), 500, "the sum of the refunds so far counts");
  await deliver(told[0]);
  await settled(told[0], "applied");
  assert.equal(paid(who), 500);
  await deliver(told[2]);
  await deliver(told[1]);
  await settled(told[2], "applied");
  assert.equal(paid(who), 0);
  assert.deepEqual(movements(who), ["deposit 1000", "card_refund -500", "card_refund -500"]);
});

test("refunds of a taxed payment take back their share of the credit, to the cent in the end", async () => {
  const who = newUser();
  const page = await session(who);
  await act(page, "pay", { tax: 190 });
  await paidIs(who, 1000);
  await act(page, "refund", { amount: 595 });
  await paidIs(who, 500);
  await act(page, "refund", { amount: 100 });
  await paidIs(who, 416);
  await act(page, "refund", { amount: 495 });
  await paidIs(who, 0);
});

test("a refund of money that was spent leaves debt", async () => {
  const who = newUser();
  const page = await session(who);
  await act(page, "pay");
  await paidIs(who, 1000);
  sql(`SET @spent = UUID(); START TRANSACTION;
    INSERT INTO ledger_transactions (transaction_id, event_key, kind, user_id, amount_cents, description)
      VALUES (@spent, @spent, 'agent_job_usage', '${who.user}', -800, 'a test');
    INSERT INTO ledger_entries (transaction_id, account, amount_cents) VALUES (@spent, 'user_paid', -800), (@spent, 'revenue', 800);
    UPDATE balances SET balance_cents=balance_cents-800, paid_cents=paid_cents-800, total_spent_cents=800 WHERE user_id='${who.user}'; COMMIT`);
  await act(page, "refund", { amount: 1000 });
  await paidIs(who, -800);
});

test("a refund, or a chargeback, that makes a balance low is told in the log, once", async () => {
  const { readFileSync } = await import("node:fs");
  const who = newUser();
  const page = await session(who);
  const told = () => readFileSync(`${process.env.CODESET_LOGS}/reaper.log`, "utf8").split("\n")
    .filter((line) => line.includes("event=balance_low") && line.includes(who.user)).map((line) => /balance_cents=(-?\d+)/.exec(line)[1]);
  ctl("user", "limit", who.user, "--low-balance-cents", "900");
  await act(page, "pay");
  await paidIs(who, 1000);
  assert.deepEqual(told(), []);
  for (const amount of [100, 50, 50]) await settled((await act(page, "refund", { amount }))[0], "applied");
  await until("the log has it", () => told().length > 0);
  assert.deepEqual(told(), ["850"]);
  const second = await session(who, 500);
  await act(second, "pay");
  await paidIs(who, 1300);
  await settled((await act(second, "dispute", { amount: 500 }))[0], "applied");
  await until("the log has it", () => told().length > 1);
  assert.deepEqual(told(), ["850", "800"]);
});

test("a refund above what was paid is quarantined", async () => {
  const who = newUser();
  const page = await session(who);
  await act(page, "pay");
  await paidIs(who, 1000);
  const [[intent]] = sql(`SELECT payment_intent FROM stripe_checkouts WHERE checkout_id='${page.checkout}'`);
  const charge = { id: "ch_1", object: "charge", amount: 1000, amount_refunded: 1000, currency: "usd", livemode: false, payment_intent: intent, metadata: { codeset_checkout: page.checkout } };
  for (const more of [{ amount_refunded: 1001 }, { amount: 5000, amount_refunded: 5000 }, { currency: "eur" }, { livemode: true }, { payment_intent: "pi_other" }, { amount_refunded: -1 }, { amount_refunded: null }])
    await quarantined(await tell(event("charge.refunded", { ...charge, ...more })));
  await quarantined(await tell(event("charge.dispute.created", { ...charge, object: "dispute", id: "du_1", status: "needs_response", amount: 1001 })));
  assert.equal(paid(who), 1000);
});

test("a refund that comes before its payment waits for it", async () => {
  const who = newUser();
  const page = await session(who);
  const charge = { id: "ch_1", object: "charge", amount: 1000, amount_refunded: 400, currency: "usd", livemode: false, payment_intent: `pi_${page.id}`, metadata: { codeset_checkout: page.checkout } };
  const id = await tell(event("charge.refunded", charge));
  await until("it was tried", () => stateOf(id)[1] !== "");
  assert.equal(stateOf(id)[0], "due");
  await tell(event("checkout.session.completed", paidSession(page)));
  await settled(id, "applied");
  assert.equal(paid(who), 600);
});

test("a chargeback takes the credit back, and one that is won gives it again", async () => {
  for (const [status, rest] of [["lost", 0], ["won", 1000]]) {
    const who = newUser();
    const page = await session(who);
    await act(page, "pay");
    await paidIs(who, 1000);
    await act(page, "dispute", { amount: 1000 });
    await paidIs(who, 0);
    for (const id of await act(page, "close", { status })) await settled(id, "applied");
    assert.equal(paid(who), rest, status);
    assert.equal(movements(who).length, status === "won" ? 3 : 2);
  }
});

test("a dispute whose end comes first comes to the same", async () => {
  const who = newUser();
  const page = await session(who);
  await act(page, "pay");
  await paidIs(who, 1000);
  const opened = await act(page, "dispute", { amount: 600, deliver: false, listed: false });
  const closed = await act(page, "close", { status: "won", deliver: false, listed: false });
  for (const id of [...closed.reverse(), ...opened.reverse()]) {
    await standin("POST", "/-/deliver", { event: id });
    await settled(id, "applied");
    assert.equal(paid(who), 1000);
  }
});

test("an inquiry takes nothing, and a dispute that it becomes takes the money", async () => {
  const who = newUser();
  const page = await session(who);
  await act(page, "pay");
  await paidIs(who, 1000);
  for (const id of await act(page, "dispute", { amount: 1000, status: "warning_needs_response" })) await settled(id, "applied");
  assert.equal(paid(who), 1000);
  const [[intent]] = sql(`SELECT payment_intent FROM stripe_checkouts WHERE checkout_id='${page.checkout}'`);
  const dispute = { id: "du_escalated", object: "dispute", amount: 1000, currency: "usd", livemode: false, payment_intent: intent, charge: "ch_1", status: "needs_response" };
  await settled(await tell(event("charge.dispute.funds_withdrawn", dispute)), "applied");
  assert.equal(paid(who), 0);
});

test("refunds and disputes together take no more than was paid", async () => {
  const who = newUser();
  const page = await session(who);
  await act(page, "pay");
  await paidIs(who, 1000);
  await act(page, "refund", { amount: 700 });
  await paidIs(who, 300);
  for (const id of await act(page, "dispute", { amount: 1000 })) await quarantined(id);
  assert.equal(paid(who), 300);
});

// ---- asking

test("a payment whose webhook never comes is found by asking, and credited once", async () => {
  const who = newUser();
  const page = await session(who);
  await hold(true);
  await act(page, "pay");
  await paidIs(who, 1000);
  await hold(false);
  await act(page, "refund", { amount: 1000 });
  await paidIs(who, 0);
  assert.deepEqual(movements(who), ["deposit 1000", "card_refund -1000"]);
});

test("a refund whose webhook never comes is found by asking", async () => {
  const who = newUser();
  const page = await session(who);
  await act(page, "pay");
  await paidIs(who, 1000);
  await act(page, "refund", { amount: 250, deliver: false });
  await paidIs(who, 750);
});

test("while Stripe is out of reach nothing is lost, and asking goes on when it is back", async () => {
  const who = newUser();
  const page = await session(who);
  await act(page, "pay", { deliver: false });
  await fault("down");
  await fault("slow");
  await fault("garbage");
  await fault("");
  await paidIs(who, 1000);
  assert.deepEqual(movements(who), ["deposit 1000"]);
});

test("a deposit that can't be asked about keeps neither the others nor the events waiting", async () => {
  const who = newUser();
  const [broken, page] = [await session(who, 1100), await session(who)];
  await fault(`wrongtype ${broken.id}`);
  await act(page, "pay", { deliver: false, listed: false });
  await paidIs(who, 1000);
  await act(page, "refund", { amount: 250, deliver: false });
  await paidIs(who, 750);
  await fault("");
});

// ---- the operator

test("codesetctl lists what Stripe told, shows an event, tries it again and puts it aside", async () => {
  const who = newUser();
  const page = await session(who);
  const id = await tell(event("checkout.session.completed", paidSession(page, { currency: "eur" })));
  await quarantined(id);
  assert.ok(JSON.parse(ctl("--json", "stripe", "events", "--quarantined")).some((e) => e.event_id === id && e.reason.includes("currency")));
  assert.match(ctl("stripe", "events"), new RegExp(id));
  const shown = JSON.parse(ctl("--json", "stripe", "event", "show", id));
  assert.equal(shown.payload.data.object.currency, "eur");
  ctl("stripe", "event", "retry", id);
  await quarantined(id);
  assert.match(ctl("stripe", "event", "dismiss", id), /dismissed/);
  assert.equal(stateOf(id)[0], "dismissed");
  sql(`UPDATE stripe_events SET payload=REPLACE(payload, '"eur"', '"usd"') WHERE event_id='${id}'`);
  ctl("stripe", "event", "retry", id);
  await settled(id, "applied");
  assert.equal(paid(who), 1000);
  for (const verb of ["retry", "dismiss"]) assert.throws(() => ctl("stripe", "event", verb, id), /is applied; nothing was changed/);
  assert.throws(() => ctl("stripe", "event", "show", "evt_none"), /there is no event/);
  assert.throws(() => ctl("stripe", "event", "eat", id), /unknown verb/);
});

test("codesetctl lists events with user and amount, and deposits by state", async () => {
  const who = newUser();
  const email = JSON.parse(ctl("--json", "user", "show", who.user)).email;
  const page = await session(who), open = await session(who, 1200);
  const [completed] = await act(page, "pay_later");
  await settled(completed, "applied");
  const events = () => JSON.parse(ctl("--json", "stripe", "events"));
  const deposits = (...more) => JSON.parse(ctl("--json", "stripe", "deposits", "--user", who.user, ...more));
  const seen = (id) => (({ user, amount_cents, moved_cents, reason, checkout_id }) => ({ user, amount_cents, moved_cents, reason, checkout_id }))(events().find((e) => e.event_id === id));
  assert.deepEqual(seen(completed), { user: email, amount_cents: 1000, moved_cents: 0, reason: "not paid yet", checkout_id: page.checkout });
  assert.deepEqual(deposits().map((d) => [d.state, d.amount_cents, d.credited_cents]), [["open", 1200, null], ["processing", 1000, null]]);
  const [succeeded] = await act(page, "succeed");
  await settled(succeeded, "applied");
  const [refunded] = await act(page, "refund", { amount: 300 });
  await settled(refunded, "applied");
  assert.deepEqual(seen(succeeded), { user: email, amount_cents: 1000, moved_cents: 1000, reason: null, checkout_id: page.checkout });
  assert.deepEqual(seen(refunded), { user: email, amount_cents: 300, moved_cents: -300, reason: null, checkout_id: page.checkout });
  const bad = await tell(event("checkout.session.completed", paidSession(open, { currency: "eur" })));
  await quarantined(bad);
  assert.equal(seen(bad).user, email);
  assert.equal(seen(bad).amount_cents, 1200);
  assert.deepEqual(deposits("--state", "paid").map((d) => [d.credited_cents, d.taken_back_cents, d.stripe_session]), [[1000, 300, page.id]]);
  assert.match(ctl("stripe", "deposits", "--state", "open"), new RegExp(`${email} +open +1200`));
  assert.match(ctl("stripe", "events"), new RegExp(`${email} +1000 +0 +not paid yet`));
  assert.throws(() => ctl("stripe", "deposits", "--state", "eaten"), /unknown state 'eaten'/);
});

test("no secret is in a log", async () => {
  const { execFileSync } = await import("node:child_process");
  const logs = execFileSync("bash", ["-c", 'cat "$CODESET_LOGS"/{api,outbound,reaper}.log'], { encoding: "utf8", maxBuffer: 1 << 28 });
  const { readFileSync } = await import("node:fs");
  assert.ok(logs.includes("stripe_refused_us"));
  assert.ok(!logs.includes(secret));
  assert.ok(!logs.includes(readFileSync(`${process.env.CODESET_STACK}/etc/stripe/api-key`, "utf8").trim()));
});

test("random histories, told in any order, any number of times, by killed daemons, come to what a model says", () => histories());

test("without billing, a key or a webhook's secret, deposits and webhooks say so", async () => {
  const file = `${process.env.CODESET_STACK}/etc/codeset.conf`;
  const { readFileSync, writeFileSync } = await import("node:fs");
  const before = readFileSync(file, "utf8");
  const who = newUser();
  const payload = JSON.stringify(event("customer.created", { id: "cus_1" }));
  const becomes = async (pool, text, ask, status, code) => {
    writeFileSync(file, text);
    await stack("restart", pool); // all workers, not one after the other
    const answer = await until(`the pool ${pool} with other settings`, async () => {
      const answer = await ask();
      return answer.status === status && answer;
    });
    if (code) assertRefused(answer, status, code);
  };
  const pay = () => deposit(who, { amount_cents: 1000 });
  await becomes("outbound", `${before}\n[billing]\nenabled = no\n`, pay, 409, "BILLING_OFF");
  await becomes("outbound", before.replace(/^api_key_file.*$/m, "api_key_file ="), pay, 503, "STRIPE_NOT_CONFIGURED");
  await becomes("api", before.replace(/^webhook_secrets_file.*$/m, "webhook_secrets_file ="), () => post(payload), 503, "STRIPE_NOT_CONFIGURED");
  await becomes("api", before, () => post(payload), 200);
  await becomes("outbound", before, pay, 200);
});

test("a worker that checks its settings names a key or secret that can't be used, if it is its pool's", async () => {
  const { spawnSync } = await import("node:child_process");
  const { mkdtempSync, readFileSync, writeFileSync } = await import("node:fs");
  const folder = mkdtempSync(`${process.env.CODESET_STACK}/check-`);
  const before = readFileSync(`${process.env.CODESET_STACK}/etc/codeset.conf`, "utf8");
  const check = (pool, change) => {
    writeFileSync(`${folder}/conf`, change(before));
    const done = spawnSync(`${process.env.CODESET_STACK}/bin/codeset-api`, ["--check", "--config", `${folder}/conf`, ...(pool ? ["--pool", pool] : [])], { encoding: "utf8" });
    return { status: done.status, said: done.stderr };
  };
  writeFileSync(`${folder}/bad`, "pk_live_published\n");
  const badKey = (text) => text.replace(/^api_key_file.*$/m, `api_key_file = ${folder}/bad`);
  const badSecret = (text) => text.replace(/^webhook_secrets_file.*$/m, `webhook_secrets_file = ${folder}/none`);
  for (const pool of ["", "api", "outbound"]) assert.equal(check(pool, (text) => text).status, 0, pool);
  for (const pool of ["", "outbound"]) {
    const { status, said } = check(pool, badKey);
    assert.equal(status, 1);
    assert.match(said, /holds no secret key/);
    assert.ok(!said.includes("pk_live"), "it is not repeated");
  }
  for (const pool of ["", "api"]) assert.equal(check(pool, badSecret).status, 1);
  assert.equal(check("api", badKey).status, 0);
  assert.equal(check("outbound", badSecret).status, 0);
  assert.match(check("outbound", (text) => text.replace(/^console_url.*$/m, "console_url =")).said, /console_url/);
  assert.equal(check("nothing", (text) => text).status, 64);
});

test("the workers can keep events and can't read, change or delete them; the daemon can delete settled ones alone", async () => {
  const { spawnSync } = await import("node:child_process");
  const as = (program, statement) =>
    spawnSync("bash", ["-c", 'mariadb --no-defaults --protocol=socket -S "$1/run/mysqld/mysqld.sock" -u "codeset-$2" -p"$(cat "$1/etc/secrets/$2")" codeset -e "$3"',
      "sql", process.env.CODESET_STACK, program, statement], { encoding: "utf8" });
  assert.equal(as("reaper", "SELECT 1 FROM stripe_events LIMIT 1").status, 0);
  for (const [program, statement] of [["api", "SELECT payload FROM stripe_events"], ["api", "UPDATE stripe_events SET state='applied'"],
    ["api", "DELETE FROM stripe_events"], ["api", "UPDATE stripe_checkouts SET amount_cents=1"], ["api", "UPDATE stripe_checkouts SET credited_cents=1"],
    ["api", "SELECT * FROM stripe_cursor"], ["reaper", "DELETE FROM stripe_checkouts"], ["reaper", "UPDATE ledger_entries SET amount_cents=1"]]) {
    const done = as(program, statement);
    assert.equal(done.status, 1, `${program}: ${statement}`);
    assert.match(done.stderr, /denied/);
  }
});

test("codesetctl doctor knows who may read the key and the secrets", async () => {
  const { chmodSync } = await import("node:fs");
  const { spawnSync } = await import("node:child_process");
  const key = `${process.env.CODESET_STACK}/etc/stripe/api-key`;
  const finding = (name) => {
    const done = spawnSync("bash", ["-c", `${process.env.CODESET_CTL} doctor`], { encoding: "utf8" });
    return done.stdout.split("\n").find((line) => line.includes(name)) ?? done.stdout + done.stderr;
  };
  assert.match(finding("api_key_file"), /^ok/);
  assert.match(finding("webhook_secrets_file"), /^ok/);
  chmodSync(key, 0o444);
  assert.match(finding("api_key_file"), /^FAIL.*everybody/);
  chmodSync(key, 0o400);
  assert.match(finding("api_key_file"), /^FAIL.*cannot be read by the workers of the pool outbound and the daemon; chown root:codeset-stripe/);
  chmodSync(key, 0o440);
});
