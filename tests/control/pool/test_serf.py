#!/usr/bin/env python3
"""Our gossip beside a real serf agent: each joins, sees, hears and outlives the other."""
import base64
import json
import os
import queue
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

PEER = os.environ.get("LICTOR_GOSSIP_PEER", "build/tests/control/pool/gossip-peer")
DIES_WITH_TEST = ["setpriv", "--pdeathsig", "KILL"]
KEY = base64.b64encode(bytes(range(16))).decode()
OTHER_KEY = base64.b64encode(bytes(range(16, 48))).decode()


def free_port():
    """A port free for UDP and TCP on loopback, both families where there are both."""
    while True:
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            try:
                udp.bind(tcp.getsockname())
                return tcp.getsockname()[1]
            except OSError:
                continue


class Process:
    def __init__(self, command):
        self.lines, self.seen = queue.Queue(), []
        self.process = subprocess.Popen(DIES_WITH_TEST + command, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip())

    def expect(self, pattern, within_s=30):
        """The first line from now on in which the pattern is found."""
        deadline = time.monotonic() + within_s
        while True:
            try:
                line = self.lines.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no line like {pattern!r} in:\n" +
                                     "\n".join(self.seen[-60:])) from None
            self.seen.append(line)
            found = re.search(pattern, line)
            if found:
                return found

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.reader.join()
        self.process.stdin.close()
        self.process.stdout.close()


class Peer(Process):
    def __init__(self, name, *options, ip="127.0.0.1"):
        self.address = f"{ip}:{free_port()}"
        super().__init__([PEER, name, self.address, *options])
        self.expect("^ready")

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def members(self):
        self.tell("members")
        members = {}
        while True:
            found = self.expect(r"^listed(-end| (\S+) (\S+))")
            if found.group(1) == "-end":
                return members
            members[found.group(2)] = found.group(3)


