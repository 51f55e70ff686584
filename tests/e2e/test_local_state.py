#!/usr/bin/env python3
"""What the agent itself knows: kept through crashes, put right in the catalog, quick to stop."""
import os
import time

from lictor_e2e import Agent, TestCase, eventually, main


class LocalState(TestCase):
    def test_registrations_survive_a_crash(self):
        with Agent({"enable_script_checks": True}) as agent:
            marker = os.path.join(agent.folder, "runs")
            agent.register("web", ID="web/1", Port=80, Tags=["a"], Token="secret",
                           Check={"CheckID": "ttl", "TTL": "10m"})
            agent.put("/v1/agent/check/register", {
                "ID": "script", "Name": "script", "Interval": "1s",
                "Args": ["/bin/sh", "-c", f"echo x >> {marker}"]})
            agent.put("/v1/agent/check/pass/ttl?note=well")
            agent.kill()
            agent.start()
            checks = eventually(lambda: agent.get("/v1/agent/checks")[1])
            self.assertEqual((checks["ttl"]["Status"], checks["ttl"]["Output"]),
                             ("passing", "well"))
            self.assertEqual(agent.get("/v1/agent/services")[1]["web/1"]["Port"], 80)
            if os.path.exists(marker):
                os.unlink(marker)
            self.assertTrue(eventually(lambda: os.path.exists(marker)), "the script runs no more")
            self.assertTrue(eventually(
                lambda: len(agent.get("/v1/health/service/web?passing")[1]) == 1))
            agent.put("/v1/agent/service/deregister/web%2F1")
            agent.kill()
            agent.start()
            self.assertNotIn("web/1", agent.get("/v1/agent/services")[1])

    def test_what_was_changed_behind_its_back_is_put_right_at_the_start(self):
        with Agent() as agent:
            agent.register("web", Port=80)
            agent.put("/v1/catalog/deregister", {"Node": "node1", "ServiceID": "web"})
            agent.put("/v1/catalog/register", {
                "Node": "node1", "Address": "127.0.0.1", "SkipNodeUpdate": True,
                "Service": {"Service": "stray"}})
            self.assertEqual(agent.get("/v1/catalog/service/web")[1], [])
            agent.kill()
            agent.start()
            self.assertTrue(eventually(lambda: len(agent.get("/v1/catalog/service/web")[1]) == 1))
            self.assertTrue(eventually(lambda: agent.get("/v1/catalog/service/stray")[1] == []))

    def test_many_ttl_checks_stop_quickly(self):
        checks = [{"id": f"c{i}", "name": f"c{i}", "ttl": "1h", "status": "passing"}
                  for i in range(5000)]
        with Agent({"checks": checks}) as agent:
            self.assertTrue(eventually(
                lambda: len(agent.get("/v1/health/state/passing")[1]) >= 5000, 30))
            began = time.monotonic()
            agent.process.terminate()
            agent.wait()
            self.assertLess(time.monotonic() - began, 5)


if __name__ == "__main__":
    main()
