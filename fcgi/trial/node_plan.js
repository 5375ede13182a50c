// node_plan.js - what a framework of JavaScript's is to run in a trial: spec.json in the current folder gives
// plan.json and, beside it, the test files of each run. Root's, before anything of the session is there.
//
// One run has all tests, as they are. In the small runs each file that has tests which must be mended runs as a
// whole, as tests of a file build on each other; some of the other files are in some of these runs. All listed tests
// of such a file, those that must go on to pass, too, have random titles, and in some of the runs a failure is planted
// in them, drawn anew each time: then they must fail. All that tells such a run from another is what the tests want.
// Planting edits single places of the text, so that lines and comments are where they were. Where a failed assertion throws,
// what it throws is kept until its test is at its end, in true tests and planted ones alike: a later test may need what the
// rest of this one does.
//
// BUGS: tests whose title is no literal, or is the title of two in a file, only run with all others; so do those in
// files that this program's parser can't read, as TypeScript. What is asserted in loops, callbacks and by helpers is
// left as it is.
"use strict";

const crypto = require("crypto");
const fs = require("fs");
const Module = require("module");
const path = require("path");

const SMALL_RUNS = 7; // planted in 4 of these
const SAMPLED_RUNS = 3; // of these, for files in which nothing must be mended
const PLANTS_MOST = 8; // of a kind in a test: each is parsed
const NOISE_MOST = 2000; // bytes of a comment, so that a file's length says little

const FRAMEWORKS = {
  // throws: an assertion that fails ends its test, and nothing else. flat: tests within tests have titles of their own.
  // done: which parameter of a test's tells its end.
  tape: { module: "tape", throws: false, flat: true, done: 0, sampled: 16 },
  mocha: { module: "mocha", throws: true, flat: false, done: 0, sampled: 16 },
  jest: { module: "jest", throws: true, flat: false, done: 0, sampled: 4 },
  // Its files are processes of their own, each of which takes its time.
  node: { module: null, throws: true, flat: false, done: 1, sampled: 4 },
};

const SUITES = new Set(["describe", "context", "suite", "fdescribe", "xdescribe"]);
const MAKERS = new Set(["it", "test", "specify", "fit"]);

// --- chance

const below = (most) => crypto.randomInt(most);
const pick = (list) => list[below(list.length)];

function shuffled(list) {
  const all = [...list];
  for (let at = all.length - 1; at > 0; at--) {
    const other = below(at + 1);
    [all[at], all[other]] = [all[other], all[at]];
  }
  return all;
}

const word = (length) => Array.from({ length }, () => pick("abcdefghijklmnopqrstuvwxyz")).join("");
const noise = () => `\n//${word(below(NOISE_MOST))}\n`;

// --- a test file and its tree

const { parse } = require("internal/deps/acorn/acorn/dist/acorn");

function treeOf(text) {
  const options = { ecmaVersion: "latest", allowHashBang: true, allowReturnOutsideFunction: true };
  try {
    return parse(text, { ...options, sourceType: "script" });
  } catch (error) {
    return parse(text, { ...options, sourceType: "module" });
  }
}

const isNode = (value) => value !== null && typeof value === "object" && typeof value.type === "string";

function children(node) {
  return Object.values(node).flatMap((value) => Array.isArray(value) ? value.filter(isNode) : isNode(value) ? [value] : []);
}

const isFunction = (node) => /Function/.test(node.type);

// A node and all within it; without what is in functions and classes that it has, if `own`.
function* within(node, own) {
  yield node;
  if (own && (isFunction(node) || node.type.startsWith("Class"))) return;
  for (const child of children(node)) yield* within(child, own);
}

function textOf(node) {
  if (node && node.type === "Literal" && typeof node.value === "string") return node.value;
  if (node && node.type === "TemplateLiteral" && node.expressions.length === 0) return node.quasis[0].value.cooked;
  return null;
}

const nameOf = (node) => node.type === "Identifier" ? node.name
  : node.type === "MemberExpression" && !node.computed ? node.property.name : "";

const hasKey = (node, keys) => node.type === "ObjectExpression" && node.properties.some((item) =>
  item.type === "SpreadElement" || item.computed || keys.includes(nameOf(item.key)) || keys.includes(textOf(item.key)));

