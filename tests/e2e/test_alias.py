#!/usr/bin/env python3
"""Alias checks that look at themselves or at each other come to rest."""
import time

from lictor_e2e import Agent, TestCase, eventually, main

REST_S = 0.5


class Aliases(TestCase):
    @staticmethod
    def rests(agent):
        """Whether the checks are the same, their indexes too, for a while."""
        before = agent.get("/v1/health/node/node1")[1]
        time.sleep(REST_S)
        return agent.get("/v1/health/node/node1")[1] == before

    @staticmethod
    def register(agent, **check):
        agent.put("/v1/agent/check/register", check)

    def test_an_alias_of_a_service_counts_the_failing_checks_of_its_node_and_rests(self):
        with Agent() as agent:
            agent.register("db", Port=5432)
            self.register(agent, Name="disk", TTL="10m")
            self.register(agent, Name="mirror", AliasService="db")
            self.assertTrue(eventually(lambda: self.rests(agent)))
            _status, checks = agent.get("/v1/agent/checks")
            self.assertEqual(checks["mirror"]["Status"], "critical")
            self.assertIn("Aliased check", checks["mirror"]["Output"])

    def test_aliases_of_each_other_stop_quoting_each_other(self):
        with Agent({"check_output_max_size": 300}) as agent:
            for name, other in (("a", "b"), ("b", "a")):
                agent.register(name, Check={"CheckID": f"of-{name}", "AliasService": other})
            # One that fails makes both fail, from then on because of each other.
            self.register(agent, Name="\u00e9" * 40, ID="ttl", ServiceID="a", TTL="10m")
            self.assertTrue(eventually(lambda: self.rests(agent)))
            _status, checks = agent.get("/v1/agent/checks")
            self.assertEqual({checks[name]["Status"] for name in ("of-a", "of-b")}, {"critical"})
            self.assertLessEqual(max(len(c["Output"].encode()) for c in checks.values()), 300)

    def test_an_alias_rests_when_outputs_are_discarded(self):
        with Agent({"discard_check_output": True}) as agent:
            agent.register("db", Port=5432)
            self.register(agent, Name="disk", TTL="10m")
            self.register(agent, Name="mirror", AliasService="db")
            self.assertTrue(eventually(lambda: self.rests(agent)))
            self.assertEqual(agent.get("/v1/agent/checks")[1]["mirror"]["Output"], "")


if __name__ == "__main__":
    main()
