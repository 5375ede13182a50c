# One run of a trial: pytest over what is in the repository's folder, with all of pytest from the image. It
# tells on descriptor 3 how each test ended; what is believed of that is decided elsewhere. In a rehearsal the folder
# is a mirror of the repository (`origin`), no test begins after `seconds`, and in the end it tells which of the
# repository's modules it had to compile.
import contextlib
import importlib.machinery
import json
import os
import sys
import time

repository, options, *arguments = sys.argv[1:]
options = json.loads(options)
origin = options.get("origin", repository)
if not options.get("plugins"):
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
os.set_inheritable(3, False)
told = os.fdopen(3, "w", encoding="utf-8", errors="backslashreplace")
inside = [entry for entry in sys.path if (entry + "/").startswith(origin + "/")]
sys.path = [entry for entry in sys.path if entry not in inside]

import pytest  # noqa: E402

for folder in options.get("path", []):
    inside.append(os.path.normpath(os.path.join(origin, folder)))
sys.path += dict.fromkeys(inside)


class Teller:
    def __init__(self):
        self.worst, self.seconds, self.message = {}, {}, {}

    def tell(self, **what):
        told.write(json.dumps(what) + "\n")
        told.flush()

    def pytest_runtest_logreport(self, report):
        name = report.nodeid
        outcome = {"passed": 0, "skipped": 1}.get(report.outcome, 2)
        self.seconds[name] = self.seconds.get(name, 0) + report.duration
        if outcome > self.worst.get(name, -1):
            self.worst[name] = outcome
            self.message[name] = report.longreprtext[-4000:] if outcome == 2 else ""
        if report.when == "teardown":
            self.tell(test=name, outcome=self.worst.pop(name), seconds=round(self.seconds.pop(name), 4),
                      message=self.message.pop(name))

    def tell_compiled(self):
        for module in list(sys.modules.values()):
            with contextlib.suppress(Exception):  # there may be anything
                spec = object.__getattribute__(module, "__dict__")["__spec__"]
                path = os.path.realpath(spec.origin)
                # What another loader makes of a source, it does not look for where this one does.
                if type(spec.loader) is importlib.machinery.SourceFileLoader and not os.path.exists(spec.cached) and \
                        path.startswith(os.path.realpath(origin) + "/"):
                    self.tell(compiled=os.path.relpath(path, os.path.realpath(origin)))

    def pytest_runtest_protocol(self, item):
        if "seconds" in options and time.monotonic() > began + options["seconds"]:
            item.session.shouldstop = "there is no time left"

    def pytest_collectreport(self, report):
        if report.failed:
            self.tell(fault=str(report.nodeid), message=report.longreprtext[-4000:])


began = time.monotonic()
teller = Teller()
status = int(pytest.main(arguments, plugins=[teller]))
teller.tell(status=status)
if "origin" in options and options.get("compiled", True):
    teller.tell_compiled()
for stream in sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__:
    with contextlib.suppress(Exception):
        stream.flush()
os._exit(status)  # to take down all that is loaded would be a third of what a small run costs
