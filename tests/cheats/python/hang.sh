# the code never ends
# quick
python_code <<'PY'
import time

while True:
    time.sleep(1000)
PY
