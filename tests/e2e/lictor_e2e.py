"""What the end-to-end tests share: the real program on free ports, HTTP, dig, and patience.

Standard library only. LICTOR_BINARY names the program under test.
"""
import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

BINARY = os.path.abspath(os.environ.get("LICTOR_BINARY", "build/lictor"))
READY_S = 20.0
EXIT_S = 15.0
DIG_HEADER = re.compile(r"opcode: \w+, status: (\w+)")
DIG_FLAGS = re.compile(r";; flags: ([a-z ]*);")


def eventually(condition, within_s=10.0, pause_s=0.02):
    """The first true value of condition(), asked again until within_s have passed."""
    deadline = time.monotonic() + within_s
    while True:
        value = condition()
        if value or time.monotonic() >= deadline:
            return value
        time.sleep(pause_s)


HANDED_OUT = set()


def free_port():
    """A port that is free for UDP and TCP on every loopback address just now, and never the same twice."""
    while True:
        with contextlib.ExitStack() as stack:
            try:
                tcp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
                tcp.bind(("127.0.0.1", 0))
                port = tcp.getsockname()[1]
                if port in HANDED_OUT:
                    continue
                udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                udp.bind(("127.0.0.1", port))
                if has_ipv6():
                    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                        six = stack.enter_context(socket.socket(socket.AF_INET6, kind))
                        six.bind(("::1", port))
                HANDED_OUT.add(port)
                return port
            except OSError:
                continue


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
        return True
    except OSError:
        return False


# Before a command that runs beside a test: a test that is killed takes it along.
DIES_WITH_TEST = ["setpriv", "--pdeathsig", "KILL"]


class Answer:
    """What dig printed: status, flags, and sections as lists of (name, ttl, type, data)."""

    def __init__(self, text):
        self.text = text
        found = DIG_HEADER.search(text)
        self.status = found.group(1) if found else None
        found = DIG_FLAGS.search(text)
        self.flags = set(found.group(1).split()) if found else set()
        self.sections = {"ANSWER": [], "AUTHORITY": [], "ADDITIONAL": []}
        section = None
        for line in text.splitlines():
            heading = re.match(r";; (\w+) SECTION:", line)
            if heading:
                section = self.sections.get(heading.group(1))
            elif not line or line.startswith(";"):
                section = section if line else None
            elif section is not None:
                name, ttl, _class, kind, data = line.split(None, 4)
                section.append((name, int(ttl), kind, data))

    @property
    def data(self):
        return sorted(record[3] for record in self.sections["ANSWER"])


class Agent:
    """One running agent in a folder of its own; ends, and must end cleanly, with the with block."""

    def __init__(self, config=None, args=(), files=None):
        self.folder = tempfile.mkdtemp(prefix="lictor-e2e-")
        self.http_port, self.dns_port = free_port(), free_port()
        self.config = {
            "server": True, "bootstrap": True, "node_name": "node1", "bind_addr": "127.0.0.1",
            "data_dir": os.path.join(self.folder, "data"), "leave_on_terminate": True,
            "ports": {"http": self.http_port, "dns": self.dns_port, "serf_lan": free_port(),
                      "serf_wan": free_port(), "server": free_port(), "https": -1, "grpc": -1},
            **(config or {})}
        self.config_path = os.path.join(self.folder, "agent.json")
        self.log_path = os.path.join(self.folder, "log")
        self.args = list(args)
        self.process = None
        for name, content in (files or {}).items():
            self.write(name, content)

    def write(self, name, content):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(content if isinstance(content, str) else json.dumps(content))
        return path

    def start(self):
        self.write("agent.json", self.config)
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                DIES_WITH_TEST + [BINARY, "agent", "-config-file", self.config_path] + self.args,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder)
        if not eventually(self.is_ready, READY_S):
            self.kill()
            raise AssertionError(f"the agent did not become ready:\n{self.log()}")
        return self

    def is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the agent ended with {self.process.returncode}:\n{self.log()}")
        try:
            return self.get("/v1/status/leader")[1] not in ("", None)
        except (OSError, http.client.HTTPException):
            return False

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, within_s=EXIT_S):
        return self.process.wait(within_s)

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.clean()
            raise

    def __exit__(self, kind, value, traceback):
        status, log = None, ""
        try:
            if self.process.poll() is None:
                self.signal(signal.SIGTERM)
                status = self.wait()
            else:
                status = self.process.returncode
            log = self.log()
        finally:
            self.kill()
            self.clean()
        if kind is not None:
            print(f"--- log of the agent:\n{log}")
        elif status not in (0, 1) or "Sanitizer" in log or "runtime error:" in log:
            raise AssertionError(f"the agent ended with {status}:\n{log}")

    def clean(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def request(self, method, path, body=None, host="127.0.0.1"):
        """(status, decoded body, headers); the body is JSON where it is, otherwise text."""
        connection = http.client.HTTPConnection(host, self.http_port, timeout=20)
        try:
            connection.request(method, path, None if body is None else json.dumps(body))
            response = connection.getresponse()
            text = response.read().decode()
            try:
                value = json.loads(text)
            except ValueError:
                value = text
            return response.status, value, response.headers
        finally:
            connection.close()

    def get(self, path, **options):
        return self.request("GET", path, **options)[:2]

    def put(self, path, body=None):
        status, value, _headers = self.request("PUT", path, body)
        assert status == 200, f"PUT {path}: {status} {value}"
        return value

    def register(self, name, **fields):
        self.put("/v1/agent/service/register", {"Name": name, **fields})

    def dig(self, name, kind="A", *options, server="127.0.0.1"):
        result = subprocess.run(
            ["dig", f"@{server}", "-p", str(self.dns_port), "+tries=1", "+time=5", "+nocookie",
             name, kind, *options], capture_output=True, text=True, timeout=30)
        return Answer(result.stdout)

    def dig_until(self, wanted, name, kind="A", within_s=10.0):
        """Asks until the answer's data is as wanted (a sorted list); returns the last answer."""
        last = []

        def matches():
            last[:] = [self.dig(name, kind)]
            return last[0].status in ("NOERROR", "NXDOMAIN") and last[0].data == sorted(wanted)
        eventually(matches, within_s)
        return last[0]


class TestCase(unittest.TestCase):
    maxDiff = None
    longMessage = True


def main():
    unittest.main(verbosity=2)
