#!/usr/bin/env python3
"""The figures an operator sees, as JSON and for Prometheus."""
import re
import socket

from lictor_e2e import Agent, TestCase, eventually, main

SAMPLE = re.compile(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{[^}]*\})? (-?[0-9.eE+]+|NaN|[+-]Inf)$")


def prometheus(agent):
    """{sample name: sum of its values}; every line must be a comment or a sample."""
    status, text, headers = agent.request("GET", "/v1/agent/metrics?format=prometheus")
    assert status == 200, text
    assert headers["Content-Type"].startswith("text/plain"), headers["Content-Type"]
    values = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            found = SAMPLE.match(line)
            assert found, f"no Prometheus sample: {line}"
            values[found.group(1)] = values.get(found.group(1), 0.0) + float(found.group(3))
    return values


class Metrics(TestCase):
    def test_answers_are_counted_in_both_forms(self):
        with Agent({"telemetry": {"prometheus_retention_time": "60s"}}) as agent:
            agent.register("web", Address="10.0.0.1")
            before = prometheus(agent)
            names = [n for n in before if re.search(r"dataplane.*answered", n)]
            self.assertTrue(names, f"no counter of answers among {sorted(before)}")
            for _ in range(10):
                self.assertEqual(agent.dig("web.service.consul").data, ["10.0.0.1"])
                self.assertEqual(agent.dig("nobody.service.consul").status, "NXDOMAIN")

            def grown():
                after = prometheus(agent)
                return all(after[n] >= before[n] + 20 for n in names if "rcode" not in n)
            self.assertTrue(eventually(grown), "twenty answers are not in the counters")

            status, metrics = agent.get("/v1/agent/metrics")
            self.assertEqual(status, 200)
            self.assertTrue({"Timestamp", "Gauges", "Points", "Counters", "Samples"} <= set(metrics))
            text = str(metrics)
            self.assertIn("dataplane", text)
            self.assertIn("answered", text)

    def test_http_is_counted(self):
        with Agent({"telemetry": {"prometheus_retention_time": "60s"}}) as agent:
            before = prometheus(agent)
            after = prometheus(agent)
            self.assertEqual(after["lictor_http_requests"], before["lictor_http_requests"] + 1)
            self.assertGreaterEqual(after["lictor_http_connections"], 1)
            self.assertEqual(after["lictor_http_refused"], 0)

    def test_gossip_and_the_server_port_are_counted(self):
        with Agent({"telemetry": {"prometheus_retention_time": "60s"}}) as agent:
            lan = {"network": "lan"}
            figures = {m["Name"]: m["Value"] for m in agent.get("/v1/agent/metrics")[1]["Gauges"]
                       if m["Labels"] == lan}
            self.assertEqual(figures["lictor.gossip.members"], 1)
            self.assertEqual(figures["lictor.gossip.failed"], 0)
            ports = agent.config["ports"]
            before = prometheus(agent)
            with socket.socket(type=socket.SOCK_DGRAM) as stranger:
                stranger.sendto(b"\x0c nonsense", ("127.0.0.1", ports["serf_lan"]))
            with socket.create_connection(("127.0.0.1", ports["server"])) as stranger:
                stranger.sendall(b"\xee")
                self.assertEqual(stranger.recv(1), b"")

            def counted():
                after = prometheus(agent)
                return (after["lictor_gossip_refused_damaged"] ==
                        before["lictor_gossip_refused_damaged"] + 1 and
                        after["lictor_server_port_refused"] ==
                        before["lictor_server_port_refused"] + 1)
            self.assertTrue(eventually(counted), "what was refused is not in the counters")

    def test_the_table_is_measured(self):
        with Agent({"telemetry": {"prometheus_retention_time": "60s"}}) as agent:
            def entries():
                values = prometheus(agent)
                names = [n for n in values if "entries" in n or "entry_count" in n]
                assert names, sorted(values)
                return values[names[0]]
            before = entries()
            agent.register("web", Address="10.0.0.1")
            self.assertTrue(eventually(lambda: entries() > before))


if __name__ == "__main__":
    main()
