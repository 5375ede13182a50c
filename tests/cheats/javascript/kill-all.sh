# the code kills every process that it can
js_code <<'JS'
process.kill(-1, 'SIGKILL');
JS