// Whatever is called with a title first and a function last.
function findTests(file, node, titles, outer, flat) {
  for (const child of children(node)) {
    const title = child.type === "CallExpression" ? textOf(child.arguments[0]) : null;
    const body = title === null ? null : child.arguments[child.arguments.length - 1];
    if (!body || !isFunction(body)) {
      findTests(file, child, titles, outer, flat);
      continue;
    }
    const names = child.callee.type === "MemberExpression" ? [nameOf(child.callee.object), nameOf(child.callee)] : [nameOf(child.callee)];
    if (names.some((name) => SUITES.has(name))) {
      findTests(file, body.body, [...titles, title], outer, flat);
      continue;
    }
    const mayFail = /^(todo|failing|fails)$/.test(names[names.length - 1]) || child.arguments.some((each) => hasKey(each, ["todo"]));
    const test = { file, titles: [...titles, title], titled: child.arguments[0], body, outer, mayFail, isMade: MAKERS.has(names[0]) };
    file.tests.push(test);
    findTests(file, body.body, flat ? titles : test.titles, test, flat);
  }
}

function readFile(name, flat) {
  const file = { name, text: fs.readFileSync(path.join("tree", name), "utf8"), tests: [] };
  try {
    file.tree = treeOf(file.text);
  } catch (error) {
    return file; // no test of it can be found
  }
  findTests(file, file.tree, [], null, flat);
  return file;
}

const sourceOf = (file, node) => file.text.slice(node.start, node.end);

// --- values that are near others

const isUndefined = (node) => node.type === "Identifier" && node.name === "undefined";

function isLiteral(node) {
  if (node.type === "ArrayExpression") return node.elements.every((item) => item && isLiteral(item));
  if (node.type === "ObjectExpression")
    return node.properties.every((item) => item.type === "Property" && !item.computed && !item.method && isLiteral(item.value));
  if (node.type === "UnaryExpression") return node.operator === "-" && node.argument.type === "Literal";
  return node.type === "Literal" && !node.regex || isUndefined(node) || node.type === "TemplateLiteral" && node.expressions.length === 0;
}

function leavesOf(node) {
  if (node.type === "ArrayExpression") return node.elements.flatMap(leavesOf);
  if (node.type === "ObjectExpression") return node.properties.flatMap((item) => leavesOf(item.value));
  return node.type === "UnaryExpression" ? [node.argument] : [node];
}

// The text of a literal with one letter or digit exchanged; null: it has none.
function nearText(literal) {
  const places = Array.from(literal.matchAll(/\\[^]|[a-z]|[A-Z]|\d/g)).filter((found) => found[0].length === 1);
  if (places.length === 0) return null;
  const { 0: old, index } = pick(places);
  const pool = /\d/.test(old) ? "0123456789" : "abcdefghijklmnopqrstuvwxyz";
  const other = pick([...pool].filter((letter) => letter !== old.toLowerCase()));
  return literal.slice(0, index) + (/[A-Z]/.test(old) ? other.toUpperCase() : other) + literal.slice(index + 1);
}

function nearNumber(digits) {
  if (!/^\d{1,15}$/.test(digits)) return null;
  for (;;) {
    const other = Array.from(digits, (_, at) => pick(at === 0 && digits.length > 1 ? "123456789" : "0123456789")).join("");
    if (other !== digits) return other;
  }
}

// Text in place of a literal: another value, which `==` tells from it, too, if `loose`; null: none is known.
function near(file, node, loose) {
  const text = sourceOf(file, node);
  if (isUndefined(node)) return pick(loose ? ["false", "0", `"${word(3)}"`] : ["null", "false", "0", `"${word(3)}"`]);
  if (node.type === "TemplateLiteral") return /[\\$]/.test(text) ? null : nearText(text);
  if (node.value === null && node.raw === "null") return pick(loose ? ["false", "0"] : ["undefined", "false", "0"]);
  if (typeof node.value === "boolean") return String(!node.value);
  if (typeof node.value === "number") return nearNumber(text);
  return typeof node.value === "string" ? nearText(text) : null;
}

// --- what can be planted: [kind, [[start, end, text], ...]]

const wrap = (node, before, after) => [[node.start, node.start, before], [node.end, node.end, after]];

function plantsOfExpected(file, node, loose) {
  return leavesOf(node).map((leaf) => [leaf.start, leaf.end, near(file, leaf, loose)])
    .filter((edit) => edit[2] !== null).map((edit) => ["expected", [edit]]);
}

// One more of it is another number.
const isCountable = (node) => node !== null && typeof node.value === "number" && Math.abs(node.value) < 2 ** 52;

