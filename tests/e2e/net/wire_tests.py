"""What must hold on every wire: the tests that each kind of port inherits."""
import os
import random
import re
import subprocess
import time

from frames import CLIENT_PORT, QUESTION, Wire, bad_frames, ethernet, ipv4, query4, query6, udp
from lictor_e2e import Answer, eventually
from namespaces import AGENT_IP, AGENT_IP6, CLIENT_IP, cpus

SERVICES = 100
GARBAGE = 5000


class BasicWireTests:
    """Mixed into a TestCase whose setUpClass sets agent, client (Namespace) and interface."""

    agent = client = interface = None

    def dig(self, name, kind="A", *options, server=AGENT_IP):
        command = ["ip", "netns", "exec", self.client.name, "dig", f"@{server}", "-p",
                   str(self.agent.dns_port), "+tries=3", "+time=2", "+nocookie", name, kind]
        result = subprocess.run(command + list(options), capture_output=True, text=True, timeout=30)
        return Answer(result.stdout)

    def ping(self, server, *options, count=3):
        """So many echoes, all answered. Asked again once or twice, as a starved CPU may lose some."""
        texts = []

        def answered():
            result = subprocess.run(["ip", "netns", "exec", self.client.name, "ping", "-n", "-c",
                                     str(count), "-i", "0.02", "-W", "2", *options, server],
                                    capture_output=True, text=True, timeout=30, check=False)
            texts.append(result.stdout + result.stderr)
            return f" {count} received" in texts[-1]
        self.assertTrue(eventually(answered), texts)
        self.assertIn("ttl=64", texts[-1])
        self.assertNotIn("wrong data", "".join(texts))

    def test_large_echoes_come_back_whole(self):
        self.ping(AGENT_IP, "-s", "1400", "-p", "a5")
        self.ping(AGENT_IP6, "-s", "1400", "-p", "5a")

    def test_questions_are_answered_over_both_families_and_tcp(self):
        self.agent.register("web", Address="192.0.2.7", Port=8080)
        self.assertTrue(eventually(lambda: self.dig("web.service.consul").data == ["192.0.2.7"]))
        for server in (AGENT_IP, AGENT_IP6):
            self.assertEqual(self.dig("WEB.Service.consul", server=server).data, ["192.0.2.7"])
            answer = self.dig("web.service.consul", "SRV", server=server)
            self.assertEqual([d.split()[2] for d in answer.data], ["8080"])
            self.assertEqual(answer.sections["ADDITIONAL"][0][3], "192.0.2.7")
            self.assertEqual(self.dig("nobody.service.consul", server=server).status, "NXDOMAIN")
            self.assertEqual(self.dig("example.com", server=server).status, "REFUSED")
        self.assertEqual(self.dig("web.service.consul", "A", "+tcp").data, ["192.0.2.7"])

    def test_bad_frames_are_counted_and_not_answered(self):
        cases = bad_frames(self.agent.dns_port)
        wanted = {}
        for _what, reason, _frame in cases:
            wanted[reason] = wanted.get(reason, 0) + 1
        before = self.agent.counters("frame_dropped")

        def grown():
            now = self.agent.counters("frame_dropped")
            return {r: now[r] - before[r] for r in wanted}
        with self.client.entered():
            wire = Wire(self.interface)
        with wire:
            for _what, _reason, frame in cases:
                wire.send(frame)
            self.assertTrue(eventually(lambda: all(grown()[r] >= n for r, n in wanted.items())),
                            f"counted {grown()}, sent {wanted}")
            replies = [f for f in wire.received(0.3) if is_reply(f)]
        self.assertEqual(grown(), wanted)
        self.assertEqual(replies, [])


