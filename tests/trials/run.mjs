// Trials of JavaScript's frameworks without a server; see `run`.
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const here = path.dirname(fileURLToPath(import.meta.url)), scripts = path.join(here, "../../fcgi/trial");
const [cache, work, ...wanted] = process.argv.slice(2);
const planner = readFileSync(path.join(scripts, "node_plan.js"), "utf8"), runner = readFileSync(path.join(scripts, "node_run.js"), "utf8");
const lists = JSON.parse(readFileSync(path.join(here, "lists.json"), "utf8"));
const WORLDS = [
  { name: "tape", framework: "tape", packages: ["tape@5.9.0"] },
  { name: "tape 4", framework: "tape", packages: ["tape@4.17.0"] },
  { name: "mocha", framework: "mocha", packages: ["mocha@10.8.2", "chai@4.5.0"] },
  { name: "jest", framework: "jest", packages: ["jest@29.7.0"] },
  { name: "node", framework: "node", packages: [] },
];
const KINDS = ["expected", "received", "negated", "awaited", "added"];
const ROUNDS = Number(process.env.ROUNDS || 3);

const repository = path.join(work, "repo"), plan = path.join(work, "plan"), inPlan = (name) => path.join(plan, name);

function makeRepository(world, code) {
  rmSync(repository, { recursive: true, force: true });
  cpSync(path.join(here, "project"), repository, { recursive: true });
  mkdirSync(path.join(repository, "node_modules"));
  for (const one of world.packages)
    for (const name of readdirSync(path.join(cache, `npm-${one}`, "node_modules")).filter((each) => !each.startsWith(".")))
      if (!existsSync(path.join(repository, "node_modules", name)))
        symlinkSync(path.join(cache, `npm-${one}`, "node_modules", name), path.join(repository, "node_modules", name));
  if (code) writeFileSync(path.join(repository, "index.js"), code + readFileSync(path.join(repository, "index.js"), "utf8"));
}

function makePlan(world) {
  rmSync(plan, { recursive: true, force: true });
  mkdirSync(plan);
  const named = (all) => all.map((id) => `test/${id}`), { mended, others } = lists[world.framework];
  writeFileSync(inPlan("spec.json"), JSON.stringify({ framework: world.framework, repository, fail_to_pass: named(mended),
    pass_to_pass: named(others), held_out: [], tests: { test: path.join(here, world.framework) } }));
  const { status, stderr } = spawnSync(process.execPath, ["--expose-internals", "-e", planner, runner], { cwd: plan, encoding: "utf8" });
  if (status !== 0) throw new Error(`the planner's status is ${status}: ${stderr}`);
  return JSON.parse(readFileSync(inPlan("plan.json"), "utf8"));
}

// What a run says of its tests, by their names; a contradiction ends all.
function play(made, { argv, files }) {
  for (const name of made.tests) {
    rmSync(path.join(repository, name), { recursive: true, force: true });
    cpSync(inPlan(path.join("tree", name)), path.join(repository, name), { recursive: true });
  }
  for (const [name, text] of files) cpSync(inPlan(text), path.join(repository, name));
  const { status, output } = spawnSync(argv[0], argv.slice(1), { cwd: repository, encoding: "utf8", stdio: ["ignore", "pipe", "pipe", "pipe"] });
  const said = output[3].split("\n").filter((line) => line).map((line) => JSON.parse(line)), tests = new Map();
  for (const { test, outcome, message } of said.filter((one) => one.test))
    if (!tests.has(test) || tests.get(test).outcome < outcome) tests.set(test, { outcome, message });
  const isFailed = [...tests.values()].some(({ outcome }) => outcome === 2) || said.some((one) => one.fault);
  const last = said[said.length - 1];
  const isSound = last && last.status === status && (status === 1) === isFailed && status < 2;
  return { isSound, tests, tail: `status ${status}, ${JSON.stringify(said.filter((one) => one.fault))}\n${output[1].slice(-600)}${output[2].slice(-600)}` };
}