// What was received, made something else, while the expectation stays. expected: a literal, or null. What looks like any other code
// is taken first: whoever knows how failures are planted should not see one.
function plantsOfReceived(received, expected, loose) {
  if (received.type === "SpreadElement") return [];
  const isSimple = /^(Identifier|MemberExpression|CallExpression)$/.test(received.type);
  const [open, close] = isSimple ? ["", ""] : ["(", ")"], isNothing = expected && (isUndefined(expected) || expected.raw === "null");
  const isPrimitive = isNothing || expected && expected.type === "Literal";
  if (received.type === "MemberExpression" && !received.computed && received.object.type !== "Super" && isPrimitive && (!loose || isNothing))
    return [["received", [[received.object.end, received.end, ""]]]];
  const ways = [];
  if (expected && textOf(expected) !== null) ways.push([open, `${close} + "${word(1)}"`]);
  else if (isCountable(expected)) ways.push([open, `${close} + ${1 + below(9)}`]);
  else if (expected && typeof expected.value === "boolean") ways.push([`!${open}`, close]);
  else if (isNothing) ways.push([`typeof ${open}`, close]);
  else if (!loose) ways.push(["[", "]"]);
  return ways.map(([before, after]) => ["received", wrap(received, before, after)]);
}

function plantsOfEquality(file, [first, second], loose) {
  if (!second || isLiteral(first) === isLiteral(second))
    return second && !isLiteral(first) ? plantsOfReceived(first, null, loose) : [];
  const [received, expected] = isLiteral(second) ? [first, second] : [second, first];
  return [...plantsOfExpected(file, expected, loose), ...plantsOfReceived(received, expected, loose)];
}

const SIBLINGS = { TypeError: "RangeError", RangeError: "TypeError", SyntaxError: "TypeError", ReferenceError: "RangeError",
  URIError: "RangeError", EvalError: "RangeError" };

