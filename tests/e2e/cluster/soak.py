#!/usr/bin/env python3
"""5,000 services that register, change, turn critical and deregister through three servers, while blocking
queries wait on all three and DNS is asked of all three. No answer may be wrong at any time, everybody ends at
the true state, and memory stays flat.

    tests/e2e/cluster/soak.py                60 seconds, as scripts/test runs it
    tests/e2e/cluster/soak.py --minutes 10   by hand
    ... --services N --writes N --watchers N   another load; writes are per second and server

What DNS answers has to be what was true at some moment between STALE_S before the question and the answer: old
or new, nothing else; and a server never goes back to what it had before. Memory: after a quarter of the time
the resident set of a server may grow by GROWTH_MAX at most.
"""
import argparse
import json
import os
import random
import re
import selectors
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../bench"))

from common import TYPE_SRV, decode_answer, encode_query  # noqa: E402 (found by the line above)
from servers import Cluster, eventually  # noqa: E402

SERVERS = 3
WRITERS_PER_SERVER = 2
STALE_S = 5.0       # how long a server may be behind the leader: heartbeats are far more often
SETTLE_S = 20.0     # from the last write until all of it is seen everywhere
GROWTH_MAX = 0.15   # of the resident set after warm-up, and
GROWTH_BYTES = 16 << 20
LEADER_S = 30.0     # within which there has to be a new leader, should a busy machine cost us one
KEPT = 64           # of a service's latest states are remembered
FIRST_PORT, PORTS = 1024, 64000
ABSENT = None       # no instance that may be told: deregistered or critical


class Service:
    """What was written about one service, in order. One writer changes it, everybody reads."""

    def __init__(self, number):
        self.name = f"soak-{number:05d}"
        self.node = f"node-{number % 200}"
        self.version = 0
        self.registered = False
        # (written from, acknowledged at, port or ABSENT); replaced as a whole, so readers need no lock.
        self.states = ((0.0, 0.0, ABSENT),)

    @property
    def port(self):
        return self.states[-1][2]

    def begin(self, port):
        self.states = self.states[-KEPT:] + ((time.monotonic(), float("inf"), port),)

    def acknowledged(self):
        begun, _, port = self.states[-1]
        self.states = self.states[:-1] + ((begun, time.monotonic(), port),)

    def explain(self, port, asked, answered, not_before):
        """When the earliest state begins that explains an answer; None: nothing does."""
        states = self.states
        for i, (begun, _, told) in enumerate(states):
            replaced = states[i + 1][1] if i + 1 < len(states) else float("inf")
            if told == port and begun <= answered and replaced + STALE_S >= asked and \
                    begun >= not_before:
                return begun
        return None


class Worker(threading.Thread):
    """A thread whose failure is the soak's."""

    def __init__(self, soak):
        super().__init__(daemon=True)
        self.soak, self.done = soak, 0
        self.random = random.Random(soak.random.random())

    def run(self):
        try:
            self.work()
        except BaseException as error:  # reported by the main thread
            self.soak.fail(f"{type(self).__name__}: {error!r}")

    def rounds(self, per_second):
        """Turns at a bounded rate until the soak ends; what is late is not made up for."""
        due = time.monotonic()
        while not self.soak.ended.is_set():
            yield
            due = max(due + 1 / per_second, time.monotonic() - 1 / per_second)
            self.soak.ended.wait(max(0, due - time.monotonic()))


class Writer(Worker):
    """Owns its services, and changes them through one server."""

    def __init__(self, soak, server, services):
        super().__init__(soak)
        self.server, self.services = server, services
        self.connection = server.connect(30)

    def put(self, path, body):
        """Until it is acknowledged: a new leader may leave open whether a write was done."""
        deadline = time.monotonic() + LEADER_S
        while True:
            self.connection.request("PUT", path, json.dumps(body))
            response = self.connection.getresponse()
            text = response.read()
            if response.status == 200:
                return
            if response.status != 500 or time.monotonic() > deadline:
                raise RuntimeError(f"{path} at {self.server.address}: {response.status} {text[:200]}")
            self.soak.again += 1
            time.sleep(0.2)

    def register(self, service, critical):
        service.version += 1
        port = FIRST_PORT + service.version % PORTS
        service.begin(ABSENT if critical else port)
        self.put("/v1/catalog/register", {
            "Node": service.node, "Address": "10.9.8.7", "SkipNodeUpdate": True,
            "Service": {"Service": service.name, "Port": port, "Tags": ["soak"]},
            "Check": {"CheckID": service.name, "Name": "soak", "ServiceID": service.name,
                      "Status": "critical" if critical else "passing"}})
        service.registered = True
        service.acknowledged()

    def deregister(self, service):
        service.begin(ABSENT)
        self.put("/v1/catalog/deregister", {"Node": service.node, "ServiceID": service.name})
        service.registered = False
        service.acknowledged()

    def work(self):
        for service in self.services:
            if self.soak.ended.is_set():
                return
            self.register(service, False)
            self.done += 1
        self.soak.filled.wait()
        for _ in self.rounds(self.soak.options.writes / WRITERS_PER_SERVER):
            service = self.random.choice(self.services)
            chance = self.random.random()
            if service.registered and chance < 0.3:
                self.deregister(service)
            else:
                self.register(service, chance > 0.7)
            self.done += 1


