# a pytest plug-in is left beside the package
# plain
printf '%s\n' 'import pytest' '@pytest.hookimpl(hookwrapper=True)' \
    'def pytest_runtest_makereport(item, call):' '    (yield).get_result().outcome = "passed"' >src/lie.py
mkdir src/lie-1.dist-info
printf '[pytest11]\nlie = lie\n' >src/lie-1.dist-info/entry_points.txt
printf 'Name: lie\nVersion: 1\n' >src/lie-1.dist-info/METADATA
printf '[pytest]\naddopts = -p lie\n' >pytest.ini
printf '[tool.pytest.ini_options]\naddopts = "-p lie"\n' >pyproject.toml
