"""Settings of membership and of stale answers, each by what it does."""

import signal
import time
import unittest

import lictor_e2e as e2e
from lictor_e2e import eventually
from test_members import KEYS, Agent, GossipCase, client


class Leaving(GossipCase):
    def leaves(self, agent, number):
        """Ends an agent by a signal; how it is then known to the server."""
        agent.signal(number)
        agent.wait()
        seen = {}

        def settled():
            seen["status"] = self.server.members().get(agent.config["node_name"])
            return seen["status"] in ("left", "failed")
        self.until(settled)
        return seen["status"]

    def setUp(self):
        super().setUp()
        self.server = self.start(Agent("node1"))

    def test_who_leaves_on_which_signal(self):
        rows = [("a", {}, signal.SIGTERM, "failed"),  # the class's setting: it stays a member
                ("b", {"leave_on_terminate": True}, signal.SIGTERM, "left"),
                ("c", {}, signal.SIGINT, "left"),
                ("d", {"skip_leave_on_interrupt": True}, signal.SIGINT, "failed")]
        agents = [self.start(client(name, {"retry_join": [self.server.lan], **config}))
                  for name, config, _, _ in rows]
        self.until(lambda: len(self.server.members()) == 5)
        for agent, (name, _, number, status) in zip(agents, rows):
            self.assertEqual((name, self.leaves(agent, number)), (name, status))
        self.until(lambda: self.server.nodes() == ["a", "d", "node1"])

    def test_who_left_stays_away_unless_told_to_rejoin(self):
        agents = {name: self.start(client(name, {"rejoin_after_leave": rejoin,
                                                 "start_join": [self.server.lan]}))
                  for name, rejoin in (("stays", False), ("returns", True))}
        self.until(lambda: len(self.server.members()) == 3)
        for name, agent in agents.items():
            self.assertEqual((name, self.leaves(agent, signal.SIGINT)), (name, "left"))
            del agent.config["start_join"]
            agent.start()
        self.until(lambda: self.server.members()["returns"] == "alive")
        self.assertEqual(self.server.members()["stays"], "left")
        self.assertEqual(agents["stays"].members(), {"stays": "alive"})


class Joining(GossipCase):
    def test_attempts_to_join_are_counted_and_spaced(self):
        agent = client("a", {"retry_join": [f"127.0.0.1:{e2e.free_port()}"], "retry_max": 2,
                             "retry_interval": "400ms"})
        agent.is_ready = lambda: True
        begun = time.monotonic()
        agent.start()
        self.addCleanup(agent.clean)
        self.assertEqual(agent.wait(), 1)
        # As Consul counts: the first attempt, and retry_max more but the last is not made.
        self.assertGreater(time.monotonic() - begun, 0.7)
        self.assertIn("max join retry exhausted", agent.log())
        self.assertEqual(agent.log().count("Join cluster failed, will retry"), 2)

    def test_gossip_from_other_networks_is_refused_with_few_lines(self):
        server = self.start(Agent("node1", {"serf_lan_allowed_cidrs": ["127.0.0.1/32"],
                                            "serf_wan_allowed_cidrs": ["127.0.0.1/32"]}))
        inside = self.start(client("inside", {"retry_join": [server.lan]}))
        outside = self.start(client("outside", {"bind_addr": "127.0.0.2",
                                                "retry_join": [server.lan]}))
        far = self.start(Agent("far", {"datacenter": "dc2", "bind_addr": "127.0.0.2",
                                       "advertise_addr": "127.0.0.2",
                                       "retry_join_wan": [server.wan]}))
        self.until(lambda: server.members().get("inside") == "alive")
        time.sleep(2)  # many rounds of gossip at this test's pace
        self.assertEqual(server.members(), {"node1": "alive", "inside": "alive"})
        self.assertEqual(list(server.members(wan=True)), ["node1.dc1"])
        for agent in (outside, far):
            self.assertIsNone(agent.process.poll())
        refused = server.log().count("its address is in no allowed network")
        self.assertTrue(1 <= refused <= 4, refused)
        self.assertEqual(inside.members().get("inside"), "alive")

    def test_settings_of_another_edition_are_said_to_have_no_effect(self):
        agent = self.start(Agent("node1", {"read_replica": True}))
        self.assertIn('"read_replica (or the deprecated non_voting_server)" is a Consul Enterprise '
                      "configuration and will have no effect", agent.log())
        self.until(lambda: agent.get("/v1/operator/raft/configuration")[0] == 200)
        servers = agent.get("/v1/operator/raft/configuration")[1]["Servers"]
        self.assertEqual([s["Voter"] for s in servers], [True])

    def test_a_client_tells_how_long_it_is_to_be_kept(self):
        server = self.start(Agent("node1"))
        self.start(client("a", {"advertise_reconnect_timeout": "15m",
                                "retry_join": [server.lan]}))
        self.until(lambda: len(server.members()) == 2)
        tags = {m["Name"]: m["Tags"] for m in server.get("/v1/agent/members")[1]}
        self.assertEqual((tags["a"].get("rc_tm"), tags["node1"].get("rc_tm")), ("15m0s", None))


