#!/usr/bin/env python3
"""Start, reload, stop: what signals and files do to a running agent."""
import os
import shutil
import signal
import subprocess
import sys

from lictor_e2e import BINARY, Agent, TestCase, eventually, main


def service(name, address, **fields):
    return {"service": {"name": name, "port": 80, "address": address, **fields}}


STARTED_AND_LEFT = """
import sys
sys.path.insert(0, sys.argv[1])
from lictor_e2e import Agent
with Agent() as agent:
    print(agent.process.pid, agent.folder, flush=True)
    sys.stdin.read()
"""


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Lifecycle(TestCase):
    def test_an_agent_ends_with_a_test_that_is_killed(self):
        test = subprocess.Popen([sys.executable, "-c", STARTED_AND_LEFT, os.path.dirname(__file__)],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        pid, folder = test.stdout.readline().split()
        self.assertTrue(is_running(pid))
        test.kill()
        test.communicate()
        self.assertTrue(eventually(lambda: not is_running(pid)), "the agent was left behind")
        shutil.rmtree(folder)

    def test_definitions_come_from_files_and_folders(self):
        agent = Agent(files={"conf/a.json": service("from-dir", "10.2.0.1"),
                             "conf/b.json": {"services": [{"name": "one", "address": "10.2.0.2"},
                                                          {"name": "two", "address": "10.2.0.3"}]},
                             "conf/ignored.txt": "no configuration"})
        agent.config.update(service("from-file", "10.2.0.4"))
        agent.args = ["-config-dir", os.path.join(agent.folder, "conf")]
        with agent:
            for name, address in (("from-dir", "10.2.0.1"), ("one", "10.2.0.2"),
                                  ("two", "10.2.0.3"), ("from-file", "10.2.0.4")):
                self.assertEqual(agent.dig(f"{name}.service.consul").data, [address])

    def test_sighup_takes_over_changed_files(self):
        agent = Agent(files={"conf/a.json": service("old", "10.2.0.1"),
                             "conf/b.json": service("kept", "10.2.0.2")})
        agent.args = ["-config-dir", os.path.join(agent.folder, "conf")]
        with agent:
            agent.register("by-http", Address="10.2.0.3")
            self.assertEqual(agent.dig("old.service.consul").data, ["10.2.0.1"])
            agent.write("conf/a.json", service("new", "10.2.0.5"))
            agent.signal(signal.SIGHUP)
            self.assertEqual(agent.dig_until(["10.2.0.5"], "new.service.consul").data, ["10.2.0.5"])
            self.assertEqual(agent.dig("old.service.consul").status, "NXDOMAIN")
            self.assertEqual(agent.dig("kept.service.consul").data, ["10.2.0.2"])
            self.assertEqual(agent.dig("by-http.service.consul").data, ["10.2.0.3"])

    def test_a_bad_reload_changes_nothing(self):
        agent = Agent(files={"conf/a.json": service("kept", "10.2.0.2")})
        agent.args = ["-config-dir", os.path.join(agent.folder, "conf")]
        with agent:
            size = len(agent.log())
            agent.write("conf/a.json", '{"service": {"name": 7')
            agent.signal(signal.SIGHUP)
            self.assertTrue(eventually(lambda: "a.json" in agent.log()[size:]),
                            "the broken file is named in the log")
            self.assertEqual(agent.dig("kept.service.consul").data, ["10.2.0.2"])

    def test_sigterm_ends_it_cleanly(self):
        with Agent() as agent:
            agent.signal(signal.SIGTERM)
            self.assertEqual(agent.wait(), 0)

    def test_sigint_ends_it_cleanly(self):
        with Agent() as agent:
            agent.signal(signal.SIGINT)
            self.assertIn(agent.wait(), (0, 1))

    def test_the_ports_are_free_again_at_once(self):
        with Agent() as first:
            first.register("web", Address="10.2.0.1")
            first.signal(signal.SIGTERM)
            first.wait()
            second = Agent(first.config)
            second.http_port, second.dns_port = first.http_port, first.dns_port
            second.config["data_dir"] = os.path.join(second.folder, "data")
            with second:
                self.assertEqual(second.get("/v1/status/leader")[0], 200)

    def test_dev_needs_no_file(self):
        agent = Agent()
        agent.config = {"ports": agent.config["ports"]}
        agent.args = ["-dev", "-node", "laptop", "-bind", "127.0.0.1"]
        with agent:
            self.assertEqual(agent.dig("laptop.node.consul").data, ["127.0.0.1"])
            self.assertEqual(agent.get("/v1/agent/self")[1]["Config"]["NodeName"], "laptop")

    def test_flags_win_over_the_file(self):
        agent = Agent({"datacenter": "file", "domain": "file"})
        agent.args = ["-datacenter", "flag", "-domain", "lan", "-node", "n2",
                      "-dns-port", str(agent.dns_port), "-http-port", str(agent.http_port)]
        agent.config["ports"] = {**agent.config["ports"], "dns": 1, "http": 1}
        with agent:
            config = agent.get("/v1/agent/self")[1]["Config"]
            self.assertEqual((config["Datacenter"], config["NodeName"]), ("flag", "n2"))
            self.assertEqual(agent.dig("n2.node.flag.lan").data, ["127.0.0.1"])

    def test_an_unknown_command_is_status_127(self):
        result = subprocess.run([BINARY, "no-such-command"], capture_output=True, text=True)
        self.assertEqual(result.returncode, 127)
        self.assertEqual(result.stdout, "")


if __name__ == "__main__":
    main()