// What of a trial is not as it is on code that is right; and how many planted tests passed.
function playAll(made) {
  const wrong = [];
  let deceived = 0;
  for (const [at, run] of made.runs.entries()) {
    const { isSound, tests, tail } = play(made, run);
    if (!isSound) wrong.push(`run ${at} contradicts itself: ${tail}`);
    for (const { function: number, id, planted } of run.tests) {
      const { outcome, message } = tests.get(id) || { outcome: "absent" };
      deceived += planted && outcome === 0 ? 1 : 0;
      const isSkip = made.functions[number].endsWith("is not run");
      if (planted ? outcome === 0 : outcome !== (isSkip ? 1 : 0))
        wrong.push(`run ${at}: ${made.functions[number]}, ${planted || "true"}: ${outcome} ${message || ""}${outcome === "absent" ? tail : ""}`);
    }
  }
  return { wrong, deceived };
}

const counts = { passed: 0, failed: 0 };

function check(sentence, wrong) {
  counts[wrong.length === 0 ? "passed" : "failed"]++;
  console.log(`${wrong.length === 0 ? "ok     " : "FAILED "} ${sentence}`);
  for (const one of wrong.slice(0, 5)) console.log(`    ${one.replace(/\n/g, "\n    ")}`);
}

function checkWorld(world) {
  const planted = new Set(), wrong = [], odd = [], unlisted = [];
  makeRepository(world);
  for (let round = 0; round < ROUNDS; round++) {
    const made = makePlan(world), small = made.runs.filter((run) => !run.all);
    small.forEach((run) => run.tests.forEach((test) => planted.add(test.planted)));
    if (made.listed.length === 0 || made.functions.some((id) => !made.listed.includes(id))) unlisted.push("one of them is not listed");
    for (const id of made.functions.filter((one) => /::(later|comes later|is wrong)$/.test(one))) unlisted.push(`${id} is judged`);
    if (small.length !== 7 || made.runs.length !== 8 || !made.runs[7].all || made.runs[7].files.length > 0) odd.push("the runs are not seven and one");
    for (const id of lists[world.framework].mended.map((one) => `test/${one}`)) {
      const own = small.flatMap((run) => run.tests.filter((test) => made.functions[test.function] === id));
      if (own.length !== 7 || own.filter((test) => test.planted).length !== 4) odd.push(`${id} is not planted in four of seven runs`);
      if (own.some((test) => test.id.endsWith(id.split("::")[1]))) odd.push(`${id} has its own title in a small run`);
    }
    wrong.push(...playAll(made).wrong);
  }
  check(`${world.name}: each test that must be mended is planted in four of seven runs, under another title`, odd);
  check(`${world.name}: what a list names must have run, but for tests that are meant to fail`, unlisted);
  check(`${world.name}: each kind of failure is planted`, KINDS.filter((kind) => !planted.has(kind)));
  check(`${world.name}: on code that is right, each true test passes and each planted one fails`, wrong);
}

function checkLies(world) {
  for (const name of readdirSync(path.join(here, "lies")).filter((one) => one.startsWith(`${world.framework}-`))) {
    const code = readFileSync(path.join(here, "lies", name), "utf8"), [, sentence] = /^\/\/ (.*)\n/.exec(code), found = [];
    for (let round = 0; round < 2; round++) {
      makeRepository(world); // plans are made of the image
      const made = makePlan(world);
      makeRepository(world, code);
      if (playAll(made).deceived === 0) found.push("no planted test passed");
    }
    check(`${world.name}: it is found out when ${sentence}`, found);
  }
}

// Of a framework that lies in the repository.
function checkKept() {
  const packages = path.join(cache, "npm-tape@5.9.0", "node_modules"), wrong = [];
  makeRepository({ packages: [] });
  cpSync(packages, path.join(repository, "node_modules"), { recursive: true });
  const { kept } = makePlan({ framework: "tape" });
  for (const name of ["tape", "deep-equal", "object-is"].map((one) => `node_modules/${one}`))
    if (!kept.includes(name) || !existsSync(inPlan(`kept/${name}/package.json`))) wrong.push(`${name} is not kept`);
  if (kept.some((name) => name.startsWith("test/"))) wrong.push("tests are kept, that are laid for each run");
  check("the image's framework and what that needs is kept, as far as it is in the repository", wrong);
}

if (wanted.length === 0) checkKept();
for (const world of WORLDS.filter(({ name }) => wanted.length === 0 || wanted.includes(name))) {
  checkWorld(world);
  checkLies(world);
}
console.log(`${counts.passed} passed, ${counts.failed} failed`);
process.exitCode = counts.failed > 0 || counts.passed === 0 ? 1 : 0;
