#!/usr/bin/env python3
"""Programs written for Consul, against an agent: python3-consul, npm's consul, and consul_sd_configs
as Prometheus has them, in vmagent: Debian's Prometheus is built without them. scripts/setup --with tests installs them; what is missing is skipped."""
import http.client
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
import unittest

from lictor_e2e import DIES_WITH_TEST, Agent, TestCase, eventually, free_port, main

try:
    import consul
except ImportError:
    # Debian's modules, for another interpreter than Debian's.
    sys.path.append("/usr/lib/python3/dist-packages")
    try:
        import consul
    except ImportError:
        consul = None

HERE = os.path.dirname(os.path.abspath(__file__))
NPM_FOLDER = os.environ.get("LICTOR_NPM", os.path.join(HERE, "..", "..", "build", "npm"))
HAS_NPM_CLIENT = shutil.which("node") and os.path.isdir(os.path.join(NPM_FOLDER, "node_modules", "consul"))
VMAGENT = shutil.which("vmagent")


@unittest.skipUnless(consul, "python3-consul is not installed")
class PythonConsul(TestCase):
    def setUp(self):
        self.agent = Agent()
        self.agent.__enter__()
        self.addCleanup(self.agent.__exit__, None, None, None)
        self.client = consul.Consul(host="127.0.0.1", port=self.agent.http_port)

    def test_services_and_checks_of_the_agent(self):
        agent = self.client.agent
        self.assertTrue(agent.service.register(
            "web", service_id="web1", address="10.0.0.1", port=80, tags=["v1"],
            check=consul.Check.ttl("60s")))
        self.assertEqual(agent.services()["web1"]["Tags"], ["v1"])
        # It knows an older API here: updates and removals with GET, which is no longer taken.
        self.assertFalse(agent.check.ttl_pass("service:web1"))
        self.agent.put("/v1/agent/check/pass/service:web1")
        self.assertEqual(agent.checks()["service:web1"]["Status"], "passing")
        self.assertTrue(agent.check.register("disk", consul.Check.ttl("60s"), check_id="disk"))
        self.agent.put("/v1/agent/check/warn/disk?note=half%20full")
        self.assertEqual(agent.checks()["disk"]["Output"], "half full")
        self.agent.put("/v1/agent/check/deregister/disk")
        self.assertTrue(agent.service.maintenance("web1", "true", "by hand"))
        self.assertEqual(self.client.health.service("web", passing=True)[1], [])
        self.assertTrue(agent.service.maintenance("web1", "false"))
        self.assertTrue(agent.maintenance("true", "all"))
        self.assertTrue(agent.maintenance("false"))
        self.assertEqual(agent.self()["Config"]["NodeName"], "node1")
        self.assertEqual([one["Name"] for one in agent.members()], ["node1"])
        self.agent.put("/v1/agent/service/deregister/web1")
        self.assertEqual(agent.services(), {})

    def test_catalog_and_health(self):
        catalog, health = self.client.catalog, self.client.health
        self.assertTrue(catalog.register(
            "n1", "10.0.0.1", service={"Service": "db", "ID": "db1", "Port": 5432, "Tags": ["main"]},
            check={"Name": "alive", "CheckID": "alive", "ServiceID": "db1", "Status": "passing"}))
        index, nodes = catalog.nodes()
        self.assertEqual(sorted(one["Node"] for one in nodes), ["n1", "node1"])
        self.assertGreater(int(index), 0)
        self.assertEqual(catalog.services()[1]["db"], ["main"])
        self.assertEqual(catalog.service("db", tag="main")[1][0]["ServicePort"], 5432)
        self.assertEqual(catalog.service("db", tag="other")[1], [])
        self.assertEqual(list(catalog.node("n1")[1]["Services"]), ["db1"])
        self.assertEqual(catalog.datacenters(), ["dc1"])
        self.assertEqual(health.service("db", passing=True)[1][0]["Service"]["ID"], "db1")
        self.assertEqual(health.checks("db")[1][0]["Status"], "passing")
        self.assertEqual(health.node("n1")[1][0]["CheckID"], "alive")
        self.assertIn("alive", [one["CheckID"] for one in health.state("passing")[1]])
        self.assertTrue(catalog.deregister("n1", service_id="db1"))
        self.assertEqual(health.service("db")[1], [])

    def test_a_blocking_query_returns_when_something_changes(self):
        index, _nodes = self.client.health.service("late")
        timer = threading.Timer(0.3, self.agent.register, ("late",), {"Port": 1})
        timer.start()
        later, found = self.client.health.service("late", index=index, wait="10s")
        timer.join()
        self.assertEqual(len(found), 1)
        self.assertGreater(int(later), int(index))

    def test_prepared_queries(self):
        query = self.client.query
        self.agent.register("web", ID="w1", Port=80, Tags=["v1"])
        made = query.create("web", name="webq", tags=["v1"], ttl="10s")["ID"]
        self.assertEqual(query.execute("webq")["Nodes"][0]["Service"]["ID"], "w1")
        self.assertEqual(query.explain("webq")["Query"]["DNS"]["TTL"], "10s")
        self.assertEqual(query.get(made)[0]["Name"], "webq")
        self.assertEqual(len(query.list()), 1)
        self.assertTrue(query.delete(made))
        self.assertEqual(query.list(), [])