// Of what is to be thrown: another built-in error, another message.
function plantsOfThrown(file, expected) {
  if (!expected) return [];
  const plain = expected.regex && /^[\w ,:']{4,}$/.test(expected.regex.pattern) && !/[\d_]/.test(expected.regex.pattern);
  if (plain) {
    const { pattern, flags } = expected.regex, other = nearText(pattern);
    return other && other.toLowerCase() !== pattern.toLowerCase() ? [["awaited", [[expected.start, expected.end, `/${other}/${flags}`]]]] : [];
  }
  const other = expected.type === "Identifier" ? SIBLINGS[expected.name] : undefined;
  return other ? [["awaited", [[expected.start, expected.end, other]]]] : [];
}

// Methods and their opposites; of those that compare two values, how.
const PAIRS = [
  ["equal", "notEqual"], ["equals", "notEquals"], ["is", "isNot"], ["isEqual", "isNotEqual"], ["strictEqual", "notStrictEqual"],
  ["strictEquals", "notStrictEquals"], ["deepEqual", "notDeepEqual"], ["deepEquals", "notDeepEquals"], ["same", "notSame"],
  ["deepStrictEqual", "notDeepStrictEqual"], ["isEquivalent", "notEquivalent"], ["looseEqual", "notLooseEqual"],
  ["deepLooseEqual", "notDeepLooseEqual"], ["ok", "notOk"], ["true", "notOk"], ["assert", "notOk"], ["false", "ok"], ["notok", "ok"],
  ["throws", "doesNotThrow"], ["rejects", "doesNotReject"], ["match", "doesNotMatch"], ["pass", "fail"], ["error", "ok"],
  ["ifError", "ok"], ["ifErr", "ok"], ["iferror", "ok"], ["isTrue", "isFalse"], ["isNull", "isNotNull"], ["isUndefined", "isDefined"],
  ["include", "notInclude"], ["isOk", "isNotOk"], ["instanceOf", "notInstanceOf"],
];
const OPPOSITES = new Map([...PAIRS.map(([one, other]) => [other, one]), ...PAIRS]);
const EQUALITIES = new Set(["equal", "equals", "is", "isEqual", "strictEqual", "strictEquals", "deepEqual", "deepEquals", "same",
  "deepStrictEqual", "isEquivalent", "looseEqual", "deepLooseEqual"]);
const TRUTHS = new Set(["ok", "true", "assert", "notOk", "false", "notok"]);
const LOOSE = new Set(["looseEqual", "deepLooseEqual"]);

// OBJECT.METHOD(...), where methods of the object are assertions.
function plantsOfMethod(file, call, asserter) {
  const method = call.callee.property.name, [first, second] = call.arguments, plants = [];
  const loose = LOOSE.has(method) || asserter.loose.has(method), opposite = OPPOSITES.get(method);
  const options = call.arguments.slice(EQUALITIES.has(method) ? 2 : 1);
  if (!opposite || file.framework.flat && options.some((each) => hasKey(each, ["skip", "todo"]))) return [];
  if (EQUALITIES.has(method)) plants.push(...plantsOfEquality(file, call.arguments, loose));
  if (TRUTHS.has(method) && first && first.type !== "SpreadElement") plants.push(["received", wrap(first, "!(", ")")]);
  if (method === "throws" || method === "rejects") plants.push(...plantsOfThrown(file, second));
  if (asserter.has(opposite)) plants.push(["negated", [[call.callee.property.start, call.callee.property.end, opposite]]]);
  return plants;
}

// Of EXPECT(...).to.be.METHOD(...) what it begins with, and its calls and members.
function chainOf(node) {
  const links = [];
  let at = node;
  for (; at.type === "CallExpression" || at.type === "MemberExpression"; at = at.type === "CallExpression" ? at.callee : at.object) links.unshift(at);
  return { base: at, links };
}

// Does it surely not equal an array whose only item is what was received? expect.anything() does, and so may what has a name.
const isFixed = (node) => isLiteral(node) || node.type === "ObjectExpression" || node.type === "NewExpression" ||
  node.type === "ArrayExpression" && node.elements.length !== 1 && !node.elements.some((item) => item && item.type === "SpreadElement");

// What of a promise is told later.
const PROMISED = /^(resolves|rejects|eventually|fulfilled|rejected|rejectedWith|become)$/;

const EXPECTED_EQUAL = new Set(["toBe", "toEqual", "toStrictEqual", "equal", "equals", "eq", "eql", "eqls"]);

// expect(RECEIVED).toBe(EXPECTED), expect(RECEIVED).to.be.true, RECEIVED.should.equal(EXPECTED).
function plantsOfExpectation(file, node, isAwaited) {
  const { base, links } = chainOf(node), names = links.map((link) => link.type === "MemberExpression" ? nameOf(link) : "");
  const isExpect = base.type === "Identifier" && base.name === "expect" && links.length > 2 && links[0].type === "CallExpression";
  const begin = isExpect ? 0 : names.indexOf("should"), last = links[links.length - 1], not = names.indexOf("not", begin);
  const isPromised = names.some((name) => PROMISED.test(name));
  if (begin < 0 || !isExpect && last === links[begin] || isPromised && !isAwaited) return [];
  const matcher = last.type === "CallExpression" ? last.callee : last, method = names[names.length - (last === matcher ? 1 : 2)];
  const place = last === matcher ? links[begin].end : matcher.object.end;
  const plants = [["negated", [not >= 0 ? [links[not].object.end, links[not].end, ""] : [place, place, ".not"]]]];
  const [expected] = last === matcher ? [] : last.arguments, [received] = isExpect ? links[0].arguments : [];
  const isOpen = expected && /^to(Strict)?Equal$/.test(method) && !isFixed(expected);
  if (not >= 0 || !expected || expected.type === "SpreadElement") return plants;
  if (/^(toThrow|toThrowError|throw|throws)$/.test(method)) plants.push(...plantsOfThrown(file, expected));
  if (!EXPECTED_EQUAL.has(method)) return plants;
  if (isLiteral(expected)) plants.push(...plantsOfExpected(file, expected, false));
  if (received && !isPromised && !isOpen) plants.push(...plantsOfReceived(received, isLiteral(expected) ? expected : null, false));
  return plants;
}

// isAwaited: something waits for the promise that it is.
function plantsOfAssertion(file, node, asserters, isAwaited) {
  const call = node.type === "AwaitExpression" ? node.argument : node, [first] = call.arguments || [];
  if (call.type === "CallExpression" && call.callee.type === "MemberExpression" && !call.callee.computed &&
      call.callee.object.type === "Identifier" && asserters.has(call.callee.object.name))
    return /^(rejects|doesNotReject)$/.test(nameOf(call.callee)) && !isAwaited ? []
      : plantsOfMethod(file, call, asserters.get(call.callee.object.name));
  if (!file.framework.throws) return [];
  if (call.type === "CallExpression" && call.callee.type === "Identifier")
    return asserters.has(call.callee.name) && first && first.type !== "SpreadElement" ? [["received", wrap(first, "!(", ")")]] : [];
  return plantsOfExpectation(file, call, isAwaited);
}

// --- what of a test is executed whenever it passes

const mayLeave = (statement) => [...within(statement, true)].some((node) => /^(Return|Throw)Statement$|^YieldExpression$/.test(node.type));

function untilLeft(statements) {
  const at = statements.findIndex(mayLeave);
  return at < 0 ? statements : statements.slice(0, at + 1);
}

const isCallOf = (statement, target) => statement.type === "ExpressionStatement" && statement.expression.type === "CallExpression" &&
  target(statement.expression.callee);

const doneOf = (file, test) => test.body.params[file.framework.done];
const isNamed = (node, name) => node.type === "Identifier" && node.name === name;

// The one place where the test says that it has ended: the statements before that, in whatever function they are.
function untilEnd(test, file) {
  const param = doneOf(file, test);
  if (test.body.async || !param || param.type !== "Identifier") return null;
  const ends = (node) => file.framework.flat ? node.type === "MemberExpression" && nameOf(node) === "end" && nameOf(node.object) === param.name
    : node.type === "Identifier" && node.name === param.name;
  const nodes = [...within(test.body.body, false)];
  if (nodes.filter(ends).length !== 1) return null;
  const block = nodes.find((node) => node.type === "BlockStatement" && node.body.some((statement) => isCallOf(statement, ends)));
  if (!block) return null;
  const at = block.body.findIndex((statement) => isCallOf(statement, ends));
  return { before: untilLeft(block.body.slice(0, at)), end: block.body.slice(0, at).some(mayLeave) ? null : block.body[at] };
}

function statementsOf(test, file) {
  if (test.body.body.type !== "BlockStatement") return { sure: [], end: null, all: [] };
  const all = test.body.body.body, end = untilEnd(test, file), done = file.framework.throws && doneOf(file, test);
  const told = done ? all.findIndex((statement) => [...within(statement, false)].some((node) => isNamed(node, done.name))) : -1;
  const own = untilLeft(told < 0 ? all : all.slice(0, told)); // what follows may come too late
  return { sure: [...new Set([...own, ...(end ? end.before : [])])], end: end && end.end, all };
}

// How what an assertion throws is kept until the test is at its end: edits that come before and after those of a plant; null:
// this test has more ends than can be seen.
function keeperOf(file, test, { all }) {
  const [kept, error, more] = Array.from({ length: 3 }, () => word(8 + below(9))), done = doneOf(file, test);
  const first = all.find((statement) => !statement.directive), last = all[all.length - 1], params = test.body.params;
  if (!first || test.body.generator || params.length > 0 && !test.isMade || params.length > file.framework.done + 1) return null;
  const again = `if (${kept}) throw ${kept}[0];`, start = (text) => [[first.start, first.start, `let ${kept}; ${text}`]];
  const keeper = { before: start(""), after: [], open: "try { ", close: ` } catch (${error}) { ${kept} = ${kept} || [${error}]; } ` };
  if (done) {
    const isUsed = [...within(test.body.body, false)].some((node) => node.type === "MemberExpression" && isNamed(node.object, done.name));
    if (done.type !== "Identifier" || test.body.async || isUsed) return null;
    const { name } = done;
    return { ...keeper, before: start(`${name} = ((${error}) => (...${more}) => ${error}(...(${kept} || ${more})))(${name}); `) };
  }
  if (all.slice(0, -1).some(mayLeave)) return null;
  if (last.type === "ReturnStatement" && last.argument)
    return { ...keeper, after: wrap(last.argument, "(async () => { await (", `); ${again} })()`) };
  return mayLeave(last) ? null : { ...keeper, after: [[last.end, last.end, `; ${again}`]] };
}

// An assertion that can't hold.
function added(file, test, asserters) {
  const param = test.body.params[0];
  if (!file.framework.throws) return `${param.name}.equal("${word(4 + below(9))}", "${word(3)}")`;
  return /\bassert\./.test(sourceOf(file, test.body)) ? `assert.equal("${word(4 + below(9))}", "${word(3)}")`
    : `throw new Error("${word(4 + below(9))}")`;
}

const guarded = (keeper, text) => keeper ? keeper.open + text + keeper.close : `${text}; `;

// It says how many assertions it has. One more, and tape would not go on to the next test.
const isPlanned = (test) => [...within(test.body.body, false)].some((node) => node.type === "MemberExpression" && nameOf(node) === "plan");

function plantsOfPlace(file, test, asserters, { end, all }, keeper) {
  const first = all.find((statement) => !statement.directive), last = all[all.length - 1], places = [];
  if (!first || !file.framework.throws && (asserters.size === 0 || isPlanned(test))) return [];
  if (keeper || !/Declaration$/.test(first.type)) places.push(first.start);
  if (end) places.push(end.start);
  else if (!(keeper && doneOf(file, test)) && last.type === "ExpressionStatement" && last !== first && !all.some(mayLeave)) places.push(last.end);
  return places.map((place) => ["added", [[place, place, (place === last.end ? "; " : "") + guarded(keeper, added(file, test, asserters))]]]);
}

// What is imported under which name: [name, module].
function importsOf(tree) {
  return [...within(tree, true)].flatMap((node) => {
    if (node.type === "ImportDeclaration")
      return node.specifiers.filter((one) => one.type !== "ImportSpecifier" || one.imported.name === one.local.name).map((one) =>
        [one.local.name, node.source.value]);
    if (node.type !== "VariableDeclarator" || !node.init) return [];
    const required = [...within(node.init, true)].find((one) => one.type === "CallExpression" && nameOf(one.callee) === "require");
    const module = required && textOf(required.arguments[0]);
    const isStrict = [...within(node.init, true)].some((one) => one.type === "MemberExpression" && nameOf(one) === "strict");
    return node.id.type === "Identifier" && module ? [[node.id.name, isStrict ? `${module}/strict` : module]] : [];
  });
}

const BUILT_IN = /^(node:)?assert(\/strict)?$/;
const ANY_LOOSE = new Set(["equal", "deepEqual"]);

// The objects whose methods are assertions, in this test.
function assertersOf(file, test) {
  const param = test.body.params[0], assert = require("assert");
  if (!file.framework.throws)
    return new Map(param && param.type === "Identifier" ? [[param.name, { has: file.framework.has, loose: new Set() }]] : []);
  const found = importsOf(file.tree).filter(([name, module]) => name === "assert" || BUILT_IN.test(module)).map(([name, module]) =>
    [name, { has: (method) => !BUILT_IN.test(module) || typeof assert[method] === "function",
      loose: /\/strict$/.test(module) ? new Set() : ANY_LOOSE }]);
  return new Map([["assert", { has: () => true, loose: ANY_LOOSE }], ...found]);
}

function edited(text, edits) {
  let at = 0, all = "";
  for (const [start, end, other] of [...edits].sort((a, b) => a[0] - b[0] || a[1] - b[1])) {
    all += text.slice(at, start) + other;
    at = end;
  }
  return all + text.slice(at);
}

// Is what comes out another test that can be parsed?
function isSound(file, test, edits) {
  const own = sourceOf(file, test.body), from = test.body.start;
  const text = edited(own, edits.map(([start, end, other]) => [start - from, end - from, other]));
  try {
    treeOf(`(${text})`);
    return text !== own;
  } catch (error) {
    return false;
  }
}

// With what keeps the failures of the others, too.
function keptIn(keeper, edits, statements) {
  if (!keeper) return edits;
  return [...keeper.before, ...statements.map((one) => [one.start, one.start, keeper.open]), ...edits,
    ...statements.map((one) => [one.end, one.end, keeper.close]), ...keeper.after];
}

// By kinds, some of each: a kind that has none is left out.
function plantsOf(file, test) {
  const asserters = assertersOf(file, test), statements = statementsOf(test, file), kinds = new Map(), asserting = [];
  const keeper = file.framework.throws ? keeperOf(file, test, statements) : null;
  if (file.framework.throws && !keeper && file.tests.length > 1) return kinds;
  const plants = statements.sure.flatMap((statement) => {
    const isReturn = statement.type === "ReturnStatement", node = isReturn ? statement.argument : statement.expression;
    if (!node || !isReturn && statement.type !== "ExpressionStatement") return [];
    const found = plantsOfAssertion(file, node, asserters, isReturn || node.type === "AwaitExpression");
    if (found.length > 0 && !isReturn) asserting.push(statement);
    return found;
  });
  test.kept = (edits) => keptIn(keeper, edits, asserting);
  for (const [kind, edits] of shuffled([...plants, ...plantsOfPlace(file, test, asserters, statements, keeper)])) {
    const some = kinds.get(kind) || [];
    if (some.length < PLANTS_MOST && isSound(file, test, edits) && isSound(file, test, test.kept(edits))) kinds.set(kind, [...some, edits]);
  }
  return kinds;
}

// --- which tests the lists name

const joined = (titles) => titles.join(" > ");

// By what the lists may call it.
function byNames(tests, flat) {
  const named = new Map();
  for (const test of tests) {
    const names = flat ? [test.titles[test.titles.length - 1]] : [" > ", " ", " › ", "::"].map((between) => test.titles.join(between));
    for (const name of new Set(names)) named.set(name, [...(named.get(name) || []), test]);
  }
  return named;
}

function isFile(name) {
  try {
    return name !== "" && !name.split("/").includes("..") && fs.statSync(path.join("tree", name)).isFile();
  } catch (error) {
    return false;
  }
}

class Plan {
  constructor(spec) {
    this.spec = spec;
    this.framework = { ...FRAMEWORKS[spec.framework] };
    this.files = new Map();
    this.functions = []; // as the lists call them; each must have run
    this.unplanted = [];
  }

  // Of a test, FILE::TITLE; null: there is no such file.
  fileOf(id) {
    const name = id.slice(0, Math.max(id.indexOf("::"), 0));
    if (this.files.has(name)) return this.files.get(name);
    if (!isFile(name)) return null;
    const file = readFile(name, this.framework.flat);
    this.files.set(name, Object.assign(file, { framework: this.framework, functions: [], named: byNames(file.tests, this.framework.flat) }));
    return file;
  }

  // mended: it does not pass yet, and must.
  take(id, mended) {
    const file = this.fileOf(id), found = file && file.named.get(id.slice(id.indexOf("::") + 2)) || [];
    if (file && mended) file.mended = true;
    const test = found.length === 1 && !found[0].taken ? found[0] : null;
    // Where a test within fails, so does the one that it is in.
    const isInner = test && !this.framework.flat && test.outer;
    const plants = test && !test.mayFail && !isInner && !/[sS]napshot/.test(sourceOf(file, test.body)) ? plantsOf(file, test) : null;
    if (!plants || plants.size === 0) {
      if (mended) this.unplanted.push(id);
      if (!plants) return;
    }
    test.taken = true;
    file.functions.push({ id, number: this.functions.length, test, plants });
    this.functions.push(id);
  }
}

// --- the runs

// What is planted in a test in so many runs: null is the true one.
function drawRuns(plants, count) {
  if (plants.size === 0) return Array(count).fill(null);
  const kinds = shuffled(plants.keys()), planted = (count + 1) >> 1;
  return shuffled([...Array.from({ length: planted }, (_, at) => kinds[at % kinds.length]), ...Array(count - planted).fill(null)]);
}

// Whoever looks at a title would not find it any more.
const isLookedAt = (text) => /\b(title|fullTitle|titlePath|currentTest)\b|\bname\b\s*[=!]==?/.test(text);

function slotOf(file, item, kind) {
  const planted = kind ? pick(item.plants.get(kind)) : [], titles = [...item.test.titles];
  const edits = item.plants.size > 0 ? [...item.test.kept(planted)] : [];
  if (!isLookedAt(sourceOf(file, item.test.body))) {
    titles[titles.length - 1] = word(8 + below(32));
    edits.push([item.test.titled.start, item.test.titled.end, `"${titles[titles.length - 1]}"`]);
  }
  const title = file.framework.flat ? titles[titles.length - 1] : joined(titles);
  return { edits, slot: { function: item.number, id: `${file.name}::${title}`, planted: kind } };
}

// In which of the small runs a file is.
function runsOf(file, sampled) {
  const all = shuffled(Array.from({ length: SMALL_RUNS }, (_, at) => at));
  return file.mended ? all : sampled.has(file) ? all.slice(0, SAMPLED_RUNS) : [];
}

function smallRuns(plan) {
  const runs = Array.from({ length: SMALL_RUNS }, () => ({ texts: new Map(), tests: [], all: false }));
  const files = [...plan.files.values()].filter((file) => file.functions.length > 0);
  const sampled = new Set(shuffled(files.filter((file) => !file.mended)).slice(0, plan.framework.sampled));
  for (const file of files) {
    const where = runsOf(file, sampled), drawn = file.functions.map((item) => drawRuns(item.plants, where.length));
    where.forEach((run, at) => {
      const slots = file.functions.map((item, number) => slotOf(file, item, drawn[number][at]));
      runs[run].texts.set(file.name, edited(file.text, slots.flatMap(({ edits }) => edits)) + noise());
      runs[run].tests.push(...slots.map(({ slot }) => slot));
    });
  }
  for (const run of runs) run.names = shuffled(run.texts.keys());
  return runs.filter((run) => run.tests.length > 0);
}

function runOfAll(plan) {
  const tests = [...plan.files.values()].flatMap((file) => file.functions.map((item) => ({ function: item.number,
    id: `${file.name}::${file.framework.flat ? item.test.titles[item.test.titles.length - 1] : joined(item.test.titles)}`, planted: null })));
  return { texts: new Map(), tests, all: true, names: [...plan.files.keys()].sort() };
}

// The last run is that of all tests: what it shows of the true tests comes too late for the others.
function writeRuns(plan, runner) {
  const options = JSON.stringify({ framework: plan.spec.framework, module: plan.module, name: plan.framework.module });
  let count = 0;
  return [...smallRuns(plan), runOfAll(plan)].map(({ texts, tests, all, names }) => {
    const files = [...texts].map(([name, text]) => {
      fs.writeFileSync(String(count), text, { mode: 0o644 });
      return [name, String(count++)];
    });
    return { argv: [process.execPath, "-e", runner, "--", options, plan.spec.repository, ...names], all, files, tests, seconds: plan.spec.timeout || 0 };
  });
}

// --- files of the image

function copy(from, to, skipped) {
  const found = fs.lstatSync(from);
  if (found.isSymbolicLink()) return fs.symlinkSync(fs.readlinkSync(from), to);
  if (found.isFile()) return fs.copyFileSync(from, to);
  if (!found.isDirectory()) return undefined;
  fs.mkdirSync(to, { recursive: true });
  for (const name of fs.readdirSync(from))
    if (!skipped.includes(name)) copy(path.join(from, name), path.join(to, name), skipped);
  return undefined;
}

function copyInto(folder, name, from) {
  const to = path.join(folder, name);
  fs.mkdirSync(path.dirname(to), { recursive: true });
  copy(from, to, []);
}

function isThere(name) {
  try {
    return fs.lstatSync(name) !== null;
  } catch (error) {
    return false;
  }
}

// The folders in which a module of that name is looked for, from a folder of the repository on.
function* foldersAbove(repository, folder) {
  for (let at = folder; ; at = path.dirname(at)) {
    if (path.basename(at) !== "node_modules") yield path.join(at, "node_modules");
    if (at === repository || at === path.dirname(at)) return;
  }
}

// Without links on the way to it; null: that is out of the repository.
function placeOf(repository, name) {
  const folder = path.dirname(name), place = isThere(folder) ? path.join(fs.realpathSync(folder), path.basename(name)) : name;
  return place.startsWith(repository + "/") ? place : null;
}

// What a package needs and what that needs, as far as it is in the repository: paths that the image has.
function neededBy(repository, folder, found) {
  const real = fs.realpathSync(folder), inside = (name) => name.startsWith(repository + "/");
  for (const one of [placeOf(repository, folder), real]) if (one && inside(one)) found.add(one);
  const { dependencies, optionalDependencies, peerDependencies } = JSON.parse(fs.readFileSync(path.join(real, "package.json"), "utf8"));
  if (!inside(real)) return;
  for (const name of Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies })) {
    const place = [...foldersAbove(repository, real)].map((above) => path.join(above, name)).find((one) => isThere(path.join(one, "package.json")));
    if (place && !found.has(placeOf(repository, place))) neededBy(repository, place, found);
  }
}

