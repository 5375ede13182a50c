# the code kills every process that it can
python_code <<'PY'
import os

os.kill(-1, 9)
PY
