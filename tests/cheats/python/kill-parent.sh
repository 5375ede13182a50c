# the code kills the verifier
# quick
python_code <<'PY'
import os

os.kill(os.getppid(), 9)
os._exit(1)
PY
