// One run of a trial: test files of JavaScript's, by the image's framework, which is loaded before anything else
// is, and so keeps what it needs of the language as it was. It tells on descriptor 3 how each test ended; what is
// believed of that is decided elsewhere.
"use strict";
(function run(require) {
  const { writeSync } = require("fs"), { createRequire } = require("module"), path = require("path"), { pathToFileURL } = require("url");
  const { reallyExit, hrtime } = process, { stringify } = JSON, secondsSince = (began) => Number(hrtime.bigint() - began) / 1e9;
  const [options, repository, ...names] = process.argv.slice(1), { framework, module: entry, name } = JSON.parse(options);

  // As if node had been started with the first file.
  for (const leftover of ["require", "module", "exports", "__filename", "__dirname"]) delete globalThis[leftover];
  process.argv = [process.execPath, path.join(repository, names[0])];
  process.execArgv = [];

  function tell(what) {
    const line = Buffer.from(stringify(what) + "\n");
    for (let at = 0; at < line.length;) at += writeSync(3, line, at);
  }

  // --- what is known of the tests, in the order in which they began

  const first = { next: null };
  let last = first, failed = false, crash = null;

  function begin(file, title) {
    last = last.next = { __proto__: null, next: null, test: `${file ? `${file}::` : ""}${String(title).slice(0, 8000)}`, outcome: null, message: "",
      began: hrtime.bigint(), seconds: 0 };
    return last;
  }

  // The worst that was said of it counts.
  function fail(test, message) {
    if (test.outcome !== 2) test.message = String(message).slice(0, 4000);
    test.outcome = 2;
  }

  function end(test, outcome) {
    test.seconds = secondsSince(test.began);
    if (test.outcome === null) test.outcome = outcome;
  }

  function tellAll(code) {
    for (let test = first.next; test; test = test.next) {
      if (test.outcome === null) fail(test, "it began, and did not end");
      failed = failed || test.outcome === 2;
      tell({ test: test.test, outcome: test.outcome, seconds: test.seconds, message: test.message });
    }
    if (crash || code !== 0) {
      failed = true;
      tell({ fault: "run", message: crash || `the tests ended their process with status ${code}` });
    }
    tell({ status: failed ? 1 : 0 });
    reallyExit(failed ? 1 : 0);
  }

  // --- the frameworks

  const files = names.map((one) => path.join(repository, one));

  let loading = null;

  // The test file from which the current call comes; if that can't be seen, the one that is being loaded.
  function callingFile() {
    const { stackTraceLimit, prepareStackTrace } = Error;
    Error.stackTraceLimit = 100;
    Error.prepareStackTrace = undefined;
    const { stack } = new Error();
    Object.assign(Error, { stackTraceLimit, prepareStackTrace });
    let nearest = loading, place = Infinity;
    files.forEach((file, number) => {
      const at = String(stack).indexOf(`${file}:`);
      if (at >= 0 && at < place) [nearest, place] = [names[number], at];
    });
    return nearest;
  }

  function watchTape(made, file) {
    const test = begin(file, made.name);
    made.on("result", (result) => {
      if (result && typeof result === "object" && !result.ok && !result.skip && !result.todo)
        fail(test, `${result.name}${"expected" in result ? `: expected ${show(result.expected)}, received ${show(result.actual)}` : ""}`);
    });
    made.on("prerun", () => { test.began = hrtime.bigint(); });
    made.on("test", (inner) => watchTape(inner, file));
    made.on("end", () => end(test, made._skip ? 1 : 0));
    return made;
  }

  function show(value) {
    return typeof value === "string" ? stringify(value) : inspect(value, { depth: 2, breakLength: Infinity, customInspect: false });
  }

  // What makes tests is exchanged for what does the same and watches them.
  function prepareTape() {
    const tape = createRequire(entry)(entry);
    const watching = (make) => new Proxy(make, { apply: (target, self, given) => watchTape(Reflect.apply(target, self, given), callingFile()) });
    const only = watching(tape.only);
    const watched = new Proxy(tape, {
      apply: (target, self, given) => watchTape(Reflect.apply(target, self, given), callingFile()),
      get: (target, key, self) => key === "test" ? watched : key === "only" ? only : Reflect.get(target, key, self),
    });
    createRequire(entry).cache[entry].exports = watched;
    return loadAll;
  }

  const pathOf = (titles) => titles.join(" > ");

  // mocha with the options of the project's configuration, but for what it would do beside its tests.
  function prepareMocha() {
    const own = createRequire(entry), Mocha = own(entry), options = own("./lib/cli/options").loadOptions([]);
    const { handleRequires } = own("./lib/cli/run-helpers"), running = new Map();
    function watch(runner) {
      const began = (test) => {
        const name = test.file ? path.relative(repository, test.file) : null;
        if (!running.has(test)) running.set(test, begin(name, pathOf(test.titlePath())));
        return running.get(test);
      };
      runner.on("test", began);
      runner.on("pass", (test) => end(began(test), 0));
      runner.on("pending", (test) => end(began(test), 1));
      runner.on("fail", (test, error) => {
        if (test.type === "test") fail(began(test), error && error.stack || error);
        else tell({ fault: "hook", message: `${test.title}: ${error && error.stack || error}`.slice(0, 4000) });
        failed = true;
      });
    }
    return async () => {
      const loaded = await handleRequires(options.require || []);
      const mocha = new Mocha({ ...options, ...loaded, reporter: watch, bail: false, forbidOnly: false, grep: undefined, fgrep: undefined,
        parallel: false });
      const others = (options.file || []).map((one) => path.resolve(one)); // they come before all tests
      for (const file of new Set([...others, ...files])) mocha.addFile(file);
      await mocha.loadFilesAsync();
      mocha.run(() => process.exit(0));
    };
  }

  // jest with the project's configuration. It tells all at its end.
  function prepareJest() {
    const { runCLI } = createRequire(entry)(entry), outcomes = { __proto__: null, passed: 0, failed: 2 };
    return async () => {
      const { results } = await runCLI({ _: files, $0: "jest", runTestsByPath: true, runInBand: true, ci: true, watchman: false,
        coverage: false, bail: 0 }, [repository]);
      for (const { testFilePath, testExecError, failureMessage, testResults } of results.testResults) {
        const file = path.relative(repository, testFilePath);
        if (testExecError) {
          failed = true;
          tell({ fault: file, message: String(failureMessage || testExecError.message).slice(0, 4000) });
        }
        for (const { ancestorTitles, title, status, failureMessages, duration } of testResults) {
          const test = begin(file, pathOf([...ancestorTitles, title]));
          if (status === "failed") fail(test, failureMessages.join("\n"));
          end(test, outcomes[status] === undefined ? 1 : outcomes[status]);
          test.seconds = (duration || 0) / 1000;
        }
      }
      process.exit(0);
    };
  }

  // Each file in a process of its own, as `node --test` has it; a reporter tells from within.
  function prepareNode() {
    const reporter = `data:text/javascript,${encodeURIComponent(`const tellNode = ${tellNode}; export default tellNode;`)}`;
    return () => {
      files.forEach((file, number) => {
        const { status, signal } = spawnSync(process.execPath, ["--test-reporter", reporter, "--test-reporter-destination", "stdout", file],
          { stdio: ["ignore", 1, 2, 3], env: { ...process.env, CODESET_TRIAL_FILE: names[number] } });
        if (status !== 0) {
          failed = true;
          tell({ fault: names[number], message: `its process ended with ${signal || `status ${status}`}` });
        }
      });
      process.exit(0);
    };
  }

  async function* tellNode(events) {
    const { writeSync } = await import("node:fs"), titles = [], file = process.env.CODESET_TRIAL_FILE;
    for await (const { type, data } of events) {
      if (type === "test:start") titles[data.nesting] = data.name;
      if (type !== "test:pass" && type !== "test:fail") continue;
      titles.length = data.nesting;
      const { duration_ms: milliseconds, error, type: kind } = data.details;
      const isLeft = data.skip !== undefined || data.todo !== undefined;
      if (kind !== "suite") {
        const line = { test: `${file}::${[...titles, data.name].join(" > ")}`, outcome: isLeft ? 1 : type === "test:pass" ? 0 : 2,
          seconds: (milliseconds || 0) / 1000, message: error ? String(error.cause && error.cause.stack || error.message).slice(0, 4000) : "" };
        writeSync(3, JSON.stringify(line) + "\n");
      }
      yield `${"  ".repeat(data.nesting)}${type.slice(5)} ${data.name}\n`;
    }
  }

  const { inspect } = require("util"), { spawnSync } = require("child_process");
  const start = { tape: prepareTape, mocha: prepareMocha, jest: prepareJest, node: prepareNode }[framework]();

  // --- the files

  // Another one in its place is no fault of the image's.
  function checkFramework() {
    for (const file of entry ? files : [])
      if (createRequire(file).resolve(name) !== entry) throw new Error(`${file} would not be tested by the image's ${name}`);
  }

  async function loadAll() {
    for (const [number, file] of files.entries()) {
      loading = names[number];
      await load(file);
    }
  }

  async function load(file) {
    try {
      createRequire(file)(file);
    } catch (error) {
      if (!error || !["ERR_REQUIRE_ESM", "ERR_REQUIRE_ASYNC_MODULE"].includes(error.code)) throw error;
      await import(pathToFileURL(file).href);
    }
  }

  process.on("uncaughtExceptionMonitor", (error) => { crash = String(error && error.stack || error).slice(0, 4000); });
  process.on("exit", tellAll);
  (async () => {
    checkFramework();
    await start();
  })();
})(require);
