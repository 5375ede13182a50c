#!/bin/bash
# Runs the hidden tests on what is in /jinja2 and leaves report.xml there. Nothing but the code is
# taken from the folder: not its tests, conftest.py, pytest configuration or compiled files.
[ "${VERIFIER-}" ] || exec env -i VERIFIER=1 PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
    LC_ALL=C.UTF-8 PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 /bin/bash "$0"
set -eu
cd /jinja2
rm -rf tests report.xml conftest.py
find . -name __pycache__ -prune -exec rm -rf {} +
find . -name '*.pyc' -delete
cp -a /verifier/tests tests

# Isolated: neither the folder itself nor PYTHON* variables decide what is imported.
status=0
python3 -I -B -m pytest -c /verifier/pytest.ini --rootdir=/jinja2 --confcutdir=/jinja2/tests \
    -p no:cacheprovider -q --tb=short --junitxml=report.xml tests || status=$?

# pytest writes no report when the code can't even be imported. That is a failed test, not a
# fault of the platform.
[ -f report.xml ] || cat >report.xml <<'XML'
<testsuites><testsuite name="verifier"><testcase classname="verifier" name="run">
<failure message="pytest ended without a report: the code can't be imported, or ended the run"/>
</testcase></testsuite></testsuites>
XML
exit "$status"