class WireTests(BasicWireTests):
    """All of them."""

    def test_arp_ndp_and_echo_are_answered_by_the_data_plane(self):
        for family, server in (("-4", AGENT_IP), ("-6", AGENT_IP6)):
            self.client.ip(family, "neigh", "flush", "dev", self.interface)
            before = self.agent.counters("exception_to_kernel").get("", 0)
            self.ping(server, count=50)
            after = self.agent.counters("exception_to_kernel").get("", 0)
            # What the client's kernel says unasked passes, a few frames; of the echoes none does.
            self.assertLess(after - before, 25, "echo requests went to the kernel")
            neighbours = self.client.ip(family, "neigh", "show", server)
            self.assertIn("02:00:00:00:00:02", neighbours)

    def test_large_answers_fit_the_mtu(self):
        for i in range(60):
            self.agent.register("many", ID=f"many{i}", Address=f"192.0.2.{i + 1}", Port=80)
        answer = self.dig("many.service.consul", "A", "+bufsize=4096", "+ignore")
        self.assertTrue(eventually(lambda: len(self.dig(
            "many.service.consul", "A", "+bufsize=4096", "+ignore").data) == 60), answer.text)

    def test_what_only_the_control_thread_can_answer_comes_back_by_the_port(self):
        self.agent.register("web", Address="192.0.2.7", Port=8080)
        self.agent.register("alias", Address="web.service.consul", Port=8080)
        before = self.agent.counters("punted")[""]
        self.assertTrue(eventually(lambda: self.dig("alias.service.consul").data ==
                                   ["192.0.2.7", "web.service.consul."]))
        answer = self.dig("alias.service.consul", server=AGENT_IP6)
        self.assertEqual(answer.data, ["192.0.2.7", "web.service.consul."])
        self.assertGreaterEqual(self.agent.counters("punted")[""], before + 2)

    def test_http_passes_through_the_port(self):
        for i in range(SERVICES):
            status, value, _headers = self.agent.request_through_port(
                self.client, "PUT", "/v1/agent/service/register",
                {"Name": f"s{i:07d}", "Address": f"198.51.100.{i % 250 + 1}", "Port": 1024 + i})
            self.assertEqual(status, 200, value)
        status, services, _headers = self.agent.request_through_port(
            self.client, "GET", "/v1/agent/services")
        self.assertEqual(status, 200)
        self.assertTrue({f"s{i:07d}" for i in range(SERVICES)} <= set(services))
        self.assertGreater(self.agent.counters("exception_from_kernel")[""], 0)
        self.assertTrue(eventually(
            lambda: self.dig("s0000099.service.consul").data == ["198.51.100.100"]))

    def test_kxdpgun_gets_every_answer(self):
        self.agent.register("web", Address="192.0.2.7", Port=8080)
        path = self.agent.write("questions", "web.service.consul A\nweb.service.consul SRV\n")
        # The first packet of a new neighbour waits for its address; kxdpgun does not.
        self.client.run("ping", "-n", "-c", "1", "-W", "2", AGENT_IP)
        text = self.client.run("kxdpgun", "-F", f"{cpus()[1]}s1", "-t", "2", "-Q", "1000", "-p",
                               str(self.agent.dns_port), "-i", path, AGENT_IP)
        total = int(re.search(r"total queries:\s+(\d+)", text).group(1))
        good = re.search(r"responded NOERROR:\s+(\d+)", text)
        self.assertGreater(total, 500, text)
        self.assertGreaterEqual(int(good.group(1)) if good else 0, total * 0.98, text)

    def test_garbage_does_no_harm(self):
        """Mutated frames, good and bad ones: whatever happens to them, the agent lives on."""
        seed = int(os.environ.get("LICTOR_SEED", str(time.time_ns() % 1_000_000)))
        print(f"(LICTOR_SEED={seed}) ", end="", flush=True)
        rng = random.Random(seed)
        port = self.agent.dns_port
        models = [frame for _what, _reason, frame in bad_frames(port)] + \
            [query4(port), query6(port), query4(53), query6(8500)]
        self.agent.register("web", Address="192.0.2.7", Port=8080)
        with self.client.entered(), Wire(self.interface) as wire:
            for _ in range(GARBAGE):
                frame = bytearray(rng.choice(models))
                for _ in range(rng.randrange(4)):
                    # Behind the addresses of the Ethernet header, so that most are looked at.
                    frame[rng.randrange(12, len(frame))] = rng.randrange(256)
                if rng.random() < 0.2:
                    del frame[rng.randrange(14, len(frame)):]
                wire.send(bytes(frame))
        self.assertTrue(eventually(lambda: self.dig("web.service.consul").data == ["192.0.2.7"]),
                        f"seed {seed}")

    def test_answers_go_back_as_they_came(self):
        """Raw frames: checksums are right, and a query may come without one over IPv4."""
        port = self.agent.dns_port
        plain = query4(port)
        unsummed = ethernet(ipv4(udp(port, QUESTION, CLIENT_IP, AGENT_IP)[:6] + b"\0\0" + QUESTION),
                            0x0800)
        for what, frame, offset in (("plain", plain, 14), ("IPv6", query6(port), 14),
                                    ("no checksum", unsummed, 14)):
            with self.client.entered():
                wire = Wire(self.interface)
            with wire:
                wire.send(frame)
                reply = next((f for f in wire.received(5) if is_reply(f)), None)
            self.assertIsNotNone(reply, what)
            self.assertEqual(reply[:6], frame[6:12], what)
            self.assertTrue(udp_checksum_right(reply, offset), what)
            start = offset + (28 if reply[offset] >> 4 == 4 else 48)
            self.assertEqual(reply[start:start + 2], QUESTION[:2], what)
            self.assertEqual(reply[start + 2] & 0x80, 0x80, what)


def is_reply(frame):
    """A UDP answer to our port, or an ARP, NDP or echo reply."""
    ethertype, rest = frame[12:14], frame[14:]
    if ethertype == b"\x08\0" and rest[9] == 17:
        return rest[22:24] == CLIENT_PORT.to_bytes(2, "big")
    if ethertype == b"\x86\xdd" and rest[6] == 17:
        return rest[42:44] == CLIENT_PORT.to_bytes(2, "big")
    return ethertype == b"\x08\x06" and rest[7] == 2 or \
        ethertype == b"\x08\0" and rest[9] == 1 and rest[20] == 0


def udp_checksum_right(frame, offset):
    ip = frame[offset:]
    if ip[0] >> 4 == 4:
        length = int.from_bytes(ip[2:4], "big")
        addresses, datagram = ip[12:20], ip[20:length]
    else:
        addresses, datagram = ip[8:40], ip[40:40 + int.from_bytes(ip[4:6], "big")]
    pseudo = addresses + len(datagram).to_bytes(4, "big") + (17).to_bytes(4, "big")
    data = pseudo + datagram
    data += b"\0" * (len(data) % 2)
    total = sum(int.from_bytes(data[i:i + 2], "big") for i in range(0, len(data), 2))
    return total % 0xFFFF == 0 and datagram[6:8] != b"\0\0"
