"""Floods and nonsense on the gossip port: few lines, bounded memory, no effect on the catalog."""
import os
import random
import socket
import struct
import time

import lictor_e2e as e2e
from test_members import Agent, GossipCase, client

SEED = int(os.environ.get("LICTOR_TEST_SEED", random.randrange(1 << 32)))
VERSIONS = bytes([1, 5, 2, 2, 5, 4])
ALIVE, USER, PUSH_PULL, COMPRESS = 4, 8, 6, 9
SERF_EVENT = 3


def pack(value):
    """msgpack, as much of it as messages need."""
    if isinstance(value, int):
        return struct.pack("!BQ", 0xcf, value)
    if isinstance(value, bytes):
        return struct.pack("!BI", 0xdb, len(value)) + value
    if isinstance(value, str):
        return pack(value.encode())
    if isinstance(value, bool):
        return b"\xc3" if value else b"\xc2"
    return bytes([0x80 | len(value)]) + b"".join(pack(k) + pack(v) for k, v in value.items())


def tags(**fields):
    return b"\xff" + pack({k: v for k, v in fields.items()})


def alive(name, address, incarnation=1, meta=b""):
    return bytes([ALIVE]) + pack({"Incarnation": incarnation, "Node": name, "Addr": address,
                                  "Port": 8301, "Meta": meta, "Vsn": VERSIONS})


def event(number):
    inner = pack({"ID": f"{number:08x}-0000-0000-0000-000000000000", "n": "flood",
                  "p": b"x" * 200, "v": 1})
    return bytes([USER, SERF_EVENT]) + pack({"LTime": number + 10, "Name": "consul:event:flood",
                                             "Payload": inner})


class Hostile(GossipCase):
    def setUp(self):
        super().setUp()
        self.random = random.Random(SEED)
        self.server = self.start(Agent("node1"))
        self.member = self.start(client("a", {"retry_join": [self.server.lan]}))
        self.until(lambda: self.server.health("a").get("serfHealth") == "passing")
        self.server.register("web", Port=80)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(self.socket.close)
        self.port = self.server.config["ports"]["serf_lan"]
        self.lines = self.server.log().count("\n")
        self.memory = self.resident_kib()

    def resident_kib(self):
        with open(f"/proc/{self.server.process.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))

    def flood(self, packets):
        for number, packet in enumerate(packets):
            self.socket.sendto(packet, ("127.0.0.1", self.port))
            if number % 50 == 0:
                time.sleep(0.002)  # for the socket's buffer
        time.sleep(1)

    def check(self, lines_max, kib_max):
        self.assertEqual(self.server.nodes(), ["a", "node1"], f"seed {SEED}")
        self.assertEqual(self.server.dig("web.service.consul").data, ["127.0.0.1"])
        self.assertEqual(self.server.members()["a"], "alive")
        written = self.server.log().count("\n") - self.lines
        self.assertLess(written, lines_max)
        if "Sanitizer" not in os.environ.get("ASAN_OPTIONS", "") and "asan" not in e2e.BINARY:
            self.assertLess(self.resident_kib() - self.memory, kib_max)

    def test_nonsense_and_oversized_messages(self):
        packets = [self.random.randbytes(self.random.randrange(1, 1400)) for _ in range(3000)]
        packets += [bytes([kind]) + self.random.randbytes(60) for kind in range(16)] * 20
        packets.append(bytes([COMPRESS]) + pack({"Algo": 0, "Buf": bytes(60000)}))
        self.flood(packets)
        for head in (bytes([PUSH_PULL]) + pack({"Nodes": 1 << 30, "UserStateLen": 1 << 30,
                                                "Join": 1}),
                     bytes([COMPRESS]) + pack({"Algo": 0, "Buf": bytes(1 << 20)}),
                     bytes([PUSH_PULL]) + b"\x83" + b"\xa5Nodes\xce\xff\xff\xff\xff",
                     b"\xff" * 100000):
            with socket.create_connection(("127.0.0.1", self.port), 5) as stream:
                try:
                    stream.sendall(head)
                except OSError:
                    pass
        self.check(40, 30000)

    def test_a_flood_of_joins(self):
        # They are no agents of Consul's kind, or are of another datacenter or identity.
        ident = self.server.get("/v1/agent/self")[1]["Config"]["NodeID"]
        metas = [b"", tags(role="node", dc="dc9"), tags(role="node", dc="dc1", id=ident),
                 tags(role="node", dc="dc1", segment="s")]
        self.flood(alive(f"flood{n}", bytes([10, 9, n // 256, n % 256]), 1, metas[n % 4])
                   for n in range(4000))
        # One line a member up to a bound, then how many more.
        self.check(400, 40000)
        refused = self.server.log().count("ignoring alive message for")
        self.assertTrue(1 <= refused <= 3, refused)

    def test_a_flood_of_events_and_replays(self):
        self.flood(event(n) for n in range(5000))
        self.flood([event(4999)] * 500)
        heard = self.server.get("/v1/event/list")[1]
        self.assertTrue(100 <= len(heard) <= 256, len(heard))
        self.assertEqual(len({e["ID"] for e in heard}), len(heard))
        self.flood([alive("a", bytes([10, 9, 9, 9]), 1)] * 500)
        self.check(40, 30000)
        self.assertLess(self.server.log().count("Name conflict for 'a'"), 4)

    def test_replays_of_ones_own_packets_change_nothing(self):
        packet = alive("node1", bytes([127, 0, 0, 1]), 0, tags(role="consul", dc="dc1"))
        self.flood([packet] * 1000 + [alive("node1", bytes([10, 9, 9, 9]), 1 << 31)] * 200)
        self.check(40, 30000)
        self.assertLess(self.server.log().count("Node name conflicts"), 4)


if __name__ == "__main__":
    e2e.main()
