#!/usr/bin/env python3
"""Captures in, captures out: every frame of a net_pcap port's answers is checked. No root."""
import os
import struct
import subprocess
import threading

from frames import checksum
from namespaces import AGENT_IP, AGENT_IP6, AGENT_MAC, cpus, eventually
from lictor_e2e import Agent, TestCase, main

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
SERVICES, COUNT = 10, 2000
TYPE_A, TYPE_SRV, TYPE_OPT = 1, 33, 41
CAPTURES = [  # make_queries' arguments
    ["--missing", "0.2"],
    ["--edns", "1232", "--seed", "2"],
    ["--vlan", "7", "--seed", "3"],
    ["--source", "fd00::1", "--destination", AGENT_IP6, "--pad", "120", "--seed", "4"],
]


def packets(path):
    with open(path, "rb") as file:
        data = file.read()
    at = 24
    while at < len(data):
        length = struct.unpack_from("<I", data, at + 8)[0]
        yield data[at + 16:at + 16 + length]
        at += 16 + length


def datagram(frame):
    """(source port, destination port, message) of a frame whose lengths and checksums hold."""
    at = 18 if frame[12:14] == b"\x81\0" else 14
    if frame[at] >> 4 == 4:
        length = int.from_bytes(frame[at + 2:at + 4], "big")
        assert checksum(frame[at:at + 20]) == 0, "IPv4 header checksum"
        addresses, udp = frame[at + 12:at + 20], frame[at + 20:at + length]
    else:
        length = int.from_bytes(frame[at + 4:at + 6], "big")
        addresses, udp = frame[at + 8:at + 40], frame[at + 40:at + 40 + length]
    source, destination, length = struct.unpack_from(">HHH", udp)
    assert length == len(udp), "UDP length"
    assert checksum(addresses + struct.pack(">II", length, 17) + udp) == 0, "UDP checksum"
    return source, destination, udp[8:]


def skip_name(message, at):
    while message[at] not in (0,) and message[at] < 0xC0:
        at += 1 + message[at]
    return at + (2 if message[at] >= 0xC0 else 1)


def records(message):
    """[(type, rdata)] of all sections, with the question skipped."""
    counts = struct.unpack_from(">4H", message, 4)
    at = skip_name(message, 12) + 4
    found = []
    for _ in range(sum(counts[1:])):
        at = skip_name(message, at)
        kind, _class, _ttl, length = struct.unpack_from(">HHIH", message, at)
        found.append((kind, message[at + 10:at + 10 + length]))
        at += 10 + length
    assert at == len(message), "bytes behind the last record"
    return found


class Feed:
    """A capture read through a pipe, so that the port has no packet before let_go()."""

    def __init__(self, path):
        self.capture, self.go = b"", threading.Event()
        self.thread = threading.Thread(target=self.write, args=(path,), daemon=True)
        os.mkfifo(path)

    def write(self, path):
        with open(path, "wb", buffering=0) as pipe:
            pipe.write(self.capture[:24])
            self.go.wait()
            pipe.write(self.capture[24:])

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.capture = self.capture[:24]
        self.go.set()

    def let_go(self):
        self.go.set()
        self.thread.join()


class Pcap(TestCase):
    def make_questions(self, agent):
        """One capture of all kinds, {(source port, id): question's frame}."""
        frames, asked = [], {}
        for options in CAPTURES:
            part = os.path.join(agent.folder, "part.pcap")
            subprocess.run([os.path.join(ROOT, "scripts/pktgen/make_queries"), part, "--count",
                            str(COUNT), "--services", str(SERVICES), "--port",
                            str(agent.dns_port)] + options, check=True, capture_output=True)
            frames.extend(packets(part))
        with open(part, "rb") as source:
            capture = source.read(24)
        capture += b"".join(struct.pack("<IIII", 0, 0, len(frame), len(frame)) + frame
                            for frame in frames)
        for frame in frames:
            source, _destination, message = datagram(frame)
            asked.setdefault((source, message[:2]), []).append(frame)
        return capture, asked

    def check_answer(self, question_frame, frame):
        at = 18 if question_frame[12:14] == b"\x81\0" else 14
        self.assertEqual(frame[:6] + frame[6:12], question_frame[6:12] + question_frame[:6])
        self.assertEqual(frame[12:at], question_frame[12:at])
        question, answer = datagram(question_frame)[2], datagram(frame)[2]
        end = skip_name(question, 12) + 4
        self.assertEqual(answer[12:end], question[12:end])
        self.assertEqual(answer[2] & 0x80, 0x80)
        number = int(question[14:21])
        kind = int.from_bytes(question[end - 4:end - 2], "big")
        found = records(answer)
        self.assertEqual(any(k == TYPE_OPT for k, _ in found), question[11] == 1)
        if number >= SERVICES:
            self.assertEqual(answer[3] & 15, 3)
            return
        self.assertEqual(answer[3] & 15, 0)
        address = bytes([192, 0, 2, number + 1])
        self.assertIn((TYPE_A, address), found)
        if kind == TYPE_SRV:
            target = next(data for k, data in found if k == TYPE_SRV)
            self.assertEqual(struct.unpack_from(">H", target, 4)[0], 1000 + number)

    def test_every_question_of_a_capture_gets_its_own_right_answer(self):
        agent = Agent()
        into, out = (os.path.join(agent.folder, name) for name in ("in.pcap", "out.pcap"))
        feed = Feed(into)
        feed.capture, asked = self.make_questions(agent)
        total = len(CAPTURES) * COUNT
        agent.config.update({
            "services": [{"name": f"s{i:07d}", "port": 1000 + i, "address": f"192.0.2.{i + 1}"}
                         for i in range(SERVICES)],
            "dataplane": {
                "driver": "dpdk", "eal": ["--no-pci", "--no-huge", "-m", "256"],
                "lcores": [cpus()[0]],
                "ports": [{"device": f"net_pcap0,rx_pcap={into},tx_pcap={out}", "mac": AGENT_MAC,
                           "addresses": [AGENT_IP + "/24", AGENT_IP6 + "/64"]}]}})
        with feed, agent:
            for i in range(SERVICES):
                name = f"s{i:07d}.service.consul"
                self.assertTrue(eventually(lambda: agent.dig(name, "A", "+tcp").data))
            feed.let_go()
            # The driver writes through a buffer: it is whole when the port is closed.
            self.assertTrue(eventually(lambda: self.answered(agent) >= total))
            os.rename(out, out + ".kept")
            path = out + ".kept"
            agent.signal(15)
            agent.wait()
            answers = list(packets(path))
        self.assertEqual(len(answers), total)
        for frame in answers:
            _source, port, message = datagram(frame)
            candidates = asked[(port, message[:2])]
            end = skip_name(message, 12) + 4
            question = next(f for f in candidates if datagram(f)[2][12:end] == message[12:end])
            candidates.remove(question)
            self.check_answer(question, frame)

    @staticmethod
    def answered(agent):
        _status, metrics, _headers = agent.request("GET", "/v1/agent/metrics")
        return sum(c["Count"] for c in metrics["Counters"]
                   if c["Name"].endswith("lictor.dataplane.answered"))


if __name__ == "__main__":
    main()
