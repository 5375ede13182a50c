# what the tests look at reads as undefined
js_code <<'JS'
for (const name of ['y', 'foo'])
    Object.defineProperty(Function.prototype, name, { get() { return undefined; }, set() {}, configurable: true });
JS
