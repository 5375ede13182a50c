const assert = require('node:assert/strict');
const { test, describe, it } = require('node:test');
const { Cart } = require('../');

test('a total', () => {
    const cart = new Cart().add('tea', 250, 2).add('milk', 99);
    assert.equal(cart.total(), 599);
    assert.equal(cart.find('bread'), undefined);
    assert.equal(cart.currency, null);
});

describe('items', () => {
    it('are listed', () => {
        const cart = new Cart().add('tea', 250);
        assert.deepEqual(cart.items, [{ name: 'tea', price: 250, count: 1 }]);
        assert.equal(cart.isEmpty(), false);
        assert.ok(cart.find('tea'));
    });

    it('are loaded', (t, done) => {
        new Cart().load('tea=250\nmilk=99', (err, cart) => {
            assert.ifError(err);
            assert.equal(cart.total(), 349);
            done();
        });
    });
});

test('saving', async () => {
    assert.equal(await new Cart().add('tea', 250).save(), 'tea=250');
    await assert.rejects(new Cart().save(), RangeError);
});

test('errors', () => {
    assert.throws(() => new Cart().add('tea'), /no price for tea/);
});

test('parts', async (t) => {
    await t.test('of a cart', () => {
        assert.equal(new Cart('EUR').currency, 'EUR');
    });
});
