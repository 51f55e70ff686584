#!/usr/bin/env python3
"""`lictor lock` under contention: never two holders at once, though servers are killed meanwhile."""
import itertools
import os
import subprocess
import threading
import time
import unittest

from servers import DIES_WITH_TEST, Cluster, eventually, lictor_e2e

CONTENDERS = int(os.environ.get("LICTOR_LOCK_CONTENDERS", "20"))
TURNS = 3
# The kernel tells whether a holder is alive, whatever became of the lock.
HOLDER = "flock -n {folder}/only -c 'echo held; sleep 0.1' || echo OVERLAP"
# A semaphore's holders are counted by the places they take.
PLACES = ("for i in {places}; do flock -n {folder}/place$i -c 'echo held; sleep 0.1' && exit; done;"
          " echo OVERLAP")


class Contenders:
    """Threads that each want the lock some times, and try again elsewhere when a server fails."""

    def __init__(self, cluster, options, script):
        self.cluster, self.options, self.script = cluster, options, script
        self.turns, self.outputs, self.stop = [0] * CONTENDERS, [], False
        self.threads = [threading.Thread(target=self.contend, args=(number,))
                        for number in range(CONTENDERS)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_error):
        self.stop = True
        for thread in self.threads:
            thread.join()

    def contend(self, number):
        for server in itertools.islice(itertools.cycle(self.cluster.servers), number % 3, None):
            if self.stop or self.turns[number] == TURNS:
                return
            if not server.running:
                continue
            address = f"{server.address}:{self.cluster.ports['http']}"
            result = subprocess.run(
                DIES_WITH_TEST + [lictor_e2e.BINARY, "lock", f"-http-addr={address}",
                                  *self.options, "-try=60s", "locks/one", self.script],
                capture_output=True, text=True, timeout=150)
            self.outputs.append(result.stdout + result.stderr)
            self.turns[number] += result.stdout == "held\n"
            # Begun again at once it would have the lock before the others have heard of it.
            time.sleep(0.05)

    def wait_for(self, turns, within_s):
        return eventually(lambda: sum(self.turns) >= turns, within_s, 0.1)


class Lock(unittest.TestCase):
    def contend(self, options, script):
        with Cluster(3) as cluster:
            script = script.format(folder=cluster.folder, places="1 2 3")
            with Contenders(cluster, options, script) as contenders:
                self.assertTrue(contenders.wait_for(CONTENDERS // 2, 60), "nobody got the lock")
                killed = cluster.leader()
                killed.kill()
                done = contenders.wait_for(CONTENDERS * TURNS, 150)
            overlaps = [text for text in contenders.outputs if "OVERLAP" in text]
            self.assertEqual(overlaps, [])
            self.assertTrue(done, f"turns: {contenders.turns}; {contenders.outputs[-20:]}")

    def test_one_holder_at_a_time_across_a_killed_leader(self):
        self.contend([], HOLDER)

    def test_three_holders_at_a_time_across_a_killed_leader(self):
        self.contend(["-n=3"], PLACES)

    def test_a_lock_whose_agent_hangs_is_lost_before_others_get_it(self):
        with Cluster(3) as cluster:
            leader = cluster.leader()
            mine = next(server for server in cluster.servers if server is not leader)
            path = os.path.join(cluster.folder, "ended")
            with subprocess.Popen(
                    DIES_WITH_TEST + [lictor_e2e.BINARY, "lock", "-http-addr="
                                      f"{mine.address}:{cluster.ports['http']}", "locks/hung",
                                      f"trap 'date +%s.%N > {path}; exit 1' TERM; echo held;"
                                      " while :; do sleep 0.1; done"],
                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as holder:
                self.assertEqual(holder.stdout.readline(), "held\n")
                mine.pause()
                result = subprocess.run(
                    [lictor_e2e.BINARY, "lock",
                     f"-http-addr={leader.address}:{cluster.ports['http']}", "locks/hung",
                     f"cat {path}"], capture_output=True, text=True, timeout=120)
                now = time.time()
                mine.resume()
                holder.communicate(timeout=60)
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            # A lock's delay lies between them.
            self.assertGreater(now - float(result.stdout), 5)


if __name__ == "__main__":
    unittest.main(verbosity=2)
