# the code fills the disk
python_code <<'PY'
import os

try:
    with open("/jinja2/filler", "wb") as filler:
        while True:
            filler.write(bytes(16 << 20))
except OSError:
    pass
try:
    for number in range(1 << 30):
        open("/jinja2/f%d" % number, "wb").write(b"x" * 4000)
except OSError:
    os._exit(1)
PY