class Asker(Worker):
    """Asks one server's DNS and judges each answer."""

    def __init__(self, soak, server):
        super().__init__(soak)
        self.server = server
        self.seen = {}
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(5)
        self.socket.connect((server.address, soak.cluster.ports["dns"]))

    def ask(self, service):
        """(port or ABSENT, asked at, answered at)"""
        ident = self.random.randrange(1 << 16)
        asked = time.monotonic()
        self.socket.send(encode_query(f"{service.name}.service.consul", TYPE_SRV, ident))
        while True:
            message = self.socket.recv(4096)
            answered = time.monotonic()
            back, code, name, _kind, records = decode_answer(message)
            if back == ident:
                break
        if name != f"{service.name}.service.consul." or code not in (0, 3) or len(records) > 1:
            raise AssertionError(f"{service.name} at {self.server.address}: rcode {code} {records}")
        return (int(records[0].split()[2]) if records else ABSENT), asked, answered

    def judge(self, service):
        port, asked, answered = self.ask(service)
        begun = service.explain(port, asked, answered, self.seen.get(service.name, 0.0))
        if begun is None:
            raise AssertionError(
                f"{service.name} at {self.server.address}: port {port} asked at {asked}, answered at "
                f"{answered}, seen before from {self.seen.get(service.name)}: {service.states}")
        self.seen[service.name] = begun

    def work(self):
        self.soak.filled.wait()
        for _ in self.rounds(self.soak.options.questions):
            self.judge(self.random.choice(self.soak.services))
            self.done += 1


