#!/usr/bin/env python3
"""Subscriptions over gRPC, with which Consul's agents follow services: what they show is what HTTP
shows, changes come at once, and neither slow nor hostile clients do harm."""
import http.client
import os
import random
import socket
import time

import grpc_client
from grpc_client import CONNECT, Client, request
from lictor_e2e import Agent, TestCase, eventually, main

SEED = int(os.environ.get("LICTOR_TEST_SEED", random.randrange(1 << 32)))
SLOW_CHANGES, SLOW_NOTES = 120, 100_000


def registration(node, ident="web1", port=80, **fields):
    return {"Node": node, "Address": "10.0.0.1", **fields,
            "Service": {"ID": ident, "Service": "web", "Port": port, "Tags": ["a"]}}


class Subscriptions(TestCase):
    @classmethod
    def setUpClass(cls):
        cls.agent = Agent().__enter__()
        cls.port = cls.agent.config["ports"]["server"]

    @classmethod
    def tearDownClass(cls):
        cls.agent.__exit__(None, None, None)

    def setUp(self):
        self.client = Client(self.port)
        self.addCleanup(self.client.close)

    def register(self, *args, **fields):
        self.agent.put("/v1/catalog/register", registration(*args, **fields))

    def deregister(self, node, **fields):
        self.agent.put("/v1/catalog/deregister", {"Node": node, **fields})

    def shown(self, path="/v1/health/service/web"):
        return {(i["Node"]["Node"], i["Service"]["ID"]):
                (i["Service"]["Port"], {c["CheckID"]: c["Status"] for c in i["Checks"]})
                for i in self.agent.get(path)[1]}

    def view(self, stream):
        return {key: (update.port, update.checks) for key, update in stream.view.items()}

    @staticmethod
    def port_of(stream, node):
        return getattr(stream.view.get((node, "web1")), "port", None)

    def figure(self, name):
        return sum(int(f.get("Count", f.get("Value", 0)))
                   for kind in ("Counters", "Gauges")
                   for f in self.agent.get("/v1/agent/metrics")[1][kind]
                   if f["Name"].endswith(name))

    def test_a_snapshot_and_changes_show_what_http_shows(self):
        self.register("n1", Check={"CheckID": "c", "ServiceID": "web1", "Status": "passing"})
        self.register("n1", "web2", 81)
        stream = self.client.follow("WEB").snapshot()
        self.assertEqual(self.view(stream), self.shown())
        self.assertEqual(len(stream.view), 2)
        self.assertEqual(stream.index, int(self.agent.request(
            "GET", "/v1/health/service/web")[2]["X-Consul-Index"]))
        self.register("n1", Check={"CheckID": "c", "ServiceID": "web1", "Status": "critical"})
        stream.until(lambda s: s.view["n1", "web1"].checks["c"] == "critical")
        self.assertEqual(self.view(stream), self.shown())
        self.register("n1", Check={"CheckID": "node-check", "Status": "warning"})
        stream.until(lambda s: all("node-check" in u.checks for u in s.view.values()))
        self.assertEqual(self.view(stream), self.shown())
        self.deregister("n1", ServiceID="web1")
        stream.until(lambda s: len(s.view) == 1)
        self.deregister("n1")
        stream.until(lambda s: not s.view)

    def test_views_are_right_after_random_changes(self):
        rng = random.Random(SEED)
        streams = [self.client.follow("web").snapshot() for _i in range(3)]
        for _round in range(60):
            node, ident = rng.choice("pqr"), rng.choice(("web1", "web2"))
            if rng.random() < 0.3:
                self.deregister(node, **({"ServiceID": ident} if rng.random() < 0.6 else {}))
            else:
                self.register(node, ident, rng.randrange(1, 5), Check={
                    "CheckID": rng.choice("cd"), "Status": rng.choice(("passing", "critical")),
                    "ServiceID": rng.choice(("", ident))})
        self.register("last", port=99)
        for stream in streams:
            stream.until(lambda s: ("last", "web1") in s.view)
            self.assertEqual(self.view(stream), self.shown(), f"LICTOR_TEST_SEED={SEED}")
        for node in ("p", "q", "r", "last"):
            self.deregister(node)

    def test_changes_come_at_once(self):
        stream = self.client.follow("web").snapshot()
        times = []
        for port in range(1000, 1020):
            self.register("n2", port=port)
            begin = time.monotonic()
            stream.until(lambda s, port=port: self.port_of(s, "n2") == port)
            times.append(time.monotonic() - begin)
        print(f"from acknowledgement to event: median {sorted(times)[10] * 1e3:.2f} ms")
        self.deregister("n2")

    def test_an_index_is_resumed_when_nothing_has_changed(self):
        self.register("n3")
        stream = self.client.follow("web").snapshot()
        index = stream.index
        stream.call.cancel()
        self.agent.put("/v1/catalog/register", {"Node": "x", "Address": "10.0.0.2",
                                                "Service": {"Service": "other"}})
        before = self.figure("subscriptions.resumed")
        resumed = self.client.follow("web", index)
        self.assertTrue(eventually(lambda: self.figure("subscriptions.resumed") > before))
        self.register("n3", port=82)
        event = resumed.next()
        self.assertEqual((event.is_new_snapshot, [u.port for u in event.updates]), (False, [82]))
        anew = self.client.follow("web", index).snapshot()
        self.assertEqual(anew.restarts, 1)
        self.assertEqual(self.view(anew), self.shown())
        self.deregister("n3")

    def test_proxies_are_followed_by_what_they_stand_before(self):
        stream = self.client.follow("api", topic=CONNECT).snapshot()
        self.assertFalse(stream.view)
        proxy = {"Node": "n4", "Address": "10.0.0.4", "Service": {
            "Kind": "connect-proxy", "Service": "sidecar", "Port": 20000,
            "Proxy": {"DestinationServiceName": "api"}}}
        self.agent.put("/v1/catalog/register", proxy)
        stream.until(lambda s: s.view)
        self.assertEqual(stream.view["n4", "sidecar"].proxied, "api")
        proxy["Service"]["Proxy"]["DestinationServiceName"] = "db"
        self.agent.put("/v1/catalog/register", proxy)
        stream.until(lambda s: not s.view)
        self.deregister("n4")

    def test_what_cannot_be_followed_is_refused(self):
        error = self.client.error
        for topic in (0, 3, 99):
            self.assertEqual(error(request("web", topic=topic))[0], "UNKNOWN")
        self.assertEqual(error(request("web", datacenter="none")),
                         ("UNAVAILABLE", "No path to datacenter"))
        self.assertEqual(error(b"\xff\xff")[0], "INTERNAL")
        self.assertEqual(error(b"\x12\xff\xff\xff\xff\x7f")[0], "INTERNAL")
        self.assertEqual(error(b"", "/subscribe.StateChangeSubscription/Other"),
                         ("UNIMPLEMENTED", "unknown method Other for service "
                                           "subscribe.StateChangeSubscription"))
        self.assertEqual(error(b"", "/other.Service/Other"),
                         ("UNIMPLEMENTED", "unknown service other.Service"))

    def test_who_does_not_read_is_ended_and_others_are_not(self):
        slow, quick = self.client.follow("web"), Client(self.port)
        self.addCleanup(quick.close)
        slow.snapshot()
        stream = quick.follow("web").snapshot()
        for port in range(1, SLOW_CHANGES):
            self.register("n5", port=port, Check={"CheckID": "c", "Notes": "n" * SLOW_NOTES})
            stream.until(lambda s, port=port: self.port_of(s, "n5") == port)
        with self.assertRaises(grpc_client.grpc.RpcError) as caught:
            slow.until(lambda s: False)
        # Within a message no status can be given.
        self.assertIn(caught.exception.code().name, ("ABORTED", "RESOURCE_EXHAUSTED"))
        self.deregister("n5")

    def test_all_begin_anew_after_a_restore(self):
        stream = self.client.follow("web").snapshot()
        connection = http.client.HTTPConnection("127.0.0.1", self.agent.http_port, timeout=20)
        connection.request("GET", "/v1/snapshot")
        archive = connection.getresponse().read()
        self.register("n6")
        stream.until(lambda s: s.view)
        connection.request("PUT", "/v1/snapshot", archive)
        self.assertEqual(connection.getresponse().status, 200)
        connection.close()
        with self.assertRaises(grpc_client.grpc.RpcError) as caught:
            stream.until(lambda s: False)
        self.assertEqual(caught.exception.code().name, "ABORTED")
        self.assertFalse(self.client.follow("web", stream.index).snapshot().view)

    def test_hostile_bytes_end_their_connection_only(self):
        stream = self.client.follow("web").snapshot()
        for data in (b"GET / HTTP/1.1\r\n\r\n", b"\0" * 100,
                     b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 100):
            with socket.create_connection(("127.0.0.1", self.port), timeout=20) as raw:
                raw.sendall(grpc_client.BYTE_GRPC + data)
                try:
                    while raw.recv(65536):
                        pass
                except ConnectionError:
                    pass
        self.register("n7")
        stream.until(lambda s: s.view)
        self.deregister("n7")
        self.assertTrue(eventually(lambda: "sent what is no gRPC" in self.agent.log()))


if __name__ == "__main__":
    main()
