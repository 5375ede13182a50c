#!/bin/bash
# Runs the hidden tests on what is in /jinja2 and leaves report.xml there. Of the folder nothing but
# src is taken, and of that no conftest.py, compiled files, or descriptions of installed packages.
# Links are followed: what they lead to is copied, so that it is looked through like the rest.
[ "${VERIFIER-}" ] || exec env -i VERIFIER=1 PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
    LC_ALL=C.UTF-8 PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 /bin/bash "$0"
set -eu
cd /jinja2
rm -rf tests report.xml conftest.py
cp -a /verifier/tests tests
path=$(mktemp -d)
trap 'rm -rf "$path"' EXIT
cp -rL src/. "$path" || true # what is not there can't be imported
find "$path" \( -name __pycache__ -o -name '*.pyc' -o -name '*.so' -o -name conftest.py -o -name '*.pth' -o \
    -name '*-info' \) -prune -exec rm -rf {} +

# Isolated: neither the current folder nor PYTHON* variables decide what is imported.
status=0
python3 -I -B /verifier/run.py "$path" -c /verifier/pytest.ini --rootdir=/jinja2 \
    --confcutdir=/jinja2/tests -p no:cacheprovider -q --tb=short --junitxml=report.xml tests ||
    status=$?

# pytest writes no report when the code can't even be imported. That is a failed test, not a
# fault of the platform.
[ -f report.xml ] || rm -rf report.xml
[ -f report.xml ] || cat >report.xml <<'XML'
<testsuites><testsuite name="verifier"><testcase classname="verifier" name="run">
<failure message="pytest ended without a report: the code can't be imported, or ended the run"/>
</testcase></testsuite></testsuites>
XML
exit "$status"
