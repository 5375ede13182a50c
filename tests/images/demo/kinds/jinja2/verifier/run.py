# run.py FOLDER ARGUMENT... - pytest with FOLDER as the last place where modules are looked for, so that what
# lies beside the package can only add names, and /jinja2/src, which the image has on the path for the convenience of sessions, taken off it. So the
# code under test can't stand in for pytest or anything that pytest imports.
import sys

folder, *arguments = sys.argv[1:]
sys.path = [entry for entry in sys.path if not entry.startswith("/jinja2")]

import pytest  # noqa: E402

sys.path.append(folder)
sys.exit(pytest.main(arguments))
