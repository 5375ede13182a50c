# the code removes the repository's folder
python_code <<'PY'
import os
import shutil

shutil.rmtree("/jinja2", ignore_errors=True)
os._exit(1)
PY
