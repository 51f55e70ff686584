"""What the end-to-end benchmarks share: the registry they ask about, a running agent, the clock of a
process, and results. Standard library only."""
import concurrent.futures
import http.client
import json
import os
import random
import re
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BINARY = os.environ.get("LICTOR_BINARY", os.path.join(ROOT, "build/lictor"))
RESULTS = os.environ.get("LICTOR_RESULTS", os.path.join(ROOT, "bench/results"))
TYPE_A, TYPE_SRV = 1, 33
NODE_COUNT = 1000


def say(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def fail(text):
    print(f"{os.path.basename(sys.argv[0])}: {text}", file=sys.stderr)
    sys.exit(1)


def need(*programs):
    for program in programs:
        if shutil.which(program) is None:
            fail(f"{program} is missing: scripts/setup --with all")


# The registry: service i runs on node i % NODE_COUNT. Eight-letter names make 83-byte frames.

def service_name(i):
    return f"s{i:07d}"


def service_port(i):
    return 1024 + i % 60000


def node_name(i):
    return f"n{i % NODE_COUNT:04d}"


def node_address(i):
    i %= NODE_COUNT
    return f"10.1.{i // 250}.{i % 250 + 1}"


def catalog_entry(i):
    return {"Node": node_name(i), "Address": node_address(i),
            "Service": {"Service": service_name(i), "Port": service_port(i)}}


def expected_answer(i, kind):
    """The one record in the answer section, as text."""
    if kind == TYPE_A:
        return node_address(i)
    return f"1 1 {service_port(i)} {node_name(i)}.node.dc1.consul."


def encode_name(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def encode_query(name, kind, ident=0):
    return struct.pack("!6H", ident, 0x0100, 1, 0, 0, 0) + encode_name(name) + \
        struct.pack("!2H", kind, 1)


def decode_name(message, at):
    """(name, offset behind it); follows compression pointers, which may only lead backwards."""
    labels, end, limit = [], None, at
    while True:
        length = message[at]
        if length >= 0xC0:
            end = at + 2 if end is None else end
            at = (length & 0x3F) << 8 | message[at + 1]
            if at >= limit:
                raise ValueError("a pointer that does not lead backwards")
            limit = at
        elif length == 0:
            return ".".join(labels) + ".", at + 1 if end is None else end
        else:
            labels.append(message[at + 1:at + 1 + length].decode())
            at += 1 + length


def decode_answer(message):
    """(id, rcode, question name, question type, [text of each A or SRV record in the answer])."""
    ident, flags, questions, answers = struct.unpack_from("!4H", message)
    if not flags & 0x8000 or questions != 1:
        raise ValueError("no answer to one question")
    name, at = decode_name(message, 12)
    kind = struct.unpack_from("!H", message, at)[0]
    at += 4
    records = []
    for _ in range(answers):
        _owner, at = decode_name(message, at)
        record_kind, _class, _ttl, length = struct.unpack_from("!HHIH", message, at)
        at += 10
        if record_kind == TYPE_A:
            records.append(socket.inet_ntoa(message[at:at + 4]))
        elif record_kind == TYPE_SRV:
            priority, weight, port = struct.unpack_from("!3H", message, at)
            records.append(f"{priority} {weight} {port} {decode_name(message, at + 6)[0]}")
        at += length
    return ident, flags & 15, name, kind, records


def random_questions(count, service_count, seed):
    """count pairs (service number, type), half of them A and half SRV."""
    rng = random.Random(seed)
    return [(rng.randrange(service_count), rng.choice((TYPE_A, TYPE_SRV))) for _ in range(count)]


def free_port():
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp, \
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            try:
                udp.bind(tcp.getsockname())
                return tcp.getsockname()[1]
            except OSError:
                continue


class Server:
    """A process in a folder of its own, pinned to CPUs, ended by its pid."""

    def __init__(self, name, cpus=None):
        self.name = name
        self.cpus = cpus
        self.folder = tempfile.mkdtemp(prefix=f"lictor-bench-{name}-")
        self.process = None

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def spawn(self, *command, stdin=subprocess.DEVNULL):
        # A benchmark that is killed takes along what it started.
        prefix = ["setpriv", "--pdeathsig", "KILL"]
        if self.cpus:
            prefix += ["taskset", "-c", self.cpus]
        self.log = open(os.path.join(self.folder, "log"), "ab")
        self.process = subprocess.Popen(prefix + list(command), stdin=stdin, stdout=self.log,
                                        stderr=self.log, cwd=self.folder)

    def log_text(self):
        with open(os.path.join(self.folder, "log"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def await_ready(self, condition, within_s=60):
        deadline = time.monotonic() + within_s
        while not condition():
            if self.process.poll() is not None or time.monotonic() > deadline:
                text = self.log_text()
                self.stop()
                fail(f"{self.name} did not start:\n{text[-4000:]}")
            time.sleep(0.05)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def cpu_seconds(self):
        """Processor time of the process and its children."""
        return sum(process_cpu_seconds(pid) for pid in family(self.process.pid))


def family(pid):
    """pid and its descendants."""
    pids = [pid]
    for parent in pids:
        try:
            for task in os.listdir(f"/proc/{parent}/task"):
                with open(f"/proc/{parent}/task/{task}/children", encoding="ascii") as file:
                    pids.extend(int(child) for child in file.read().split())
        except OSError:
            continue
    return pids


def process_cpu_seconds(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Lictor(Server):
    """A development agent with its HTTP and DNS ports on loopback."""

    def __init__(self, config=None, cpus=None, dns_port=None, arguments=("-dev",)):
        super().__init__("lictor", cpus)
        if not os.access(BINARY, os.X_OK):
            fail(f"no {BINARY}: cmake --preset release && ninja -C build")
        self.http_port, self.dns_port = free_port(), dns_port or free_port()
        self.settings = {"bind_addr": "127.0.0.1", "node_name": "bench", "log_level": "warn",
                         "telemetry": {"prometheus_retention_time": "60s"},
                         "ports": {"http": self.http_port, "dns": self.dns_port,
                                   "serf_lan": free_port(), "serf_wan": free_port(),
                                   "server": free_port()}, **(config or {})}
        path = self.write("agent.json", json.dumps(self.settings))
        self.spawn(BINARY, "agent", *arguments, "-config-file", path)
        self.await_ready(self.has_leader)

    def client(self, config):
        """A client agent of this server."""
        folder = os.path.join(self.folder, "client")
        return Lictor({"server": False, "node_name": "client", "data_dir": folder,
                       "retry_interval": "200ms", "leave_on_terminate": False,
                       "retry_join": [f"127.0.0.1:{self.settings['ports']['serf_lan']}"], **config},
                      arguments=())

    def has_leader(self):
        try:
            connection = self.connect()
            connection.request("GET", "/v1/status/leader")
            return json.loads(connection.getresponse().read()) != ""
        except (OSError, ValueError, http.client.HTTPException):
            return False

    def connect(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=60)
        connection.connect()
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def get(self, path):
        connection = self.connect()
        connection.request("GET", path)
        response = connection.getresponse()
        text = response.read()
        connection.close()
        return response.status, text

    def register_all(self, service_count, connections=4):
        """Fills the catalog over HTTP, a few kept-alive connections side by side."""
        begin = time.monotonic()

        def fill(first):
            connection = self.connect()
            for i in range(first, service_count, connections):
                connection.request("PUT", "/v1/catalog/register", json.dumps(catalog_entry(i)))
                response = connection.getresponse()
                body = response.read()
                if response.status != 200:
                    raise RuntimeError(f"catalog/register: {response.status} {body[:200]}")
            connection.close()

        with concurrent.futures.ThreadPoolExecutor(connections) as pool:
            for done in [pool.submit(fill, first) for first in range(connections)]:
                done.result()
        seconds = time.monotonic() - begin
        say(f"registered {service_count} services over HTTP in {seconds:.1f} s")
        return seconds


def cpu_model():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        found = re.search(r"^model name\s*:\s*(.*)$", file.read(), re.MULTILINE)
    return found.group(1) if found else "unknown processor"


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def median(values):
    return statistics.median(values)


def save(part, results):
    os.makedirs(RESULTS, exist_ok=True)
    path = os.path.join(RESULTS, f"{part}.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"cpu": cpu_model(), **results}, file, indent=1)
        file.write("\n")
    say(f"wrote {os.path.relpath(path)}")
