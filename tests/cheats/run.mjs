// The scripts of tests/cheats against a stack; see `run`.
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { execFileSync } from "node:child_process";
import https from "node:https";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const here = path.dirname(fileURLToPath(import.meta.url));
const env = process.env;
const agent = new https.Agent({ keepAlive: true, ca: readFileSync(env.CODESET_CA) });
// CODESET_CHEATS: "LANGUAGE TASK DATASET", where it is not the demo's.
const [own, ownTask, DATASET] = (env.CODESET_CHEATS ?? "  demo").split(" ");
const TASKS = own ? { [own]: ownTask } : { python: "pallets__jinja2-34064", c: "davegamble__cjson-50471", javascript: "minimistjs__minimist-44906" };

// --- the API

function request(method, url, body, wait) {
  const payload = body === undefined ? undefined : JSON.stringify(body);
  const headers = { Authorization: `Bearer ${env.CODESET_API_KEY}` };
  if (wait) headers.Prefer = `wait=${wait}`;
  if (payload !== undefined) Object.assign(headers, { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(payload) });
  return new Promise((resolve, reject) => {
    const call = https.request(`${env.CODESET_BASE_URL}${url}`, { method, agent, headers }, (answer) => {
      const chunks = [];
      answer.on("data", (chunk) => chunks.push(chunk));
      answer.on("end", () => {
        const text = Buffer.concat(chunks).toString();
        if (answer.statusCode >= 300) reject(new Error(`${method} ${url}: ${answer.statusCode} ${text.slice(0, 300)}`));
        else resolve(JSON.parse(text));
      });
    });
    call.on("error", reject);
    call.end(payload);
  });
}

// The server holds each GET until there is something to tell.
async function until(url, ended) {
  for (;;) {
    const answer = await request("GET", url, undefined, 50);
    if (ended(answer)) return answer;
  }
}

function ctl(...words) {
  execFileSync("bash", ["-c", `${env.CODESET_CTL} "$@"`, "ctl", ...words], { stdio: ["ignore", "ignore", "inherit"] });
}

// --- a task whose verifier trusts what lies in the repository

// The demo's verifiers put tests and configuration in place by themselves. This one runs what is there, as those of most data
// sets do, so what holds is what the server holds back.
const PLAIN_VERIFIER = "cp /verifier/tests/test_filters.py tests/ && exec python3 -m pytest -q --junitxml=report.xml tests";

function importPlain(sample, dataset, restore) {
  const image = `demo-jinja2-${sample.instance_id.split("-").at(-1)}`;
  const file = path.join(mkdtempSync(path.join(tmpdir(), "cheats-")), `${dataset}.jsonl`);
  writeFileSync(file, JSON.stringify({ ...sample, language: "python", image, verifier_image: `${image}-verifier`,
    verifier_command: PLAIN_VERIFIER, restore }) + "\n");
  ctl("dataset", "import", file, "--dataset", dataset);
  rmSync(path.dirname(file), { recursive: true });
}

// --- the scripts

function scriptsBelow(folder) {
  return readdirSync(path.join(here, folder)).filter((name) => name.endsWith(".sh")).sort().map((name) => {
    const text = readFileSync(path.join(here, folder, name), "utf8");
    const [, sentence] = /^# (.*)\n/.exec(text);
    return {
      name: `${folder}/${name.slice(0, -3)}`,
      language: folder.split("/").at(-1),
      honest: folder.startsWith("honest/"),
      dataset: DATASET,
      plain: folder === "honest/python" || /^# plain$/m.test(text),
      told: /^# told: (.*)$/m.exec(text)?.[1],
      crosses: /^# crosses: (.*)$/m.exec(text)?.[1],
      kinds: /^# kinds: (.*)$/m.exec(text)?.[1],
      task: /^# task: (.*)$/m.exec(text)?.[1],
      quick: /^# quick$/m.test(text),
      sentence,
      text,
    };
  });
}

function allScripts() {
  const scripts = Object.keys(TASKS).flatMap((language) => [...scriptsBelow(language), ...scriptsBelow(`honest/${language}`)]);
  for (const script of scriptsBelow("honest/any"))
    for (const language of Object.keys(TASKS))
      scripts.push({ ...script, language, name: script.name.replace("any", `any-${language}`) });
  for (const script of scripts) script.task ??= TASKS[script.language];
  const plain = scripts.filter((script) => script.plain || script.name.startsWith("honest/any-python/"));
  return [...scripts, ...plain.filter((script) => script.task === TASKS.python).map((script) =>
    ({ ...script, dataset: "plain", kept: script.told, crosses: undefined, name: script.name.replace(/(any-)?python/, "plain") })),
  ...scripts.filter((script) => script.kinds).map((script) =>
    ({ ...script, dataset: "kinds", kept: script.kinds, crosses: undefined, name: script.name.replace("python", "kinds") }))];
}

function knownHoles() {
  const lines = readFileSync(path.join(here, "known-holes"), "utf8").split("\n").filter((line) => line && !line.startsWith("#"));
  return new Map(lines.map((line) => {
    const [, name, outcome] = /^(\S+) +(.*)$/.exec(line);
    return [name, outcome];
  }));
}

// --- one of them

const samples = new Map((await request("GET", `/samples?dataset=${DATASET}`)).samples.map((sample) => [sample.sample_id, sample]));

async function upload(session, file, text) {
  const answer = await request("POST", `/sessions/${session}/upload`,
    { file_path: file, content_base64: Buffer.from(text).toString("base64") });
  if (!answer.success) throw new Error(`${file}: ${answer.message}`);
}

