#!/usr/bin/env python3
"""Foreign names, asked for at name servers that answer, refuse, cut, lie or say nothing."""
import socket
import struct
import threading
import unittest

from lictor_e2e import Agent, TestCase, main

RCODE_NXDOMAIN, RCODE_REFUSED = 3, 5


def wire_name(text):
    return b"".join(bytes([len(label)]) + label.encode() for label in text.split(".") if label) + b"\0"


def record(name, kind, data, ttl=30):
    return wire_name(name) + struct.pack(">HHIH", kind, 1, ttl, len(data)) + data


def address(name, text):
    return record(name, 1, socket.inet_aton(text))


class Upstream:
    """A name server on a loopback port, UDP and TCP; answer(name, type, tcp) gives what it says:
    (rcode, records), "cut" for a truncated answer, "lie" for one to another question, or None."""

    def __init__(self, answer):
        self.answer = answer
        self.asked = []
        self.udp, self.tcp = self.bind()
        self.udp_thread = threading.Thread(target=self.serve_udp, daemon=True)
        self.tcp_thread = threading.Thread(target=self.serve_tcp, daemon=True)

    @staticmethod
    def bind():
        while True:
            udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            udp.bind(("127.0.0.1", 0))
            tcp = socket.socket()
            try:
                tcp.bind(udp.getsockname())
                tcp.listen()
                return udp, tcp
            except OSError:
                udp.close()
                tcp.close()

    @property
    def text(self):
        return f"127.0.0.1:{self.udp.getsockname()[1]}"

    def __enter__(self):
        self.udp_thread.start()
        self.tcp_thread.start()
        return self

    def __exit__(self, *_exc):
        for one in (self.udp, self.tcp):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            one.close()

    def reply(self, query, tcp):
        at, labels = 12, []
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode())
            at += query[at] + 1
        question = query[12:at + 5]
        name = ".".join(labels).lower()
        kind = struct.unpack(">H", query[at + 1:at + 3])[0]
        self.asked.append((name, kind, tcp))
        said = self.answer(name, kind, tcp)
        if said is None:
            return None
        if said == "lie":
            question, said = wire_name("other.test") + question[-4:], (0, [address("other.test", "10.6.6.6")])
        cut = said == "cut"
        rcode, records = (0, []) if cut else said
        flags = 0x8180 | rcode | (0x0200 if cut else 0)
        head = query[:2] + struct.pack(">HHHHH", flags, 1, len(records), 0, 0)
        return head + question + b"".join(records)

    def serve_udp(self):
        while True:
            try:
                query, client = self.udp.recvfrom(65535)
                if not query:
                    return
                said = self.reply(query, False)
                if said:
                    self.udp.sendto(said, client)
            except OSError:
                return

    def serve_tcp(self):
        while True:
            try:
                client, _address = self.tcp.accept()
                with client:
                    size = struct.unpack(">H", client.recv(2, socket.MSG_WAITALL))[0]
                    said = self.reply(client.recv(size, socket.MSG_WAITALL), True)
                    if said:
                        client.sendall(struct.pack(">H", len(said)) + said)
            except OSError:
                return


def well_known(name, kind, tcp):
    del kind
    if name == "www.example.test":
        return 0, [record(name, 5, wire_name("edge.example.test")),
                   address("edge.example.test", "192.0.2.10")]
    if name == "big.example.test":
        return (0, [address(name, f"192.0.2.{i}") for i in range(1, 60)]) if tcp else "cut"
    if name.endswith("example.test"):
        return RCODE_NXDOMAIN, []
    return RCODE_REFUSED, []


