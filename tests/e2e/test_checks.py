#!/usr/bin/env python3
"""Health decides who is answered: TTL checks over their whole life."""
import time

from lictor_e2e import Agent, TestCase, main


class Checks(TestCase):
    def test_a_ttl_check_passes_expires_and_recovers(self):
        with Agent() as agent:
            agent.register("db", Port=5432, Address="10.0.0.7",
                           Check={"CheckID": "alive", "TTL": "1500ms"})
            self.assertEqual(agent.dig("db.service.consul").status, "NXDOMAIN",
                             "a TTL check is critical until its first pass")
            agent.put("/v1/agent/check/pass/alive")
            passed_at = time.monotonic()
            self.assertEqual(agent.dig("db.service.consul").data, ["10.0.0.7"])
            self.assertEqual(agent.dig_until([], "db.service.consul").status, "NXDOMAIN")
            self.assertGreater(time.monotonic() - passed_at, 1.4, "expired before its time")
            _status, checks = agent.get("/v1/agent/checks")
            self.assertEqual(checks["alive"]["Status"], "critical")
            self.assertIn("TTL expired", checks["alive"]["Output"])
            agent.put("/v1/agent/check/pass/alive")
            self.assertEqual(agent.dig("db.service.consul").data, ["10.0.0.7"])

    def test_each_status_has_its_effect_at_once(self):
        with Agent() as agent:
            agent.register("db", Port=5432, Address="10.0.0.7",
                           Check={"CheckID": "alive", "TTL": "10m"})
            agent.put("/v1/agent/check/update/alive", {"Status": "passing", "Output": "well"})
            self.assertEqual(agent.dig("db.service.consul").data, ["10.0.0.7"])
            agent.put("/v1/agent/check/warn/alive")
            self.assertEqual(agent.dig("db.service.consul").data, ["10.0.0.7"])
            agent.put("/v1/agent/check/fail/alive")
            self.assertEqual(agent.dig("db.service.consul").status, "NXDOMAIN")
            status, entries = agent.get("/v1/health/service/db")
            self.assertEqual((status, len(entries)), (200, 1))
            self.assertEqual(agent.get("/v1/health/service/db?passing"), (200, []))

    def test_a_warning_is_left_out_when_only_passing_is_set(self):
        with Agent({"dns_config": {"only_passing": True}}) as agent:
            agent.register("db", Port=5432, Address="10.0.0.7",
                           Check={"CheckID": "alive", "TTL": "10m"})
            agent.put("/v1/agent/check/pass/alive")
            self.assertEqual(agent.dig("db.service.consul").data, ["10.0.0.7"])
            agent.put("/v1/agent/check/warn/alive")
            self.assertEqual(agent.dig("db.service.consul").status, "NXDOMAIN")


if __name__ == "__main__":
    main()
