"""Two datacenters of real agents, each in a network namespace of its own, and threads that ask every one of
them all the time and judge each answer."""
import contextlib
import http.client
import json
import os
import shutil
import socket
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../bench"))

from common import TYPE_A, decode_answer, encode_query  # noqa: E402 (found by the line above)
from servers import Cluster, Network, Server, eventually  # noqa: E402
from truth import AWAY, CUT, DOWN, UNSURE, UP, WELL, Conditions, Timeline, judge  # noqa: E402

SERVERS = {"dc1": (0, 1, 2), "dc2": (3, 4)}
CLIENTS = {"dc1": (5, 6, 7), "dc2": (8, 9)}
PORTS = {"http": 8500, "dns": 8600, "server": 8300, "serf_lan": 8301, "serf_wan": 8302, "https": -1,
         "grpc": -1}
ASK_EVERY_S = 0.2
REGISTER_EVERY_S = 0.5
ANSWER_S, HTTP_S, ATTEMPTS = 1.0, 3.0, 8  # the machine may be busy
SETTLE_S = 60.0


class Member(Server):
    """One agent, server or client."""

    def __init__(self, cluster, number, datacenter):
        super().__init__(cluster, number)
        self.datacenter, self.is_server = datacenter, number in SERVERS[datacenter]
        self.name = ("server" if self.is_server else "client") + str(number)
        self.line = Timeline(AWAY)

    def config(self):
        def at(numbers, port):
            return [f"{self.cluster.network.address(n)}:{PORTS[port]}" for n in numbers
                    if n != self.number]
        config = {
            "server": self.is_server, "datacenter": self.datacenter, "node_name": self.name,
            "bind_addr": self.address, "client_addr": self.address, "data_dir": self.data_dir,
            "ports": PORTS, "retry_join": at(SERVERS[self.datacenter], "serf_lan"),
            "retry_interval": "1s", "leave_on_terminate": False,
            "performance": {"raft_multiplier": 1}}
        if self.is_server:
            config |= {"bootstrap_expect": len(SERVERS[self.datacenter]), "retry_interval_wan": "1s",
                       "retry_join_wan": at(sum(SERVERS.values(), ()), "serf_wan"),
                       # A server that is away for a while stays a voter: the next fault may need it.
                       "autopilot": {"cleanup_dead_servers": False}}
        return config

    def leads(self):
        with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
            status, text = self.request("GET", "/v1/status/leader", timeout_s=3)
            return status == 200 and json.loads(text) == f"{self.address}:{PORTS['server']}"
        return False


class Worker(threading.Thread):
    """A thread in an agent's namespace whose failure is the test's."""

    def __init__(self, world, member):
        super().__init__(daemon=True)
        self.world, self.member = world, member
        self.connection = None

    def run(self):
        try:
            self.world.network.enter(self.member.number)
            while not self.world.ended.wait(self.pause_s):
                self.turn()
        except BaseException as error:  # reported by the main thread
            self.world.fail(f"{type(self).__name__} at {self.member.name}: {error!r}")

    def ask_http(self, method, path, body=None):
        """(status, text), or None when there was no answer."""
        try:
            if self.connection is None:
                self.connection = self.member.connect(HTTP_S)
            self.connection.request(method, path, None if body is None else json.dumps(body))
            response = self.connection.getresponse()
            return response.status, response.read().decode()
        except (OSError, http.client.HTTPException):
            if self.connection is not None:
                self.connection.close()
            self.connection = None
            return None


