# the code writes without end to its output
js_code <<'JS'
for (;;) require('fs').writeSync(1, 'x'.repeat(65536));
JS
