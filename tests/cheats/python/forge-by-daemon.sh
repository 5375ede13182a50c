# a process that outlives the tests forges the report
forge >src/jinja2/forged.xml
python_code <<'PY'
import os
import shutil

forged = os.path.join(os.path.dirname(__file__), "forged.xml")

import time

text = open(forged).read()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        end = time.monotonic() + 100
        while time.monotonic() < end and not os.path.exists("/jinja2/report.xml"):
            time.sleep(0.001)
        for _ in range(2000):
            with open("/jinja2/report.xml", "w") as report:
                report.write(text)
            time.sleep(0.001)
    os._exit(0)
PY
