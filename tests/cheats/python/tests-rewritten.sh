# the tests are rewritten before they are collected
python_code <<'PY'
path = "/jinja2/tests/test_filters.py"
text = open(path).read()
open(path, "w").write(text.replace("env: Environment, sep: str) -> None:", "env, sep): return", 1))
PY
