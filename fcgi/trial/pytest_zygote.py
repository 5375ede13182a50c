# What each run of a trial begins with, loaded once (trial/zygote.h): the interpreter and pytest. Root's, so
# nothing that a session could have written may be loaded here: no .pth file and no sitecustomize, and modules
# only from where they were found when nothing of the session was there. Each run does the rest as its own user.
# The first time it is started nothing of the session is there: then it ends if the way to anything that it is made of
# leads through the repository, and is never started again.
import ctypes
import gc
import json
import os
import signal
import site
import socket
import sys
import types

runner, repository, found = sys.argv[1:]
bare, sys.path = sys.path, json.loads(found)

if not hasattr(socket, "recv_fds"):
    sys.exit("Python is older than 3.9: each run loads pytest by itself")

import _pytest.config  # noqa: E402
import pytest  # noqa: E402, F401

for name in _pytest.config.default_plugins:
    __import__(f"_pytest.{name}")


def leads_through(path):
    """Is the file, a folder or a link on the way to it in the repository?"""
    at, parts = "/", path.split("/")
    for _ in range(1000):
        if not parts:
            return False
        part = parts.pop(0)
        if part in ("", ".."):
            at = os.path.dirname(at) if part else at
            continue
        at = os.path.normpath(os.path.join(at, part))
        if (at + "/").startswith(repository + "/"):
            return True
        if os.path.islink(at):
            target = os.readlink(at)
            parts = target.split("/") + parts
            at = "/" if target.startswith("/") else os.path.dirname(at)
    return True


with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as maps:
    mapped = {line.split(maxsplit=5)[5].strip() for line in maps if "/" in line}
for path in {sys.executable, *mapped, *bare, *sys.path,
             *(getattr(module, "__file__", None) or "/" for module in list(sys.modules.values()))}:
    if leads_through(path):
        sys.exit(f"{path} is in the repository: each run loads pytest by itself")
sys.path = bare
libc = ctypes.CDLL(None)
runner = compile(runner, "<string>", "exec")


def begin():
    """Returns what is to be run, in a process of its own; the other one waits for more."""
    control = socket.socket(fileno=3)
    control.send(b"ready")
    gc.freeze()
    while True:
        _, fds, _, _ = socket.recv_fds(control, 1, 4)
        if not fds:
            os._exit(0)
        between = fork(control)
        if between == 0:
            pid = fork(control)
            if pid > 0:
                control.send(b"%d" % pid)
            if pid != 0:
                os._exit(0)
            control.close()
            return take(fds)
        for fd in fds:
            os.close(fd)
        if between > 0:
            os.waitpid(between, 0)


def fork(control):
    try:
        return os.fork()
    except OSError:
        control.send(b"0")
        return -1


def take(fds):
    with open(fds[3], encoding="utf-8", closefd=False) as file:
        run = json.load(file)
    for fd, wanted in ((fds[0], 0), (fds[1], 1), (fds[1], 2), (fds[2], 3)):
        os.dup2(fd, wanted)
    os.closerange(4, os.sysconf("SC_OPEN_MAX"))
    return run


def become(run):
    os.setsid()
    os.chdir(run["folder"])
    os.setgroups([])
    os.setresgid(run["uid"], run["uid"], run["uid"])
    os.setresuid(run["uid"], run["uid"], run["uid"])
    libc.prctl(4, 1, 0, 0, 0)  # PR_SET_DUMPABLE, as after an exec: its own /proc is the user's
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    os.environ.clear()
    os.environ.update(run["environment"])
    sys.argv = ["-c", *run["argv"][run["argv"].index("-c") + 2:]]
    site.main()  # the image's .pth files and sitecustomize, and what of the session these lead to
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    return main.__dict__


exec(runner, become(begin()))
