#!/usr/bin/env python3
"""Five servers in two datacenters and five client agents, killed, paused, cut off from each other, restarted one
by one and all at once, while every agent is asked by DNS and HTTP for the services of both datacenters and
services are registered through all clients. No answer may be wrong, nothing acknowledged may be lost; how long
each fault took to be seen is told, not judged. Root only: each agent has a network namespace of its own.

    tests/e2e/cluster/test_datacenters.py                every fault once, as scripts/test runs it
    tests/e2e/cluster/test_datacenters.py --minutes 20   faults at random, by hand; --seed N repeats an order
"""
import argparse
import random
import signal
import sys
import time

from datacenters import CLIENTS, SERVERS, World
from servers import need_root_or_skip
from truth import AWAY, CUT, DOWN, UNSURE, WELL

HELD_S = 2.0  # a fault that nobody has to see


class Faults:
    def __init__(self, world, chance):
        self.world, self.random = world, chance

    def client(self, datacenter):
        return self.world.members[self.random.choice(CLIENTS[datacenter])]

    def begin(self, *members, state=AWAY):
        """From now on these are not to be relied on, nor what they run."""
        for member in members:
            member.line.set(state)
            if member.is_server:
                self.world.quorum[member.datacenter].set(CUT)
            else:
                self.world.instance(member).set(UNSURE)

    def gone(self, client, since, what):
        self.world.await_told(client, False, since, what)
        self.world.instance(client).set(DOWN)

    def back(self, what, *clients):
        since = time.monotonic()
        for client in clients:
            self.world.instance(client).set(UNSURE)
        return since, what

    def client_agents_killed_and_paused(self):
        killed, paused = self.client("dc1"), self.client("dc2")
        self.begin(killed, paused)
        since = time.monotonic()
        killed.kill()
        paused.pause()
        self.gone(killed, since, f"{killed.name} killed")
        self.gone(paused, since, f"{paused.name} paused")
        since, what = self.back(f"{killed.name} started, {paused.name} resumed", killed, paused)
        killed.start()
        paused.line.set(CUT)
        paused.resume()
        self.world.settle(what, since)

    def leader_killed(self):
        leader = self.world.leader("dc1")
        self.begin(leader)
        since = time.monotonic()
        leader.kill()
        self.world.leader("dc1")
        self.world.say(f"{leader.name} led and was killed: a new leader after "
                       f"{time.monotonic() - since:.1f} s")
        time.sleep(HELD_S)
        since = time.monotonic()
        leader.start()
        self.world.settle(f"{leader.name} started", since)

    def servers_paused(self):
        """The leader of one datacenter, and so many of the other that it has none."""
        paused = [self.world.leader("dc1"), self.world.members[self.random.choice(SERVERS["dc2"])]]
        self.begin(*paused)
        for server in paused:
            server.pause()
        time.sleep(2 * HELD_S)
        since = time.monotonic()
        for server in paused:
            server.line.set(CUT)
            server.resume()
        self.world.settle(" and ".join(s.name for s in paused) + " resumed", since)

    def datacenters_cut(self):
        world = self.world
        world.link.set(CUT)
        world.network.cut(SERVERS["dc1"] + CLIENTS["dc1"], SERVERS["dc2"] + CLIENTS["dc2"])
        time.sleep(2 * HELD_S)
        since = time.monotonic()
        world.network.heal()
        world.settle("datacenters cut and healed", since)

    def minority_cut(self):
        """A leader and a client on one side, everybody else on the other."""
        world = self.world
        leader, client = world.leader("dc1"), self.client("dc1")
        self.begin(leader, client, state=CUT)
        since = time.monotonic()
        inside = [leader.number, client.number]
        world.network.cut(inside, [m.number for m in world.members if m.number not in inside])
        self.gone(client, since, f"{client.name} cut off with {leader.name}, which led")
        # Deaths that the minority declared may pass through the others until they are refuted.
        since, what = self.back(f"{client.name} and {leader.name} healed", *(
            m for m in world.clients if m.datacenter == "dc1"))
        world.network.heal()
        world.settle(what, since)

    def rolling_restart(self):
        world, since = self.world, time.monotonic()
        for member in world.members:
            begun = time.monotonic()
            self.begin(member)
            member.process.send_signal(signal.SIGTERM)
            member.process.wait(30)
            member.start()
            world.settle(f"{member.name} restarted", begun)
        world.say(f"a rolling restart took {time.monotonic() - since:.1f} s")

    def all_killed_at_once(self):
        world = self.world
        self.begin(*world.members)
        world.link.set(CUT)
        world.kill_all()
        since = time.monotonic()
        for member in self.random.sample(world.members, len(world.members)):
            member.start()
        world.settle("all killed at once and started", since)

    ALL = (client_agents_killed_and_paused, leader_killed, datacenters_cut, servers_paused,
           minority_cut, rolling_restart, all_killed_at_once)


def run(world, options):
    faults = Faults(world, random.Random(options.seed))
    if options.only:
        order = [getattr(Faults, options.only)]
    else:
        order = list(Faults.ALL)
    end = time.monotonic() + 60 * options.minutes
    while True:
        for fault in order:
            world.say(f"--- {fault.__name__.replace('_', ' ')}")
            fault(faults)
        if time.monotonic() >= end:
            break
        faults.random.shuffle(order)
    assert all(m.line.state == WELL for m in world.members)
    world.judge_registrations()
    world.judge_logs()
    world.tell_probes()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--minutes", type=float, default=0, help="go on at random for so long")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("--only", help="the name of one fault")
    options = parser.parse_args()
    need_root_or_skip()
    print(f"seed {options.seed}", flush=True)
    with World() as world:
        run(world, options)
    print("no answer was wrong, no registration was lost")
    return 0


if __name__ == "__main__":
    sys.exit(main())
