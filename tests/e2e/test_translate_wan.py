"""translate_wan_addrs: other datacenters are reached by the addresses tagged for the WAN."""
import http.client

import lictor_e2e as e2e
from test_members import Agent, GossipCase, client

NODE = {"Node": "ext", "Address": "10.2.0.1",
        "TaggedAddresses": {"lan": "10.2.0.1", "wan": "198.51.100.1"}}
SERVICES = [{**NODE, "Service": {"Service": "web", "Port": 80, "Tags": ["v1"]}},
            {**NODE, "Service": {"Service": "db", "Port": 5432, "Address": "10.2.0.7",
                                 "TaggedAddresses": {
                                     "wan": {"Address": "198.51.100.7", "Port": 15432}}}},
            {"Node": "dual", "Address": "10.2.0.2",
             "TaggedAddresses": {"lan_ipv4": "10.2.0.2", "wan_ipv4": "198.51.100.2",
                                 "wan_ipv6": "2001:db8::2"}, "Service": {"Service": "six"}},
            {"Node": "plain", "Address": "10.2.0.3", "Service": {"Service": "lan"}}]
NAMES = {("web.service.dc2.consul", "A"): ["198.51.100.1"],
         ("v1.web.service.dc2.consul", "A"): ["198.51.100.1"],
         ("web.service.dc2.consul", "SRV"): ["1 1 80 c6336401.addr.dc2.consul."],
         ("db.service.dc2.consul", "A"): ["198.51.100.7"],
         ("db.service.dc2.consul", "SRV"): ["1 1 15432 c6336407.addr.dc2.consul."],
         ("_db._tcp.service.dc2.consul", "SRV"): ["1 1 15432 c6336407.addr.dc2.consul."],
         ("six.service.dc2.consul", "A"): ["198.51.100.2"],
         ("six.service.dc2.consul", "AAAA"): ["2001:db8::2"],
         ("lan.service.dc2.consul", "A"): ["10.2.0.3"],
         ("lan.service.dc2.consul", "SRV"): ["1 1 0 plain.node.dc2.consul."],
         ("ext.node.dc2.consul", "A"): ["198.51.100.1"],
         ("any.query.dc2.consul", "A"): ["198.51.100.7"],
         ("tmpl-db.query.dc2.consul", "SRV"): ["1 1 15432 c6336407.addr.dc2.consul."],
         ("none.service.dc2.consul", "A"): []}
FAILOVER = {"Name": "over", "Service": {"Service": "db", "Failover": {"Datacenters": ["dc2"]}}}


class TranslateWan(GossipCase):
    def setUp(self):
        super().setUp()
        self.far = self.start(Agent("far", {"datacenter": "dc2"}))
        joins = {"retry_join_wan": [self.far.wan], "translate_wan_addrs": True}
        self.near = self.start(Agent("near", joins))
        self.client = self.start(client("client", {"retry_join": [self.near.lan],
                                                   "translate_wan_addrs": True}))
        self.lan = self.start(client("lan", {"retry_join": [self.near.lan]}))
        for service in SERVICES:
            self.far.put("/v1/catalog/register", service)
        for query in ({"Name": "any", "Service": {"Service": "db"}},
                      {"Name": "tmpl-", "Template": {"Type": "name_prefix_match"},
                       "Service": {"Service": "${name.suffix}"}}):
            self.assertEqual(self.far.request("POST", "/v1/query", query)[0], 200)
        for agent in (self.near, self.client, self.lan):
            self.until(lambda a=agent: a.get("/v1/catalog/nodes?dc=dc2")[0] == 200, 30)
        self.assertEqual(self.near.request("POST", "/v1/query", FAILOVER)[0], 200)

    def test_names_lead_to_the_wan_for_those_that_want_it(self):
        # Asked for there at first, then from the table of the catalog that is followed.
        for _ in range(8):
            for agent in (self.near, self.client):
                for (name, kind), want in NAMES.items():
                    self.assertEqual(sorted(agent.dig(name, kind).data), want, (name, kind))
            self.assertEqual(self.lan.dig("db.service.dc2.consul").data, ["10.2.0.7"])
            self.assertEqual(self.lan.dig("any.query.dc2.consul").data, ["10.2.0.7"])
        for name in ("db.service.consul", "db.service.dc2.consul"):
            self.assertEqual(self.far.dig(name).data, ["10.2.0.7"])
        for agent in (self.near, self.client):
            self.assertEqual(agent.dig("over.query.consul").data, ["198.51.100.7"])
            self.assertEqual(agent.dig("over.query.consul", "SRV").data,
                             ["1 1 15432 c6336407.addr.dc2.consul."])

    def test_the_api_shows_wan_addresses_of_other_datacenters(self):
        wan, lan = ("198.51.100.1", "198.51.100.7", 15432), ("10.2.0.1", "10.2.0.7", 5432)
        for agent, want in ((self.near, wan), (self.client, wan), (self.lan, lan),
                            (self.far, lan)):
            node, address, port = want

            def ask(path, agent=agent):
                status, body = agent.get(path + ("?dc=dc2" if "?" not in path else "&dc=dc2"))
                self.assertEqual(status, 200, path)
                return body
            found = ask("/v1/catalog/service/db")[0]
            self.assertEqual((found["Address"], found["ServiceAddress"], found["ServicePort"]),
                             want)
            found = ask("/v1/health/service/db")[0]
            self.assertEqual((found["Node"]["Address"], found["Service"]["Address"],
                              found["Service"]["Port"]), want)
            self.assertIn(node, [n["Address"] for n in ask("/v1/catalog/nodes")])
            found = ask("/v1/catalog/node/ext")
            self.assertEqual((found["Node"]["Address"], found["Services"]["db"]["Address"],
                              found["Services"]["db"]["Port"]), want)
            found = ask("/v1/catalog/node-services/ext")
            self.assertEqual((found["Node"]["Address"],
                              sorted(s["Address"] for s in found["Services"])),
                             (node, ["", address]))
            found = ask("/v1/query/any/execute")["Nodes"][0]
            self.assertEqual((found["Node"]["Address"], found["Service"]["Port"]), (node, port))
        for agent, want in ((self.near, wan), (self.client, wan), (self.lan, lan)):
            found = agent.get("/v1/query/over/execute")[1]
            self.assertEqual((found["Failovers"], found["Nodes"][0]["Service"]["Address"]),
                             (1, want[1]))

    def test_a_header_says_that_addresses_are_translated(self):
        for agent, want in ((self.near, "true"), (self.client, "true"), (self.far, None)):
            for path in ("/v1/catalog/nodes", "/v1/status/leader"):
                connection = http.client.HTTPConnection("127.0.0.1", agent.http_port, timeout=10)
                self.addCleanup(connection.close)
                connection.request("GET", path)
                self.assertEqual(
                    connection.getresponse().getheader("X-Consul-Translate-Addresses"), want)


if __name__ == "__main__":
    e2e.main()
