#!/usr/bin/env python3
"""A net_af_xdp port on one end of a veth pair, the client on the other."""
from contextlib import ExitStack

from namespaces import (AGENT_MAC, Namespace, PortAgent, need_root_or_skip, raise_client,
                        run, wait_for_wire)
from lictor_e2e import TestCase, main
from wire_tests import WireTests


class AfXdp(WireTests, TestCase):
    @classmethod
    def setUpClass(cls):
        with ExitStack() as stack:
            there = stack.enter_context(Namespace("lictor-xdp-a"))
            cls.client = stack.enter_context(Namespace("lictor-xdp-c"))
            cls.interface = "wire0"
            run("ip", "link", "add", "wire0", "netns", there.name, "type", "veth",
                "peer", "name", "wire0", "netns", cls.client.name)
            # The kernel of the agent's end only lends the wire.
            there.run("sysctl", "-q", "net.ipv6.conf.wire0.disable_ipv6=1")
            there.ip("link", "set", "wire0", "address", AGENT_MAC)
            there.ip("link", "set", "wire0", "up")
            raise_client(cls.client, "wire0")
            cls.agent = stack.enter_context(PortAgent(there, "net_af_xdp0,iface=wire0"))
            wait_for_wire(cls.client)
            cls.addClassCleanup(stack.pop_all().close)


if __name__ == "__main__":
    need_root_or_skip()
    main()