class Serf(Process):
    def __init__(self, name, *options, ip="127.0.0.1", key=None):
        self.folder = tempfile.mkdtemp(prefix="lictor-serf-")
        self.address = f"{ip}:{free_port()}" if ":" not in ip else f"[{ip}]:{free_port()}"
        self.rpc = f"127.0.0.1:{free_port()}"
        command = ["serf", "agent", f"-node={name}", f"-bind={self.address}",
                   f"-rpc-addr={self.rpc}", "-profile=local", "-log-level=debug", *options]
        if key:
            ring = os.path.join(self.folder, "keyring.json")
            with open(ring, "w", encoding="ascii") as file:
                json.dump([key], file)
            command.append(f"-keyring-file={ring}")
        super().__init__(command)
        self.expect("Serf agent starting|agent: Serf agent")

    def command(self, *arguments):
        result = subprocess.run(["serf", arguments[0], f"-rpc-addr={self.rpc}", *arguments[1:]],
                                capture_output=True, text=True, timeout=60)
        return result.stdout + result.stderr

    def members(self):
        listing = json.loads(self.command("members", "-format=json"))
        return {member["name"]: member for member in listing["members"]}

    def await_member(self, name, status, within_s=30):
        deadline = time.monotonic() + within_s
        while True:
            members = self.members()
            if members.get(name, {}).get("status") == status:
                return members[name]
            if time.monotonic() > deadline:
                raise AssertionError(f"{name} is not {status}: {members}")
            time.sleep(0.1)

    def kill(self):
        super().kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class RealSerf(unittest.TestCase):
    def peer(self, *arguments, **options):
        peer = Peer(*arguments, **options)
        self.addCleanup(peer.kill)
        return peer

    def serf(self, *arguments, **options):
        serf = Serf(*arguments, **options)
        self.addCleanup(serf.kill)
        return serf

    def test_we_join_a_serf_agent_and_see_each_other_s_tags(self):
        serf = self.serf("theirs", "-tag=role=web")
        ours = self.peer("ours", "role=db")
        ours.tell(f"join {serf.address}")
        ours.expect("^member joined theirs role=web")
        ours.expect("^join 0")
        self.assertEqual(serf.await_member("ours", "alive")["tags"], {"role": "db"})
        ours.tell("tag role cache")
        deadline = time.monotonic() + 10
        while serf.members()["ours"]["tags"] != {"role": "cache"}:
            self.assertLess(time.monotonic(), deadline, serf.members())
            time.sleep(0.1)
        serf.command("tags", "-set=role=proxy")
        ours.expect("^member updated theirs role=proxy")

    def test_a_serf_agent_joins_us(self):
        ours = self.peer("ours")
        serf = self.serf("theirs")
        self.assertIn("Successfully joined", serf.command("join", ours.address))
        ours.expect("^member joined theirs")
        serf.await_member("ours", "alive")

    def test_events_and_queries_go_both_ways(self):
        serf = self.serf("theirs", "-event-handler=query:theirs=echo answered",
                         "-event-handler=user:deploy=echo seen $SERF_USER_EVENT")
        ours = self.peer("ours")
        ours.tell(f"join {serf.address}")
        ours.expect("^join 0")
        serf.command("event", "hello", "payload")
        ours.expect("^event hello payload")
        ours.tell("fire deploy v42")
        serf.expect("deploy")
        ours.tell("ask theirs please")
        ours.expect("^answer ack theirs")
        ours.expect("^answer response theirs answered")
        ours.expect("^answer end")
        answer = serf.command("query", "-format=json", "ours", "question")
        self.assertIn("pong", answer)
        ours.expect("^query ours question")

    def test_leaving_is_told_from_dying(self):
        serf, ours, other = self.serf("theirs"), self.peer("ours"), self.peer("other")
        for peer in (ours, other):
            peer.tell(f"join {serf.address}")
            peer.expect("^join 0")
        serf.await_member("ours", "alive")
        serf.await_member("other", "alive")
        ours.tell("leave")
        ours.expect("^left", 20)
        serf.await_member("ours", "left")
        other.kill()
        serf.await_member("other", "failed")

    def test_a_serf_agent_s_death_and_leave_are_seen(self):
        dying, leaving, ours = self.serf("dying"), self.serf("leaving"), self.peer("ours")
        for serf in (dying, leaving):
            ours.tell(f"join {serf.address}")
            ours.expect("^join 0")
        leaving.command("leave")
        ours.expect("^member left leaving")
        dying.kill()
        ours.expect("^member failed dying", 60)
        self.assertEqual(ours.members(), {"ours": "alive", "leaving": "left", "dying": "failed"})
        ours.tell("force dying")
        ours.expect("^member left dying")

    def test_encrypted_and_keys_rotated(self):
        serf, ours = self.serf("theirs", key=KEY), self.peer("ours", f"key={KEY}")
        plain = self.peer("plain")
        ours.tell(f"join {serf.address}")
        ours.expect("^member joined theirs")
        serf.await_member("ours", "alive")
        plain.tell(f"join {serf.address}")
        self.assertNotEqual(plain.expect(r"^join (-?\d+)").group(1), "0")
        for action in ("-install", "-use"):
            output = serf.command("keys", action, OTHER_KEY)
            self.assertIn("Success", output)
        output = serf.command("keys", "-remove", KEY)
        self.assertIn("Success", output)
        listing = serf.command("keys", "-list")
        self.assertIn(OTHER_KEY, listing)
        self.assertIn("[2/2]", listing)
        self.assertNotIn(KEY, listing)
        serf.command("event", "after", "rotation")
        ours.expect("^event after rotation")

    def test_over_ipv6(self):
        try:
            with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
                probe.bind(("::1", 0))
        except OSError:
            self.skipTest("no IPv6 here")
        serf, ours = self.serf("theirs", ip="::1"), self.peer("ours", ip="::1")
        ours.tell("join " + serf.address.replace("[", "").replace("]", ""))
        ours.expect("^member joined theirs")
        serf.await_member("ours", "alive")


if __name__ == "__main__":
    if shutil.which("serf") is None:
        print("SKIPPED: serf is missing: scripts/setup --with tests")
        sys.exit(77)
    unittest.main()
