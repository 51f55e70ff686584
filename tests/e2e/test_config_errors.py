#!/usr/bin/env python3
"""A wrong configuration ends the agent with status 1 and a line that says what to mend.

Mistakes in a file are a list below that line, as Consul prints them.
"""
import json
import os
import socket
import subprocess
import tempfile

from lictor_e2e import BINARY, TestCase, free_port, main

PORT = {"device": "net_null0", "addresses": ["10.99.0.2/24"]}


def dpdk(**fields):
    return {"dataplane": {"driver": "dpdk", "eal": ["--no-pci", "--no-huge", "-m", "64"],
                          "lcores": [0], "ports": [PORT], **fields}}


# what is wrong, the settings, what the line must name
CASES = [
    ("an unknown key", {"datacentre": "x"}, ["datacentre"]),
    ("two unknown keys", {"colour": 1, "flavour": 2}, ["colour", "flavour"]),
    ("an unknown key in the data plane", {"dataplane": {"drivr": "socket"}}, ["drivr"]),
    ("an unknown key of a port", dpdk(ports=[{**PORT, "queue": 1}]), ["queue"]),
    ("a number as a string", {"ports": {"dns": "8600"}}, ["dns"]),
    ("a boolean as a string", {"server": "true"}, ["server"]),
    ("a string as a number", {"node_name": 7}, ["node_name"]),
    ("an object as a list", {"dns_config": ["x"]}, ["dns_config"]),
    ("no address", {"bind_addr": "300.1.2.3"}, ["bind_addr"]),
    ("no client address", {"client_addr": "nonsense"}, ["nonsense"]),
    ("a datacenter that is no name", {"datacenter": "a b"}, ["a b"]),
    ("an unknown log level", {"log_level": "loud"}, ["loud"]),
    ("an unknown driver", {"dataplane": {"driver": "kernel"}}, ["kernel"]),
    ("an unknown idle mode", dpdk(idle="sleepy"), ["sleepy"]),
    ("a port without addresses' prefix", dpdk(ports=[{**PORT, "addresses": ["10.99.0.2/99"]}]),
     ["10.99.0.2/99"]),
    ("a bad hardware address", dpdk(ports=[{**PORT, "mac": "02:00:00"}]), ["02:00:00"]),
    ("a bad gateway", dpdk(ports=[{**PORT, "gateway": "here"}]), ["here"]),
    ("DPDK without ports", dpdk(ports=[]), ["ports"]),
    ("an lcore that does not exist", dpdk(lcores=[1023]), ["1023"]),
    ("a missing device", dpdk(ports=[{**PORT, "device": "net_nosuch0"}]),
     ["net_nosuch0", "not be given"]),
    ("a missing PCI device", dpdk(ports=[{**PORT, "device": "0000:ff:1f.7"}]), ["0000:ff:1f.7"]),
    ("an unknown EAL option", dpdk(eal=["--no-such-option"]), ["--no-such-option"]),
    ("EAL asked for its help", dpdk(eal=["--help"]), ["--help"]),
    ("a secondary process", dpdk(eal=["--proc-type=secondary"]), ["--proc-type=secondary"]),
    ("a device for two ports", dpdk(ports=[PORT, PORT]), ["net_null0"]),
    ("a group's address", dpdk(ports=[{**PORT, "addresses": ["ff02::1/64"]}]), ["ff02::1/64"]),
    ("a service without a name", {"service": {"port": 1}}, ["name"]),
]


class ConfigErrors(TestCase):
    def run_agent(self, config, text=None):
        with tempfile.TemporaryDirectory(prefix="lictor-e2e-") as folder:
            base = {"server": True, "bootstrap": True, "node_name": "n", "bind_addr": "127.0.0.1",
                    "data_dir": os.path.join(folder, "data"),
                    "ports": {"http": free_port(), "dns": free_port(), "serf_lan": free_port(),
                              "serf_wan": free_port(), "server": free_port()}}
            for key, value in config.items():
                base[key] = {**base[key], **value} if isinstance(base.get(key), dict) else value
            path = os.path.join(folder, "agent.json")
            with open(path, "w", encoding="utf-8") as file:
                file.write(text if text is not None else json.dumps(base))
            return subprocess.run([BINARY, "agent", "-config-file", path], cwd=folder,
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)

    def check(self, result, words):
        self.assertEqual(result.returncode, 1, result.stdout + result.stderr)
        errors = [line for line in result.stderr.splitlines() if line.strip()]
        self.assertTrue(errors[0].startswith("==> "), result.stderr)
        for line in errors[1:]:
            self.assertTrue(line.lstrip().startswith("* "), result.stderr)
        for word in words:
            self.assertIn(word, result.stderr)

    def test_each_mistake_is_named(self):
        for what, config, words in CASES:
            with self.subTest(what):
                self.check(self.run_agent(config), words)

    def test_broken_json_names_the_file(self):
        self.check(self.run_agent({}, '{"server": tru'), ["agent.json"])

    def test_a_missing_file_is_named(self):
        result = subprocess.run([BINARY, "agent", "-config-file", "/nonexistent/agent.json"],
                                capture_output=True, text=True, timeout=30)
        self.check(result, ["/nonexistent/agent.json"])

    def test_a_port_in_use_is_named(self):
        for kind, key in ((socket.SOCK_STREAM, "http"), (socket.SOCK_DGRAM, "dns")):
            with self.subTest(key), socket.socket(socket.AF_INET, kind) as holder:
                holder.bind(("127.0.0.1", 0))
                if kind == socket.SOCK_STREAM:
                    holder.listen()
                port = holder.getsockname()[1]
                self.check(self.run_agent({"ports": {key: port}}), [str(port)])

    def test_too_few_huge_pages_are_explained(self):
        config = dpdk(eal=["--no-pci", "-m", "100000000"])
        result = self.run_agent(config)
        self.check(result, ["huge"])


if __name__ == "__main__":
    main()
