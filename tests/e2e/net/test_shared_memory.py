#!/usr/bin/env python3
"""A net_virtio_user port before a vhost-user server, and a net_memif port; testpmd has the others."""
import os
from contextlib import ExitStack

from bridge import bridge
from namespaces import AGENT_MAC, CLIENT_MAC, Namespace, PortAgent, need_root_or_skip, \
    raise_client, wait_for_wire
from lictor_e2e import TestCase, eventually, main
from wire_tests import BasicWireTests


class Memif(BasicWireTests, TestCase):
    @classmethod
    def setUpClass(cls):
        with ExitStack() as stack:
            there = stack.enter_context(Namespace("lictor-memif-a"))
            cls.client = stack.enter_context(Namespace("lictor-memif-c"))
            cls.interface = "client0"
            agent = PortAgent(there, "")
            memif = f"id=0,socket={agent.folder}/memif.sock,socket-abstract=no"
            agent.config["dataplane"]["ports"][0]["device"] = \
                f"net_memif0,role=server,{memif},mac={AGENT_MAC}"
            cls.agent = stack.enter_context(agent)
            stack.enter_context(bridge(
                cls.client, f"net_memif0,role=client,{memif},mac={CLIENT_MAC}",
                os.path.join(agent.folder, "testpmd.log")))
            raise_client(cls.client, "client0")
            wait_for_wire(cls.client)
            cls.addClassCleanup(stack.pop_all().close)


class VirtioUser(BasicWireTests, TestCase):
    @classmethod
    def setUpClass(cls):
        with ExitStack() as stack:
            there = stack.enter_context(Namespace("lictor-virtio-a"))
            cls.client = stack.enter_context(Namespace("lictor-virtio-c"))
            cls.interface = "client0"
            agent = PortAgent(there, "")
            path = os.path.join(agent.folder, "vhost.sock")
            agent.config["dataplane"]["ports"][0]["device"] = \
                f"net_virtio_user0,path={path},queues=1"
            stack.enter_context(bridge(cls.client, f"net_vhost0,iface={path},queues=1",
                                       os.path.join(agent.folder, "testpmd.log")))
            assert eventually(lambda: os.path.exists(path)), "testpmd made no socket"
            cls.agent = stack.enter_context(agent)
            raise_client(cls.client, "client0")
            wait_for_wire(cls.client)
            cls.addClassCleanup(stack.pop_all().close)


if __name__ == "__main__":
    need_root_or_skip()
    main()
