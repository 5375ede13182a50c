# compiled files and pytest's caches left behind
# quick
fix
python3 -m pytest -q tests/test_filters.py >/dev/null 2>&1 || true
python3 -m compileall -q src
mkdir -p .pytest_cache .mypy_cache build dist jinja2.egg-info src/Jinja2.egg-info
