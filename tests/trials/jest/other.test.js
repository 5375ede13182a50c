const { Cart } = require('..');

it('is empty at first', () => {
  expect(new Cart().items).toEqual([]);
  expect(new Cart().isEmpty()).toBe(true);
});

it.skip('is not run', () => {
  expect(1).toBe(2);
});

test.each([1, 2])('has a count of %i', (count) => {
  expect(new Cart().add('tea', 5, count).total()).toBe(5 * count);
});