class Recursors(TestCase):
    def agent(self, *upstreams, **dns):
        return Agent({"recursors": [one.text for one in upstreams],
                      "dns_config": {"recursor_timeout": "300ms", **dns}})

    def test_the_next_server_is_asked_when_one_refuses_lies_or_is_silent(self):
        for bad in (lambda *_: (RCODE_REFUSED, []), lambda *_: "lie", lambda *_: None):
            with Upstream(bad) as first, Upstream(well_known) as second:
                with self.agent(first, second) as agent:
                    answer = agent.dig("www.example.test")
                    self.assertEqual(answer.data, ["192.0.2.10", "edge.example.test."])
                    self.assertEqual(len(first.asked), 1)
                    self.assertEqual(len(second.asked), 1)

    def test_nobody_with_an_answer_is_servfail_and_the_agent_goes_on(self):
        with Upstream(lambda *_: None) as silent, self.agent(silent) as agent:
            answer = agent.dig("www.example.test")
            self.assertEqual((answer.status, answer.flags), ("SERVFAIL", {"qr", "rd", "ra"}))
            self.assertEqual(agent.dig("consul.service.consul").status, "NOERROR")
            self.assertEqual(len(silent.asked), 1)
            counted = {c["Name"].rpartition("recursors.")[2]: c["Count"]
                       for c in agent.get("/v1/agent/metrics")[1]["Counters"]}
            self.assertEqual([counted[n] for n in ("asked", "answered", "failed", "refused")],
                             [1, 0, 1, 0])

    def test_a_cut_answer_is_passed_on_and_comes_whole_over_tcp(self):
        with Upstream(well_known) as upstream, self.agent(upstream) as agent:
            self.assertIn("tc", agent.dig("big.example.test", "A", "+ignore").flags)
            self.assertEqual(len(agent.dig("big.example.test", "A", "+tcp").data), 59)
            self.assertEqual([asked[2] for asked in upstream.asked], [False, True])

    def test_an_external_service_is_followed_and_its_addresses_come_along(self):
        with Upstream(well_known) as upstream, self.agent(upstream) as agent:
            agent.put("/v1/catalog/register", {
                "Node": "out", "Address": "www.example.test",
                "Service": {"Service": "out", "Port": 443}})
            self.assertEqual(agent.dig("out.service.consul").data,
                             ["192.0.2.10", "edge.example.test.", "www.example.test."])
            answer = agent.dig("out.service.consul", "SRV")
            self.assertEqual(answer.data, ["1 1 443 www.example.test."])
            self.assertIn(("edge.example.test.", 0, "A", "192.0.2.10"),
                          answer.sections["ADDITIONAL"])
            self.assertEqual(agent.dig("out.service.consul", "A", "+tcp").data,
                             ["192.0.2.10", "edge.example.test.", "www.example.test."])

    def test_a_cut_answer_is_completed_when_a_service_leads_to_it(self):
        with Upstream(well_known) as upstream, self.agent(upstream) as agent:
            agent.put("/v1/catalog/register", {
                "Node": "big", "Address": "big.example.test",
                "Service": {"Service": "big", "Port": 443}})
            found = agent.dig("big.service.consul", "A", "+bufsize=4096").data
            self.assertEqual(len(found), 60)
            self.assertEqual(len(agent.dig("big.service.consul", "A", "+noedns").data), 3)

    def test_random_order_asks_every_server_sooner_or_later(self):
        with Upstream(well_known) as one, Upstream(well_known) as other:
            with self.agent(one, other, recursor_strategy="random") as agent:
                for _ in range(40):
                    agent.dig("www.example.test")
                self.assertTrue(one.asked and other.asked)
                self.assertEqual(len(one.asked) + len(other.asked), 40)

    def test_a_reload_asks_other_servers(self):
        with Upstream(lambda *_: (RCODE_REFUSED, [])) as old, Upstream(well_known) as new:
            with self.agent(old) as agent:
                self.assertEqual(agent.dig("www.example.test").status, "SERVFAIL")
                agent.config["recursors"] = [new.text]
                agent.write("agent.json", agent.config)
                agent.put("/v1/agent/reload")
                self.assertEqual(agent.dig("www.example.test").data,
                                 ["192.0.2.10", "edge.example.test."])
                agent.config["recursors"] = []
                agent.write("agent.json", agent.config)
                agent.put("/v1/agent/reload")
                self.assertEqual(agent.dig("www.example.test").status, "REFUSED")

    def test_templates_are_found_by_any_name_they_take(self):
        with Agent() as agent:
            agent.register("web", ID="w1", Port=80, Address="10.0.0.1", Tags=["v1"])
            agent.register("web", ID="w2", Port=80, Address="10.0.0.2", Tags=["v2"])
            status, made, _headers = agent.request("POST", "/v1/query", {
                "Name": "any-", "Template": {"Type": "name_prefix_match",
                                             "Regexp": "^any-(.+)-([^-]+)$"},
                "Service": {"Service": "${match(1)}", "Tags": ["${match(2)}"]}})
            self.assertEqual(status, 200)
            for _ in range(3):
                self.assertEqual(agent.dig("any-web-v1.query.consul").data, ["10.0.0.1"])
                self.assertEqual(agent.dig("ANY-web-v2.query.dc1.consul", "A", "+tcp").data, ["10.0.0.2"])
                self.assertEqual(agent.dig("any-web-v3.query.consul").status, "NXDOMAIN")
            agent.put("/v1/agent/service/deregister/w1")
            self.assertEqual(agent.dig("any-web-v1.query.consul").status, "NXDOMAIN")
            self.assertEqual(agent.request("DELETE", f"/v1/query/{made['ID']}")[0], 200)
            self.assertEqual(agent.dig("any-web-v2.query.consul").status, "NXDOMAIN")


if __name__ == "__main__":
    main()
