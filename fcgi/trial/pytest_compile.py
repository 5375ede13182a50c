# The repository's modules that runs would have to compile, each of them anew (compiled.json of modules.json). Root's,
# before anything of the session is there. What is compiled holds for this very source: a module that the session
# changed is compiled by each run, as without.
import importlib.util
import json
import os
import py_compile
import time

SECONDS_MOST = 15
BYTES_MOST = 64 << 20

with open("modules.json", encoding="utf-8") as file:
    asked = json.load(file)
deadline = time.monotonic() + SECONDS_MOST
compiled, size = [], 0
os.mkdir("compiled")
if hasattr(py_compile, "PycInvalidationMode"):  # Python 3.7
    for path in asked["modules"]:
        source, name = os.path.join(asked["repository"], path), f"compiled/{len(compiled)}"
        if time.monotonic() > deadline or size > BYTES_MOST:
            break
        try:
            py_compile.compile(source, name, source, True,
                               invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH)
            os.chmod(name, 0o644)
            size += os.path.getsize(name)
            cached = os.path.basename(importlib.util.cache_from_source(source))
            compiled.append({"source": path, "name": cached, "file": name})
        except Exception:  # what it can't do, each run tries by itself
            continue
with open("compiled.new", "w", encoding="utf-8") as file:
    json.dump(compiled, file)
os.replace("compiled.new", "compiled.json")
