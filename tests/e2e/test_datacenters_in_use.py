"""Other datacenters in use: their names are answered by the workers, as their own servers would."""
import os
import subprocess
import time

import grpc_client
import lictor_e2e as e2e
from test_members import Agent, GossipCase, client

SERVICES = [{"Node": "ext", "Address": "10.2.0.1", "Service": {"Service": "web", "Port": 80,
                                                                 "Tags": ["v1"]}},
            {"Node": "ext", "Address": "10.2.0.1",
             "Service": {"Service": "db", "Port": 5432, "Address": "10.2.0.7"}},
            {"Node": "www", "Address": "www.example.net", "Service": {"Service": "shop"}}]
QUESTIONS = [("web.service.dc2.consul", "A"), ("web.service.dc2.consul", "SRV"),
             ("v1.web.service.DC2.consul", "A"), ("_web._v1.service.dc2.consul", "SRV"),
             ("db.service.dc2.consul", "SRV"), ("db.service.dc2.consul", "AAAA"),
             ("shop.service.dc2.consul", "A"), ("ext.node.dc2.consul", "A"),
             ("ext.node.dc2.consul", "MX"), ("none.service.dc2.consul", "A"),
             ("any.query.dc2.consul", "A"), ("tmpl-web.query.dc2.consul", "SRV"),
             ("none.query.dc2.consul", "A")]


def figure(agent, name):
    return {g["Labels"]["datacenter"]: g["Value"]
            for g in agent.get("/v1/agent/metrics")[1]["Gauges"] if g["Name"].endswith(name)}


def punted(agent):
    counters = agent.get("/v1/agent/metrics")[1]
    return sum(int(c.get("Count", c.get("Value", 0))) for kind in ("Counters", "Gauges")
               for c in counters[kind] if c["Name"].endswith("dataplane.punted"))


class InUse(GossipCase):
    def setUp(self):
        super().setUp()
        self.far = self.start(Agent("far", {"datacenter": "dc2"}))
        self.near = self.start(Agent("near", {"retry_join_wan": [self.far.wan],
                                              "dataplane": {"datacenter_idle": "4s"}}))
        self.client = self.start(client("client", {"retry_join": [self.near.lan],
                                                   "dataplane": {"datacenter_idle": "4s"}}))
        for service in SERVICES:
            self.far.put("/v1/catalog/register", service)
        for query in ({"Name": "any", "Service": {"Service": "web"}},
                      {"Name": "tmpl-", "Template": {"Type": "name_prefix_match"},
                       "Service": {"Service": "${name.suffix}"}}):
            self.assertEqual(self.far.request("POST", "/v1/query", query)[0], 200)

    def use(self, agent):
        def followed():
            agent.dig("web.service.dc2.consul")
            return figure(agent, "datacenter.answered").get("dc2") == 1
        self.until(followed)

    def answers(self, agent):
        found = []
        for name, kind in QUESTIONS:
            answer = agent.dig(name, kind)
            found.append((name, kind, answer.status, sorted(answer.data)))
        return found

    def test_a_datacenter_in_use_is_answered_here_as_it_is_there(self):
        want = self.answers(self.far)
        self.assertIn(("web.service.dc2.consul", "SRV", "NOERROR", ["1 1 80 ext.node.dc2.consul."]),
                      want)
        for agent in (self.near, self.client):
            self.assertEqual(self.answers(agent), want)  # asked for there
            self.use(agent)
            self.assertEqual(self.answers(agent), want)  # from the table
            self.assertEqual(agent.dig("web.service.dc2.consul", "A", "+tcp").data, ["10.2.0.1"])
            self.assertEqual(agent.dig("web.service.consul").status, "NXDOMAIN")
        before = punted(self.client)
        for _ in range(20):
            self.assertEqual(self.client.dig("web.service.dc2.consul").data, ["10.2.0.1"])
        self.assertEqual(punted(self.client), before)
        # A change there is soon here.
        self.far.put("/v1/catalog/register", {"Node": "two", "Address": "10.2.0.2",
                                              "Service": {"Service": "web", "Port": 81}})
        for agent in (self.near, self.client):
            self.until(lambda a=agent: sorted(a.dig("web.service.dc2.consul").data) ==
                       ["10.2.0.1", "10.2.0.2"])

    def test_one_that_is_not_used_or_not_there_is_let_go_of(self):
        for agent in (self.client, self.near):
            self.use(agent)
        self.until(lambda: figure(self.client, "datacenter.answered") == {})
        self.until(lambda: figure(self.near, "datacenter.answered") == {})
        self.assertEqual(self.client.dig("web.service.dc2.consul").data, ["10.2.0.1"])
        self.use(self.client)
        self.far.kill()
        self.until(lambda: self.client.dig("web.service.dc2.consul").status == "SERVFAIL", 40)
        self.far.start()
        self.until(lambda: self.client.dig("web.service.dc2.consul").data == ["10.2.0.1"], 40)

    def test_one_question_is_no_use_and_invented_names_are_none(self):
        for n in range(20):
            self.near.dig(f"web.service.dc{n + 7}.consul")
            self.near.dig("none.service.dc2.consul")
        self.near.dig("web.service.dc2.consul")
        time.sleep(0.5)
        self.assertEqual(figure(self.near, "datacenter.answered"), {})


    def test_a_subscription_goes_to_a_server_there(self):
        subscriber = grpc_client.Client(self.near.config["ports"]["server"])
        self.addCleanup(subscriber.close)
        self.until(lambda: self.near.dig("web.service.dc2.consul").data == ["10.2.0.1"])
        stream = subscriber.follow("web", datacenter="dc2").snapshot()
        self.assertEqual([u.port for u in stream.view.values()], [80])
        self.far.put("/v1/catalog/register", {"Node": "two", "Address": "10.2.0.2",
                                              "Service": {"Service": "web", "Port": 81}})
        stream.until(lambda s: ("two", "web") in s.view)
        self.far.kill()
        with self.assertRaises(grpc_client.grpc.RpcError) as caught:
            stream.until(lambda s: False)
        self.assertEqual(caught.exception.code().name, "UNAVAILABLE")


