#!/usr/bin/env python3
"""Malformed DNS over UDP and TCP: counted, never answered with more than the question allows, and the
agent answers everyone else meanwhile."""
import os
import random
import socket
import struct

from lictor_e2e import Agent, TestCase, main

SEED = int(os.environ.get("LICTOR_TEST_SEED", random.randrange(1 << 32)))


def header(flags=0x0100, qd=1, an=0, ns=0, ar=0, ident=0x4242):
    return struct.pack("!6H", ident, flags, qd, an, ns, ar)


def question(name, kind=1):
    labels = b"".join(bytes([len(p)]) + p for p in name.encode().split(b".") if p)
    return labels + b"\0" + struct.pack("!HH", kind, 1)


GOOD = header() + question("web.service.consul")
# what, message
CASES = [
    ("nothing", b""),
    ("one byte", b"\0"),
    ("eleven bytes", GOOD[:11]),
    ("a header alone", header()),
    ("a pointer to itself", header() + b"\xc0\x0c\0\1\0\1"),
    ("two pointers to each other", header() + b"\xc0\x0e\xc0\x0c\0\1\0\1"),
    ("a label past the end", header() + b"\x3fabc"),
    ("a reserved label type", header() + b"\x80abc\0\0\1\0\1"),
    ("a name without an end", header() + b"\x01a" * 200),
    ("a name of 300 bytes", header() + question(".".join(["a" * 59] * 5))),
    ("65535 questions", header(qd=65535) + question("web.service.consul")),
    ("two questions", header(qd=2) + question("a.service.consul") * 2),
    ("no question", header(qd=0)),
    ("an answer", header(flags=0x8180) + question("web.service.consul")),
    ("a notify", header(flags=0x2000) + question("web.service.consul")),
    ("a cut OPT", header(ar=1) + question("web.service.consul") + b"\0\0\x29\x10"),
    ("two OPTs", header(ar=2) + question("web.service.consul") + b"\0\0\x29\x10\0\0\0\0\0\0\0" * 2),
    ("64 KiB of zeros", bytes(65000)),
    ("64 KiB behind a question", GOOD + bytes(60000)),
]


class BadInput(TestCase):
    @classmethod
    def setUpClass(cls):
        cls.agent = Agent().__enter__()
        for i in range(50):
            cls.agent.register("web", ID=f"web{i}", Port=i + 1, Address=f"10.0.0.{i + 1}")

    @classmethod
    def tearDownClass(cls):
        cls.agent.__exit__(None, None, None)

    def still_answers(self):
        self.assertEqual(len(self.agent.dig("web.service.consul", "A", "+tcp").data), 50)
        self.assertEqual(len(self.agent.dig("web.service.consul", "A", "+noedns").data), 3)
        self.assertIsNone(self.agent.process.poll())

    def udp(self):
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        client.connect(("127.0.0.1", self.agent.dns_port))
        client.settimeout(0.2)
        return client

    def test_each_malformed_message_over_udp(self):
        for what, message in CASES:
            with self.subTest(what), self.udp() as client:
                client.send(message)
                try:
                    answer = client.recv(65535)
                except socket.timeout:
                    continue
                self.assertLessEqual(len(answer), 512)
                self.assertEqual(answer[:2], message[:2])
                self.assertTrue(answer[2] & 0x80)
        self.still_answers()

    def test_each_malformed_message_over_tcp(self):
        for what, message in CASES:
            with self.subTest(what), socket.create_connection(
                    ("127.0.0.1", self.agent.dns_port), 5) as client:
                client.settimeout(0.2)
                client.sendall(struct.pack("!H", len(message)) + message)
                try:
                    client.recv(65535)
                except (socket.timeout, ConnectionError):
                    pass
        self.still_answers()

    def test_broken_tcp_framing(self):
        for data in (b"\0", b"\xff\xff" + b"x" * 10, b"\0\0", struct.pack("!H", len(GOOD)) + GOOD[:5]):
            with self.subTest(data), socket.create_connection(
                    ("127.0.0.1", self.agent.dns_port), 5) as client:
                client.sendall(data)
        self.still_answers()

    def test_one_query_in_single_bytes_over_tcp_is_answered(self):
        with socket.create_connection(("127.0.0.1", self.agent.dns_port), 5) as client:
            client.settimeout(5)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for byte in struct.pack("!H", len(GOOD)) + GOOD:
                client.send(bytes([byte]))
            self.assertEqual(client.recv(4)[2:4], GOOD[:2])

    def test_a_flood_of_mutated_queries(self):
        rng = random.Random(SEED)
        print(f"LICTOR_TEST_SEED={SEED}")
        with self.udp() as client:
            client.setblocking(False)
            for _ in range(100000):
                message = bytearray(GOOD)
                for _ in range(rng.randrange(1, 6)):
                    message[rng.randrange(2, len(message))] = rng.randrange(256)
                try:
                    client.send(message[:rng.randrange(len(message) + 1)] if rng.random() < 0.3
                                else message)
                    client.recv(65535)
                except (BlockingIOError, ConnectionError):
                    pass
        self.still_answers()

    def test_a_flood_of_unknown_names(self):
        rng = random.Random(SEED + 1)
        with self.udp() as client:
            client.setblocking(False)
            for _ in range(50000):
                name = f"{rng.getrandbits(64):x}.service.consul"
                try:
                    client.send(header() + question(name))
                    client.recv(65535)
                except (BlockingIOError, ConnectionError):
                    pass
        self.still_answers()


if __name__ == "__main__":
    main()
