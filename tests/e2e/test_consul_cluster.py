#!/usr/bin/env python3
"""Consul's RPC where there are several servers, and several datacenters: whichever is asked, its
answer is the cluster's."""
import time

from consul_rpc import msgpack
from lictor_e2e import Agent, TestCase, eventually, main
from test_cluster import Cluster
from test_consul_methods import S, Client, service


def client(server):
    return Client(server.config["ports"]["server"], host=server.config["bind_addr"])


class Servers(TestCase):
    def test_a_follower_is_as_good_as_the_leader(self):
        with Cluster() as cluster:
            leader = cluster.wait_for_leader()
            follower, other = cluster.others(leader)
            eventually(lambda: len(leader.get("/v1/catalog/nodes", host=leader.address)[1]) == 3)
            with client(follower) as f, client(other) as o:
                self.register_and_read(f, o, follower, leader)
                self.lock_and_renew(f, o, leader)
                self.delay_locks(f, follower, leader)
                self.wait_through_another(f, o)
            cluster.servers.remove(leader)
            leader.kill()
            leader.clean()
            with client(follower) as f:
                self.survive(f)

    def register_and_read(self, f, o, follower, leader):
        self.assertEqual(f.ask("Status.Leader"), leader.server_address)
        self.assertEqual(f.ask("Catalog.Register", Datacenter="dc1", Node="c", Address="10.0.0.1",
                               Service=service("web", Port=80)), {})
        # What was acknowledged anywhere is seen everywhere, at once.
        for asked in (f, o):
            for mode in ({}, {"RequireConsistent": True}):
                nodes = asked.ask("Health.ServiceNodes", ServiceName="web", **mode)
                self.assertEqual([n["Node"]["Node"] for n in nodes["Nodes"]], ["c"])
                self.assertEqual((nodes["KnownLeader"], nodes["LastContact"]), (True, 0))
        stale = f.ask("Catalog.ListNodes", AllowStale=True)
        self.assertTrue(stale["KnownLeader"])
        self.assertLess(stale["LastContact"], 5 * S)
        self.assertTrue(eventually(lambda: follower.dig("web.service.consul",
                                                        server=follower.address).data))
        raft = o.ask("Operator.RaftGetConfiguration")["Servers"]
        self.assertEqual([s["Address"] for s in raft if s["Leader"]], [leader.server_address])

    def lock_and_renew(self, f, o, leader):
        session = f.ask("Session.Apply", Op="create", Session={
            "Node": leader.name, "TTL": "10s", "LockDelay": 0, "Behavior": "release"})
        lock = {"Key": "lock", "Value": "1", "Session": session}
        self.assertIs(f.ask("KVS.Apply", Op="lock", DirEnt=lock), True)
        self.assertEqual(o.ask("KVS.Get", Key="lock")["Entries"][0]["Session"], session)
        self.assertEqual(o.ask("Session.Renew", SessionID=session)["Sessions"][0]["ID"], session)
        self.assertEqual(o.ask("Txn.Read", Ops=[{"KV": {"Verb": "get", "DirEnt": {"Key": "lock"}}}])
                         ["Results"][0]["KV"]["LockIndex"], 1)

    def delay_locks(self, f, follower, leader):
        # However far behind the follower is that is asked, and content to be.
        for i in range(12):
            key = f"delayed-{i}"
            first, second = (f.ask("Session.Apply", Op="create", Session={
                "Node": leader.name, "LockDelay": 15 * S}) for _ in range(2))
            lock = {"Key": key, "Value": "1", "Session": first}
            self.assertIs(f.ask("KVS.Apply", Op="lock", DirEnt=lock), True)
            leader.request("PUT", f"/v1/session/destroy/{first}", host=leader.address)
            lock["Session"] = second
            if i % 3 == 0:
                self.assertIs(f.ask("KVS.Apply", Op="lock", DirEnt=lock), False)
            elif i % 3 == 1:
                self.assertEqual(follower.request("PUT", f"/v1/kv/{key}?acquire={second}&stale",
                                                  host=follower.address)[:2], (200, False))
            else:
                ops = [{"KV": {"Verb": "lock", "Key": key, "Value": "", "Session": second}}]
                status, body, _ = follower.request("PUT", "/v1/txn?stale", ops,
                                                   host=follower.address)
                self.assertEqual((status, body["Results"], body["Errors"]), (409, None, [
                    {"OpIndex": 0, "What": f'failed to lock key "{key}" due to lock delay'}]))

    def wait_through_another(self, f, o):
        index = f.ask("Health.ServiceNodes", ServiceName="db")["Index"]
        waiting = f.begin("Health.ServiceNodes", ServiceName="db", MinQueryIndex=index,
                          MaxQueryTime=30 * S)
        o.ask("Catalog.Register", Node="c", Address="10.0.0.1", Service=service("db"))
        self.assertEqual(len(waiting.answer()[1]["Nodes"]), 1)

    def survive(self, f):
        entry = {"Key": "after", "Value": "all"}

        def is_set():
            f.ask("KVS.Apply", Op="set", DirEnt=entry)
            body = f.ask("KVS.Get", Key="after")
            return isinstance(body, dict) and body["Entries"][0]["Value"] == "all"

        self.assertTrue(eventually(is_set, 20, 0.2))
        self.assertEqual(f.ask("KVS.Get", Key="lock")["Entries"][0]["LockIndex"], 1)


