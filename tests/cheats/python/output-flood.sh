# the code writes without end to its output
python_code <<'PY'
import os

while True:
    os.write(1, b"x" * 65536)
PY
