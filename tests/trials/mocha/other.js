'use strict';
const assert = require('assert').strict;
const { Cart } = require('..');

it('is empty at first', () => {
    assert.deepEqual(new Cart().items, []);
    assert.ok(new Cart().isEmpty());
});

it.skip('is not run', () => {
    assert.ok(false);
});

for (const count of [1, 2])
    it(`has a count of ${count}`, () => assert.equal(new Cart().add('tea', 5, count).total(), 5 * count));
