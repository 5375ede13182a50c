# The repository's modules that runs would have to compile, each of them anew (compiled.json of modules.json). Root's,
# before anything of the session is there. What is compiled holds for this very source: a module that the session
# changed is compiled by each run, as without.
import importlib.util
import json
import os
import py_compile
import time

SECONDS_MOST = 15

with open("modules.json", encoding="utf-8") as file:
    asked = json.load(file)
deadline = time.monotonic() + SECONDS_MOST
compiled = []
os.mkdir("compiled")
if hasattr(py_compile, "PycInvalidationMode"):  # Python 3.7
    for path in asked["modules"]:
        source, name = os.path.join(asked["repository"], path), f"compiled/{len(compiled)}"
        if time.monotonic() > deadline:
            break
        try:
            py_compile.compile(source, name, source, True,
                               invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH)
        except (OSError, py_compile.PyCompileError):
            continue
        os.chmod(name, 0o644)
        compiled.append([path, os.path.basename(importlib.util.cache_from_source(source)), name])
with open("compiled.json", "w", encoding="utf-8") as file:
    json.dump(compiled, file)
