# comparisons always say that things are the same
js_code <<'JS'
Object.is = () => true;
JS