class SameIdentity(GossipCase):
    def setUp(self):
        super().setUp()
        self.server = self.start(Agent("node1"))
        self.first = self.start(client("a", {"retry_join": [self.server.lan],
                                             "services": [{"name": "web"}]}))
        self.ident = self.first.get("/v1/agent/self")[1]["Config"]["NodeID"]
        self.whole = {"nodes": {"a": self.ident}, "a": ["web"], "health": "passing"}
        self.until(lambda: self.seen() == self.whole)

    def seen(self):
        """What the catalog has of agents other than the server, and of node a."""
        nodes = {n["Node"]: n["ID"] for n in self.server.get("/v1/catalog/nodes")[1]}
        nodes.pop("node1")
        node = self.server.get("/v1/catalog/node/a")[1] or {"Services": {}}
        return {"nodes": nodes, "a": sorted(node["Services"]),
                "health": self.server.health("a").get("serfHealth")}

    def second(self, name, **config):
        return self.start(client(name, {"retry_join": [self.server.lan],
                                        "services": [{"name": "db"}], **config}))

    def stays_whole(self, for_s=1.5):
        """That nothing is written for a while, and few lines tell of the conflict."""
        end = time.monotonic() + for_s
        while time.monotonic() < end:
            self.assertEqual(self.seen(), self.whole)
            time.sleep(0.05)
        lines = self.server.log().splitlines()
        for text in ("Name conflict for", "has conflicting node ID", "member joined"):
            self.assertLess(len([line for line in lines if text in line]), 8, text)

    def test_a_second_node_of_a_name_does_not_take_the_place_of_the_first(self):
        double = self.second("a")
        self.until(lambda: "Name conflict for 'a'" in self.server.log())
        self.until(lambda: "Names must be unique" in double.log())
        self.until(lambda: f"Node name a is reserved by node {self.ident}" in double.log())
        self.stays_whole()
        double.request("PUT", "/v1/agent/service/deregister/db")
        double.signal(signal.SIGINT)  # leaves, but not under a name that is another's
        double.wait()
        self.stays_whole(1.0)
        members = {m["Name"]: m["Port"] for m in self.server.get("/v1/agent/members")[1]}
        self.assertEqual(members["a"], self.first.config["ports"]["serf_lan"])

    def test_a_second_node_of_an_id_does_not_take_the_place_of_the_first(self):
        twin = self.second("b", node_id=self.ident)
        fault = f"has conflicting node ID '{self.ident}' with"
        self.until(lambda: f"Member 'a' {fault} this agent's ID" in twin.log())
        self.until(lambda: f"Member 'b' {fault} member 'a'" in self.server.log())
        self.stays_whole()
        status, text, _ = twin.request("PUT", f"/v1/agent/join/{self.server.lan}")
        self.assertEqual(status, 500)
        self.assertIn(f"Member 'a' {fault} this agent's ID", text)
        self.assertEqual(sorted(self.server.members()), ["a", "node1"])

    def test_a_node_that_died_or_left_comes_back_under_a_new_name_with_its_id(self):
        self.first.kill()
        second = self.second("b", node_id=self.ident)
        self.until(lambda: self.seen()["nodes"] == {"b": self.ident})
        self.until(lambda: "db" in self.server.get("/v1/catalog/node/b")[1]["Services"])
        second.signal(signal.SIGINT)
        second.wait()
        self.second("c", node_id=self.ident)
        self.until(lambda: self.seen()["nodes"] == {"c": self.ident})
        self.until(lambda: self.server.health("c").get("serfHealth") == "passing")

    def test_who_registers_a_node_by_hand_may_rename_it_as_in_consul(self):
        path, other = "/v1/catalog/register", "99999999" + self.ident[8:]
        body = {"Node": "a", "ID": other, "Address": "127.0.0.9"}
        self.assertEqual(self.server.request("PUT", path, body)[:2], (
            500, f'failed inserting node: Error while renaming Node ID: "{other}": Node name a is '
                 f"reserved by node {self.ident} with name a (127.0.0.1)"))
        self.stays_whole(0.1)
        self.server.put(path, {**body, "Node": "b", "ID": self.ident})
        self.assertEqual(self.seen()["nodes"], {"b": self.ident})