class Prober(Worker):
    """Asks one agent for the instances of `web` in one datacenter."""

    pause_s = ASK_EVERY_S

    def __init__(self, world, member, datacenter):
        super().__init__(world, member)
        self.datacenter, self.near = datacenter, datacenter == member.datacenter
        self.latest = (0.0, None)  # asked at, addresses
        self.asked = self.unanswered = 0
        self.silent_since, self.silence_s = None, 0.0

    def excused(self, begin, end):
        """Whether no answer is no fault; the ways between datacenters may fail at both ends."""
        states = self.member.line.between(begin, end)
        if self.near:
            return AWAY in states
        return states != {WELL} or self.source(begin, end) != {WELL} or \
            self.world.link.between(begin, end) != {WELL}

    def source(self, begin, end):
        datacenters = {self.datacenter, self.member.datacenter}
        return set().union(*(member.line.between(begin, end) for member in self.world.members
                             if member.is_server and member.datacenter in datacenters))

    def turn(self):
        begin = time.monotonic()
        told, note = self.ask()
        end = time.monotonic()
        conditions = Conditions(self.member.line.between(begin, end), self.source(begin, end),
                                self.excused(begin, end))
        wrong = judge(self.world.instances[self.datacenter], told, conditions, begin, end)
        if wrong:
            raise AssertionError(f"{self.what()}: {wrong}; told {told} {note}, asked at "
                                 f"{self.world.clock(begin)}, answered at {self.world.clock(end)}")
        self.asked += 1
        self.count_silence(told, conditions, begin, end)
        self.latest = (begin, told)

    def count_silence(self, told, conditions, begin, end):
        if told is not None or AWAY in conditions.observer:
            self.silent_since = None
            return
        self.unanswered += 1
        self.silent_since = begin if self.silent_since is None else self.silent_since
        self.silence_s = max(self.silence_s, end - self.silent_since)

    def what(self):
        return f"{self.via} for {self.datacenter}"


class DnsProber(Prober):
    via = "DNS"

    def __init__(self, *given):
        super().__init__(*given)
        self.socket, self.question = None, 0

    def ask(self):
        name = "web.service.consul" if self.near and self.question % 2 else \
            f"web.service.{self.datacenter}.consul"
        begin, note = time.monotonic(), ""
        if self.socket is None:
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.socket.settimeout(ANSWER_S)
            self.socket.connect((self.member.address, PORTS["dns"]))
        for _ in range(ATTEMPTS):
            self.question = (self.question + 1) % (1 << 16)
            with contextlib.suppress(OSError):
                self.socket.send(encode_query(name, TYPE_A, self.question))
                while True:
                    ident, code, _name, _kind, records = decode_answer(self.socket.recv(4096))
                    if ident == self.question:
                        break
                if code in (0, 3):
                    return frozenset(records), f"rcode {code}"
                note = f"rcode {code}"
            if self.excused(begin, time.monotonic()) or self.world.ended.wait(0.05):
                break
        return None, note


class HttpProber(Prober):
    via = "HTTP"

    def __init__(self, *given):
        super().__init__(*given)
        self.stale = False

    def excused(self, begin, end):
        states = self.member.line.between(begin, end)
        if states != {WELL} or super().excused(begin, end):
            return True
        return not self.stale and self.world.quorum[self.datacenter].between(begin, end) != {WELL}

    def ask(self):
        self.stale = not self.stale
        begin, answer = time.monotonic(), None
        for _ in range(ATTEMPTS):
            answer = self.ask_http("GET", f"/v1/health/service/web?passing&dc={self.datacenter}"
                                   f"{'&stale' if self.stale else ''}")
            if answer is not None or self.excused(begin, time.monotonic()) or \
                    self.world.ended.wait(0.05):
                break
        if answer is None or answer[0] != 200:
            return None, str(answer)
        return frozenset(row["Node"]["Address"] for row in json.loads(answer[1])), self.stale


