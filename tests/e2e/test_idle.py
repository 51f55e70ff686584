#!/usr/bin/env python3
"""An agent with nothing to do leaves the processor to others."""
import os
import time

from lictor_e2e import Agent, TestCase, main

WATCHED_S = 2.0
WINDOWS = 5
# Far above what is aimed for (bench/idle), far below a polling core. Other work on the machine makes
# waking dearer, so one quiet window is enough.
SHARE_MAX = 0.1


def cpu_s(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Idle(TestCase):
    def check(self, agent):
        shares = []
        for _ in range(WINDOWS):
            before, begin = cpu_s(agent.process.pid), time.monotonic()
            time.sleep(WATCHED_S)
            shares.append((cpu_s(agent.process.pid) - before) / (time.monotonic() - begin))
            if shares[-1] < SHARE_MAX:
                return
        self.fail(f"shares of a core: {shares}")

    def test_with_kernel_sockets(self):
        with Agent() as agent:
            self.check(agent)

    def test_with_a_dpdk_port_that_never_had_a_packet(self):
        agent = Agent()
        agent.config["dataplane"] = {
            "driver": "dpdk", "lcores": [0],
            "eal": ["--no-pci", "--no-huge", "--no-shconf", "--no-telemetry", "-m", "64"],
            "ports": [{"device": f"net_vhost0,iface={agent.folder}/vhost",
                       "addresses": ["10.99.0.2/24"]}]}
        with agent:
            self.check(agent)


if __name__ == "__main__":
    main()
