# what lies beside the real report is no XML
# quick
python_code <<'PY'
import os

os.makedirs("/jinja2/test_reports", exist_ok=True)
open("/jinja2/test_reports/junit.xml", "w").write("this is no report")
PY