class Registrar(Worker):
    """Registers services at one client, and nodes in the catalog through it; remembers what must stay."""

    pause_s = REGISTER_EVERY_S

    def __init__(self, world, member):
        super().__init__(world, member)
        self.count, self.acknowledged = 0, []
        self.present, self.absent = set(), set()

    def put(self, path, body=None):
        answer = self.ask_http("PUT", path, body)
        return answer is not None and answer[0] == 200

    def turn(self):
        self.count += 1
        name, where = f"reg-{self.member.number}-{self.count}", "catalog"
        if self.count % 2:
            where = "agent"
            done = self.put("/v1/agent/service/register", {"Name": name, "Port": self.count})
        else:
            done = self.put("/v1/catalog/register", {
                "Node": f"ext{self.member.number}", "Address": "10.1.1.1",
                "Service": {"Service": name, "Port": self.count}})
        if done:
            self.present.add(name)
            self.acknowledged.append((where, name))
        if self.count % 8 == 0 and self.acknowledged:
            self.remove(*self.acknowledged.pop(0))

    def remove(self, where, name):
        self.present.discard(name)
        if self.put(f"/v1/agent/service/deregister/{name}") if where == "agent" else \
                self.put("/v1/catalog/deregister", {"Node": f"ext{self.member.number}",
                                                    "ServiceID": name}):
            self.absent.add(name)


