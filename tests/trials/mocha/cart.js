const assert = require('assert');
const { expect } = require('chai');
const { Cart } = require('../');

describe('a cart', function () {
    let cart;
    beforeEach(() => { cart = new Cart(); });

    it('has a total', function () {
        cart.add('tea', 250, 2).add('milk', 99);
        assert.strictEqual(cart.total(), 599);
        assert.equal(cart.find('bread'), undefined);
        assert.strictEqual(cart.currency, null);
        assert(!cart.isEmpty());
    });

    describe('with items', () => {
        it('lists them', () => {
            cart.add('tea', 250);
            expect(cart.items).to.deep.equal([{ name: 'tea', price: 250, count: 1 }]);
            expect(cart.items.length).to.equal(1);
            expect(cart.isEmpty()).to.be.false;
            expect(cart.find('milk')).to.not.be.ok;
        });

        it('loads them', function (done) {
            cart.load('tea=250\nmilk=99', function (err, loaded) {
                assert.ifError(err);
                assert.equal(loaded.total(), 349);
                done();
            });
        });
    });

    it('saves them', async () => {
        assert.equal(await cart.add('tea', 250).save(), 'tea=250');
        await assert.rejects(new Cart().save(), RangeError);
    });

    it('refuses', () => {
        assert.throws(() => cart.add('tea'), /no price for tea/);
        expect(() => cart.add('tea', 1, 0)).to.throw(RangeError);
        expect(() => cart.add('tea', 1, 0)).to.throw('must be positive');
    });
});
