const assert = require('assert');
const test = require('node:test');
const { Cart } = require('../');

const cart = new Cart();

test('keeps', () => {
    assert.strictEqual(cart.isEmpty(), true);
    assert.strictEqual(cart.add('tea', 250).total(), 250);
    const milk = cart.add('milk', 99);
    assert.strictEqual(milk.total(), 349);
});

test('finds what was kept', () => {
    assert.strictEqual(cart.total(), 349);
});

test('keeps what it loads', (t, done) => {
    cart.load('salt=50', (err) => {
        assert.ifError(err);
        assert.strictEqual(cart.add('oil', 1).total(), 400);
        cart.add('rice', 100);
        done();
    });
});

test('keeps when it has saved', () => {
    assert.strictEqual(cart.total(), 500);
    return cart.save().then((text) => {
        assert.strictEqual(text.split('\n').length, 5);
        cart.add('bread', 10);
    });
});

test('finds all that was kept', () => {
    assert.strictEqual(cart.total(), 510);
});

test('does not wait', () => {
    assert.rejects(new Cart().save(), RangeError);
    assert.strictEqual(cart.total(), 510);
});

test('comes later', { todo: true }, () => {
    assert.strictEqual(cart.total(), 5);
});
