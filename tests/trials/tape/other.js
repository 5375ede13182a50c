'use strict';
const tape = require('tape'), { Cart } = require('..');

tape('a cart is empty at first', (t) => {
    t.true(new Cart().isEmpty());
    t.deepEquals(new Cart().items, []);
    t.end();
});

for (const count of [1, 2])
    tape(`a count of ${count}`, (t) => {
        t.equal(new Cart().add('tea', 5, count).total(), 5 * count);
        t.end();
    });
