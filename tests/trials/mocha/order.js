const assert = require('assert');
const { Cart } = require('../');

const cart = new Cart();

it('keeps', () => {
    assert.strictEqual(cart.isEmpty(), true);
    assert.strictEqual(cart.add('tea', 250).total(), 250);
    const milk = cart.add('milk', 99);
    assert.strictEqual(milk.total(), 349);
});

it('finds what was kept', () => {
    assert.strictEqual(cart.total(), 349);
});

it('keeps what it loads', (done) => {
    cart.load('salt=50', (err) => {
        assert.ifError(err);
        assert.strictEqual(cart.add('oil', 1).total(), 400);
        cart.add('rice', 100);
        done();
    });
});

it('keeps when it has saved', () => {
    assert.strictEqual(cart.total(), 500);
    return cart.save().then((text) => {
        assert.strictEqual(text.split('\n').length, 5);
        cart.add('bread', 10);
    });
});

it('finds all that was kept', () => {
    assert.strictEqual(cart.total(), 510);
});

it('has what the configuration names first', () => {
    assert.strictEqual(global.isSetUp, true);
});
