# a report of 100 MiB lies beside the real one
python_code <<'PY'
import os

os.makedirs("/jinja2/test_reports", exist_ok=True)
with open("/jinja2/test_reports/giant.xml", "w") as report:
    report.write("<testsuite>")
    for _ in range(100):
        report.write('<testcase classname="a" name="b"/>' + " " * (1 << 20))
    report.write("</testsuite>")
PY
