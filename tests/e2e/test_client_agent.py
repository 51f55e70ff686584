"""Client agents: two of them and three servers, which they find by gossip, follow, and outlive."""
import http.client
import re
import signal
import sys
import threading
import time

import lictor_e2e as e2e
from lictor_e2e import eventually
from test_cluster import Cluster


def add_client(cluster, number):
    client = cluster.add(number, {"server": False, "bootstrap_expect": 0})
    client.start()
    assert eventually(lambda: client.get("/v1/status/leader")[0] == 200, 10), client.log()
    assert eventually(lambda: cluster.servers[0].get(f"/v1/health/node/{client.name}")[1], 10)
    return client


def service_nodes(agent, name):
    status, body = agent.get(f"/v1/catalog/service/{name}")
    return sorted(s["Node"] for s in body) if status == 200 else []


class ClientAgent(e2e.TestCase):
    def setUp(self):
        self.cluster = Cluster(config={"performance": {"raft_multiplier": 1,
                                                       "rpc_hold_timeout": "2s"}})
        self.cluster.__enter__()
        self.addCleanup(lambda: self.cluster.__exit__(None, None, None))
        self.servers = list(self.cluster.servers)
        self.clients = [add_client(self.cluster, number) for number in (4, 5)]

    def test_what_a_client_registers_is_seen_and_answered_by_all(self):
        client, other = self.clients
        client.register("web", Port=8080, Tags=["v1"])
        for agent in self.servers + self.clients:
            self.assertTrue(eventually(lambda: service_nodes(agent, "web") == [client.name]))
            answer = agent.dig_until([client.address], "v1.web.service.consul")
            self.assertEqual(answer.data, [client.address], agent.name)
        self.assertEqual(list(client.get("/v1/agent/services")[1]), ["web"])
        self.assertEqual(other.get("/v1/agent/services")[1], {})
        client.put("/v1/agent/service/deregister/web")
        for agent in self.servers + self.clients:
            self.assertTrue(eventually(lambda: service_nodes(agent, "web") == []))
            self.assertEqual(agent.dig_until([], "web.service.consul").data, [])

    def test_every_kind_of_request_is_answered_through_a_client(self):
        client, server = self.clients[0], self.servers[0]
        self.assertIs(client.put("/v1/kv/a/b", "x"), True)
        for path in ("/v1/kv/a?recurse", "/v1/kv/?keys", "/v1/catalog/nodes", "/v1/session/list",
                     "/v1/catalog/datacenters", "/v1/operator/raft/configuration", "/v1/query",
                     "/v1/status/peers", "/v1/health/state/any", "/v1/coordinate/nodes",
                     "/v1/agent/self", "/v1/agent/members", "/v1/event/list", "/v1/agent/checks"):
            self.assertEqual(client.get(path)[0], 200, path)
        status, value, headers = client.request("GET", "/v1/kv/a/b?consistent")
        self.assertEqual(status, 200)
        self.assertEqual(value, server.get("/v1/kv/a/b?consistent")[1])
        self.assertEqual(headers["X-Consul-KnownLeader"], "true")
        self.assertEqual(int(headers["X-Consul-Index"]), value[0]["ModifyIndex"])
        self.assertEqual(client.get("/v1/kv/none")[0], 404)
        self.assertEqual(client.get("/v1/kv/a/b?stale&consistent")[0], 400)
        self.assertEqual(client.get("/v1/catalog/nodes?dc=far"), (500, "No path to datacenter"))
        session = client.put("/v1/session/create")["ID"]
        self.assertEqual(client.get(f"/v1/session/info/{session}")[1][0]["Node"], client.name)
        big = "x" * 400000
        client.put("/v1/kv/big", big)
        self.assertGreater(len(client.get("/v1/kv/big?raw")[1]), 399999)
        self.assertEqual(client.request("PUT", "/v1/kv/toobig", "x" * 600000)[0], 413)

    def test_a_blocking_query_on_a_client_is_woken_and_outlives_the_leader(self):
        client = self.clients[0]
        client.put("/v1/kv/key", "1")
        index = client.request("GET", "/v1/kv/key")[2]["X-Consul-Index"]
        answers = []

        def wait():
            begun = time.monotonic()
            status, value, _headers = client.request("GET", f"/v1/kv/key?index={index}&wait=15s")
            answers.append((status, value, time.monotonic() - begun))

        waiting = threading.Thread(target=wait)
        waiting.start()
        time.sleep(0.3)
        leader = self.cluster.wait_for_leader()
        leader.kill()
        self.cluster.servers.remove(leader)
        self.addCleanup(leader.clean)
        self.assertEqual(answers, [])
        self.cluster.servers = [s for s in self.cluster.servers if s.process.poll() is None]
        self.assertTrue(eventually(
            lambda: client.try_put("/v1/kv/key", "2"), 15), "no write after the leader's end")
        waiting.join(20)
        self.assertEqual(answers[0][0], 200)
        self.assertEqual(answers[0][1][0]["Value"], "IjIi")

    def test_a_change_is_soon_in_a_clients_dns(self):
        server, client = self.servers[0], self.clients[0]
        for i in range(30):
            name = f"s{i}"
            server.put("/v1/catalog/register", {"Node": "ext", "Address": "10.9.9.9",
                                                "Service": {"Service": name}})
            begun = time.monotonic()
            while not client.dig(f"{name}.service.consul").data:
                self.assertLess(time.monotonic() - begun, 5)

    def test_dns_goes_on_without_servers_and_all_goes_on_with_them(self):
        client = self.clients[0]
        client.register("web", Port=8080)
        self.assertTrue(client.dig_until([client.address], "web.service.consul").data)
        for server in self.servers:
            server.kill()
        self.assertTrue(eventually(
            lambda: client.get("/v1/catalog/nodes") == (500, "No known Consul servers"), 20),
            client.get("/v1/catalog/nodes"))
        self.assertEqual(client.dig("web.service.consul").data, [client.address])
        self.assertEqual(client.request("PUT", "/v1/kv/a", "x")[0], 500)
        client.register("later", Port=9090)
        self.assertIn("later", client.get("/v1/agent/services")[1])
        for server in self.servers:
            server.start()
        self.assertTrue(eventually(lambda: client.get("/v1/catalog/nodes")[0] == 200, 30))
        self.assertTrue(eventually(lambda: service_nodes(client, "later") == [client.name], 30))
        self.assertEqual(client.dig_until([client.address], "later.service.consul").data,
                         [client.address])


