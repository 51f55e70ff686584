#!/usr/bin/env python3
"""Long answers through other agents: they pass in pieces, as fast as they are read, and none is kept whole."""
import hashlib
import http.client
import re
import signal
import time

import lictor_e2e as e2e
from lictor_e2e import eventually

VALUES, VALUE_LEN = 28, 500000
GROWTH_KIB = 10 << 10


def read_all(response, pause_s=0.0):
    """(length, digest) of a body."""
    digest, length = hashlib.sha256(), 0
    while piece := response.read(1 << 20):
        digest.update(piece)
        length += len(piece)
        time.sleep(pause_s)
    return length, digest.hexdigest()


def most_resident_kib(agent):
    with open(f"/proc/{agent.process.pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))


def forget_most(agent):
    with open(f"/proc/{agent.process.pid}/clear_refs", "w", encoding="ascii") as file:
        file.write("5")


def is_sanitized(agent):
    with open(f"/proc/{agent.process.pid}/maps", encoding="utf-8") as file:
        return re.search(r"lib[at]san", file.read()) is not None


class LongAnswers(e2e.TestCase):
    def setUp(self):
        stays = {"leave_on_terminate": False}
        self.far = e2e.Agent({"node_name": "far", "datacenter": "dc2", **stays})
        wan = f"127.0.0.1:{self.far.config['ports']['serf_wan']}"
        self.near = e2e.Agent({"node_name": "near", "retry_interval_wan": "200ms",
                               "retry_join_wan": [wan], **stays})
        lan = f"127.0.0.1:{self.near.config['ports']['serf_lan']}"
        self.client = e2e.Agent({"server": False, "bootstrap": False, "node_name": "client",
                                 "retry_interval": "200ms", "retry_join": [lan], **stays})
        for agent in (self.far, self.near, self.client):
            agent.__enter__()
            self.addCleanup(agent.__exit__, None, None, None)
        self.assertTrue(eventually(lambda: self.client.get("/v1/kv/?keys&dc=dc2")[0] == 200))
        for i in range(VALUES):
            self.far.put(f"/v1/kv/long/{i}", str(i % 10) * VALUE_LEN)

    def begin(self, agent, path, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", agent.http_port, timeout=20)
        self.addCleanup(connection.close)
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        self.assertEqual(response.status, 200)
        return connection, response

    def test_they_pass_in_pieces(self):
        want = read_all(self.begin(self.far, "/v1/kv/long?recurse")[1])
        self.assertGreater(want[0], VALUES * VALUE_LEN)
        agents = (self.far, self.near, self.client)
        # Through one agent, through two, and to one who reads slowly.
        for asked, pause_s in ((self.near, 0), (self.client, 0), (self.client, 0.03)):
            for agent in agents:
                forget_most(agent)
            before = [most_resident_kib(agent) for agent in agents]
            response = self.begin(asked, "/v1/kv/long?recurse&dc=dc2")[1]
            self.assertEqual(response.headers["X-Consul-KnownLeader"], "true")
            self.assertEqual(response.headers["Content-Type"], "application/json")
            self.assertEqual(read_all(response, pause_s), want)
            grown = [most_resident_kib(agent) - kib for agent, kib in zip(agents, before)]
            if not is_sanitized(self.far):
                self.assertLess(max(grown), GROWTH_KIB, f"{asked.config['node_name']}: {grown}")
        self.compare_one()
        self.hang_up()
        self.break_off()

    def compare_one(self):
        # An answer that is there at once is split too, unless it is to be compressed.
        want = self.begin(self.far, "/v1/kv/long/7")[1].read()
        self.assertEqual(self.begin(self.client, "/v1/kv/long/7?dc=dc2")[1].read(), want)
        packed = self.begin(self.client, "/v1/kv/long/7?dc=dc2", **{"Accept-Encoding": "gzip"})[1]
        self.assertEqual(packed.headers["Content-Encoding"], "gzip")
        self.assertLess(len(packed.read()), len(want) / 10)

    def hang_up(self):
        # Who goes away in the middle leaves nothing behind that would be in anybody's way.
        for _ in range(5):
            connection, response = self.begin(self.client, "/v1/kv/long?recurse&dc=dc2")
            response.read(1 << 20)
            response.close()
            connection.close()
        self.assertEqual(len(self.client.get("/v1/kv/long/1?raw&dc=dc2")[1]), VALUE_LEN)

    def break_off(self):
        # What cannot be ended is not taken for whole.
        response = self.begin(self.client, "/v1/kv/long?recurse&dc=dc2")[1]
        response.read(1 << 20)
        self.far.signal(signal.SIGTERM)
        with self.assertRaises(http.client.IncompleteRead):
            read_all(response)
        self.assertEqual(self.client.get("/v1/kv/?keys"), (200, []))


if __name__ == "__main__":
    e2e.main()
