#!/usr/bin/env python3
"""Snapshots on the server port, as Consul's agents save and restore them, and through a client agent:
a request, then an archive there or back."""
import http.client
import io
import os
import tarfile
import time

from consul_rpc import Connection, msgpack
from lictor_e2e import Agent, TestCase, eventually, main

BYTE_SNAPSHOT = b"\5"
SAVE, RESTORE = 0, 1


class Snapshots(TestCase):
    @classmethod
    def setUpClass(cls):
        cls.agent = Agent().__enter__()
        cls.port = cls.agent.config["ports"]["server"]

    @classmethod
    def tearDownClass(cls):
        cls.agent.__exit__(None, None, None)

    def ask(self, op, archive=b"", pause_s=0, **fields):
        """(answer, what follows it)"""
        request = msgpack.packb({"Datacenter": "dc1", "Token": "", "AllowStale": False, "Op": op,
                                 **fields}, use_bin_type=False)
        answer = b""
        with Connection(self.port, BYTE_SNAPSHOT) as connection:
            for piece in (request[:7], request[7:] + archive[:5], archive[5:]):
                connection.send(piece)
                time.sleep(pause_s)
            connection.socket.shutdown(1)
            while piece := connection.socket.recv(65536):
                answer += piece
        unpacker = msgpack.Unpacker(raw=False, max_buffer_size=1 << 30)
        unpacker.feed(answer)
        value = unpacker.unpack()
        return value, answer[unpacker.tell():]

    def set(self, value, agent=None):
        connection = http.client.HTTPConnection("127.0.0.1", (agent or self.agent).http_port)
        connection.request("PUT", "/v1/kv/key", value)
        self.assertEqual(connection.getresponse().read(), b"true")
        connection.close()

    def value(self):
        return self.agent.get("/v1/kv/key?raw")[1]

    def test_what_was_saved_is_restored(self):
        self.set("first")
        answer, archive = self.ask(SAVE)
        self.assertEqual((answer["Error"], answer["KnownLeader"]), ("", True))
        self.assertGreater(answer["Index"], 0)
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            self.assertEqual(set(files.getnames()), {"meta.json", "state.bin", "SHA256SUMS"})
        self.set("second")
        self.assertEqual(self.ask(RESTORE, archive, pause_s=0.02)[0]["Error"], "")
        self.assertEqual(self.value(), "first")

    def test_a_stale_save_is_answered_anywhere(self):
        self.assertEqual(self.ask(SAVE, AllowStale=True)[0]["Error"], "")
        self.assertEqual(self.ask(SAVE, Datacenter="")[0]["Error"], "")

    def test_what_cannot_be_done_is_refused(self):
        self.set("kept")
        for error, op, fields in (
                ("No path to datacenter", SAVE, {"Datacenter": "none"}),
                ("No path to datacenter", SAVE, {"Datacenter": "x&y=/../"}),
                ("unrecognized snapshot op", 7, {}),
                ("stale not allowed for restore", RESTORE, {"AllowStale": True}),
                ("failed to decompress snapshot: gzip: invalid header", RESTORE, {}),
                ("failed to decompress snapshot: EOF", RESTORE, {"archive": b""})):
            archive = fields.pop("archive", b"nonsense" * 100)
            self.assertEqual(self.ask(op, archive, **fields)[0]["Error"], error)
        self.assertEqual(self.value(), "kept")

    def test_a_broken_archive_changes_nothing(self):
        self.set("kept")
        archive = self.ask(SAVE)[1]
        self.set("changed")
        self.assertNotEqual(self.ask(RESTORE, archive[:-20])[0]["Error"], "")
        self.assertEqual(self.value(), "changed")

    def test_hostile_requests_end_their_connection_only(self):
        for data in (b"\xc1" * 5000, b"\x80" * 1, os.urandom(5000)):
            with Connection(self.port, BYTE_SNAPSHOT) as raw:
                raw.send(data)
                raw.socket.shutdown(1)
                self.assertTrue(raw.is_closed())
        held = [Connection(self.port, BYTE_SNAPSHOT) for _i in range(20)]
        self.assertTrue(eventually(lambda: "too many snapshots" in self.agent.log()))
        for connection in held:
            connection.socket.close()
        self.assertTrue(eventually(lambda: self.saves()))

    def saves(self):
        try:
            return self.ask(SAVE)[0]["Error"] == ""
        except (OSError, msgpack.OutOfData):
            return False

    def test_a_client_agent_passes_an_archive_on(self):
        lan = self.agent.config["ports"]["serf_lan"]
        with Agent({"server": False, "bootstrap": False, "node_name": "client",
                    "retry_join": [f"127.0.0.1:{lan}"]}) as client:
            self.assertTrue(eventually(lambda: client.get("/v1/catalog/nodes")[0] == 200))
            self.set("first", client)
            connection = http.client.HTTPConnection("127.0.0.1", client.http_port, timeout=20)
            connection.request("GET", "/v1/snapshot")
            archive = connection.getresponse().read()
            self.set("second", client)
            connection.request("PUT", "/v1/snapshot", archive)
            answer = connection.getresponse()
            self.assertEqual((answer.status, answer.read()), (200, b""))
            connection.close()
            self.assertEqual(self.value(), "first")


if __name__ == "__main__":
    main()
