"""Network namespaces, and the real program on a DPDK port inside one. Standard library only."""
import contextlib
import ctypes
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import lictor_e2e  # noqa: E402 (found by the line above)
from lictor_e2e import DIES_WITH_TEST, Agent, eventually  # noqa: E402

CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)

AGENT_MAC, CLIENT_MAC = "02:00:00:00:00:02", "02:00:00:00:00:01"
AGENT_IP, CLIENT_IP = "10.99.0.2", "10.99.0.1"
AGENT_IP6, CLIENT_IP6 = "fd00::2", "fd00::1"


def need_root_or_skip():
    """Ends the test as skipped (77) when namespaces cannot be made."""
    if os.geteuid() != 0:
        print("SKIPPED: needs root, for network namespaces")
        sys.exit(77)
    for tool in ("ip", "ethtool", "dig", "kxdpgun", "ping", "dpdk-testpmd"):
        if shutil.which(tool) is None:
            print(f"{tool} is missing: scripts/setup --with tests")
            sys.exit(1)


def run(*command):
    """Runs to the end; its output. A failure shows what it said."""
    result = subprocess.run(command, capture_output=True, text=True, timeout=30)
    if result.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: {result.returncode}\n"
                             f"{result.stdout}{result.stderr}")
    return result.stdout


def cpus():
    """The CPU for the lcore, and another for everything that loads it, if there is one."""
    available = sorted(os.sched_getaffinity(0))
    return available[0], available[-1]


class Namespace:
    """A network namespace for the length of a with block."""

    def __init__(self, name):
        self.name = f"{name}-{os.getpid()}"

    def __enter__(self):
        run("ip", "netns", "add", self.name)
        self.ip("link", "set", "lo", "up")
        return self

    def __exit__(self, *_error):
        run("ip", "netns", "delete", self.name)

    def ip(self, *arguments):
        return run("ip", "-n", self.name, *arguments)

    @contextlib.contextmanager
    def entered(self):
        """This thread, and what it starts, inside the namespace."""
        with open("/proc/self/ns/net", "rb") as home, \
                open(f"/run/netns/{self.name}", "rb") as there:
            set_namespace(there)
            try:
                yield
            finally:
                set_namespace(home)

    def run(self, *command):
        return run("ip", "netns", "exec", self.name, *command)


def set_namespace(file):
    if LIBC.setns(file.fileno(), CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class PortAgent(Agent):
    """An agent in a namespace, on one DPDK port, with a kernel interface for other traffic."""

    def __init__(self, namespace, device, **more):
        port = {"device": device, "mac": AGENT_MAC, "exception": "lictor0",
                "addresses": [AGENT_IP + "/24", AGENT_IP6 + "/64"], **more}
        super().__init__({
            "client_addr": "0.0.0.0", "telemetry": {"prometheus_retention_time": "60s"},
            "dataplane": {"driver": "dpdk", "eal": ["--no-pci", "--no-huge", "-m", "256"],
                          "lcores": [cpus()[0]], "ports": [port]}})
        self.namespace = namespace

    def start(self):
        self.write("agent.json", self.config)
        with open(self.log_path, "ab") as log:
            # Not setns alone: drivers look interfaces up in /sys, which ip netns exec mounts.
            self.process = subprocess.Popen(
                DIES_WITH_TEST + ["ip", "netns", "exec", self.namespace.name,
                                  os.path.abspath(lictor_e2e.BINARY), "agent",
                                  "-config-file", self.config_path],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder)
        if not eventually(self.is_ready, lictor_e2e.READY_S):
            self.kill()
            raise AssertionError(f"the agent did not become ready:\n{self.log()}")
        return self

    def request(self, method, path, body=None, host="127.0.0.1"):
        with self.namespace.entered():
            return super().request(method, path, body, host)

    def request_through_port(self, client, method, path, body=None):
        """As request, but from the client's namespace to the port's address."""
        with client.entered():
            return super().request(method, path, body, AGENT_IP)

    def cpu_s(self):
        """CPU time used so far."""
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def counters(self, name, by="reason"):
        """{a label's value, or "" without it: sum} of one of the data plane's counters."""
        status, text, _headers = self.request("GET", "/v1/agent/metrics?format=prometheus")
        assert status == 200, text
        values = {}
        for line in text.splitlines():
            sample, _, value = line.rpartition(" ")
            if not sample.startswith(f"lictor_dataplane_{name}{{"):
                continue
            labels = dict(part.split("=", 1) for part in sample.split("{")[1][:-1].split(","))
            key = labels.get(by, '""').strip('"')
            values[key] = values.get(key, 0) + int(float(value))
        return values


def raise_client(namespace, interface):
    """Gives the client's end of a wire its addresses; nothing may be left to absent hardware."""
    namespace.ip("link", "set", interface, "down")
    namespace.ip("link", "set", interface, "address", CLIENT_MAC)
    namespace.ip("link", "set", interface, "up")
    namespace.ip("address", "add", CLIENT_IP + "/24", "dev", interface)
    namespace.ip("address", "add", CLIENT_IP6 + "/64", "dev", interface, "nodad")
    subprocess.run(["ip", "netns", "exec", namespace.name, "ethtool", "-K", interface, "tx", "off"],
                   capture_output=True, check=False)


def wait_for_wire(namespace):
    """Until the agent's port answers an echo: both ends of a wire take a while to start."""
    ping = ["ip", "netns", "exec", namespace.name, "ping", "-n", "-c", "1", "-W", "1", AGENT_IP]
    if not eventually(lambda: subprocess.run(ping, capture_output=True, check=False)
                      .returncode == 0, 15.0):
        raise AssertionError("the agent's port does not answer")
