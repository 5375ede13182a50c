const test = require("node:test");
const assert = require("node:assert");
const { add } = require("../calc");

test("nothing", () => assert.equal(add(0, 0), 0));
