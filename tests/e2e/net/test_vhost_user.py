#!/usr/bin/env python3
"""A net_vhost port; dpdk-testpmd holds the virtio-user end and bridges it to the client's TAP."""
import os
import subprocess
from contextlib import ExitStack, contextmanager

from namespaces import (CLIENT_MAC, Namespace, PortAgent, cpus, need_root_or_skip,
                        raise_client, wait_for_wire)
from lictor_e2e import TestCase, eventually, main
from wire_tests import WireTests


@contextmanager
def bridge(namespace, socket_path, log_path):
    """testpmd between the vhost-user socket and interface client0."""
    cpu = cpus()[1]
    command = ["ip", "netns", "exec", namespace.name, "dpdk-testpmd", "--no-pci", "--no-huge",
               "--no-shconf", "-m", "128", "--no-telemetry", "--lcores", f"0@{cpu},1@{cpu}",
               "--vdev", f"net_virtio_user0,path={socket_path},queues=1,mac={CLIENT_MAC}",
               "--vdev", "net_tap0,iface=client0", "--", "--auto-start", "--nb-cores=1",
               "--total-num-mbufs=16384", "--forward-mode=io", "--no-lsc-interrupt",
               "--stats-period=3600"]
    with open(log_path, "wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        shown = ["ip", "-n", namespace.name, "link", "show", "client0"]
        assert eventually(lambda: subprocess.run(shown, capture_output=True, check=False)
                          .returncode == 0), f"testpmd: {open(log_path, encoding='utf-8').read()}"
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


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
            stack.enter_context(
                bridge(cls.client, socket_path, os.path.join(agent.folder, "testpmd.log")))
            raise_client(cls.client, "client0")
            wait_for_wire(cls.client)
            cls.addClassCleanup(stack.pop_all().close)


if __name__ == "__main__":
    need_root_or_skip()
    main()