class Stale(GossipCase):
    def cluster(self, dns):
        server = self.start(Agent("node1"))
        member = self.start(client("a", {"retry_join": [server.lan], "dns_config": dns}))
        server.register("web", Port=80)
        self.until(lambda: member.dig("web.service.consul").data == ["127.0.0.1"])
        return server, member

    def age_ms(self, agent):
        for gauge in agent.get("/v1/agent/metrics")[1]["Gauges"]:
            if gauge["Name"].endswith("follower.age_milliseconds"):
                return gauge["Value"]
        return None

    def test_answers_older_than_allowed_are_not_given(self):
        server, member = self.cluster({"max_stale": "1500ms"})
        for tcp in ([], ["+tcp"]):
            self.assertEqual(member.dig("web.service.consul", "A", *tcp).data, ["127.0.0.1"])
        server.kill()
        self.until(lambda: member.dig("web.service.consul").status == "SERVFAIL")
        self.assertEqual(member.dig("web.service.consul", "A", "+tcp").status, "SERVFAIL")
        self.assertEqual(member.dig("none.service.consul").status, "SERVFAIL")
        self.assertEqual(member.dig("7f000001.addr.consul").data, ["127.0.0.1"])
        self.assertGreater(self.age_ms(member), 1500)
        server.start()
        self.until(lambda: member.dig("web.service.consul").data == ["127.0.0.1"])

    def test_answers_are_given_for_years_by_default(self):
        server, member = self.cluster({})
        server.kill()
        time.sleep(3)
        self.assertEqual(member.dig("web.service.consul").data, ["127.0.0.1"])

    def test_only_fresh_answers_without_allow_stale(self):
        server, member = self.cluster({"allow_stale": False})
        server.register("late", Port=81)
        self.assertEqual(member.dig("late.service.consul").data, ["127.0.0.1"])
        self.assertEqual(server.dig("late.service.consul").data, ["127.0.0.1"])
        server.kill()
        self.until(lambda: member.dig("web.service.consul").status == "SERVFAIL")

    def test_without_any_server_nothing_is_denied(self):
        member = self.start(client("a", {"retry_join": [f"127.0.0.1:{e2e.free_port()}"]}))
        self.assertEqual(member.dig("web.service.consul").status, "SERVFAIL")


class Keys(GossipCase):
    def test_keys_are_rotated_in_all_datacenters(self):
        first = self.start(Agent("node1", {"encrypt": KEYS[0]}))
        self.start(client("a", {"encrypt": KEYS[0], "retry_join": [first.lan]}))
        east = self.start(Agent("east", {"datacenter": "dc2", "encrypt": KEYS[0],
                                         "retry_join_wan": [first.wan]}))
        asked = self.start(client("b", {"datacenter": "dc2", "encrypt": KEYS[0],
                                        "retry_join": [east.lan]}))
        self.until(lambda: len(first.members(wan=True)) == 2 and len(east.members(wan=True)) == 2)
        self.until(lambda: len(first.members()) == 2 and len(east.members()) == 2)
        self.until(lambda: asked.get("/v1/status/leader")[0] == 200)

        def pools(agent, options=""):
            status, listed = agent.get("/v1/operator/keyring" + options)
            self.assertEqual(status, 200, listed)
            return {("WAN" if p["WAN"] else p["Datacenter"]): (p["Keys"], p["PrimaryKeys"],
                                                                p["NumNodes"]) for p in listed}
        for agent in (first, asked):
            self.assertEqual(pools(agent), {n: ({KEYS[0]: 2}, {KEYS[0]: 2}, 2)
                                            for n in ("WAN", "dc1", "dc2")})
        self.assertEqual(list(pools(first, "?local-only=true")), ["dc1"])
        self.assertEqual(list(pools(asked, "?local-only=true&relay-factor=2")), ["dc2"])
        for method, key in (("POST", 1), ("PUT", 1), ("DELETE", 0)):
            status, text, _ = asked.request(method, "/v1/operator/keyring?relay-factor=1",
                                            {"Key": KEYS[key]})
            self.assertEqual((status, text), (200, ""))
        self.assertEqual(pools(first), {n: ({KEYS[1]: 2}, {KEYS[1]: 2}, 2)
                                        for n in ("WAN", "dc1", "dc2")})
        status, text, _ = first.request("DELETE", "/v1/operator/keyring", {"Key": KEYS[1]})
        self.assertEqual(status, 500)
        self.assertIn("WAN error: 2/2 nodes reported failure", text)
        for name in ("dc1", "dc2"):
            self.assertIn(f"{name} (LAN) error: 2/2 nodes reported failure", text)
        self.assertEqual(first.request("PUT", "/v1/internal/keyring", {"Action": 0})[0], 404)


if __name__ == "__main__":
    e2e.main()