async function prepare(session, script, sample) {
  const ids = [...sample.fail_to_pass, ...sample.pass_to_pass];
  await upload(session, "/tmp/ids", ids.join("\n") + "\n");
  if (script.honest || /^fix$/m.test(script.text)) await upload(session, "/tmp/fix.patch", sample.patch);
  await upload(session, "/tmp/script", readFileSync(path.join(here, "lib.sh"), "utf8") + script.text);
  const { interaction_id: id } = await request("POST", `/sessions/${session}/exec`,
    { command: `CODESET_REPOSITORY=$PWD exec bash /tmp/script`, command_timeout: 200 });
  const end = await until(`/sessions/${session}/interactions/${id}`, (answer) => answer.exit_code !== null);
  if (end.exit_code !== 0) throw new Error(`the script ended with status ${end.exit_code}: ${end.stderr} ${end.message ?? ""}`);
}

// What came of it: "refused", "passes" or "error CODE"; and why.
async function verdictOf(session) {
  const { job_id: id } = await request("POST", `/sessions/${session}/verify`);
  const job = await until(`/sessions/${session}/verify/${id}`, (answer) => ["completed", "error", "cancelled"].includes(answer.status));
  if (job.status !== "completed") return { outcome: `error ${job.error?.code ?? job.error_code ?? job.status}`, why: JSON.stringify(job).slice(0, 700) };
  const { is_success: success, failures, stdout } = job.result;
  return {
    outcome: success ? "passes" : "refused",
    crossed: /^ALSO_CROSSED: (.*)$/m.exec(stdout)?.[1] ?? "",
    kept: /^CHANGES_KEPT_BACK: .*: (.*)\.$/m.exec(stdout)?.[1] ?? "",
    why: `${failures.length} failures, the first ${failures.slice(0, 2).map((item) => `${item.classname}::${item.name}`)}\n${stdout.slice(0, 600)}`,
  };
}

async function play(script) {
  const sample = samples.get(script.task);
  const { session_id: session } = await request("POST", "/sessions", { dataset: script.dataset, sample_id: script.task, ttl_minutes: 30 });
  try {
    const ready = await until(`/sessions/${session}`, (answer) => answer.status !== "creating");
    if (ready.status !== "ready") throw new Error(`the session is ${ready.status}: ${ready.error}`);
    await prepare(session, script, sample);
    return await verdictOf(session);
  } finally {
    await request("DELETE", `/sessions/${session}`);
  }
}

// --- all of them

const options = { quick: false, times: 1, atOnce: 4, names: [] };
for (let i = 2; i < process.argv.length; i++) {
  if (process.argv[i] === "--quick") options.quick = true;
  else if (process.argv[i] === "--times") options.times = Number(process.argv[++i]);
  else if (process.argv[i] === "--at-once") options.atOnce = Number(process.argv[++i]);
  else options.names.push(process.argv[i]);
}
const holes = knownHoles();
const all = allScripts();
const languageOf = (name) => /^(?:honest\/)?(?:any-)?([a-z]+)\//.exec(name)[1];
const unknown = [...holes.keys()].filter((name) => TASKS[languageOf(name)] && !all.some((script) => script.name === name));
const chosen = all.filter((script) => (!options.quick || script.quick) &&
  (options.names.length === 0 || options.names.some((name) => script.name.includes(name) || script.name.replace(`any-${script.language}`, "any").includes(name))));
const queue = Array.from({ length: options.times }, () => chosen).flat();
const counts = { passed: 0, failed: 0, holes: 0 };

// Is what the script names told as kept back, on the task where nothing else keeps it back?
function isTold(script, kept) {
  return !script.kept || script.kept.split(" ").every((name) => (kept ?? "").split(", ").includes(name));
}

function tell(script, { outcome, why, kept, crossed }, seconds) {
  const wanted = script.honest ? "passes" : "refused";
  const expected = holes.get(script.name) ?? wanted;
  const good = outcome === expected && isTold(script, kept) && (crossed ?? "").includes(script.crosses ?? "");
  const note = !good && holes.has(script.name) ? `; known-holes says "${expected}"${outcome === wanted ? ": it is mended, take the line out" : ""}`
    : good && expected !== wanted ? " (a known hole)" : "";
  counts[good ? "passed" : "failed"]++;
  if (good && expected !== wanted) counts.holes++;
  console.log(`${good ? "ok     " : "FAILED "} ${script.name.padEnd(40)} ${outcome.padEnd(10)}${note}  - ${script.sentence} (${seconds} s)`);
  if (!good) console.log(`    ${why.replace(/\n/g, "\n    ")}`);
}

async function worker() {
  for (let script = queue.shift(); script; script = queue.shift()) {
    const began = Date.now();
    let end;
    try {
      end = await play(script);
    } catch (error) {
      end = { outcome: "did not run", why: String(error.message) };
    }
    tell(script, end, Math.round((Date.now() - began) / 1000));
  }
}

// A session costs at least a minute.
const { user_id: user } = await request("GET", "/users/me");
ctl("credit", "grant", user, String(queue.length * 50), "--reason", "cheats");
if (queue.some((script) => script.dataset === "plain")) importPlain(samples.get(TASKS.python), "plain", []);
if (queue.some((script) => script.dataset === "kinds")) importPlain(samples.get(TASKS.python), "kinds", ["@compiled", "@links", "@startup"]);
await Promise.all(Array.from({ length: options.atOnce }, worker));
agent.destroy();
for (const name of unknown) {
  console.log(`FAILED  known-holes names ${name}, and there is no such script`);
  counts.failed++;
}
console.log(`${counts.holes} of the passed are known holes`);
console.log(`${counts.passed} passed, ${counts.failed} failed`);
process.exitCode = counts.failed > 0 || counts.passed === 0 ? 1 : 0;
