var test = require('tape');
var { Cart } = require('../');

test('a total', function (t) {
    var cart = new Cart();
    cart.add('tea', 250, 2).add('milk', 99);
    t.equal(cart.total(), 599);
    t.equal(cart.currency, null, 'no currency');
    t.equal(cart.find('bread'), undefined);
    t.end();
});

test('items', (t) => {
    t.plan(3);
    const cart = new Cart('EUR').add('tea', 250);
    t.deepEqual(cart.items, [{ name: 'tea', price: 250, count: 1 }]);
    t.equal(cart.isEmpty(), false);
    t.ok(cart.find('tea'));
});

test('loading', function (t) {
    new Cart().load('tea=250\nmilk=99', function (err, cart) {
        t.error(err);
        t.same(cart.total(), 349);
        t.notOk(cart.isEmpty());
        t.end();
    });
});

test('saving', async (t) => {
    t.equal(await new Cart().add('tea', 250).save(), 'tea=250');
    t.not(new Cart().currency, undefined);
    t.end();
});

test('errors', function (t) {
    t.throws(function () { new Cart().add('tea'); }, /no price for tea/);
    t.throws(() => new Cart().add('tea', 1, 0), RangeError);
    t.end()
})

test('parts', function (t) {
    t.test('of a cart', function (st) {
        st.equal(new Cart('EUR').currency, 'EUR');
        st.end();
    });
    t.end();
});
