#!/usr/bin/env python3
"""Two of three servers are lost for good: the third is told by peers.json that it is alone, keeps all there was,
and others may join it. A file that cannot be meant stops the start with one line."""
import json
import os
import shutil
import unittest

from servers import Cluster, eventually

KEYS = 60
OTHER = "8b6dda82-3103-11e7-93ae-92361f002671"


class Recovery(unittest.TestCase):
    def setUp(self):
        self.cluster = Cluster(3)
        self.cluster.__enter__()
        self.addCleanup(self.cluster.__exit__, None, None, None)
        self.assertIsNotNone(self.cluster.leader())
        self.left = self.cluster.servers[0]
        self.port = self.cluster.ports["server"]

    def path(self, name):
        return os.path.join(self.left.data_dir, "raft", name)

    def put_file(self, text):
        with open(self.path("peers.json"), "w", encoding="utf-8") as file:
            file.write(text if isinstance(text, str) else json.dumps(text))

    def own(self, **more):
        with open(os.path.join(self.left.data_dir, "node-id"), encoding="ascii") as file:
            return {"id": file.read().strip(), "address": f"{self.left.address}:{self.port}", **more}

    def answers(self, server, method, path, body=None):
        try:
            return server.request(method, path, body)
        except OSError:
            return 0, ""

    def write(self, server, key):
        return self.answers(server, "PUT", f"/v1/kv/{key}", key) == (200, "true")

    def keys(self, server, mode="consistent"):
        status, text = self.answers(server, "GET", f"/v1/kv/?keys&{mode}")
        return json.loads(text) if status == 200 else []

    def configuration(self):
        status, text = self.answers(self.left, "GET", "/v1/operator/raft/configuration")
        return [server["Address"] for server in json.loads(text)["Servers"]] if status == 200 else []

    def lose_two(self):
        for i in range(KEYS):
            eventually(lambda i=i: self.write(self.cluster.servers[1], f"k{i:03d}"), 20)
        eventually(lambda: f"k{KEYS - 1:03d}" in self.keys(self.left, "stale"), 20)
        for server in self.cluster.servers:
            server.kill()
        for server in self.cluster.servers[1:]:
            shutil.rmtree(server.folder)
            os.makedirs(server.folder)

    def expect_all(self):
        wanted = {f"k{i:03d}" for i in range(KEYS)}
        eventually(lambda: wanted <= set(self.keys(self.left)), 30)

    def test_the_last_server_left_keeps_everything_and_others_join_it(self):
        self.lose_two()
        self.put_file([self.own(non_voter=False)])
        self.left.start()
        self.expect_all()
        eventually(lambda: self.write(self.left, "later"), 20)
        self.assertEqual(self.configuration(), [f"{self.left.address}:{self.port}"])
        self.assertFalse(os.path.exists(self.path("peers.json")))
        self.assertTrue(os.path.exists(self.path("peers.info")))
        self.assertIn("recovered the cluster by peers.json", self.left.log())
        self.left.kill()
        self.left.start()
        self.expect_all()
        joiner = self.cluster.servers[1]
        joiner.start()
        eventually(lambda: len(self.configuration()) == 2, 60)
        eventually(lambda: "later" in self.keys(joiner, "stale"), 30)
        self.assertTrue(self.write(joiner, "through-the-new-one"))

    def refused(self, text, why):
        self.put_file(text)
        self.left.start()
        self.assertNotEqual(self.left.process.wait(30), 0)
        lines = [line for line in self.left.log().splitlines() if "peers.json" in line]
        self.assertIn(why, lines[-1])
        self.assertTrue(os.path.exists(self.path("peers.json")))

    def test_a_file_that_cannot_be_meant_is_refused_and_changes_nothing(self):
        self.lose_two()
        here = self.own()["address"]
        self.refused("[", "line 1")
        self.refused("[]", "no server in it votes")
        self.refused("x" * 70000, "File too large")
        self.refused([{"id": OTHER, "address": here}], "is not one of its voters")
        self.refused([here, "127.0.0.99:8300"], "no server with the address 127.0.0.99:8300")
        # The older form knows servers by the address they had.
        self.put_file([here])
        self.left.start()
        self.expect_all()
        self.assertEqual(self.configuration(), [here])


if __name__ == "__main__":
    unittest.main(verbosity=2)
