# the code takes all memory
js_code <<'JS'
const kept = [];
for (;;) kept.push(Buffer.alloc(64 << 20, 1));
JS