class Datacenters(TestCase):
    def test_calls_for_another_datacenter_are_answered_there(self):
        with Agent({"datacenter": "dc1"}) as one:
            wan = f"127.0.0.1:{one.config['ports']['serf_wan']}"
            with Agent({"datacenter": "dc2", "node_name": "node2",
                        "retry_join_wan": [wan]}) as two, client(one) as c:
                self.assertTrue(eventually(
                    lambda: set(c.ask("Catalog.ListDatacenters")) == {"dc1", "dc2"}, 20))
                self.assertTrue(eventually(
                    lambda: isinstance(c.ask("Catalog.ListNodes", Datacenter="dc2"), dict), 20))
                self.ask_there(c, two)

    def ask_there(self, c, two):
        self.assertEqual([n["Node"] for n in c.ask("Catalog.ListNodes", Datacenter="dc2")["Nodes"]],
                         ["node2"])
        self.assertEqual(c.ask("Catalog.Register", Datacenter="dc2", Node="x", Address="10.0.0.1",
                               Service=service("there")), {})
        self.assertEqual(two.get("/v1/catalog/service/there")[1][0]["Datacenter"], "dc2")
        self.assertEqual(c.ask("Catalog.ServiceNodes", ServiceName="there")["ServiceNodes"], [])
        self.assertEqual(c.ask("Health.ServiceNodes", Datacenter="dc2"),
                         "rpc error making call: Must provide service name")
        index = c.ask("KVS.Get", Datacenter="dc2", Key="k")["Index"]
        waiting = c.begin("KVS.Get", Datacenter="dc2", Key="k", MinQueryIndex=index,
                          MaxQueryTime=30 * S)
        two.put("/v1/kv/k", "v")
        self.assertEqual(waiting.answer()[1]["Entries"][0]["Value"], '"v"')
        begun = time.monotonic()
        self.assertEqual(c.ask("Status.Leader", Datacenter="dc2"),
                         f"127.0.0.1:{two.config['ports']['server']}")
        self.assertLess(time.monotonic() - begun, 5)
        with client(two) as leaving:
            leaving.begin("KVS.Get", Datacenter="dc1", Key="k", MinQueryIndex=10**9,
                          MaxQueryTime=300 * S)
            self.assertEqual(leaving.ask("Status.Ping"), {})
        self.assertIsInstance(msgpack.packb(c.ask("Internal.NodeDump", Datacenter="dc2")), bytes)


if __name__ == "__main__":
    main()
