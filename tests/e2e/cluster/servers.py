"""Real servers that can be killed, stopped and cut off from each other."""
import contextlib
import ctypes
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import lictor_e2e  # noqa: E402 (found by the line above)
from lictor_e2e import DIES_WITH_TEST, eventually  # noqa: E402

CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)
TABLE = "inet lictor_faults"


def run(*command):
    result = subprocess.run(command, capture_output=True, text=True, timeout=30)
    if result.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: {result.returncode}\n"
                             f"{result.stdout}{result.stderr}")
    return result.stdout


def need_root_or_skip():
    if os.geteuid() != 0:
        print("SKIPPED: needs root, for network namespaces")
        sys.exit(77)


class Network:
    """A namespace for every server, all on one bridge in a namespace of its own."""

    def __init__(self, count):
        self.names = [f"lf{os.getpid()}-{i}" for i in range(count)]
        self.hub = f"lf{os.getpid()}-hub"

    def address(self, number):
        return f"10.98.0.{number + 1}"

    def __enter__(self):
        run("ip", "netns", "add", self.hub)
        run("ip", "-n", self.hub, "link", "add", "br0", "up", "type", "bridge")
        for number, name in enumerate(self.names):
            run("ip", "netns", "add", name)
            run("ip", "-n", name, "link", "set", "lo", "up")
            run("ip", "-n", name, "link", "add", "eth0", "type", "veth", "peer", "name",
                f"port{number}", "netns", self.hub)
            run("ip", "-n", name, "address", "add", f"{self.address(number)}/24", "dev", "eth0")
            run("ip", "-n", name, "link", "set", "eth0", "up")
            run("ip", "-n", self.hub, "link", "set", f"port{number}", "master", "br0", "up")
        return self

    def __exit__(self, *_error):
        for name in self.names + [self.hub]:
            run("ip", "netns", "delete", name)

    def enter(self, number):
        """Moves the calling thread into a server's namespace for good."""
        with open(f"/run/netns/{self.names[number]}", "rb") as there:
            if LIBC.setns(there.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")

    def command(self, number):
        return ["ip", "netns", "exec", self.names[number]]

    def drop(self, receiver, senders):
        """From now on the receiver hears nothing from the senders."""
        addresses = ", ".join(self.address(sender) for sender in senders)
        run(*self.command(receiver), "nft",
            f"add table {TABLE}; add chain {TABLE} input {{ type filter hook input priority 0; }}; "
            f"add rule {TABLE} input ip saddr {{ {addresses} }} drop")

    def cut(self, one_side, other_side):
        for number in one_side:
            self.drop(number, other_side)
        for number in other_side:
            self.drop(number, one_side)

    def heal(self):
        for number in range(len(self.names)):
            run(*self.command(number), "nft", f"add table {TABLE}; delete table {TABLE}")


class Loopback:
    """Every server on an address of its own, 127.0.0.2 and up; nothing can be cut."""

    def __init__(self, _count):
        self.base = 2

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        pass

    def address(self, number):
        return f"127.0.0.{self.base + number}"

    def enter(self, number):
        pass

    def command(self, _number):
        return []


class Server:
    """One server: its folder outlives its process."""

    def __init__(self, cluster, number):
        self.cluster, self.number = cluster, number
        self.address = cluster.network.address(number)
        self.folder = os.path.join(cluster.folder, f"s{number}")
        self.data_dir = os.path.join(self.folder, "data")
        self.log_path = os.path.join(self.folder, "log")
        self.process = None
        os.makedirs(self.folder)

    def config(self):
        ports = self.cluster.ports
        return {
            "server": True, "bootstrap_expect": len(self.cluster.addresses),
            "node_name": f"s{self.number}", "bind_addr": self.address, "client_addr": self.address,
            "data_dir": self.data_dir, "ports": ports,
            "retry_join": [f"{address}:{ports['serf_lan']}" for address in self.cluster.addresses
                           if address != self.address],
            "retry_interval": "1s", "performance": {"raft_multiplier": self.cluster.multiplier},
            # A server that is away for a while stays a voter: the next fault may need it.
            "autopilot": {"cleanup_dead_servers": False},
            **self.cluster.settings}

    def start(self):
        path = os.path.join(self.folder, "agent.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(self.config(), file)
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                self.cluster.network.command(self.number) + DIES_WITH_TEST +
                [lictor_e2e.BINARY, "agent", "-config-file", path],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder)

    @property
    def running(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        if self.running:
            self.process.kill()
        if self.process:
            self.process.wait()

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def connect(self, timeout_s):
        return http.client.HTTPConnection(self.address, self.cluster.ports["http"],
                                          timeout=timeout_s)

    def request(self, method, path, body=None, timeout_s=10):
        """(status, text) from inside the server's network; OSError when there is none."""
        def ask():
            connection = self.connect(timeout_s)
            try:
                connection.request(method, path, body)
                response = connection.getresponse()
                return response.status, response.read().decode(errors="replace")
            finally:
                connection.close()
        return self.cluster.inside(self.number, ask)


class Cluster:
    """Servers of one datacenter; all of it is gone after the with block."""

    def __init__(self, count, namespaces=False, multiplier=1, settings=None):
        self.network = (Network if namespaces else Loopback)(count)
        self.multiplier, self.settings = multiplier, settings or {}
        self.addresses = [self.network.address(number) for number in range(count)]
        self.folder = tempfile.mkdtemp(prefix="lictor-cluster-")
        free = lictor_e2e.free_port
        self.ports = {"http": free(), "dns": free(), "server": free(), "serf_lan": free(),
                      "serf_wan": -1, "https": -1, "grpc": -1}
        self.servers = [Server(self, number) for number in range(count)]

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
            stack.enter_context(self.network)
            stack.callback(self.kill_all)
            for server in self.servers:
                server.start()
            if self.leader(60) is None:
                self.print_logs()
                raise AssertionError("no leader")
            self.stack = stack.pop_all()
        return self

    def __exit__(self, kind, value, traceback):
        if kind is not None:
            self.print_logs()
        self.stack.close()

    def print_logs(self):
        for server in self.servers:
            print(f"--- log of {server.address}:\n{server.log()[-20000:]}")

    def kill_all(self):
        for server in self.servers:
            if server.running:
                server.resume()
            server.kill()

    def inside(self, number, function):
        """What the function gives, on a thread that is in the server's network."""
        outcome = []

        def target():
            try:
                self.network.enter(number)
                outcome.append((function(), None))
            except BaseException as error:  # carried over to the caller's thread
                outcome.append((None, error))
        thread = threading.Thread(target=target)
        thread.start()
        thread.join()
        value, error = outcome[0]
        if error is not None:
            raise error
        return value

    def leader(self, within_s=30):
        """The server that most running servers call their leader, once a write succeeds."""
        def ask():
            for server in self.servers:
                if not server.running:
                    continue
                try:
                    status, text = server.request("GET", "/v1/status/leader", timeout_s=3)
                    name = json.loads(text) if status == 200 else ""
                    found = [s for s in self.servers if name.rsplit(":", 1)[0] == s.address]
                    if found and found[0].running and found[0].request(
                            "PUT", "/v1/kv/cluster/ready", "1", timeout_s=3)[0] == 200:
                        return found[0]
                except (OSError, http.client.HTTPException, ValueError):
                    continue
            return None
        return eventually(ask, within_s, 0.1)
