# the code stops every process, the shepherd too
js_code <<'JS'
process.kill(-1, 'SIGSTOP');
for (;;) ;
JS
