#!/usr/bin/env python3
"""Three and five real servers under kill -9, SIGSTOP, partitions and full disks, with clients whose
histories have to be linearizable: nothing acknowledged is lost, no read is stale.

    tests/e2e/cluster/test_faults.py                 what scripts/test runs
    LICTOR_FAULT_ROUNDS=50 .../test_faults.py        longer
"""
import contextlib
import http.client
import os
import random
import statistics
import time
import unittest

from linearizable import explain
from servers import Cluster, eventually, need_root_or_skip, run
from workload import Workload

ROUNDS = int(os.environ.get("LICTOR_FAULT_ROUNDS", "2"))
SEED = int(os.environ.get("LICTOR_FAULT_SEED", random.randrange(1 << 30)))


class Faults(unittest.TestCase):
    def setUp(self):
        self.random = random.Random(SEED)
        self.recovery_s = []

    def judge(self, workload):
        """After the faults: every server agrees, and one order explains all that was seen."""
        acknowledged = len(workload.writes_done(0))
        self.assertGreater(acknowledged, 20, "the clients got too little done to prove anything")
        unexplained = explain(workload.operations)
        self.assertIsNone(unexplained, f"not linearizable: {unexplained}; LICTOR_FAULT_SEED={SEED}")
        times = ""
        if self.recovery_s:
            times = (f"; writes again after median {statistics.median(self.recovery_s):.2f} s, "
                     f"worst {max(self.recovery_s):.2f} s")
        transactions = sum(o.kind == "txn" for o in workload.operations)
        if workload.transactions:
            self.assertGreater(transactions, 20)
            times += f"; {transactions} transactions, of which " \
                     f"{sum(o.kind == 'txn' and o.result is True for o in workload.operations)} done"
        print(f"{self._testMethodName}: {len(workload.operations)} operations, "
              f"{acknowledged} writes acknowledged{times}", flush=True)

    def read_all_at_the_end(self, cluster, workload):
        for client in workload.clients[:len(cluster.servers)]:
            cluster.inside(client.server.number, lambda client=client: self.read_keys(client))

    @staticmethod
    def read_keys(client):
        for _ in range(6):
            client.one()
        client.hang_up()

    def faults(self, cluster, fault, rounds=ROUNDS, **options):
        """Runs fault(cluster, leader) some times under load; each returns when it struck."""
        with Workload(cluster, SEED, **options) as workload:
            for _ in range(rounds):
                leader = cluster.leader()
                self.assertIsNotNone(leader, f"no leader; LICTOR_FAULT_SEED={SEED}")
                with contextlib.ExitStack() as undo:
                    struck = fault(cluster, leader, undo)
                    self.recovery_s.append(self.first_write(workload, struck) - struck)
                    time.sleep(0.5)
                self.assertIsNotNone(cluster.leader(), f"no leader; LICTOR_FAULT_SEED={SEED}")
        self.judge(workload)

    def first_write(self, workload, since):
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            done = workload.writes_done(since)
            if done:
                return done[0]
            time.sleep(0.02)
        self.fail(f"no write succeeded within 30 s; LICTOR_FAULT_SEED={SEED}")

    @staticmethod
    def pause(_cluster, leader, undo):
        leader.pause()
        undo.callback(leader.resume)
        return time.monotonic()

    def kill(self, cluster, victims, undo):
        struck = time.monotonic()
        for victim in victims:
            victim.kill()
            undo.callback(victim.start)
        return struck

    def test_a_leader_killed(self):
        with Cluster(3) as cluster:
            self.faults(cluster, lambda c, leader, undo: self.kill(c, [leader], undo))

    def test_transactions_while_leaders_are_killed(self):
        with Cluster(3) as cluster:
            self.faults(cluster, lambda c, leader, undo: self.kill(c, [leader], undo),
                        transactions=0.3)

    def test_transactions_while_leaders_are_paused(self):
        with Cluster(3) as cluster:
            self.faults(cluster, self.pause, transactions=0.3)

    def test_a_follower_killed(self):
        with Cluster(3) as cluster:
            self.faults(cluster, lambda c, leader, undo: self.kill(
                c, [self.random.choice([s for s in c.servers if s is not leader])], undo))

    def test_everything_killed_at_once(self):
        def fault(cluster, _leader, _undo):
            cluster.kill_all()
            for server in cluster.servers:
                server.start()
            return time.monotonic()
        with Cluster(3) as cluster:
            self.faults(cluster, fault)

    def test_a_leader_paused(self):
        with Cluster(3) as cluster:
            self.faults(cluster, self.pause)

    def test_a_leader_and_a_follower_of_five_killed(self):
        with Cluster(5) as cluster:
            self.faults(cluster, lambda c, leader, undo: self.kill(c, [leader] + self.random.sample(
                [s for s in c.servers if s is not leader], 1), undo), clients_per_server=1)

    def test_a_leader_cut_off(self):
        def fault(cluster, leader, undo):
            others = [s.number for s in cluster.servers if s is not leader]
            undo.callback(cluster.network.heal)
            cluster.network.cut([leader.number], others)
            return time.monotonic()
        need_root_or_skip()
        with Cluster(3, namespaces=True) as cluster:
            self.faults(cluster, fault)

    def test_a_leader_that_hears_nothing(self):
        def fault(cluster, leader, undo):
            undo.callback(cluster.network.heal)
            cluster.network.drop(leader.number, [s.number for s in cluster.servers
                                                 if s is not leader])
            return time.monotonic()
        need_root_or_skip()
        with Cluster(3, namespaces=True) as cluster:
            self.faults(cluster, fault)

    def test_five_servers_cut_in_random_ways(self):
        def fault(cluster, _leader, undo):
            numbers = [s.number for s in cluster.servers]
            self.random.shuffle(numbers)
            undo.callback(cluster.network.heal)
            cluster.network.cut(numbers[:2], numbers[2:])
            return time.monotonic()
        need_root_or_skip()
        with Cluster(5, namespaces=True) as cluster:
            self.faults(cluster, fault, clients_per_server=1)

    def test_a_full_disk_stops_one_server_and_loses_nothing(self):
        need_root_or_skip()
        with contextlib.ExitStack() as undo:
            cluster = Cluster(3)
            victim = cluster.servers[0]
            run("mount", "-t", "tmpfs", "-o", "size=400m", "tmpfs", victim.folder)
            undo.callback(run, "umount", victim.folder)
            undo.enter_context(cluster)
            filler = os.path.join(victim.folder, "filler")
            with Workload(cluster, SEED, pause_s=0, value_bytes=50000) as workload:
                self.fill(filler)
                if not eventually(lambda: not victim.running, 60):
                    self.fail("the server with the full disk goes on")
                self.assertIn("No space left", victim.log())
                self.assertGreater(self.first_write(workload, time.monotonic()), 0)
            os.unlink(filler)
            victim.start()
            self.assertTrue(eventually(lambda: self.serves(victim), 30), victim.log()[-2000:])
            self.read_all_at_the_end(cluster, workload)
            self.judge(workload)

    @staticmethod
    def serves(server):
        with contextlib.suppress(OSError, http.client.HTTPException):
            return server.request("GET", "/v1/kv/load/a?consistent")[0] in (200, 404)
        return False

    @staticmethod
    def fill(path):
        with contextlib.suppress(OSError), open(path, "wb") as file:
            while True:
                file.write(b"\0" * (1 << 16))
                file.flush()


if __name__ == "__main__":
    unittest.main()
