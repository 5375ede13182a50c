const { describe, it } = require("node:test");
const assert = require("node:assert");
const { add } = require("../calc");

describe("add", () => {
    it("adds", () => assert.equal(add(2, 3), 5));
    it("adds nothing", () => assert.equal(add(2, 0), 2));
});
