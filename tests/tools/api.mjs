// The API as a client sees it, for tests that run in Node.js: requests, the operator's tool, the database.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import https from "node:https";

const env = process.env;
export const origin = new URL(env.CODESET_BASE_URL).origin;

/** Requests by one agent: JSON there (`raw`: as it is) and back, whatever the status. */
export const requester = (agent) => (method, url, { token, body, headers = {}, raw } = {}) => {
  const payload = raw ?? (body === undefined ? undefined : JSON.stringify(body));
  const all = { ...headers };
  if (token !== undefined) all.Authorization = `Bearer ${token}`;
  if (payload !== undefined) {
    all["Content-Type"] ??= "application/json";
    all["Content-Length"] = Buffer.byteLength(payload);
  }
  return new Promise((resolve, reject) => {
    const call = https.request(url, { method, agent, headers: all }, (answer) => {
      const chunks = [];
      answer.on("data", (chunk) => chunks.push(chunk));
      answer.on("end", () => {
        const text = Buffer.concat(chunks).toString();
        let json;
        try {
          json = JSON.parse(text);
        } catch {
          json = undefined;
        }
        resolve({ status: answer.statusCode, headers: answer.headers, text, json });
      });
    });
    call.on("error", reject);
    call.end(payload);
  });
};

/** What the operator's tool prints. */
export const ctl = (...words) =>
  execFileSync("bash", ["-c", `${env.CODESET_CTL} "$@"`, "ctl", ...words], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

/** Rows as arrays of texts; NULL is "NULL". */
export function sql(statement) {
  const out = execFileSync("mariadb", ["--no-defaults", "--protocol=socket", `--socket=${env.CODESET_STACK}/run/mysqld/mysqld.sock`,
    "-u", "root", "-N", "-B", "codeset", "-e", statement], { encoding: "utf8" });
  return out.split("\n").filter((line) => line).map((line) => line.split("\t"));
}

export function assertRefused(answer, status, code) {
  assert.equal(answer.status, status, answer.text);
  assert.equal(answer.json?.detail?.code, code, answer.text);
  assert.ok(answer.json.detail.message.length > 10);
  assert.match(answer.headers["x-request-id"] ?? "", /^[0-9a-f]{32}$/);
}
