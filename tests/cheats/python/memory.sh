# the code takes all memory
# quick
python_code <<'PY'
kept = []
while True:
    kept.append(bytearray(64 << 20))
PY
