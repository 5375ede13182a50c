// What the tests of this folder test.
"use strict";

class CartError extends TypeError {}

class Cart {
  constructor(currency) {
    this.currency = currency || null;
    this.items = [];
  }

  add(name, price, count) {
    if (typeof price !== "number") throw new CartError(`no price for ${name}`);
    if (count < 1) throw new RangeError("count must be positive");
    this.items.push({ name, price, count: count || 1 });
    return this;
  }

  total() {
    return this.items.reduce((sum, { price, count }) => sum + price * count, 0);
  }

  find(name) {
    return this.items.find((item) => item.name === name);
  }

  isEmpty() {
    return this.items.length === 0;
  }

  load(text, done) {
    setImmediate(() => {
      try {
        for (const line of text.split("\n")) this.add(line.split("=")[0], Number(line.split("=")[1]));
        done(null, this);
      } catch (error) {
        done(error);
      }
    });
  }

  async save() {
    if (this.isEmpty()) throw new RangeError("nothing to save");
    return this.items.map(({ name, price }) => `${name}=${price}`).join("\n");
  }
}

module.exports = { Cart, CartError };
