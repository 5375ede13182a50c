# many processes take all memory again and again
python_code <<'PY'
import os

for _ in range(40):
    if os.fork() == 0:
        os.setsid()
        while True:
            if os.fork() == 0:
                kept = []
                while True:
                    kept.append(bytearray(16 << 20))
            os.wait()
PY
