#!/usr/bin/env python3
"""The whole state saved and restored on three real servers: all of it at once on every server, nothing of
an archive that is broken, and everything still there after kill -9."""
import base64
import gzip
import hashlib
import io
import json
import os
import tarfile
import threading
import time
import unittest

from servers import Cluster, eventually

MIB = 1 << 20


def unpack(archive):
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}


def pack(files, sums=True):
    """An archive without padding behind its end, as Consul wants it."""
    if sums:
        files = dict(files)
        files["SHA256SUMS"] = "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n"
                                      for name, data in files.items()).encode()
    out = io.BytesIO()
    for name, data in files.items():
        info = tarfile.TarInfo(name)
        info.size = len(data)
        out.write(info.tobuf(tarfile.USTAR_FORMAT))
        out.write(data + bytes(-len(data) % 512))
    return gzip.compress(out.getvalue() + bytes(1024), 1)


def raw(server, method, path, body=None, timeout_s=60):
    connection = server.connect(timeout_s)
    try:
        connection.request(method, path, body)
        response = connection.getresponse()
        return response.status, response.read(), response.headers
    finally:
        connection.close()


class Snapshot(unittest.TestCase):
    def setUp(self):
        self.cluster = Cluster(3)
        self.cluster.__enter__()
        self.addCleanup(self.cluster.__exit__, None, None, None)
        self.assertIsNotNone(self.cluster.leader())
        self.servers = self.cluster.servers
        eventually(lambda: self.servers[0].request("PUT", "/v1/kv/ready", "1")[0] == 200, 20)

    def ok(self, server, method, path, body=None):
        """Asks again while there is an election: on a busy machine the leader may change meanwhile."""
        deadline = time.monotonic() + 15
        while True:
            status, text, headers = raw(server, method, path, body)
            if status != 500 or time.monotonic() > deadline:
                break
            time.sleep(0.2)
        self.assertEqual(status, 200, text)
        return text, headers

    def keys(self, server):
        return json.loads(self.ok(server, "GET", "/v1/kv/?keys&stale")[0])

    def everywhere(self, want):
        def agrees(server):
            try:
                return self.keys(server) == want
            except OSError:  # it is just starting
                return False
        for server in self.servers:
            eventually(lambda server=server: agrees(server), 10)

    def test_a_restore_reaches_every_server_and_survives_kill(self):
        leader = self.cluster.leader()
        follower = next(s for s in self.servers if s is not leader)
        for i in range(20):
            self.ok(leader, "PUT", f"/v1/kv/big/{i:02}", os.urandom(MIB // 2))
        archive, headers = self.ok(follower, "GET", "/v1/snapshot")
        before = self.keys(leader)
        meta = json.loads(unpack(archive)["meta.json"])
        self.assertEqual(str(meta["Index"]), headers["X-Consul-Index"])
        self.assertEqual(meta["Size"], len(unpack(archive)["state.bin"]))
        self.assertEqual(headers["X-Consul-KnownLeader"], "true")
        self.ok(leader, "DELETE", "/v1/kv/big/?recurse")
        self.ok(leader, "PUT", "/v1/kv/after", "x")
        index = raw(leader, "GET", "/v1/kv/after")[2]["X-Consul-Index"]
        woken = []
        watcher = threading.Thread(target=lambda: woken.append(
            raw(follower, "GET", f"/v1/kv/after?index={index}&wait=60s")[0]))
        watcher.start()
        time.sleep(0.3)
        self.ok(follower, "PUT", "/v1/snapshot", archive)
        self.everywhere(before)
        watcher.join(10)
        self.assertEqual(woken, [404])
        self.ok(leader, "PUT", "/v1/kv/later", "y")
        row = json.loads(self.ok(leader, "GET", "/v1/kv/later")[0])[0]
        self.assertGreater(row["ModifyIndex"], int(index))
        for server in self.servers:
            server.kill()
        for server in self.servers:
            server.start()
        self.assertIsNotNone(self.cluster.leader())
        self.everywhere(sorted(before + ["later"]))

    def test_a_state_that_is_ahead_takes_the_indexes_with_it(self):
        archive = unpack(self.ok(self.servers[0], "GET", "/v1/snapshot")[0])
        # A state of Consul's at an index this log is far from.
        state = (b"\x81\xa9LastIndex\xce\x00\x0f\x42\x40" + b"\x02\x84\xa3Key\xa1k\xa5Value\xa1v"
                 b"\xabCreateIndex\x05\xabModifyIndex\xce\x00\x0f\x42\x40" + b"\x11\x80\x11\x80")
        _, headers = self.ok(self.servers[1], "PUT", "/v1/snapshot",
                             pack({"meta.json": archive["meta.json"], "state.bin": state}))
        self.assertEqual(headers["X-Lictor-Left-Out"], "ACLToken 2")
        self.ok(self.servers[2], "PUT", "/v1/kv/next", "1")
        for server in self.servers:
            row = json.loads(self.ok(server, "GET", "/v1/kv/next?consistent")[0])[0]
            self.assertGreater(row["ModifyIndex"], 1000000)
        old = json.loads(self.ok(self.servers[0], "GET", "/v1/kv/k")[0])[0]
        self.assertEqual((old["CreateIndex"], old["ModifyIndex"]), (5, 1000000))
        self.assertEqual(base64.b64decode(old["Value"]), b"v")
        # A server that comes back counts as the others do.
        self.servers[2].kill()
        self.servers[2].start()
        self.everywhere(["k", "next"])
        # What the leader keeps of the servers themselves returns.
        eventually(lambda: len(json.loads(raw(self.servers[0], "GET", "/v1/catalog/nodes")[1])) == 3,
                   20)

    def test_what_is_broken_changes_nothing(self):
        good = self.ok(self.servers[0], "GET", "/v1/snapshot")[0]
        files = unpack(good)
        before = sorted(json.loads(self.ok(self.servers[0], "GET", "/v1/kv/?keys")[0]) + ["kept"])
        self.ok(self.servers[0], "PUT", "/v1/kv/kept", "1")
        self.everywhere(before)
        flipped = bytearray(files["state.bin"])
        flipped[len(flipped) // 2] ^= 1
        meta = files["meta.json"]
        cases = {
            "garbage": (os.urandom(10 * MIB), "failed to decompress snapshot: gzip: invalid header"),
            "empty": (b"", "failed to decompress snapshot: EOF"),
            "truncated": (good[:-20], "EOF"),
            "flipped": (pack({**files, "state.bin": bytes(flipped)}, sums=False),
                        'hash check failed for "state.bin"'),
            "damaged": (pack({"meta.json": meta, "state.bin": files["state.bin"][:-1]}),
                        "its state is damaged"),
            "no state": (pack({"meta.json": meta, "state.bin": b"hello"}), "it is no state"),
            "bomb": (pack({"meta.json": meta, "state.bin": bytes(256 * MIB)}), "it is no state"),
            "climbing": (pack({"meta.json": meta, "../../x": b"x"}), 'unexpected file "../../x"'),
            "no gzip inside": (gzip.compress(b"x" * 5000), "archive/tar: invalid tar header"),
        }
        for name, (body, want) in cases.items():
            with self.subTest(name):
                status, text, _ = raw(self.servers[1], "PUT", "/v1/snapshot", body)
                self.assertEqual(status, 500)
                self.assertIn(want, text.decode())
                self.assertEqual(self.keys(self.servers[0]), before)
        status, text, _ = raw(self.servers[0], "PUT", "/v1/snapshot?stale", good)
        self.assertEqual((status, text), (500, b"stale not allowed for restore"))
        self.assertTrue(all(server.running for server in self.servers))

    def test_without_a_leader_only_stale_saving_works(self):
        alone = self.servers[0]
        # A server just started has nothing to show before it has heard of the leader's state.
        self.assertTrue(eventually(lambda: raw(alone, "GET", "/v1/snapshot?stale")[0] == 200, 20))
        for server in self.servers[1:]:
            server.kill()
        eventually(lambda: raw(alone, "GET", "/v1/status/leader")[1] == b'""', 20)
        self.assertEqual(raw(alone, "GET", "/v1/snapshot")[0], 500)
        archive, headers = self.ok(alone, "GET", "/v1/snapshot?stale")
        self.assertEqual(headers["X-Consul-KnownLeader"], "false")
        status, text, _ = raw(alone, "PUT", "/v1/snapshot", archive)
        self.assertEqual(status, 500)
        self.assertIn(b"No cluster leader", text)


if __name__ == "__main__":
    unittest.main()
