#!/usr/bin/python3
"""Agents for tests, in the agents' image: agents.py NAME. Each does, in the repository's folder, what its
comment says."""
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request

OUTPUT = os.environ["CODESET_OUTPUT"]
AGENT = next(name for name in os.listdir(OUTPUT) if name != "common")  # its own id
SECRET = os.environ["CODESET_JOB_SECRET"]
CALLBACK = os.environ.get("CODESET_CALLBACK_URL", "")


def leave(name, content, folder=None):
    path = f"{OUTPUT}/{folder or AGENT}/{name}"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content)


def call(method, verb, body, headers):
    """Through the proxy, also where NO_PROXY says otherwise. Returns the status."""
    proxies = urllib.request.ProxyHandler({"https": os.environ["HTTPS_PROXY"]})
    trust = ssl.create_default_context(cafile="/etc/ssl/certs/ca-certificates.crt")
    opener = urllib.request.build_opener(proxies, urllib.request.HTTPSHandler(context=trust))
    os.environ.pop("NO_PROXY", None)
    os.environ.pop("no_proxy", None)
    request = urllib.request.Request(f"{CALLBACK}/{verb}", data=body, method=method, headers=headers)
    try:
        with opener.open(request, timeout=60) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        print(error.read().decode(), flush=True)
        return error.code


def tell(verb, fields):
    return call("POST", verb, json.dumps({"secret": SECRET, **fields}).encode(), {"Content-Type": "application/json"})


def works():
    """Edits, and packs what it did."""
    print("::progress 10 Reading", flush=True)
    with open("hello.txt", "a", encoding="utf-8") as file:
        file.write("edited\n")
    diff = subprocess.run(["git", "diff"], check=True, capture_output=True).stdout
    log = subprocess.run(["git", "log", "--format=%s"], check=True, capture_output=True).stdout
    print("::progress 90 Packing", flush=True)
    leave("change.diff", diff)
    leave("log.txt", log, "common")


def trivial():
    leave("done", b"done")


def large():
    """100 MiB that do not compress."""
    for i in range(100):
        leave(f"{i}", os.urandom(1 << 20))
    print("::progress 90 Packing", flush=True)


def waits():
    """For a file that the test makes."""
    print("begun", flush=True)
    while not os.path.exists("/tmp/go"):
        time.sleep(0.05)
    leave("done", b"done")


def hangs():
    for number in range(1, signal.NSIG):
        if number not in (signal.SIGKILL, signal.SIGSTOP):
            try:
                signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError):
                pass
    while True:
        time.sleep(1)


def crashes():
    print("about to crash", flush=True)
    os.kill(os.getpid(), signal.SIGSEGV)


def floods():
    line = b"x" * 1023 + b"\n"
    for _ in range(200 * 1024):
        sys.stdout.buffer.write(line)
    sys.stdout.flush()
    leave("done", b"done")


def lies():
    """About its progress, and with bytes that nobody wants."""
    sys.stdout.buffer.write(b"::progress 1000 too far\n::progress -1 back\n\xff\xfe\x00\x1b[2J\n::progress 50 " +
                            b"\xc3\xa9" * 1000 + b"\n")
    sys.stdout.flush()
    leave("done", b"done")


def kills():
    """All that it can."""
    leave("done", b"done")
    for pid in (1, -1):
        try:
            os.kill(pid, signal.SIGKILL)
        except OSError:
            pass


def tries(action):
    try:
        action()
    except OSError:
        pass


def links():
    os.symlink("/etc/passwd", f"{OUTPUT}/{AGENT}/passwd")


def up():
    leave("file", b"x")
    os.symlink("../../../../etc", f"{OUTPUT}/{AGENT}/etc")


def odd():
    """What it may leave, but is not packed: pipes and sockets."""
    leave("file", b"x")
    os.mkfifo(f"{OUTPUT}/{AGENT}/pipe")


def named():
    with open(f"{OUTPUT}/{AGENT}".encode() + b"/\xff\n", "wb") as file:
        file.write(b"x")


def top():
    leave("file", b"x")
    with open(f"{OUTPUT}/file", "wb") as file:
        file.write(b"x")


def bombs():
    """A file that is large and takes no room."""
    with open(f"{OUTPUT}/{AGENT}/zeros", "wb") as file:
        file.truncate(10 << 30)


def crowds():
    for i in range(3000):
        leave(f"{i}", b"")


def deep():
    folder = f"{OUTPUT}/{AGENT}"
    os.chdir(folder)
    for _ in range(400):
        os.mkdir("d")
        os.chdir("d")


def swaps():
    """Exchanges its output while that is packed; what is packed is a folder of the container's all the same."""
    leave("file", b"x" * 1000000)
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            while True:
                tries(lambda: os.rename(OUTPUT, f"{OUTPUT}.away"))
                tries(lambda: os.symlink("/etc", OUTPUT))
                tries(lambda: os.unlink(OUTPUT))
                tries(lambda: os.rename(f"{OUTPUT}.away", OUTPUT))
        os._exit(0)