@unittest.skipUnless(HAS_NPM_CLIENT, "the npm client consul is not installed")
class NpmConsul(TestCase):
    def test_its_calls_get_what_they_expect(self):
        with Agent() as agent:
            done = subprocess.run(
                DIES_WITH_TEST + ["node", os.path.join(HERE, "clients.mjs"), str(agent.http_port),
                                  os.path.abspath(NPM_FOLDER)],
                capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            got = json.loads(done.stdout)
            self.assertEqual(got.pop("leader"), f"127.0.0.1:{agent.config['ports']['server']}")
            self.assertGreaterEqual(got.pop("state"), 3)
            self.assertEqual(got, {
                "agentServices": ["shop1"],
                "agentChecks": [["extra", "passing"], ["service:shop1", "passing"]],
                "self": "node1", "members": ["node1"], "datacenters": ["dc1"],
                "nodes": ["node1", "outside"], "services": ["consul", "printer", "shop"],
                "printer": [631], "node": ["printer"], "passing": ["shop1"],
                "nodeChecks": ["extra", "serfHealth", "service:shop1"], "query": ["shop1"],
                "watched": [1, 0]})


class Metrics(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"answered_total 1\n")

    def log_message(self, *_args):
        pass


@unittest.skipUnless(VMAGENT, "vmagent is not installed")
class ServiceDiscovery(TestCase):
    """Targets come and go with their services."""

    def setUp(self):
        self.agent = Agent()
        self.agent.__enter__()
        self.addCleanup(self.agent.__exit__, None, None, None)
        self.port = free_port()
        config = self.agent.write("scrape.yml", json.dumps({
            "global": {"scrape_interval": "200ms", "scrape_timeout": "200ms"},
            "scrape_configs": [{
                "job_name": "found",
                "consul_sd_configs": [{"server": f"127.0.0.1:{self.agent.http_port}",
                                       "tags": ["scrape"]}],
                "relabel_configs": [{"source_labels": ["__meta_consul_service_id"],
                                     "target_label": "id"}]}]}))
        log = open(os.path.join(self.agent.folder, "scrape.log"), "wb")
        self.addCleanup(log.close)
        self.process = subprocess.Popen(
            DIES_WITH_TEST + [VMAGENT, f"-promscrape.config={config}",
                              "-promscrape.consulSDCheckInterval=500ms",
                              f"-httpListenAddr=127.0.0.1:{self.port}",
                              f"-remoteWrite.tmpDataPath={self.agent.folder}/written",
                              "-remoteWrite.url=http://127.0.0.1:9/"],
            stdout=log, stderr=log)
        self.addCleanup(self.process.wait)
        self.addCleanup(self.process.kill)

    def targets(self):
        """The ids of the targets, each with its health."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/api/v1/targets?state=active")
            data = json.loads(connection.getresponse().read())["data"]
            return {one["labels"]["id"]: one["health"] for one in data["activeTargets"]}
        except (OSError, ValueError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def expect(self, wanted):
        self.assertTrue(eventually(lambda: self.targets() == wanted, 30, 0.1),
                        f"{self.targets()} instead of {wanted}")

    def test_targets_come_and_go(self):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Metrics)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        here = {"Address": "127.0.0.1", "Port": server.server_port}
        self.expect({})
        self.agent.register("app", ID="app1", Tags=["scrape"], **here)
        self.expect({"app1": "up"})
        self.agent.register("app", ID="app2", Tags=["scrape"], **here)
        self.agent.register("other", ID="other1", Tags=["scrape"], **here)
        self.agent.register("plain", ID="plain1", **here)
        self.expect({"app1": "up", "app2": "up", "other1": "up"})
        self.agent.put("/v1/agent/service/deregister/app1")
        self.agent.put("/v1/agent/service/deregister/other1")
        self.expect({"app2": "up"})


if __name__ == "__main__":
    main()
