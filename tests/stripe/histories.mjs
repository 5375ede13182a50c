// Random histories of deposits: payments, refunds and disputes happen at the stand-in; what it would tell is told in a random
// order, some of it several times, while daemons are killed. A model that knows nothing of the server says what every
// user must have in the end.
import assert from "node:assert/strict";
import { act, ctl, movements, newUser, paid, post, session, sql, stack, standin, until } from "./client.mjs";

const USERS = 12;
const DEPOSITS = 4; // of each
const KILLS = 3;

/** A generator that gives the same numbers for the same seed (Mulberry32), so that a failure can be run again. */
function randomOf(seed) {
  return (below) => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

/** Lives one deposit at the stand-in; gives the events, and what is left of the money. */
async function live(page, cents, random) {
  const events = [];
  const doing = async (action, more = {}) => events.push(...(await act(page, action, { deliver: false, ...more })));
  switch (random(6)) {
    case 0:
      await doing("expire");
      return { events, left: 0 };
    case 1:
      await doing("pay_later");
      await doing("fail");
      return { events, left: 0 };
    case 2:
      await doing("pay_later");
      await doing("succeed");
      break;
    default:
      await doing("pay");
  }
  let left = cents;
  for (let refunds = random(3); refunds > 0 && left > 1; refunds--) {
    const amount = 1 + random(left - 1);
    await doing("refund", { amount });
    left -= amount;
  }
  const what = random(4);
  if (what === 0) return { events, left };
  await doing("dispute", { amount: left, status: what === 1 ? "warning_needs_response" : "needs_response" });
  if (what === 1) return { events, left };
  const status = what === 2 ? "won" : "lost";
  await doing("close", { status });
  return { events, left: status === "won" ? left : 0 };
}

function shuffled(list, random) {
  const all = [...list];
  for (let i = all.length - 1; i > 0; i--) {
    const j = random(i + 1);
    [all[i], all[j]] = [all[j], all[i]];
  }
  return all;
}

export async function histories(seed = Date.now() % 2 ** 31) {
  const random = randomOf(seed);
  const ids = [];
  const model = new Map();
  for (let u = 0; u < USERS; u++) {
    const who = newUser();
    let sum = 0;
    for (let d = 0; d < DEPOSITS; d++) {
      const cents = 500 + random(5000);
      const { events, left } = await live(await session(who, cents), cents, random);
      ids.push(...events);
      sum += left;
    }
    model.set(who, sum);
  }
  await tellAll(shuffled([...ids, ...ids.filter(() => random(2)), ...ids.filter(() => random(4) === 0)], random));
  const listed = ids.map((id) => `'${id}'`);
  await until(`all events are settled (seed ${seed})`, () => sql(`SELECT 1 FROM stripe_events WHERE state='due' AND event_id IN (${listed}) LIMIT 1`).length === 0);
  for (const [who, cents] of model) assert.equal(paid(who), cents, `seed ${seed}: ${movements(who)}`);
  ctl("ledger", "audit"); // whose status is 1 where something does not add up
  assert.deepEqual(sql(`SELECT event_id FROM stripe_events WHERE state='quarantined' AND event_id IN (${listed})`), []);
}

async function tellAll(order) {
  const events = new Map((await standin("GET", "/-/events")).map((e) => [e.id, JSON.stringify(e)]));
  const kills = new Set(Array.from({ length: KILLS }, (_, i) => Math.floor(((i + 1) * order.length) / (KILLS + 1))));
  let at = 0;
  const teller = async () => {
    for (let i = at++; i < order.length; i = at++) {
      const answer = await post(events.get(order[i]));
      assert.equal(answer.status, 200, answer.text);
    }
  };
  const killer = async () => {
    for (const point of kills) {
      await until("as much was told", () => at >= point);
      await stack("kill", "reaper");
      await stack("start", "reaper");
    }
  };
  await Promise.all([teller(), teller(), teller(), teller(), killer()]);
}
