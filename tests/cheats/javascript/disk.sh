# the code fills the disk
js_code <<'JS'
try { for (;;) require('fs').appendFileSync('/minimist/filler', Buffer.alloc(16 << 20)); } catch (error) { process.exit(1); }
JS
