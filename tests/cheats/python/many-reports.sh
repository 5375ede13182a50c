# three thousand reports lie beside the real one
python_code <<'PY'
import os

os.makedirs("/jinja2/test_reports", exist_ok=True)
for number in range(3000):
    with open("/jinja2/test_reports/%d.xml" % number, "w") as report:
        report.write('<testsuite><testcase classname="a" name="n%d"/></testsuite>' % number)
PY
