#!/usr/bin/env python3
"""A running agent, registered with over HTTP and asked with dig."""
import unittest

from lictor_e2e import Agent, TestCase, has_ipv6, main

CLIENTS = "127.0.0.1 ::1" if has_ipv6() else "127.0.0.1"


class Dns(TestCase):
    @classmethod
    def setUpClass(cls):
        cls.agent = Agent({"client_addr": CLIENTS}).__enter__()
        cls.agent.register("web", ID="web1", Port=80, Address="10.0.0.1", Tags=["v1", "green"])
        cls.agent.register("web", ID="web2", Port=81, Address="10.0.0.2", Tags=["v2"])
        cls.agent.register("six", Port=53, Address="2001:db8::7")
        cls.agent.put("/v1/catalog/register", {
            "Node": "printer", "Address": "10.0.0.9", "NodeMeta": {"room": "4.21"},
            "Service": {"Service": "ipp", "Port": 631}})

    @classmethod
    def tearDownClass(cls):
        cls.agent.__exit__(None, None, None)

    def test_a_service_answers_with_all_its_addresses(self):
        answer = self.agent.dig("web.service.consul")
        self.assertEqual(answer.status, "NOERROR")
        self.assertEqual(answer.data, ["10.0.0.1", "10.0.0.2"])
        self.assertEqual(answer.flags, {"qr", "aa", "rd"})

    def test_a_tag_selects_instances(self):
        self.assertEqual(self.agent.dig("v2.web.service.consul").data, ["10.0.0.2"])
        self.assertEqual(self.agent.dig("green.web.service.dc1.consul").data, ["10.0.0.1"])
        self.assertEqual(self.agent.dig("v3.web.service.consul").status, "NXDOMAIN")

    def test_srv_gives_ports_and_additional_addresses(self):
        answer = self.agent.dig("_web._v1.service.consul", "SRV")
        self.assertEqual(answer.data, ["1 1 80 0a000001.addr.dc1.consul."])
        self.assertEqual([r for r in answer.sections["ADDITIONAL"] if r[2] == "A"],
                         [("0a000001.addr.dc1.consul.", 0, "A", "10.0.0.1")])

    def test_aaaa_of_a_service_with_an_ipv6_address(self):
        self.assertEqual(self.agent.dig("six.service.consul", "AAAA").data, ["2001:db8::7"])

    def test_a_node_has_an_address_and_its_metadata_as_txt(self):
        answer = self.agent.dig("printer.node.consul")
        self.assertEqual(answer.data, ["10.0.0.9"])
        self.assertEqual(self.agent.dig("printer.node.consul", "TXT").data, ['"room=4.21"'])

    def test_a_reverse_name_leads_to_the_node(self):
        answer = self.agent.dig("9.0.0.10.in-addr.arpa", "PTR")
        self.assertEqual(answer.data, ["printer.node.dc1.consul."])

    def test_any_letter_case_is_answered_and_echoed(self):
        answer = self.agent.dig("WeB.sErViCe.CoNsUl")
        self.assertEqual(answer.data, ["10.0.0.1", "10.0.0.2"])
        self.assertEqual({record[0] for record in answer.sections["ANSWER"]}, {"WeB.sErViCe.CoNsUl."})

    def test_an_unknown_name_is_nxdomain_with_soa(self):
        answer = self.agent.dig("nobody.service.consul")
        self.assertEqual(answer.status, "NXDOMAIN")
        self.assertEqual([r[2] for r in answer.sections["AUTHORITY"]], ["SOA"])

    def test_a_foreign_name_is_refused(self):
        self.assertEqual(self.agent.dig("example.com").status, "REFUSED")

    def test_tcp_answers_as_udp_does(self):
        self.assertEqual(self.agent.dig("web.service.consul", "A", "+tcp").data,
                         ["10.0.0.1", "10.0.0.2"])
        self.assertEqual(self.agent.dig("nobody.service.consul", "A", "+tcp").status, "NXDOMAIN")

    @unittest.skipUnless(has_ipv6(), "no ::1 here")
    def test_it_answers_on_ipv6(self):
        for options in ((), ("+tcp",)):
            answer = self.agent.dig("web.service.consul", "A", *options, server="::1")
            self.assertEqual(answer.data, ["10.0.0.1", "10.0.0.2"], options)

    def test_many_instances_are_cut_over_udp_but_not_over_tcp(self):
        for i in range(40):
            self.agent.register("many", ID=f"many{i}", Port=1000 + i, Address=f"10.1.0.{i + 1}")
        everything = sorted(f"10.1.0.{i + 1}" for i in range(40))
        self.assertEqual(len(self.agent.dig("many.service.consul", "A", "+noedns").data), 3)
        self.assertEqual(self.agent.dig("many.service.consul", "A", "+tcp").data, everything)
        self.assertEqual(self.agent.dig("many.service.consul", "A", "+bufsize=4096").data, everything)

    def test_deregistering_takes_the_name_away(self):
        self.agent.register("gone", Port=1, Address="10.0.0.3")
        self.assertEqual(self.agent.dig("gone.service.consul").data, ["10.0.0.3"])
        self.agent.put("/v1/agent/service/deregister/gone")
        self.assertEqual(self.agent.dig("gone.service.consul").status, "NXDOMAIN")

    def test_catalog_deregistration_takes_a_node_away(self):
        self.agent.put("/v1/catalog/register", {"Node": "brief", "Address": "10.0.0.8"})
        self.assertEqual(self.agent.dig("brief.node.consul").data, ["10.0.0.8"])
        self.agent.put("/v1/catalog/deregister", {"Node": "brief"})
        self.assertEqual(self.agent.dig("brief.node.consul").status, "NXDOMAIN")


if __name__ == "__main__":
    main()
