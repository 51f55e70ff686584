#!/usr/bin/env python3
"""Vhost-user ports; dpdk-testpmd holds the virtio-user end and bridges it to the client's TAP."""
import os
from contextlib import ExitStack

from bridge import Flood, bridge
from namespaces import CLIENT_MAC, Namespace, PortAgent, cpus, need_root_or_skip, raise_client, \
    wait_for_wire
from lictor_e2e import TestCase, eventually, main
from wire_tests import BasicWireTests, WireTests


class VhostUserCase(TestCase):
    """The wire: an agent listening on a socket, and a bridge that can be taken away and put back."""

    arguments = "queues=1"

    @classmethod
    def setUpClass(cls):
        with ExitStack() as stack:
            there = stack.enter_context(Namespace("lictor-vhost-a"))
            cls.client = stack.enter_context(Namespace("lictor-vhost-c"))
            cls.interface = "client0"
            agent = PortAgent(there, "")
            socket_path = os.path.join(agent.folder, "vhost.sock")
            agent.config["dataplane"]["ports"][0]["device"] = \
                f"net_vhost0,iface={socket_path},{cls.arguments}"
            cls.agent = stack.enter_context(agent)
            cls.bridges = stack.enter_context(ExitStack())
            cls.socket_path = socket_path
            cls.connect()
            cls.addClassCleanup(stack.pop_all().close)

    @classmethod
    def connect(cls):
        log_path = os.path.join(cls.agent.folder, "testpmd.log")
        peer = f"net_virtio_user0,path={cls.socket_path},queues=1,mac={CLIENT_MAC}"
        cls.bridges.enter_context(bridge(cls.client, peer, log_path))
        raise_client(cls.client, cls.interface)
        # A new TAP has a new address: the agent's kernel would write to the old one for a while.
        cls.agent.namespace.ip("neigh", "flush", "dev", "lictor0")
        wait_for_wire(cls.client)


class OwnDriver(WireTests, VhostUserCase):
    def test_the_log_says_so(self):
        self.assertIn("driver=lictor_vhost", self.agent.log())

    def test_the_peer_may_go_and_come_back(self):
        self.agent.register("web", Address="192.0.2.7", Port=8080)
        self.bridges.close()
        self.assertEqual(self.agent.get("/v1/status/leader")[0], 200)
        self.connect()
        self.assertTrue(eventually(lambda: self.dig("web.service.consul").data == ["192.0.2.7"]))

    def test_peers_that_die_under_load_leave_the_port_to_their_successors(self):
        self.agent.register("web", Address="192.0.2.7", Port=8080)
        self.bridges.close()
        peer = f"net_virtio_user0,path={self.socket_path},queues=1,mac={CLIENT_MAC}"
        for number in range(3):
            before = self.agent.counters("received")[""]
            with Flood(peer, os.path.join(self.agent.folder, f"flood{number}.log")):
                self.assertTrue(eventually(
                    lambda seen=before: self.agent.counters("received")[""] > seen + 20000, 20.0))
        self.connect()
        self.assertTrue(eventually(lambda: self.dig("web.service.consul").data == ["192.0.2.7"]))
        self.assertEqual(self.agent.counters("receive_dropped")[""], 0)


class DpdkDriver(BasicWireTests, VhostUserCase):
    """Any argument that is not ours has DPDK's driver serve the device."""

    arguments = "queues=1,tso=0"

    def test_the_log_says_so(self):
        self.assertIn("driver=net_vhost", self.agent.log())


class TwoQueues(TestCase):
    """The agent connects to a peer that owns the socket; each of its lcores has a queue."""

    def test_each_queue_is_answered_from(self):
        with ExitStack() as stack:
            there = stack.enter_context(Namespace("lictor-vhost2-a"))
            client = stack.enter_context(Namespace("lictor-vhost2-c"))
            agent = PortAgent(there, "", queues=2)
            path = os.path.join(agent.folder, "vhost.sock")
            agent.config["dataplane"]["ports"][0]["device"] = \
                f"net_vhost0,iface={path},queues=2,client=1"
            agent.config["dataplane"]["lcores"] = sorted(set(cpus()))
            stack.enter_context(agent)
            agent.register("web", Address="192.0.2.7", Port=8080)
            stack.enter_context(bridge(
                client, f"net_virtio_user0,path={path},server=1,queues=2,mac={CLIENT_MAC}",
                os.path.join(agent.folder, "testpmd.log"), queues=2))
            raise_client(client, "client0")
            wait_for_wire(client)

            def asked_from_many_ports():
                wire = BasicWireTests()
                wire.agent, wire.client = agent, client
                self.assertEqual(wire.dig("web.service.consul").data, ["192.0.2.7"])
                answered = agent.counters("answered", by="worker")
                return all(answered.get(f"lcore{cpu}", 0) > 0 for cpu in set(cpus()))
            self.assertTrue(eventually(asked_from_many_ports), agent.counters("answered", "worker"))


if __name__ == "__main__":
    need_root_or_skip()
    main()
