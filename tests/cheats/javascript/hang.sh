# the code never ends
js_code <<'JS'
for (;;) ;
JS