class Watch:
    """One kept-alive connection with one blocking query."""

    def __init__(self, server, service, consistency):
        self.service, self.consistency = service, consistency
        self.index, self.state, self.reply = 0, "nothing yet", b""
        self.socket = socket.create_connection((server.address, server.cluster.ports["http"]), 10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.send()

    def send(self):
        self.reply = b""
        self.socket.sendall(
            f"GET /v1/health/service/{self.service.name}?passing&wait=5m&index={self.index}"
            f"{self.consistency} HTTP/1.1\r\nHost: lictor\r\n\r\n".encode())

    def receive(self):
        """Whether a whole answer is there; then it has been taken in."""
        part = self.socket.recv(65536)
        if not part:
            raise ConnectionError(f"the watch of {self.service.name} was hung up")
        self.reply += part
        head, end, body = self.reply.partition(b"\r\n\r\n")
        if not end:
            return False
        if len(body) < int(re.search(rb"(?i)content-length: *(\d+)", head).group(1)):
            return False
        if head.startswith(b"HTTP/1.1 500"):
            return True  # no leader just now: asked again, with the same index
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(self.reply.decode(errors="replace"))
        index = int(re.search(rb"(?i)x-consul-index: *(\d+)", head).group(1))
        if index < self.index or index < 1:
            raise AssertionError(f"{self.service.name}: the index went from {self.index} to {index}")
        rows = json.loads(body)
        if len(rows) > 1:
            raise AssertionError(f"{self.service.name}: {len(rows)} instances")
        self.index = index
        self.state = rows[0]["Service"]["Port"] if rows else ABSENT
        return True


class Watchers(Worker):
    """All blocking queries at one server; what they hold at the end has to be true."""

    def __init__(self, soak, server):
        super().__init__(soak)
        self.server, self.watches = server, []

    def work(self):
        self.soak.filled.wait()
        selector = selectors.DefaultSelector()
        for number, service in enumerate(self.random.sample(self.soak.services,
                                                            self.soak.options.watchers)):
            watch = Watch(self.server, service, ("", "&stale")[number % 2])
            selector.register(watch.socket, selectors.EVENT_READ, watch)
            self.watches.append(watch)
        while not self.soak.judged.is_set():
            for key, _events in selector.select(0.2):
                if key.data.receive():
                    key.data.send()
                    self.done += 1
        for watch in self.watches:
            watch.socket.close()

    def wrong(self):
        return [f"{self.server.address}: {watch.service.name} is {watch.service.port}, "
                f"the watcher holds {watch.state}"
                for watch in self.watches if watch.state != watch.service.port]


def resident_bytes(pid):
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Soak:
    def __init__(self, cluster, options):
        self.cluster, self.options = cluster, options
        self.random = random.Random(options.seed)
        self.services = [Service(number) for number in range(options.services)]
        self.filled, self.ended, self.judged = (threading.Event() for _ in range(3))
        self.failures = []
        self.again = 0  # writes sent again; a lost count does no harm
        count = SERVERS * WRITERS_PER_SERVER
        self.writers = [Writer(self, cluster.servers[i % SERVERS], self.services[i::count])
                        for i in range(count)]
        self.askers = [Asker(self, server) for server in cluster.servers]
        self.watchers = [Watchers(self, server) for server in cluster.servers]

    def fail(self, text):
        self.failures.append(text)
        for event in (self.filled, self.ended, self.judged):
            event.set()

    def check(self):
        for server in self.cluster.servers:
            if not server.running:
                self.fail(f"{server.address} ended with status {server.process.returncode}")
        if self.failures:
            raise AssertionError("\n".join(self.failures))

    def say(self, text):
        print(f"[{time.monotonic() - self.started:4.0f} s] {text}", flush=True)

    def resident(self):
        return [resident_bytes(server.process.pid) for server in self.cluster.servers]

    def fill(self):
        for worker in self.writers + self.askers + self.watchers:
            worker.start()
        if not eventually(lambda: self.failures or sum(w.done for w in self.writers) == len(self.services),
                          120, 0.1):
            self.fail("the services were not registered within 120 s")
        self.check()
        self.say(f"{len(self.services)} services registered")
        self.filled.set()

    def load(self):
        begin, samples = time.monotonic(), []
        while not self.ended.is_set() and time.monotonic() - begin < self.options.seconds:
            self.ended.wait(1)
            samples.append(self.resident())
            if len(samples) % 10 == 0:
                self.say("; ".join((
                    f"{sum(w.done for w in self.writers)} writes",
                    f"{sum(w.done for w in self.askers)} DNS answers",
                    f"{sum(w.done for w in self.watchers)} watchers told",
                    *([f"{self.again} writes sent again"] if self.again else []),
                    "resident " + " ".join(f"{n >> 20}" for n in samples[-1]) + " MiB")))
        self.ended.set()
        for worker in self.writers + self.askers:
            worker.join(60)
        self.check()
        return samples

    def judge(self):
        """Everybody ends at the true state."""
        wrong = eventually(lambda: not self.wrong_watches() or None, SETTLE_S, 0.2)
        if not wrong:
            self.fail("watchers: " + "; ".join(self.wrong_watches()[:5]))
        self.judged.set()
        for asker in self.askers:
            for service in self.services:
                if not eventually(lambda: asker.ask(service)[0] == service.port, SETTLE_S, 0.05):
                    self.fail(f"DNS at {asker.server.address}: {service.name} is not {service.port}")
                    self.check()
        registered = sorted(service.name for service in self.services if service.registered)
        for server in self.cluster.servers:
            listed = json.loads(server.request("GET", "/v1/catalog/services?stale")[1])
            if sorted(name for name in listed if name != "consul") != registered:
                self.fail(f"{server.address} lists other services than were registered")
        self.check()

    def wrong_watches(self):
        return [text for watchers in self.watchers for text in watchers.wrong()]

    def judge_memory(self, samples):
        warm = samples[len(samples) // 4:]
        window = max(1, len(warm) // 5)
        for number, server in enumerate(self.cluster.servers):
            first = max(sample[number] for sample in warm[:window])
            last = min(sample[number] for sample in warm[-window:])
            bound = GROWTH_BYTES + int(first * (1 + GROWTH_MAX))
            self.say(f"{server.address}: {first >> 20} MiB after warm-up, {last >> 20} MiB at the end, "
                     f"bound {bound >> 20} MiB")
            if last > bound:
                self.fail(f"{server.address} grew from {first} to {last} bytes")
        self.check()

    def run(self):
        self.started = time.monotonic()
        try:
            self.fill()
            samples = self.load()
            self.judge()
            self.judge_memory(samples)
        finally:
            self.fail("over")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--minutes", type=float, default=1)
    parser.add_argument("--services", type=int, default=5000)
    parser.add_argument("--writes", type=int, default=100, help="per second and server")
    parser.add_argument("--questions", type=int, default=200, help="DNS, per second and server")
    parser.add_argument("--watchers", type=int, default=300, help="blocking queries per server")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    options = parser.parse_args()
    options.seconds = 60 * options.minutes
    print(f"seed {options.seed}", flush=True)
    settings = {"limits": {"http_max_conns_per_client": options.watchers + 100}, "log_level": "warn",
                # So that snapshots and the log's cutting are in what is measured.
                "raft_snapshot_threshold": 2000, "raft_trailing_logs": 2000,
                "dns_config": {"allow_stale": True}}
    with Cluster(SERVERS, multiplier=5, settings=settings) as cluster:
        Soak(cluster, options).run()
    print("everybody ended at the true state, no answer was wrong, memory stayed flat")
    return 0


if __name__ == "__main__":
    sys.exit(main())