class Datacenters(e2e.TestCase):
    def test_another_datacenter_is_asked_by_http_and_dns_from_servers_and_clients(self):
        far = e2e.Agent({"node_name": "far", "datacenter": "dc2", "leave_on_terminate": False})
        near = e2e.Agent({"node_name": "near", "retry_interval_wan": "200ms",
                          "retry_join_wan": [f"127.0.0.1:{far.config['ports']['serf_wan']}"]})
        client = e2e.Agent({"server": False, "bootstrap": False, "node_name": "client",
                            "retry_interval": "200ms",
                            "retry_join": [f"127.0.0.1:{near.config['ports']['serf_lan']}"]})
        client.is_ready = lambda: is_up(client)
        with far, near, client:
            far.put("/v1/catalog/register", {"Node": "ext", "Address": "10.2.0.1",
                                             "Service": {"Service": "web", "Port": 80}})
            near.request("POST", "/v1/query", {
                "Name": "any", "Service": {"Service": "web", "Failover": {"NearestN": 2}}})
            for agent in (near, client):
                self.assertTrue(eventually(lambda: service_nodes(agent, "web?dc=dc2") == ["ext"]))
                self.assertEqual(agent.get("/v1/catalog/service/web"), (200, []))
                self.assertEqual(agent.dig("web.service.dc2.consul").data, ["10.2.0.1"])
                self.assertEqual(agent.dig("ext.node.dc2.consul").data, ["10.2.0.1"])
                self.assertEqual(agent.dig("web.service.dc2.consul", "SRV").data,
                                 ["1 1 80 ext.node.dc2.consul."])
                self.assertEqual(agent.dig("none.service.dc2.consul").status, "NXDOMAIN")
                self.assertEqual(agent.dig("web.service.dc9.consul").status, "NXDOMAIN")
                result = agent.get("/v1/query/any/execute")[1]
                self.assertEqual((result["Datacenter"], result["Failovers"], len(result["Nodes"])),
                                 ("dc2", 1, 1))
                self.assertEqual(agent.dig("any.query.consul").data, ["10.2.0.1"])
                self.assertEqual(agent.dig("any.query.consul", "SRV").data,
                                 ["1 1 80 ext.node.dc2.consul."])
                self.assertEqual(agent.dig("any.query.consul", "A", "+tcp").data, ["10.2.0.1"])
                self.assertEqual(agent.dig("any.query.dc1.consul").data, ["10.2.0.1"])
                self.assertEqual(agent.dig("other.query.consul").status, "NXDOMAIN")
                agent.put("/v1/kv/where?dc=dc2", agent.config["node_name"])
                self.assertEqual(agent.get("/v1/kv/where")[0], 404)
                self.assertEqual(agent.get("/v1/kv/where?dc=dc2&raw")[1],
                                 agent.config["node_name"])
                self.assertEqual(sorted(agent.get("/v1/catalog/datacenters")[1]), ["dc1", "dc2"])
            far.signal(signal.SIGTERM)
            far.wait()
            for agent in (near, client):
                # Nobody knows; that is not the same as there being none.
                self.assertTrue(eventually(
                    lambda a=agent: a.dig("web.service.dc2.consul").status == "SERVFAIL"))
                self.assertEqual(agent.dig("web.service.dc9.consul").status, "NXDOMAIN")


