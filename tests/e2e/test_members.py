"""Agents that find each other by gossip, among themselves and with a real serf agent."""
import base64
import contextlib
import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

import lictor_e2e as e2e
from lictor_e2e import eventually

FAST = {"probe_interval": "200ms", "probe_timeout": "100ms", "suspicion_mult": 2,
        "gossip_interval": "50ms"}
KEYS = [base64.b64encode(bytes(range(n, n + 16))).decode() for n in range(3)]
STATUS = {1: "alive", 2: "leaving", 3: "left", 4: "failed"}


class Agent(e2e.Agent):
    """An agent that notices quickly; ready when it answers, with or without a leader."""

    def __init__(self, name, config=None):
        super().__init__({"node_name": name, "gossip_lan": FAST, "gossip_wan": FAST,
                          "retry_interval": "300ms", "retry_interval_wan": "300ms",
                          "performance": {"raft_multiplier": 1, "leave_drain_time": "50ms"},
                          "leave_on_terminate": False, **(config or {})})
        self.lan = f"127.0.0.1:{self.config['ports']['serf_lan']}"
        self.wan = f"127.0.0.1:{self.config['ports']['serf_wan']}"

    def is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the agent ended with {self.process.returncode}:\n{self.log()}")
        try:
            return self.get("/v1/agent/self")[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def __exit__(self, kind, value, traceback):
        if self.process.poll() == -9:  # a test has seen to its end
            self.clean()
        else:
            super().__exit__(kind, value, traceback)

    def members(self, wan=False):
        listed = self.get("/v1/agent/members" + ("?wan=1" if wan else ""))[1]
        return {member["Name"]: STATUS.get(member["Status"]) for member in listed}

    def nodes(self):
        status, listed = self.get("/v1/catalog/nodes")
        return sorted(node["Node"] for node in listed) if status == 200 else []

    def health(self, node):
        status, checks = self.get(f"/v1/health/node/{node}")
        return {c["CheckID"]: c["Status"] for c in checks} if status == 200 else {}

    def file(self, name):
        return os.path.join(self.config["data_dir"], "serf", name)


def client(name, config=None):
    return Agent(name, {"server": False, "bootstrap": False, **(config or {})})


class Serf:
    """Debian's serf."""

    def __init__(self, name, tags=()):
        self.folder = tempfile.mkdtemp(prefix="lictor-serf-")
        self.address, self.rpc = (f"127.0.0.1:{e2e.free_port()}" for _ in range(2))
        with open(os.path.join(self.folder, "log"), "wb") as log:
            self.process = subprocess.Popen(
                e2e.DIES_WITH_TEST + ["serf", "agent", f"-node={name}", f"-bind={self.address}",
                                      f"-rpc-addr={self.rpc}", "-profile=local",
                                      "-log-level=debug", *(f"-tag={tag}" for tag in tags)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        assert eventually(lambda: "agent:\n" in self.command("info"))

    def command(self, name, *arguments):
        done = subprocess.run(["serf", name, f"-rpc-addr={self.rpc}", *arguments],
                              capture_output=True, text=True, timeout=60)
        return done.stdout + done.stderr

    def members(self):
        listing = json.loads(self.command("members", "-format=json"))
        return {member["name"]: member for member in listing["members"]}

    def status(self, name):
        return self.members().get(name, {}).get("status")

    def log(self):
        with open(os.path.join(self.folder, "log"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def close(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder)


class GossipCase(unittest.TestCase):
    def setUp(self):
        self.stack = contextlib.ExitStack()
        self.addCleanup(self.stack.close)

    def start(self, agent):
        return self.stack.enter_context(agent)

    def until(self, condition, within_s=20.0):
        self.assertTrue(eventually(condition, within_s))


class Members(GossipCase):
    def test_a_client_joins_fails_and_is_forgotten(self):
        server = self.start(Agent("node1"))
        port = server.config["ports"]["serf_lan"]
        other = self.start(client("node2", {"retry_join": ["127.0.0.1:1", f"localhost:{port}"]}))
        self.until(lambda: server.members() == {"node1": "alive", "node2": "alive"})
        self.until(lambda: other.members() == server.members())
        self.until(lambda: server.health("node2") == {"serfHealth": "passing"})
        tags = {m["Name"]: m["Tags"] for m in server.get("/v1/agent/members")[1]}
        self.assertEqual((tags["node1"]["role"], tags["node2"]["role"]), ("consul", "node"))
        self.assertEqual(tags["node1"]["wan_join_port"],
                         str(server.config["ports"]["serf_wan"]))
        other.kill()
        self.until(lambda: server.health("node2") == {"serfHealth": "critical"})
        self.assertEqual(server.members()["node2"], "failed")
        server.put("/v1/agent/force-leave/node2")
        self.until(lambda: server.nodes() == ["node1"])
        self.assertEqual(server.members()["node2"], "left")
        server.put("/v1/agent/force-leave/node2?prune")
        self.until(lambda: server.members() == {"node1": "alive"})
        self.assertEqual(server.request("PUT", "/v1/agent/force-leave/node9")[:2],
                         (500, "agent: No node found with name 'node9'"))
        other.start()
        self.until(lambda: server.health("node2") == {"serfHealth": "passing"})

    def test_leaving_and_coming_back(self):
        server = self.start(Agent("node1"))
        other = self.start(client("node2"))
        other.put(f"/v1/agent/join/{server.lan}")
        self.until(lambda: server.health("node2") == {"serfHealth": "passing"})
        other.kill()
        self.until(lambda: server.members()["node2"] == "failed")
        other.start()  # without being told whom to join
        self.until(lambda: server.members()["node2"] == "alive")
        other.put("/v1/agent/leave")
        self.assertEqual(other.wait(), 0)
        self.until(lambda: server.nodes() == ["node1"])
        self.assertEqual(server.members()["node2"], "left")
        other.start()
        self.assertFalse(eventually(lambda: len(other.members()) > 1, 1.0), "it had left")
        other.put(f"/v1/agent/join/{server.lan}")
        self.until(lambda: server.members()["node2"] == "alive")
        other.put("/v1/agent/leave")
        self.assertEqual(other.wait(), 0)
        other.config["rejoin_after_leave"] = True
        other.start()
        self.until(lambda: server.health("node2") == {"serfHealth": "passing"})

    def test_who_cannot_be_a_member_is_told(self):
        server = self.start(Agent("node1", {"node_id": "11111111-1111-4111-8111-111111111111"}))
        far = self.start(client("far", {"datacenter": "dc2"}))
        status, text, _ = far.request("PUT", f"/v1/agent/join/{server.lan}")
        self.assertEqual(status, 500, text)
        self.until(lambda: "Failed push/pull merge: Member 'far' part of wrong datacenter 'dc2'"
                   in server.log())
        status, text, _ = far.request("PUT", f"/v1/agent/join/{server.lan}?wan=1")
        self.assertEqual((status, text), (500, "Must be a server to join WAN cluster"))
        twin = self.start(client("twin", {"node_id": server.config["node_id"]}))
        text = twin.request("PUT", f"/v1/agent/join/{server.lan}")[1]
        self.assertIn("Member 'node1' has conflicting node ID", text)
        double = self.start(client("node1"))
        double.request("PUT", f"/v1/agent/join/{server.lan}")
        self.until(lambda: "Names must be unique" in server.log())
        nobody = self.start(client("nobody"))
        status, text, _ = nobody.request("PUT", "/v1/agent/join/127.0.0.1:1")
        self.assertEqual(status, 500)
        self.assertIn("1 error occurred:\n\t* Failed to join 127.0.0.1: dial tcp 127.0.0.1:1", text)
        self.assertEqual(server.members(), {"node1": "alive"})
        self.assertEqual(server.nodes(), ["node1"])

    def test_keys_are_kept_and_rotated(self):
        server = self.start(Agent("node1", {"encrypt": KEYS[0]}))
        other = self.start(client("node2", {"encrypt": KEYS[0], "retry_join": [server.lan]}))
        plain = self.start(client("plain"))
        self.until(lambda: server.members() == {"node1": "alive", "node2": "alive"})
        self.assertEqual(plain.request("PUT", f"/v1/agent/join/{server.lan}")[0], 500)
        for method, key in (("POST", 1), ("PUT", 1), ("DELETE", 0)):
            status, text, _ = server.request(method, "/v1/operator/keyring?relay-factor=1",
                                             {"Key": KEYS[key]})
            self.assertEqual((status, text), (200, ""))
        pools = server.get("/v1/operator/keyring")[1]
        self.assertEqual([(p["WAN"], p["Keys"], p["PrimaryKeys"], p["NumNodes"]) for p in pools],
                         [(True, {KEYS[1]: 1}, {KEYS[1]: 1}, 1),
                          (False, {KEYS[1]: 2}, {KEYS[1]: 2}, 2)])
        for agent, names in ((server, ("local.keyring", "remote.keyring")),
                             (other, ("local.keyring",))):
            for name in names:
                with open(agent.file(name), encoding="ascii") as file:
                    self.assertEqual(json.load(file), [KEYS[1]])
                self.assertEqual(os.stat(agent.file(name)).st_mode & 0o777, 0o600)
        other.kill()
        other.start()  # its file beats the key in its configuration
        self.until(lambda: other.members() == {"node1": "alive", "node2": "alive"})
        self.assertLess(server.log().count("Refused a message"), 5)
        self.assertEqual(server.members(), {"node1": "alive", "node2": "alive"})

    def test_events_reach_those_they_concern(self):
        server = self.start(Agent("node1"))
        others = [self.start(client(f"node{n}", {"retry_join": [server.lan]})) for n in (2, 3)]
        self.until(lambda: len(server.members()) == 3)
        others[0].request("PUT", "/v1/event/fire/deploy?node=node[13]", {"v": 1})
        for agent in (server, others[1]):
            self.until(lambda a=agent: [e["Name"] for e in a.get("/v1/event/list")[1]] ==
                       ["deploy"])
        event = server.get("/v1/event/list")[1][0]
        self.assertEqual(event["NodeFilter"], "node[13]")
        self.assertGreater(event["LTime"], 0)
        self.assertEqual(others[0].get("/v1/event/list")[1], [])

    def test_places_in_the_network_are_known(self):
        server = self.start(Agent("node1"))
        self.start(client("node2", {"retry_join": [server.lan]}))

        def placed():
            status, listed = server.get("/v1/coordinate/nodes")
            return status == 200 and sorted(c["Node"] for c in listed) == ["node1", "node2"]
        self.until(placed, 40.0)
        status, near = server.get("/v1/catalog/nodes?near=node2")
        self.assertEqual((status, sorted(n["Node"] for n in near)), (200, ["node1", "node2"]))

    def test_datacenters_find_each_other(self):
        first = self.start(Agent("node1"))
        second = self.start(Agent("node2", {"bootstrap": False, "retry_join": [first.lan]}))
        east = self.start(Agent("east", {"datacenter": "dc2", "retry_join_wan": [first.wan]}))
        whole = {"node1.dc1": "alive", "node2.dc1": "alive", "east.dc2": "alive"}
        for agent in (first, second, east):
            self.until(lambda a=agent: a.members(wan=True) == whole)
        self.assertEqual(first.members(), {"node1": "alive", "node2": "alive"})
        self.assertEqual(first.get("/v1/catalog/datacenters")[1], ["dc1", "dc2"])
        self.assertEqual(east.get("/v1/catalog/datacenters")[1], ["dc2", "dc1"])
        self.until(lambda: sorted(
            (d["Datacenter"], sorted(c["Node"] for c in d["Coordinates"]))
            for d in first.get("/v1/coordinate/datacenters")[1]) ==
                   [("dc1", ["node1", "node2"]), ("dc2", ["east"])])
        east.kill()
        self.until(lambda: first.members(wan=True)["east.dc2"] == "failed")


@unittest.skipUnless(shutil.which("serf"), "serf is not installed")
class RealSerf(GossipCase):
    def test_a_serf_agent_is_a_member_and_no_node(self):
        server = self.start(Agent("node1"))
        serf = self.stack.enter_context(contextlib.closing(Serf("plain", ["role=web"])))
        self.assertIn("Successfully joined", serf.command("join", server.lan))
        self.until(lambda: server.members() == {"node1": "alive", "plain": "alive"})
        tags = {m["Name"]: m["Tags"] for m in server.get("/v1/agent/members")[1]}
        self.assertEqual(tags["plain"], {"role": "web"})
        self.assertEqual(serf.members()["node1"]["tags"], tags["node1"])
        other = self.start(client("node2"))
        other.put(f"/v1/agent/join/{serf.address}")
        self.until(lambda: server.nodes() == ["node1", "node2"])
        server.request("PUT", "/v1/event/fire/deploy", {"v": 1})
        self.until(lambda: "consul:event:deploy" in serf.log())
        serf.command("event", "own", "x")
        other.kill()
        self.until(lambda: serf.status("node2") == "failed")
        serf.command("force-leave", "node2")
        self.until(lambda: server.nodes() == ["node1"])
        serf.command("leave")
        self.until(lambda: server.members()["plain"] == "left")
        self.assertEqual(server.get("/v1/event/list?name=own")[1], [])


if __name__ == "__main__":
    sys.exit(0 if unittest.main(verbosity=2, exit=False).result.wasSuccessful() else 1)