class World:
    """Both datacenters, everybody who asks them, and what is true of them."""

    ports = PORTS
    print_logs, kill_all, inside = Cluster.print_logs, Cluster.kill_all, Cluster.inside

    def __init__(self):
        self.started = time.monotonic()
        self.folder = tempfile.mkdtemp(prefix="lictor-datacenters-")
        count = sum(len(numbers) for each in (SERVERS, CLIENTS) for numbers in each.values())
        self.network = Network(count)
        self.members = self.servers = sorted(
            (Member(self, number, datacenter) for datacenter in SERVERS
             for number in SERVERS[datacenter] + CLIENTS[datacenter]), key=lambda m: m.number)
        self.instances = {datacenter: {self.network.address(n): Timeline(UNSURE) for n in numbers}
                          for datacenter, numbers in CLIENTS.items()}
        self.link = Timeline(CUT)
        self.quorum = {datacenter: Timeline(CUT) for datacenter in SERVERS}
        self.ended = threading.Event()
        self.failures, self.report = [], []
        self.clients = [m for m in self.members if not m.is_server]
        self.probers = [kind(self, member, datacenter) for member in self.members
                        for datacenter in SERVERS for kind in (DnsProber, HttpProber)]
        self.registrars = [Registrar(self, member) for member in self.clients]

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
            stack.enter_context(self.network)
            stack.callback(self.kill_all)
            stack.callback(self.end)
            stack.push(self.show)
            for member in self.members:
                member.start()
            for client in self.clients:
                self.register_web(client)
            for worker in self.probers + self.registrars:
                worker.start()
            self.settle("all started")
            for client in self.clients:
                assert "following the catalog anew" not in client.log(), client.log()
            self.stack = stack.pop_all()
        return self

    def __exit__(self, *error):
        return self.stack.__exit__(*error)

    def show(self, kind, _value, _traceback):
        if kind is not None:
            self.print_logs()

    def end(self):
        self.ended.set()
        for worker in self.probers + self.registrars:
            if worker.ident is not None:
                worker.join(30)

    def register_web(self, client):
        def put():
            with contextlib.suppress(OSError, http.client.HTTPException):
                return client.request("PUT", "/v1/agent/service/register", json.dumps(
                    {"Name": "web", "Port": 80, "Tags": ["v1"]}))[0] == 200
        assert eventually(put, SETTLE_S), f"{client.name} takes no registration"

    def clock(self, at=None):
        return f"{(at or time.monotonic()) - self.started:.2f} s"

    def say(self, text):
        print(f"[{self.clock():>8}] {text}", flush=True)

    def fail(self, text):
        self.failures.append(text)
        self.ended.set()

    def check(self):
        for member in self.members:
            if member.process.poll() is not None and AWAY != member.line.state:
                self.fail(f"{member.name} ended with status {member.process.returncode}")
        if self.failures:
            raise AssertionError("\n".join(self.failures))

    def instance(self, client):
        return self.instances[client.datacenter][client.address]

    def leader(self, datacenter):
        found = eventually(lambda: [self.members[n] for n in SERVERS[datacenter]
                                    if self.members[n].running and self.members[n].leads()], SETTLE_S)
        assert found, f"{datacenter} has no leader"
        return found[0]

    def await_told(self, client, told, since, what, watchers=None):
        """Until all who are well tell, or do not tell, the client's instance; reports when each did."""
        times = {}

        def all_agree():
            agree = True
            for prober in self.probers:
                if prober.datacenter != client.datacenter or prober.member.line.state != WELL or \
                        watchers is not None and prober.member not in watchers or \
                        not prober.near and self.link.state != WELL:
                    continue
                asked, addresses = prober.latest
                if addresses is not None and asked > since and (client.address in addresses) == told:
                    times.setdefault(prober, time.monotonic() - since)
                else:
                    agree = False
            self.check()
            return agree
        if not eventually(all_agree, SETTLE_S):
            self.fail(f"{what}: seen by {sorted({p.member.name for p in times})} only")
            self.check()
        if times:
            self.say(f"{what}: first seen after {min(times.values()):.1f} s, "
                     f"by all after {max(times.values()):.1f} s")

    def settle(self, what, since=None):
        """Until everybody tells all instances everywhere and writes are taken; then all must be well."""
        since = since or time.monotonic()

        def well(prober):
            asked, told = prober.latest
            return told == frozenset(self.instances[prober.datacenter]) and asked > since

        behind = []

        def settled():
            self.check()
            behind[:] = [p for p in self.probers if not well(p)] or behind
            return all(well(prober) for prober in self.probers)
        if not eventually(settled, SETTLE_S, 0.05):
            texts = [f"{p.member.name} {p.what()}: {p.latest[1]}" for p in behind]
            self.fail(f"{what}: not settled: {'; '.join(texts)}")
            self.check()
        for datacenter in SERVERS:
            self.leader(datacenter)
        for line in [self.link, *self.quorum.values(), *(m.line for m in self.members)]:
            if line.state != WELL:
                line.set(WELL)
        for lines in self.instances.values():
            for line in lines.values():
                if line.state != UP:
                    line.set(UP)
        self.say(f"{what}: everybody tells all again after {time.monotonic() - since:.1f} s, "
                 f"the last being {behind[-1].member.name} by {behind[-1].what()}")

    def registered(self, member):
        """What is wrong with the services the agent lists."""
        status, text = member.request("GET", "/v1/catalog/services?stale")
        listed = set(json.loads(text)) if status == 200 else set()
        own = [r for r in self.registrars if r.member.datacenter == member.datacenter]
        lost = set().union(*(r.present for r in own)) - listed
        undead = set().union(*(r.absent for r in own)) & listed
        return f"{member.name}: lost {sorted(lost)}, undead {sorted(undead)}" if lost or undead else ""

    def judge_registrations(self):
        def wrong():
            return [text for text in map(self.registered, self.members) if text]
        self.ended.set()
        for worker in self.registrars:
            worker.join(30)
        if not eventually(lambda: not wrong(), SETTLE_S, 0.2):
            raise AssertionError("\n".join(wrong()))
        self.check()
        self.say(f"{sum(len(r.present) for r in self.registrars)} acknowledged registrations and "
                 f"{sum(len(r.absent) for r in self.registrars)} deregistrations are seen by all")

    def judge_logs(self):
        for member in self.members:
            for sign in ("Sanitizer", "runtime error:", "Assertion"):
                assert sign not in member.log(), f"{member.name} says {sign}"

    def tell_probes(self):
        for via in ("DNS", "HTTP"):
            for near in (True, False):
                of = [p for p in self.probers if p.via == via and p.near == near]
                self.say(f"{via}, {'own' if near else 'other'} datacenter: "
                         f"{sum(p.asked for p in of)} questions, {sum(p.unanswered for p in of)} "
                         f"without an answer while a part was away, longest "
                         f"{max(p.silence_s for p in of):.1f} s")