class Alone(e2e.TestCase):
    def test_a_client_without_servers_says_so(self):
        agent = e2e.Agent({"server": False, "bootstrap": False})
        agent.is_ready = lambda: is_up(agent)
        with agent:
            self.assertEqual(agent.get("/v1/catalog/nodes"), (500, "No known Consul servers"))
            self.assertEqual(agent.request("PUT", "/v1/kv/a", "x")[:2],
                             (500, "No known Consul servers"))
            self.assertEqual(agent.dig("web.service.consul").status, "SERVFAIL")
            self.assertEqual(agent.dig("web.service.dc2.consul").status, "SERVFAIL")
            agent.register("web", Port=1)
            self.assertIn("web", agent.get("/v1/agent/services")[1])

    def test_a_client_at_rest_is_small_and_loads_what_it_needs(self):
        agent = e2e.Agent({"server": False, "bootstrap": False})
        agent.is_ready = lambda: is_up(agent)
        with agent:
            maps = mapped(agent.process)
            for library in ("libcurl", "libarchive", "libsystemd", "libcrypto"):
                self.assertNotIn(library, maps)
            # Sanitizers have a memory of their own.
            if not re.search(r"lib[at]san", maps):
                self.assertLess(resident_kib(agent.process), 15 << 10)
            agent.put("/v1/agent/check/register", {
                "Name": "http", "HTTP": f"http://127.0.0.1:{agent.http_port}/v1/agent/self",
                "Interval": "1s", "Timeout": "10s"})
            self.assertTrue(eventually(
                lambda: agent.get("/v1/agent/checks")[1]["http"]["Status"] == "passing"))
            self.assertIn("libcurl", mapped(agent.process))

    def test_more_calls_than_the_limit_are_refused(self):
        agent = e2e.Agent({"server": False, "bootstrap": False,
                           "limits": {"rpc_rate": 1, "rpc_max_burst": 2}})
        agent.is_ready = lambda: is_up(agent)
        with agent:
            answers = [agent.get("/v1/catalog/nodes") for _ in range(6)]
            self.assertIn((429, "RPC rate limit exceeded"), answers)

    def test_the_limit_of_calls_is_reloaded(self):
        agent = e2e.Agent({"server": False, "bootstrap": False,
                           "limits": {"rpc_rate": 0.001, "rpc_max_burst": 1}})
        agent.is_ready = lambda: is_up(agent)
        with agent:
            agent.get("/v1/catalog/nodes")
            self.assertEqual(agent.get("/v1/catalog/nodes")[0], 429)
            agent.config["limits"] = {"rpc_rate": 0.001, "rpc_max_burst": 3}
            agent.write("agent.json", agent.config)
            agent.signal(signal.SIGHUP)
            self.assertTrue(e2e.eventually(lambda: agent.get("/v1/catalog/nodes")[0] == 500))
            answers = [agent.get("/v1/catalog/nodes")[0] for _ in range(5)]
            self.assertEqual(answers, [500, 500, 429, 429, 429])


def mapped(process):
    with open(f"/proc/{process.pid}/maps", encoding="ascii") as file:
        return file.read()


def resident_kib(process):
    with open(f"/proc/{process.pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))


def is_up(agent):
    try:
        return agent.get("/v1/agent/self")[0] == 200
    except (OSError, http.client.HTTPException):
        return False


if __name__ == "__main__":
    sys.exit(e2e.main())
