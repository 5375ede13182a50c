// tests/bench/verify.mjs ROUNDS SESSION...: verifies the sessions turn by turn, on one connection, as SDKs keep it. Prints
// for each verification the session and the milliseconds from the POST to the verdict, which must be a success. The first
// round is not printed.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import https from "node:https";
import { requester } from "../tools/api.mjs";

const env = process.env, [rounds, ...sessions] = process.argv.slice(2);
const agent = new https.Agent({ keepAlive: true, maxSockets: 1, ca: readFileSync(env.CODESET_CA) });
const request = requester(agent);

async function ask(method, path) {
  const answer = await request(method, env.CODESET_BASE_URL + path, { token: env.CODESET_API_KEY, headers: { Prefer: "wait=60" } });
  assert.ok(answer.status < 300, answer.text);
  return answer.json;
}

async function verify(session) {
  const began = process.hrtime.bigint(), { job_id: job } = await ask("POST", `/sessions/${session}/verify`);
  let answer;
  do answer = await ask("GET", `/sessions/${session}/verify/${job}`);
  while (!["completed", "error", "cancelled"].includes(answer.status));
  assert.ok(answer.result?.is_success, JSON.stringify(answer).slice(0, 500));
  return Number(process.hrtime.bigint() - began) / 1e6;
}

for (let round = 0; round <= Number(rounds); round++)
  for (const session of sessions) {
    const took = await verify(session);
    if (round > 0) console.log(session, Math.round(took));
  }
agent.destroy();
