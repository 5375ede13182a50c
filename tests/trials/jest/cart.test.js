const { Cart } = require('../');

describe('a cart', () => {
  let cart;
  beforeEach(() => { cart = new Cart(); });

  test('has a total', () => {
    cart.add('tea', 250, 2).add('milk', 99);
    expect(cart.total()).toBe(599);
    expect(cart.find('bread')).toBe(undefined);
    expect(cart.currency).toBeNull();
    expect(cart.isEmpty()).not.toBe(true);
  });

  describe('with items', () => {
    it('lists them', () => {
      cart.add('tea', 250);
      expect(cart.items).toEqual([{ name: 'tea', price: 250, count: 1 }]);
      expect(cart.items.length).toStrictEqual(1);
    });

    it('loads them', (done) => {
      cart.load('tea=250\nmilk=99', (err, loaded) => {
        try {
          expect(err).toBeNull();
          expect(loaded.total()).toBe(349);
          done();
        } catch (error) {
          done(error);
        }
      });
    });
  });

  it('saves them', async () => {
    await expect(cart.add('tea', 250).save()).resolves.toBe('tea=250');
    await expect(new Cart().save()).rejects.toThrow('nothing to save');
  });

  it('refuses', () => {
    expect(() => cart.add('tea')).toThrow(/no price for tea/);
    expect(() => cart.add('tea', 1, 0)).toThrow(RangeError);
  });
});
