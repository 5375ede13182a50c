# the code kills the verifier
js_code <<'JS'
process.kill(process.ppid, 'SIGKILL');
JS
