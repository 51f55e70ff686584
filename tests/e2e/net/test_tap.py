#!/usr/bin/env python3
"""A net_tap port, its kernel end in the client's namespace."""
import time
from contextlib import ExitStack

from frames import Wire, query4
from namespaces import (Namespace, PortAgent, cpus, need_root_or_skip, raise_client,
                        wait_for_wire)
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

    def test_an_idle_agent_costs_next_to_nothing(self):
        """Idle from the start; bench/ holds the figure, this the order of magnitude."""
        with ExitStack() as stack:
            there = stack.enter_context(Namespace("lictor-idle"))
            agent = stack.enter_context(PortAgent(there, "net_tap0,iface=wire0"))
            time.sleep(1)
            before, begin = agent.cpu_s(), time.monotonic()
            time.sleep(2)
            share = (agent.cpu_s() - before) / (time.monotonic() - begin)
        self.assertLess(share, 0.10)


class TwoQueues(TestCase):
    def test_two_lcores_share_the_traffic_of_two_queues(self):
        first, second = cpus()
        if first == second:
            self.skipTest("one CPU only")
        with ExitStack() as stack:
            there = stack.enter_context(Namespace("lictor-queues-a"))
            client = stack.enter_context(Namespace("lictor-queues-c"))
            agent = PortAgent(there, "net_tap0,iface=wire0", queues=2)
            agent.config["dataplane"]["lcores"] = [first, second]
            stack.enter_context(agent)
            there.ip("link", "set", "wire0", "netns", client.name)
            raise_client(client, "wire0")
            wait_for_wire(client)
            agent.register("web", Address="192.0.2.7")
            port = agent.dns_port
            with client.entered(), Wire("wire0") as wire:
                # The kernel spreads flows over a TAP's queues: many source ports, many flows.
                for source_port in range(20000, 20256):
                    wire.send(query4(port, source_port=source_port))
                answered = set()
                for frame in wire.received(5):
                    if frame[12:14] == b"\x08\0" and frame[34:36] == port.to_bytes(2, "big"):
                        answered.add(int.from_bytes(frame[36:38], "big"))
                    if len(answered) == 256:
                        break
            self.assertEqual(answered, set(range(20000, 20256)))
            shares = agent.counters("answered", by="worker")
            self.assertGreater(shares[f"lcore{first}"], 0, shares)
            self.assertGreater(shares[f"lcore{second}"], 0, shares)


class Gateway(TestCase):
    def test_its_route_stands_behind_the_one_the_host_has(self):
        with ExitStack() as stack:
            there = stack.enter_context(Namespace("lictor-route"))
            there.ip("link", "add", "management", "type", "veth", "peer", "name", "router")
            there.ip("link", "set", "router", "up")
            there.ip("address", "add", "192.0.2.1/24", "dev", "management")
            there.ip("link", "set", "management", "up")
            there.ip("route", "add", "default", "via", "192.0.2.254")
            stack.enter_context(PortAgent(there, "net_tap0,iface=wire0", gateway="10.99.0.1"))
            routes = there.ip("route", "show", "default").splitlines()
            self.assertEqual(len(routes), 2, routes)
            self.assertIn("192.0.2.254 dev management", routes[0])
            self.assertIn("10.99.0.1 dev lictor0 proto static metric 20000", routes[1])


if __name__ == "__main__":
    need_root_or_skip()
    main()