// The framework's own files within the repository stay the image's, whatever the session put there: they are laid anew, and
// what the image has not is removed.
function keepFramework(plan) {
  const { module: name } = plan.framework, { repository } = plan.spec, found = new Set();
  if (!name) return [];
  const places = new Set([...plan.files.keys()].flatMap((file) => [...foldersAbove(repository, path.dirname(path.join(repository, file)))]));
  for (const place of [...places].map((above) => path.join(above, name))) {
    if (placeOf(repository, place)) found.add(placeOf(repository, place));
    if (isThere(path.join(place, "package.json"))) neededBy(repository, place, found);
  }
  const laid = [...found, ...Object.keys(plan.spec.tests).map((one) => path.join(repository, one))];
  const kept = [...found].filter((one) => !laid.some((other) => one.startsWith(other + "/")));
  for (const one of kept) if (isThere(one)) copyInto("kept", path.relative(repository, one), one);
  return kept.map((one) => path.relative(repository, one));
}

function findFramework(plan) {
  const { module: name } = plan.framework;
  if (!name) return;
  const from = path.join(plan.spec.repository, [...plan.files.keys()][0] || "index.js");
  try {
    plan.module = Module.createRequire(from).resolve(name);
  } catch (error) {
    throw new Error(`the image has no module ${name} that ${from} would find`);
  }
  const { Test } = plan.spec.framework === "tape" ? require(plan.module) : {};
  plan.framework.has = (method) => !Test || typeof Test.prototype[method] === "function";
}

function filesBelow(folder) {
  return fs.readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const name = path.join(folder, entry.name);
    return entry.isDirectory() ? filesBelow(name) : [name];
  });
}

function main(runner) {
  const spec = JSON.parse(fs.readFileSync("spec.json", "utf8")), plan = new Plan(spec);
  for (const [to, origin] of Object.entries(spec.tests)) copyInto("tree", to, origin);
  const mended = [...spec.fail_to_pass, ...spec.held_out], others = spec.pass_to_pass || [];
  for (const id of [...mended, ...others]) plan.fileOf(id);
  findFramework(plan);
  for (const id of mended) plan.take(id, true);
  for (const id of others) plan.take(id, false);
  const written = {
    runs: writeRuns(plan, runner), functions: plan.functions, listed: plan.functions, unplanted: plan.unplanted,
    files: filesBelow("tree").map((name) => path.relative("tree", name)), tests: Object.keys(spec.tests), kept: keepFramework(plan),
  };
  fs.writeFileSync("plan.json", JSON.stringify(written));
}

main(process.argv[1]);
