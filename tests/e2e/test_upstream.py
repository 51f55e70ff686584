#!/usr/bin/env python3
"""A client agent that asks its servers by Consul's RPC, as it asks Consul's own: here a server of ours
stands in for one, since `consul_rpc` has a client see nothing else in it."""
import http.client
import threading
import time

from lictor_e2e import Agent, TestCase, eventually, main


class Upstream(TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Agent().__enter__()
        join = f"127.0.0.1:{cls.server.config['ports']['serf_lan']}"
        cls.client = Agent({"server": False, "bootstrap": False, "node_name": "edge",
                            "consul_rpc": True, "retry_join": [join],
                            "retry_interval": "100ms"}).__enter__()
        assert eventually(lambda: "following the catalog" in cls.client.log()), cls.client.log()

    @classmethod
    def tearDownClass(cls):
        for agent in (cls.client, cls.server):
            if agent.process.poll() is None:
                agent.__exit__(None, None, None)

    def test_the_servers_are_taken_for_consul_s(self):
        self.assertIn("the servers are Consul's", self.client.log())
        nodes = [node["Node"] for node in self.client.get("/v1/catalog/nodes")[1]]
        self.assertTrue({"edge", "node1"} <= set(nodes), nodes)

    def test_dns_is_answered_from_the_client_s_own_table(self):
        self.server.register("far", Port=80, Tags=["v1"])
        self.assertEqual(self.client.dig_until(["127.0.0.1"], "v1.far.service.consul").data,
                         ["127.0.0.1"])
        self.assertEqual(self.client.dig("node1.node.consul").data, ["127.0.0.1"])
        query = self.server.request("POST", "/v1/query", {"Name": "any",
                                                          "Service": {"Service": "far"}})[1]["ID"]
        self.assertEqual(self.client.dig_until(["127.0.0.1"], "any.query.consul").data,
                         ["127.0.0.1"])
        self.server.request("DELETE", f"/v1/query/{query}")
        self.server.put("/v1/agent/service/deregister/far")
        self.assertEqual(self.client.dig_until([], "far.service.consul").data, [])

    def test_the_client_s_services_and_checks_are_registered(self):
        self.client.register("near", Port=81, Check={"TTL": "60s", "Status": "passing"})

        def statuses():
            found = self.server.get("/v1/health/service/near")[1]
            return [check["Status"] for entry in found for check in entry["Checks"]
                    if check["ServiceName"] == "near"]
        self.assertTrue(eventually(lambda: statuses() == ["passing"]))
        self.client.put("/v1/agent/check/fail/service:near")
        self.assertTrue(eventually(lambda: statuses() == ["critical"]))
        # What somebody else puts on the node is not the agent's: it is taken away again.
        self.server.put("/v1/catalog/deregister", {"Node": "edge", "ServiceID": "near"})
        self.client.put("/v1/agent/check/pass/service:near")
        self.client.put("/v1/agent/service/deregister/near")
        self.assertTrue(eventually(lambda: self.server.get("/v1/catalog/service/near")[1] == []))

    # Each request through the client gives what the server answers itself.
    def same(self, path, method="GET", body=None):
        status, value, headers = self.server.request(method, path, body)
        found = self.client.request(method, path, body)
        self.assertEqual((found[0], found[1]), (status, value), path)
        for name in ("X-Consul-Index", "X-Consul-KnownLeader"):
            self.assertEqual(found[2][name], headers[name], f"{path}: {name}")

    def test_reads_are_answered_as_the_server_answers_them(self):
        self.server.put("/v1/catalog/register", {
            "Node": "ext", "Address": "10.1.1.1", "NodeMeta": {"os": "x"},
            "Service": {"Service": "db", "Port": 5432, "Tags": ["m"], "Meta": {"v": "1"}},
            "Check": {"Name": "up", "Status": "warning", "ServiceID": "db"}})
        self.server.put("/v1/kv/a/b", "value")
        session = self.server.put("/v1/session/create", {"Name": "s", "TTL": "60s"})["ID"]
        query = self.server.request("POST", "/v1/query", {
            "Name": "q", "Service": {"Service": "db"}, "DNS": {"TTL": "10s"}})[1]["ID"]
        for path in ("/v1/status/leader", "/v1/status/peers", "/v1/catalog/datacenters",
                     "/v1/catalog/nodes?node-meta=os:x", "/v1/catalog/nodes?filter=Node==ext",
                     "/v1/catalog/services", "/v1/catalog/service/db?tag=m",
                     "/v1/catalog/service/db?tag=zz", "/v1/catalog/service/none",
                     "/v1/catalog/node/ext",
                     "/v1/catalog/node-services/ext", "/v1/catalog/connect/db",
                     "/v1/health/node/ext", "/v1/health/checks/db", "/v1/health/state/warning",
                     "/v1/health/service/db", "/v1/health/service/db?passing",
                     "/v1/health/service/db?consistent", "/v1/kv/a/b", "/v1/kv/a?recurse",
                     "/v1/kv/a?keys&separator=/", "/v1/kv/a/b?raw", "/v1/kv/none",
                     f"/v1/session/info/{session}", "/v1/session/list", "/v1/session/node/node1",
                     "/v1/query", f"/v1/query/{query}", "/v1/operator/autopilot/configuration",
                     "/v1/operator/raft/configuration", "/v1/health/service/", "/v1/kv/",
                     "/v1/catalog/service/db?index=x", "/v1/kv/a/b?stale&consistent"):
            self.same(path)
        self.same(f"/v1/session/renew/{session}", "PUT")
        executed = self.client.get("/v1/query/q/execute")
        self.assertEqual([entry["Node"]["Node"] for entry in executed[1]["Nodes"]], ["ext"])
        self.assertEqual(self.client.get("/v1/query/none/execute")[0], 404)
        self.assertEqual(self.client.get("/v1/snapshot")[0], 501)
        self.server.request("DELETE", f"/v1/query/{query}")
        self.server.put("/v1/catalog/deregister", {"Node": "ext"})

    def test_changes_are_carried_out(self):
        put = self.client.put
        self.assertIs(put("/v1/kv/c", "one"), True)
        index = self.server.get("/v1/kv/c")[1][0]["ModifyIndex"]
        self.assertIs(put(f"/v1/kv/c?cas={index + 1}", "two"), False)
        self.assertIs(put(f"/v1/kv/c?cas={index}&flags=7", "two"), True)
        self.assertEqual(self.server.get("/v1/kv/c")[1][0]["Flags"], 7)
        session = put("/v1/session/create", {"Name": "mine", "Node": "node1"})["ID"]
        self.assertEqual(self.server.get(f"/v1/session/info/{session}")[1][0]["Name"], "mine")
        self.assertIs(put(f"/v1/kv/lock?acquire={session}", "x"), True)
        self.assertEqual(self.server.get("/v1/kv/lock")[1][0]["Session"], session)
        self.assertIs(put(f"/v1/kv/lock?release={session}", "x"), True)
        self.assertIs(put(f"/v1/session/destroy/{session}"), True)
        self.assertEqual(self.server.get(f"/v1/session/info/{session}")[1], [])
        query = self.client.request("POST", "/v1/query", {"Name": "w",
                                                          "Service": {"Service": "a"}})[1]["ID"]
        put(f"/v1/query/{query}", {"Name": "w", "Service": {"Service": "b"}})
        self.assertEqual(self.server.get(f"/v1/query/{query}")[1][0]["Service"]["Service"], "b")
        self.client.request("DELETE", f"/v1/query/{query}")
        self.assertEqual(self.server.get(f"/v1/query/{query}")[0], 404)
        self.client.request("DELETE", "/v1/kv/c")
        self.assertEqual(self.server.get("/v1/kv/c")[0], 404)

    def test_transactions_give_their_results_and_errors(self):
        done = self.client.put("/v1/txn", [{"KV": {"Verb": "set", "Key": "t", "Value": "YQ=="}},
                                           {"KV": {"Verb": "get", "Key": "t"}}])
        self.assertEqual([row["KV"].get("Value") for row in done["Results"]], [None, "YQ=="])
        status, failed, _headers = self.client.request(
            "PUT", "/v1/txn", [{"KV": {"Verb": "get", "Key": "nothing"}}])
        self.assertEqual((status, failed["Errors"][0]["OpIndex"]), (409, 0))
        self.same("/v1/kv/t")

    def test_a_blocking_query_waits_for_its_change(self):
        self.server.put("/v1/kv/wait", "1")
        index = self.client.request("GET", "/v1/kv/wait")[2]["X-Consul-Index"]
        answer = []

        def wait():
            answer.append(self.client.get(f"/v1/kv/wait?index={index}&wait=30s"))
        thread = threading.Thread(target=wait)
        thread.start()
        time.sleep(0.3)
        self.assertEqual(answer, [])
        self.server.put("/v1/kv/wait", "2")
        thread.join(10)
        self.assertEqual(answer[0][1][0]["Value"], "IjIi")

    def test_who_stops_waiting_leaves_nothing_behind(self):
        def open_calls():
            gauges = self.server.get("/v1/agent/metrics")[1]["Gauges"]
            return [gauge["Value"] for gauge in gauges if gauge["Name"] == "lictor.rpc.waiting"][0]
        index = self.client.request("GET", "/v1/kv/?keys")[2]["X-Consul-Index"]
        waiting = [http.client.HTTPConnection("127.0.0.1", self.client.http_port)
                   for _number in range(20)]
        for connection in waiting:
            connection.request("GET", f"/v1/kv/unheard-of?index={int(index) + 1000}&wait=60s")
        self.assertTrue(eventually(lambda: open_calls() >= 20), open_calls())
        for connection in waiting:
            connection.close()
        # The client itself follows nodes and queries, and asks how the server is.
        self.assertTrue(eventually(lambda: open_calls() <= 3), open_calls())


class Outlived(TestCase):
    def test_dns_goes_on_without_servers_and_with_them_again(self):
        with Agent() as server:
            join = f"127.0.0.1:{server.config['ports']['serf_lan']}"
            with Agent({"server": False, "bootstrap": False, "node_name": "edge",
                        "consul_rpc": True, "retry_join": [join]}) as client:
                server.register("web", Port=80)
                client.dig_until(["127.0.0.1"], "web.service.consul")
                server.kill()
                self.assertTrue(eventually(lambda: "the server followed is gone" in client.log()))
                self.assertEqual(client.dig("web.service.consul").data, ["127.0.0.1"])
                self.assertEqual(client.get("/v1/catalog/services")[0], 500)
                server.start()
                server.register("more", Port=80)
                answer = client.dig_until(["127.0.0.1"], "more.service.consul", within_s=30)
                self.assertEqual(answer.data, ["127.0.0.1"])


if __name__ == "__main__":
    main()
