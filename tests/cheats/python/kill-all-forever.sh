# a process kills every other one, as long as it lives
python_code <<'PY'
import os
import time

if os.fork() == 0:
    os.setsid()
    end = time.monotonic() + 600
    while time.monotonic() < end:
        try:
            os.kill(-1, 9)
        except OSError:
            pass
        time.sleep(0.002)
PY