def shows():
    """What it was given to work on."""
    leave("head", subprocess.run(["git", "rev-parse", "HEAD"], check=True, capture_output=True).stdout)
    leave("branch", subprocess.run(["git", "branch", "--show-current"], check=True, capture_output=True).stdout)
    leave("files", "\n".join(sorted(os.listdir("."))).encode())
    leave("part", b"\n".join(name.encode() for name in sorted(os.listdir("part"))) if os.path.isdir("part") else b"none")
    leave("environment", "\n".join(f"{key}={value}" for key, value in os.environ.items()).encode())


def hunts():
    """Looks for the token that the repository was cloned with: its beginning is made of two parts here, so that
    it does not find itself."""
    token = re.compile(b"gh" + b"s_50[0-9]_")
    found = []

    def look(path):
        try:
            with open(path, "rb") as file:
                while piece := file.read(1 << 20):
                    if token.search(piece):
                        found.append(path)
                        return
        except OSError:
            pass

    for pid in [name for name in os.listdir("/proc") if name.isdigit()]:
        for name in ("environ", "cmdline", "maps"):
            look(f"/proc/{pid}/{name}")
        tries(lambda: look_at_memory(pid, token, found))
    for root in (os.getcwd(), "/tmp", "/var", "/root", "/dev/shm", "/run", "/home", "/etc", os.path.dirname(OUTPUT)):
        for folder, _, names in os.walk(root):
            for name in names:
                path = os.path.join(folder, name)
                if os.path.isfile(path):
                    look(path)
    config = subprocess.run(["git", "config", "--list", "--show-origin"], check=True, capture_output=True).stdout
    remote = subprocess.run(["git", "remote", "-v"], check=True, capture_output=True).stdout
    if token.search(config + remote) or b"credential" in config:
        found.append("git config")
    for name, value in os.environ.items():
        if token.search(value.encode()):
            found.append(name)
    fetched = subprocess.run(["git", "fetch", "origin"], check=False, capture_output=True,
                             env={**os.environ, "GIT_TERMINAL_PROMPT": "0", "NO_PROXY": "", "no_proxy": ""})
    if fetched.returncode == 0:
        found.append("git fetch succeeds")
    leave("found", "\n".join(found).encode())
    for path in found:
        print(f"found: {path}", flush=True)
    sys.exit(1 if found else 0)


def look_at_memory(pid, token, found):
    """Of processes other than its own: the platform's, if it may."""
    if int(pid) == os.getpid():
        return
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            start, end = (int(part, 16) for part in line.split()[0].split("-"))
            try:
                memory.seek(start)
                if token.search(memory.read(end - start)):
                    found.append(f"memory of {pid}")
            except (OSError, ValueError, OverflowError):
                pass


def secrets():
    """Prints what it was given."""
    print("key:", os.environ["KEY"], flush=True)
    print("::progress 20 with", os.environ["KEY"], flush=True)
    print(SECRET, file=sys.stderr, flush=True)
    leave("done", b"done")


def reaches():
    """Its callback, and nothing else."""
    statuses = [tell("progress", {"progress_pct": 33, "progress_stage": "by the callback"})]
    for host in ("example.com:443", "127.0.0.1:22", "169.254.169.254:80", "localhost:1"):
        done = subprocess.run(["python3", "-c", f"""
import socket
s = socket.create_connection(("127.0.0.1", 3128), 30)
s.sendall(b"CONNECT {host} HTTP/1.1\\r\\nHost: {host}\\r\\n\\r\\n")
print(s.recv(100).split(b" ")[1].decode())
"""], check=True, capture_output=True, text=True)
        statuses.append(int(done.stdout))
    leave("statuses", json.dumps(statuses).encode())


def puts():
    """Sends its result itself, says that it is done, and goes on and on."""
    subprocess.run(["tar", "czf", "/tmp/r.tgz", "-C", OUTPUT, "."], check=True)
    leave("by-put", b"x")
    subprocess.run(["tar", "czf", "/tmp/r.tgz", "-C", OUTPUT, "."], check=True)
    with open("/tmp/r.tgz", "rb") as file:
        status = call("PUT", "result", file.read(), {"X-Job-Secret": SECRET, "Content-Type": "application/gzip"})
    print("put", status, flush=True)
    subprocess.run(["rm", "-rf", f"{OUTPUT}/{AGENT}"], check=True)
    print("complete", tell("complete", {"outcome": "completed"}), flush=True)
    hangs()


def reports():
    """An error of its own."""
    tell("complete", {"outcome": "error", "error_message": "the model is away"})
    hangs()


def late():
    """Leaves somebody who calls back when all is over."""
    leave("done", b"done")
    if os.fork() == 0:
        os.setsid()
        time.sleep(3)
        tell("complete", {"outcome": "error"})
        os._exit(0)


def alone():
    """Without a way out there is none."""
    try:
        import socket
        socket.create_connection(("127.0.0.1", 3128), 10).sendall(b"CONNECT localhost:443 HTTP/1.1\r\n\r\n")
        leave("reached", b"the proxy listens")
    except OSError as error:
        leave("reached", str(error).encode())
    leave("proxy", os.environ.get("HTTPS_PROXY", "none").encode())


globals()[sys.argv[1]]()
