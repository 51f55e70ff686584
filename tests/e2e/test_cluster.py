"""Three real servers on 127.0.0.2 to .4: they find each other, agree, survive, and change."""
import contextlib
import http.client
import os
import signal
import socket
import sys

import lictor_e2e as e2e
from lictor_e2e import eventually

NODE_IDS = [f"{n}{n}{n}{n}{n}{n}{n}{n}-1111-4111-8111-111111111111" for n in range(1, 8)]
HEADERS = ("X-Consul-KnownLeader", "X-Consul-LastContact")


def shared_port():
    """A port that is free just now on the addresses of all servers."""
    while True:
        port = e2e.free_port()
        with contextlib.ExitStack() as stack:
            try:
                for number in range(1, 8):
                    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                        probe = stack.enter_context(socket.socket(socket.AF_INET, kind))
                        probe.bind((f"127.0.0.{number + 1}", port))
                return port
            except OSError:
                continue


class Server(e2e.Agent):
    """One of several: its own address, the ports of all."""

    def __init__(self, number, ports, config=None):
        self.address = f"127.0.0.{number + 1}"
        self.name = f"node{number}"
        super().__init__({
            "server": True, "bootstrap": False, "node_name": self.name,
            "node_id": NODE_IDS[number - 1], "bind_addr": self.address,
            "client_addr": self.address, "ports": ports, "leave_on_terminate": False,
            "performance": {"raft_multiplier": 1, "rpc_hold_timeout": "2s"},
            "autopilot": {"server_stabilization_time": "300ms"}, **(config or {})})
        self.http_port, self.dns_port = ports["http"], ports["dns"]
        self.server_address = f"{self.address}:{ports['server']}"

    def is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the agent ended with {self.process.returncode}:\n{self.log()}")
        try:
            return self.get("/v1/status/leader")[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def request(self, method, path, body=None, host=None):
        return super().request(method, path, body, host or self.address)

    def dig(self, name, kind="A", *options, server=None):
        return super().dig(name, kind, *options, server=server or self.address)

    def try_put(self, path, body=None):
        try:
            return self.request("PUT", path, body)[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def leader(self):
        try:
            return self.get("/v1/status/leader")[1]
        except (OSError, http.client.HTTPException):
            return ""

    def peers(self):
        return sorted(self.get("/v1/status/peers")[1])

    def voters(self):
        status, body = self.get("/v1/operator/raft/configuration")
        if status != 200:
            return []
        return sorted(s["Node"] for s in body["Servers"] if s["Voter"])


class Cluster:
    """Servers that are stopped, and their folders removed, with the with block."""

    def __init__(self, count=3, config=None):
        self.ports = {"http": shared_port(), "dns": shared_port(), "serf_lan": shared_port(),
                      "serf_wan": shared_port(), "server": shared_port(), "https": -1,
                      "grpc": -1}
        self.count = count
        self.config = {"bootstrap_expect": count, **(config or {})}
        self.servers = []

    def add(self, number, config=None):
        joins = [f"127.0.0.{n + 2}:{self.ports['serf_lan']}" for n in range(3)]
        server = Server(number, self.ports, {"retry_join": joins, "retry_interval": "300ms",
                                             **self.config, **(config or {})})
        self.servers.append(server)
        return server

    def __enter__(self):
        try:
            for number in range(1, self.count + 1):
                self.add(number)
            for server in self.servers:
                server.start()
            self.wait_for_leader()
        except BaseException:
            self.__exit__(Exception, None, None)
            raise
        return self

    def __exit__(self, kind, value, traceback):
        failures = []
        for server in self.servers:
            log = server.log() if os.path.exists(server.log_path) else ""
            server.kill()
            server.clean()
            if "Sanitizer" in log or "runtime error:" in log or kind is not None:
                failures.append(f"--- log of {server.name}:\n{log}")
        if kind is not None:
            print("\n".join(failures))
        elif failures:
            raise AssertionError("\n".join(failures))

    def alive(self):
        return [s for s in self.servers if s.process and s.process.poll() is None]

    def wait_for_leader(self, within_s=20.0):
        def agreed():
            said = {s.leader() for s in self.alive()}
            return len(said) == 1 and said.pop()
        address = eventually(agreed, within_s)
        assert address, "no leader: " + str([s.leader() for s in self.alive()])
        return next(s for s in self.servers if s.server_address == address)

    def others(self, server):
        return [s for s in self.alive() if s is not server]


def services(server, mode=""):
    return server.get("/v1/catalog/services" + mode)


class ThreeServers(e2e.TestCase):
    def test_begin_write_anywhere_read_everywhere(self):
        with Cluster() as cluster:
            leader = cluster.wait_for_leader()
            addresses = sorted(s.server_address for s in cluster.servers)
            for server in cluster.servers:
                self.assertEqual(server.peers(), addresses)
                self.assertEqual(server.voters(), ["node1", "node2", "node3"])
            follower = cluster.others(leader)[0]
            follower.put("/v1/catalog/register",
                         {"Node": "web1", "Address": "10.0.0.1", "Service": {"Service": "web"}})
            for server in cluster.servers:
                for mode in ("", "?consistent"):
                    status, body, headers = server.request("GET", "/v1/catalog/services" + mode)
                    self.assertEqual((status, "web" in body), (200, True), server.name + mode)
                    self.assertEqual([headers[h] for h in HEADERS], ["true", "0"])
                self.assertTrue(eventually(lambda s=server: "web" in services(s, "?stale")[1]))
                self.assertEqual(server.dig_until(["10.0.0.1"], "web.service.consul").data,
                                 ["10.0.0.1"])
            for server in cluster.servers:
                # The leader registers every server.
                self.assertTrue(eventually(lambda s=server: len(
                    s.get("/v1/health/service/consul?passing")[1]) == 3), server.name)
                self.assertEqual(len(server.get("/v1/agent/members")[1]), 3)
                stats = server.get("/v1/agent/self")[1]["Stats"]
                self.assertEqual(stats["raft"]["num_peers"], "2")
                self.assertEqual(stats["consul"]["leader"],
                                 "true" if server is leader else "false")
            samples = {s["Name"]: s for s in leader.get("/v1/agent/metrics")[1]["Samples"]}
            self.assertGreater(samples["consul.raft.commitTime"]["Count"], 0)
            # The leader keeps sessions' time, whoever is asked to renew one.
            session = follower.put("/v1/session/create", {"TTL": "30s"})["ID"]
            self.assertEqual(follower.put(f"/v1/session/renew/{session}")[0]["ID"], session)
            none = "99999999-1111-4111-8111-111111111111"
            self.assertEqual(follower.request("PUT", f"/v1/session/renew/{none}")[0], 404)
            # A refusal comes through whole, too.
            status, text, _headers = follower.request(
                "PUT", "/v1/txn", [{"KV": {"Verb": "check-index", "Key": "none", "Index": 5}}])
            self.assertEqual(status, 409, text)
            self.assertIn("Errors", text)

    def test_leader_dies_and_comes_back(self):
        with Cluster() as cluster:
            first = cluster.wait_for_leader()
            first.put("/v1/kv/before", "1")
            follower = cluster.others(first)[0]
            first.kill()
            self.assertTrue(eventually(lambda: follower.try_put("/v1/kv/after", "2"), 10))
            second = cluster.wait_for_leader()
            self.assertNotEqual(second, first)
            for server in cluster.alive():
                self.assertEqual(server.get("/v1/kv/before?raw"), (200, "1"))
                self.assertEqual(server.get("/v1/kv/after?raw"), (200, "2"))
            self.assertTrue(eventually(lambda: any(
                c["CheckID"] == "serfHealth" and c["Status"] == "critical"
                for c in second.get(f"/v1/health/node/{first.name}")[1]), 15))
            first.start()
            self.assertTrue(eventually(lambda: first.get("/v1/kv/after?raw") == (200, "2"), 15))
            self.assertTrue(eventually(lambda: second.voters() == ["node1", "node2", "node3"], 20),
                            second.voters())
            self.assertTrue(eventually(lambda: len(
                second.get("/v1/health/service/consul?passing")[1]) == 3, 15))

    def test_without_quorum_only_stale_reads_and_dns_go_on(self):
        with Cluster() as cluster:
            leader = cluster.wait_for_leader()
            leader.put("/v1/catalog/register",
                       {"Node": "web1", "Address": "10.0.0.1", "Service": {"Service": "web"}})
            last = cluster.others(leader)[0]
            self.assertTrue(eventually(lambda: "web" in services(last, "?stale")[1]))
            for server in cluster.servers:
                if server is not last:
                    server.kill()
            self.assertTrue(eventually(lambda: last.leader() == "", 10))
            for mode in ("", "?consistent"):
                self.assertEqual(services(last, mode), (500, "No cluster leader"))
            self.assertEqual(last.request("PUT", "/v1/kv/x", "1")[:2], (500, "No cluster leader"))
            status, body, headers = last.request("GET", "/v1/catalog/services?stale")
            self.assertEqual((status, "web" in body), (200, True))
            self.assertEqual(headers["X-Consul-KnownLeader"], "false")
            self.assertGreater(int(headers["X-Consul-LastContact"]), 0)
            self.assertEqual(last.dig("web.service.consul").data, ["10.0.0.1"])

    def test_a_server_that_comes_back_alone_does_not_take_its_disk_for_the_truth(self):
        with Cluster() as cluster:
            cluster.servers[0].put("/v1/catalog/register", {
                "Node": "web1", "Address": "10.0.0.1", "Service": {"Service": "web"}})
            for server in cluster.servers:
                server.kill()
            first, second, _third = cluster.servers
            first.start()
            self.assertEqual(first.get("/v1/catalog/nodes?stale"), (500, "No cluster leader"))
            self.assertEqual(first.dig("web.service.consul").status, "SERVFAIL")
            self.assertEqual(first.dig("none.service.consul").status, "SERVFAIL")
            second.start()
            cluster.wait_for_leader()
            for server in (first, second):
                self.assertEqual(server.dig_until(["10.0.0.1"], "web.service.consul").data, ["10.0.0.1"])
                self.assertEqual(server.get("/v1/catalog/service/web?stale")[0], 200)
                self.assertTrue(eventually(
                    lambda s=server: s.dig("none.service.consul").status == "NXDOMAIN"))

    def test_operators_hand_over_and_remove(self):
        with Cluster(config={"autopilot": {"server_stabilization_time": "300ms"}}) as cluster:
            leader = cluster.wait_for_leader()
            follower = cluster.others(leader)[0]
            # Asked of a follower, done by the leader.
            status, body, _headers = follower.request("PUT", "/v1/operator/raft/transfer-leader")
            self.assertEqual((status, body), (200, {"Success": True}))
            self.assertTrue(eventually(lambda: cluster.wait_for_leader() is not leader))
            second = cluster.wait_for_leader()
            target = next(s for s in cluster.servers if s not in (leader, second))
            status, _body, _headers = second.request(
                "PUT", f"/v1/operator/raft/transfer-leader?id={target.config['node_id']}")
            self.assertEqual(status, 200)
            self.assertTrue(eventually(lambda: cluster.wait_for_leader() is target))
            self.assertTrue(eventually(
                lambda: leader.get("/v1/operator/autopilot/health")[0] == 200))
            health = leader.get("/v1/operator/autopilot/health")[1]
            self.assertEqual((health["FailureTolerance"], len(health["Servers"])), (1, 3))
            state = leader.get("/v1/operator/autopilot/state")[1]
            self.assertEqual(state["Leader"], target.config["node_id"])
            self.assertEqual(len(state["Voters"]), 3)
            # One that is gone for good.
            second.kill()
            status, text, _headers = leader.request(
                "DELETE", f"/v1/operator/raft/peer?id={second.config['node_id']}")
            self.assertEqual(status, 200, text)
            self.assertTrue(eventually(
                lambda: leader.peers() == sorted([leader.server_address, target.server_address])))
            self.assertTrue(leader.try_put("/v1/kv/still", "here"))

    def test_a_failed_server_is_cleaned_up_and_a_new_one_joins(self):
        with Cluster() as cluster:
            leader = cluster.wait_for_leader()
            lost = cluster.others(leader)[0]
            lost.kill()
            self.assertTrue(eventually(lambda: len(leader.peers()) == 2, 30), leader.peers())
            fresh = cluster.add(4, {"bootstrap_expect": 0}).start()
            self.assertTrue(eventually(lambda: "node4" in leader.voters(), 20), leader.voters())
            self.assertTrue(eventually(lambda: fresh.leader() == leader.server_address))
            fresh.put("/v1/kv/through", "the new one")
            self.assertEqual(leader.get("/v1/kv/through?raw")[0], 200)

    def test_leaving_hands_over_and_goes(self):
        with Cluster(config={"leave_on_terminate": True}) as cluster:
            leader = cluster.wait_for_leader()
            others = cluster.others(leader)
            leader.signal(signal.SIGTERM)
            self.assertEqual(leader.wait(), 0)
            self.assertTrue(eventually(lambda: others[0].try_put("/v1/kv/x", "1"), 5))
            self.assertTrue(eventually(lambda: len(others[0].peers()) == 2, 10))
            self.assertTrue(eventually(lambda: others[0].get(
                f"/v1/catalog/node/{leader.name}")[1] is None, 10))

    def test_everything_survives_the_death_of_all(self):
        with Cluster() as cluster:
            leader = cluster.wait_for_leader()
            for n in range(20):
                cluster.servers[n % 3].put(f"/v1/kv/k{n}", str(n))
            leader.put("/v1/catalog/register",
                       {"Node": "web1", "Address": "10.0.0.1", "Service": {"Service": "web"}})
            for server in cluster.servers:
                server.kill()
            for server in cluster.servers:
                server.start()
            cluster.wait_for_leader()
            for server in cluster.servers:
                keys = server.get("/v1/kv/k?keys")[1]
                self.assertEqual(len(keys), 20, server.name)
                self.assertEqual(server.dig_until(["10.0.0.1"], "web.service.consul").data,
                                 ["10.0.0.1"])


class BadCompany(e2e.TestCase):
    def test_disagreement_is_told_and_nobody_begins(self):
        cluster = Cluster(2)
        with contextlib.closing(Stopped(cluster)):
            first = cluster.add(1, {"bootstrap_expect": 2}).start()
            second = cluster.add(2, {"bootstrap_expect": 3}).start()
            self.assertTrue(eventually(lambda: "conflicting expect value" in first.log()))
            self.assertTrue(eventually(lambda: "conflicting expect value" in second.log()))
            other = cluster.add(3, {"datacenter": "dc2"}).start()
            self.assertTrue(eventually(lambda: "part of wrong datacenter 'dc2'" in first.log()))
            twin = cluster.add(4, {"node_name": "node1"}).start()
            self.assertTrue(eventually(lambda: "Node name conflicts" in first.log()))
            for server in (first, second, other, twin):
                self.assertEqual(server.leader(), "")

    def test_two_clusters_do_not_mix(self):
        cluster = Cluster(2)
        with contextlib.closing(Stopped(cluster)):
            alone = {"bootstrap_expect": 0, "bootstrap": True}
            first = cluster.add(1, {**alone, "retry_join": []}).start()
            self.assertTrue(eventually(first.leader))
            second = cluster.add(2, alone).start()
            self.assertTrue(eventually(lambda: "belongs to another cluster" in first.log()))
            self.assertEqual(first.peers(), [first.server_address])
            self.assertEqual(second.peers(), [second.server_address])

    def test_a_data_dir_of_another_node_is_refused(self):
        cluster = Cluster(1)
        with contextlib.closing(Stopped(cluster)):
            server = cluster.add(1, {"bootstrap_expect": 1}).start()
            self.assertTrue(eventually(server.leader))
            server.kill()
            server.config["node_id"] = NODE_IDS[6]
            with self.assertRaises(AssertionError) as caught:
                server.start()
            self.assertIn("ended with 1", str(caught.exception))

    def test_garbage_on_the_server_port_harms_nothing(self):
        cluster = Cluster(1)
        with contextlib.closing(Stopped(cluster)):
            server = cluster.add(1, {"bootstrap_expect": 1}).start()
            self.assertTrue(eventually(server.leader))
            head = bytes([0, 0, 0, 1, 1, 1, 0, 0]) + bytes(16)
            rows = [b"GET / HTTP/1.1\r\n\r\n", b"\x46" + b"\xff" * 64,
                    b"\x46\x00\x00\x00\x01\x09" + b"\x00" * 60, b"\x46" + head + b"x",
                    b"\x46" + head[:5] + b"\x04" + head[6:] + b"\xc1",
                    b"\x4c" + os.urandom(300), b"\x46", b"", os.urandom(4000)]
            for row in rows:
                with socket.create_connection((server.address, cluster.ports["server"]), 5) as to:
                    to.sendall(row)
                    to.settimeout(0.3)
                    with contextlib.suppress(OSError):
                        to.recv(4096)
            self.assertIn("another version", server.log())
            self.assertTrue(server.try_put("/v1/kv/x", "1"))


class Stopped:
    """Ends a cluster that was put together by hand."""

    def __init__(self, cluster):
        self.cluster = cluster

    def close(self):
        kind = sys.exc_info()[0]
        self.cluster.__exit__(kind, None, None)


if __name__ == "__main__":
    e2e.main()
