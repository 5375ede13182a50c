import assert from 'node:assert';
import test from 'node:test';
import project from '../index.js';

test('a cart is empty at first', () => {
    assert.deepStrictEqual(new project.Cart().items, []);
    assert.ok(new project.Cart().isEmpty());
});

for (const count of [1, 2])
    test(`a count of ${count}`, () => {
        assert.strictEqual(new project.Cart().add('tea', 5, count).total(), 5 * count);
    });
