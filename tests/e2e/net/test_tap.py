#!/usr/bin/env python3
"""A net_tap port, its kernel end in the client's namespace."""
from contextlib import ExitStack

from namespaces import Namespace, PortAgent, need_root_or_skip, raise_client, wait_for_wire
from lictor_e2e import TestCase, main
from wire_tests import WireTests


class Tap(WireTests, TestCase):
    @classmethod
    def setUpClass(cls):
        with ExitStack() as stack:
            there = stack.enter_context(Namespace("lictor-tap-a"))
            cls.client = stack.enter_context(Namespace("lictor-tap-c"))
            cls.interface = "wire0"
            cls.agent = stack.enter_context(PortAgent(there, "net_tap0,iface=wire0"))
            there.ip("link", "set", "wire0", "netns", cls.client.name)
            raise_client(cls.client, "wire0")
            wait_for_wire(cls.client)
            cls.addClassCleanup(stack.pop_all().close)


if __name__ == "__main__":
    need_root_or_skip()
    main()