class Distances(GossipCase):
    def test_servers_of_datacenters_are_as_far_as_their_coordinates_say(self):
        near = self.start(Agent("near"))
        far = self.start(Agent("far", {"datacenter": "dc2", "retry_join_wan": [near.wan]}))
        self.until(lambda: [len(d["Coordinates"])
                            for d in near.get("/v1/coordinate/datacenters")[1]] == [1, 1], 30)
        for agent, order in ((near, ["dc1", "dc2"]), (far, ["dc2", "dc1"])):
            self.assertEqual(agent.get("/v1/catalog/datacenters")[1], order)

        def rtt(*names):
            done = subprocess.run([e2e.BINARY, "rtt", "-wan", *names],
                                  capture_output=True, text=True, timeout=20,
                                  env={**os.environ,
                                       "CONSUL_HTTP_ADDR": f"127.0.0.1:{near.http_port}"})
            return done.returncode, (done.stdout + done.stderr).strip()
        for names in (("near.dc1", "far.dc2"), ("FAR.dc2", "near.dc1"), ("far.dc2",)):
            status, text = rtt(*names)
            self.assertEqual(status, 0, text)
            self.assertRegex(text, r"^Estimated \S+ <-> \S+ rtt: \d+\.\d{3} ms \(using WAN "
                             r"coordinates\)$")
        self.assertEqual(rtt("near", "far.dc2"), (1, "Node names must be specified as "
                                                  "<node name>.<datacenter> with -wan"))
        self.assertEqual(rtt("near.dc1", "no.dc9"),
                         (1, 'Could not find a coordinate for node "no.dc9"'))


class Failover(GossipCase):
    def test_an_answer_from_elsewhere_is_kept_as_long_as_allowed(self):
        far = self.start(Agent("far", {"datacenter": "dc2"}))
        asks, keeps = (self.start(Agent(name, {
            "datacenter": dc, "retry_join_wan": [far.wan],
            "dns_config": {"use_cache": use, "cache_max_age": "3s"}}))
            for name, dc, use in (("asks", "dc1", False), ("keeps", "dc3", True)))
        far.register("web", Port=80)
        query = {"Name": "any", "Service": {"Service": "web", "Failover": {"Datacenters": ["dc2"]}}}
        for agent in (asks, keeps):
            self.until(lambda at=agent: at.request("POST", "/v1/query", query)[0] == 200)
            self.until(lambda at=agent: at.dig("any.query.consul").data == ["127.0.0.1"])
        begun = time.monotonic()  # the answer kept is of a moment before
        far.put("/v1/agent/service/deregister/web")
        self.assertEqual(asks.dig("any.query.consul").status, "NXDOMAIN")
        kept = keeps.dig("any.query.consul").data
        if time.monotonic() < begun + 1.5:
            self.assertEqual(kept, ["127.0.0.1"])
        self.until(lambda: keeps.dig("any.query.consul").status == "NXDOMAIN", 8.0)


if __name__ == "__main__":
    e2e.main()
