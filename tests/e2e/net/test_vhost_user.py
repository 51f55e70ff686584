#!/usr/bin/env python3
"""A net_vhost port; dpdk-testpmd holds the virtio-user end and bridges it to the client's TAP."""
import os
from contextlib import ExitStack

from bridge import bridge
from namespaces import CLIENT_MAC, Namespace, PortAgent, need_root_or_skip, raise_client, \
    wait_for_wire
from lictor_e2e import TestCase, eventually, main
from wire_tests import WireTests


class VhostUser(WireTests, TestCase):
    @classmethod
    def setUpClass(cls):
        with ExitStack() as stack:
            there = stack.enter_context(Namespace("lictor-vhost-a"))
            cls.client = stack.enter_context(Namespace("lictor-vhost-c"))
            cls.interface = "client0"
            agent = PortAgent(there, "")
            socket_path = os.path.join(agent.folder, "vhost.sock")
            agent.config["dataplane"]["ports"][0]["device"] = \
                f"net_vhost0,iface={socket_path},queues=1"
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
        wait_for_wire(cls.client)

    def test_the_peer_may_go_and_come_back(self):
        self.agent.register("web", Address="192.0.2.7", Port=8080)
        self.bridges.close()
        self.assertEqual(self.agent.get("/v1/status/leader")[0], 200)
        self.connect()
        self.assertTrue(eventually(lambda: self.dig("web.service.consul").data == ["192.0.2.7"]))


if __name__ == "__main__":
    need_root_or_skip()
    main()
