#!/usr/bin/env python3
"""What requests get besides what they ask for: paths, methods, parameters, spellings, refusals.

Each case is (method, path, body, status, text) and stands on its own; a text is looked for at the
beginning of the answer, None stands for an answer without a body.
"""
import http.client
import json

from lictor_e2e import Agent, TestCase, main

NAMESPACES = "Namespaces are a Consul Enterprise feature"
DECODE = "Request decode failed: "

PATHS = [
    ("PUT", "/", None, 200, "Consul Agent"),
    ("OPTIONS", "/", None, 200, "Consul Agent"),
    ("GET", "/v1/kv", None, 301, '<a href="/v1/kv/">Moved Permanently</a>.'),
    ("GET", "/v1/kv?keys", None, 301, None),
    ("PUT", "/v1/kv", "x", 301, None),
    ("GET", "/v1/kv/a%2F%2Fb", None, 301, '<a href="/v1/kv/a/b">'),
    ("GET", "/v1/kv//a%20b", None, 301, '<a href="/v1/kv/a%20b">'),
    ("GET", "/v1/catalog/register/", None, 404, None),
    ("GET", "/v1/kv/a?x=%zz", None, 500, None),
    ("GET", "/v1/kv/a?x;y", None, 500, None),
    ("GET", "/v1/kv/a%zz", None, 400, "400 Bad Request"),
    ("GET", "/v1/kv/a%C2%85b", None, 400, None),
    ("GET", "/debug/pprof/heap", None, 401, "ACL support disabled"),
    ("PUT", "/v1/query/x/execute", "", 405, "method PUT not allowed"),
    ("GET", "/v1/query/execute", None, 404, "Query not found"),
    ("GET", "/v1/coordinate/node/", None, 404, None),
    ("GET", "/v1/connect/ca/roots", None, 500, "Connect must be enabled"),
    ("POST", "/v1/connect/intentions", "{}", 500, "Connect must be enabled"),
]

PROXY_ERROR = "1 error occurred:\n\t* "
NO_DESTINATION = "Proxy.DestinationServiceName must be non-empty for Connect proxy services\n"
MESH = [
    ("GET", "/v1/connect/intentions?index=x", None, 400, "Invalid index"),
    ("GET", "/v1/connect/intentions/match", None, 500, "required query parameter 'by' not set"),
    ("GET", "/v1/connect/intentions/check?source=a", None, 500,
     "required query parameter 'destination' not set"),
    ("GET", "/v1/connect/intentions/exact?source=a&destination=b", None, 500, "Connect must be"),
    ("GET", "/v1/discovery-chain/", None, 400, "Bad request: Missing chain name"),
    ("GET", "/v1/discovery-chain/web", None, 500, "Connect must be enabled"),
    ("POST", "/v1/agent/connect/authorize", '{"Target":"web"}', 400,
     "Bad request: ClientCertURI not a valid Connect identifier"),
    ("POST", "/v1/agent/connect/authorize",
     '{"Target":"web","ClientCertURI":"spiffe://x/ns/default/dc/dc1/svc/a"}', 500,
     "Connect must be enabled"),
    ("GET", "/v1/health/ingress/", None, 400, "Missing service name"),
    ("GET", "/v1/health/ingress/web", None, 200, "[]"),
    ("GET", "/v1/catalog/gateway-services/", None, 400, "Missing gateway name"),
    ("GET", "/v1/catalog/gateway-services/web", None, 200, "null"),
    ("GET", "/v1/internal/ui/gateway-services-nodes/", None, 400, "Missing gateway name"),
    ("GET", "/v1/internal/ui/gateway-intentions/web", None, 200, "[]"),
    ("GET", "/v1/internal/ui/service-topology/web", None, 400, "Missing service kind"),
    ("GET", "/v1/internal/ui/service-topology/web?kind=x", None, 400,
     'Unsupported service kind "x"'),
    ("GET", "/v1/internal/ui/service-topology/web?kind=", None, 500,
     'failed to get sources for discovery chain target "web"'),
    ("GET", "/v1/internal/ui/metrics-proxy/x", None, 404, "UI is not enabled"),
    ("GET", "/v1/internal/ui/node/", None, 400, "Missing node name"),
    ("GET", "/v1/internal/ui/node/none", None, 404, None),
    ("GET", "/v1/config/service-defaults", None, 200, "[]"),
    ("GET", "/v1/config/bogus", None, 500, "invalid config entry kind: bogus"),
    ("GET", "/v1/config/mesh/mesh", None, 404, 'Config entry not found for "mesh" / "mesh"'),
    ("DELETE", "/v1/config/mesh", None, 404, "Must provide both a kind and name to delete"),
    ("DELETE", "/v1/config/bogus/x", None, 400, "invalid config entry kind: bogus"),
    ("DELETE", "/v1/config/mesh/x", None, 200, "{}"),
    ("PUT", "/v1/config", '{"Kind":"mesh"}', 500, "Configuration entries are not kept"),
    ("PUT", "/v1/agent/service/register", '{"Name":"p","Kind":"connect-proxy","Port":1}', 400,
     PROXY_ERROR + NO_DESTINATION),
    ("PUT", "/v1/catalog/register", '{"Node":"n","Address":"10.0.0.1","Service":{"Service":"p",'
     '"Kind":"mesh-gateway"}}', 500, PROXY_ERROR + "Port must be non-zero for a mesh-gateway\n"),
]

PARAMETERS = [
    ("GET", "/v1/catalog/nodes?index=+1", None, 400, "Invalid index"),
    ("GET", "/v1/status/leader?index=x", None, 400, "Invalid index"),
    ("GET", "/v1/catalog/nodes?max_stale=1s&consistent", None, 400, "Cannot specify ?stale"),
    ("GET", "/v1/catalog/nodes?max_stale=0s&consistent", None, 200, "["),
    ("GET", "/v1/catalog/nodes?dc=nowhere&wait=x", None, 400, "Invalid wait time"),
    ("GET", "/v1/agent/services?dc=nowhere&stale&consistent", None, 200, "{"),
    ("GET", "/v1/agent/service/ghost?dc=nowhere", None, 404, "unknown service ID: ghost"),
    ("GET", "/v1/agent/service/a%25", None, 500, 'failure in unescaping path param "a%"'),
    ("GET", "/v1/event/list?dc=nowhere", None, 200, "[]"),
    ("GET", "/v1/kv/a?ns=x", None, 400, 'Bad request: Invalid query parameter: "ns"'),
    ("GET", "/v1/catalog/services?ns=x", None, 400, "Bad request: "),
    ("GET", "/v1/catalog/nodes?ns=x", None, 200, "["),
    ("GET", "/v1/query/none/execute?limit=x&index=y", None, 400, "Invalid index"),
    ("GET", "/v1/agent/members?segment=x", None, 500, "Network segments are not supported"),
    ("GET", "/v1/agent/members?segment=x&wan=1", None, 400, "Cannot provide a segment"),
    ("GET", "/v1/agent/members?segment=_all", None, 200, "["),
    ("DELETE", "/v1/operator/raft/peer?id=", None, 500, 'id "" was not found in the Raft'),
    ("PUT", "/v1/txn?stale&consistent", [{"KV": {"Verb": "get", "Key": "a"}}], 400,
     "Cannot specify ?stale"),
    ("PUT", "/v1/coordinate/update?dc=nowhere", {"Node": "a"}, 500, "No path to datacenter"),
    ("PUT", "/v1/session/destroy/abc", None, 500, "apply failed: failed session lookup: "),
    ("PUT", "/v1/kv/a?acquire=abc", "x", 500, "raft apply failed: failed session lookup: "),
    ("PUT", "/v1/catalog/register?dc=nowhere", {"Node": "b", "Address": "10.0.0.2"}, 200, "true"),
]

BODIES = [
    ("PUT", "/v1/agent/service/register", {"Name": "x", "Port": 70000}, 200, None),
    ("PUT", "/v1/agent/service/register", {"Name": "x", "Tags": [None]}, 200, None),
    ("PUT", "/v1/agent/service/register", {"Name": "x", "Check": {}}, 200, None),
    ("PUT", "/v1/agent/service/register", {"Name": "x", "Check": {"ServiceID": "y"}}, 200, None),
    ("PUT", "/v1/agent/service/register", {"Name": "x", "Namespace": "y"}, 400,
     DECODE + 'json: unknown field "Namespace"'),
    ("PUT", "/v1/agent/service/register", {"Name": "x", "socket_path": "/y"}, 400, DECODE),
    ("PUT", "/v1/agent/service/register", {"Name": "x", "Check": {"ID": "y", "TTL": "1m"}}, 400,
     DECODE + 'json: unknown field "ID"'),
    ("PUT", "/v1/agent/service/register", {"Name": "x", "Meta": {"consul-y": ""}}, 400,
     "Invalid Service Meta: Couldn't load metadata pair ('consul-y', ''): Key prefix 'consul-' is "
     "reserved for internal use"),
    ("PUT", "/v1/agent/service/register",
     {"Name": "x", "TaggedAddresses": {"lan_ipv4": {"Address": "y"}}}, 500,
     'Service tagged address "lan_ipv4" must be a valid ipv4 address'),
    ("PUT", "/v1/agent/check/register", {"CheckID": "x", "Name": "x", "TTL": "1m"}, 400,
     DECODE + 'json: unknown field "CheckID"'),
    ("PUT", "/v1/agent/check/register", {"Name": "x", "success_before_passing": 1}, 400, DECODE),
    ("PUT", "/v1/agent/check/register", {"Name": "x", "TTL": 6.5e10}, 200, None),
    ("PUT", "/v1/agent/check/register", {"Name": "x", "TTL": ""}, 400,
     DECODE + 'time: invalid duration ""'),
    ("PUT", "/v1/agent/check/register", {"Name": "x", "TTL": "10"}, 400,
     DECODE + 'time: missing unit in duration "10"'),
    ("PUT", "/v1/agent/check/register", {"Name": "x", "TTL": "1 s"}, 400,
     DECODE + 'time: unknown unit " s" in duration "1 s"'),
    ("PUT", "/v1/agent/check/update/x", {"Status": "passing", "Colour": "red"}, 400, DECODE),
    ("PUT", "/v1/catalog/register", {"Node": "b", "Namespace": "y"}, 400,
     DECODE + 'json: unknown field "Namespace" - ' + NAMESPACES),
    ("PUT", "/v1/catalog/register",
     {"Node": "b", "Address": "10.0.0.2", "Service": {"Service": "s", "Meta": {"a b": "c"}}}, 500,
     "failed inserting service: Invalid Service Meta for node b and serviceID s: Couldn't load "
     "metadata pair ('a b', 'c'): Key contains invalid characters"),
    ("PUT", "/v1/catalog/register", {"ID": "1-2", "Node": "b", "Address": "10.0.0.2"}, 500,
     "Bad node ID: uuid string is wrong length"),
    ("PUT", "/v1/txn", [{"Service": {"Verb": "set", "Node": "b", "Service":
                                     {"Service": "s", "Meta": {"consul-a": ""}}}}], 409,
     '{"Results":null,"Errors":[{"OpIndex":0,"What":"Invalid Service Meta for node b and'),
    ("PUT", "/v1/txn", [{"Node": {"Verb": "set", "Node": {"Node": "bare"}}}], 200, '{"Results":[{'),
    ("PUT", "/v1/session/create", {"TTL": "10"}, 500,
     "Session TTL '10' invalid: time: missing unit in duration \"10\""),
    ("POST", "/v1/query", {"Name": "x", "Service": {"Service": "y"}, "DNS": {"TTL": "-1s"}}, 500,
     "Invalid prepared query: DNS TTL '-1000000000', must be >=0"),
    ("PUT", "/v1/query/11111111-2222-3333-4444-555555555555", "", 500,
     "Cannot modify non-existent prepared query"),
]


class Contract(TestCase):
    def exchange(self, agent, method, path, body, headers=()):
        """(status, text, headers)"""
        connection = http.client.HTTPConnection("127.0.0.1", agent.http_port, timeout=20)
        try:
            text = body if body is None or isinstance(body, str) else json.dumps(body)
            connection.request(method, path, text, dict(headers))
            response = connection.getresponse()
            return response.status, response.read().decode(), response.headers
        finally:
            connection.close()

    def check(self, agent, cases):
        for method, path, body, status, text in cases:
            with self.subTest(request=f"{method} {path} {body}"):
                got_status, got_text, _headers = self.exchange(agent, method, path, body)
                self.assertEqual((got_status, got_text[:len(text or "")]), (status, text or ""))
                if text is None:
                    self.assertEqual(got_text, "")

    def test_every_request_gets_what_its_form_deserves(self):
        with Agent() as agent:
            self.check(agent, PATHS + MESH)
            self.check(agent, PARAMETERS)
            self.check(agent, BODIES)

    def test_headers_say_how_a_read_was_answered(self):
        cases = [
            ("/v1/catalog/nodes", "X-Consul-Effective-Consistency", "leader"),
            ("/v1/catalog/nodes?max_stale=1s", "X-Consul-Effective-Consistency", "stale"),
            ("/v1/health/state/any?consistent", "X-Consul-Effective-Consistency", "consistent"),
            ("/v1/kv/?recurse", "X-Consul-Effective-Consistency", None),
            ("/v1/kv/?recurse", "X-Consul-Query-Backend", "blocking-query"),
            ("/v1/catalog/nodes?cached", "X-Cache", None),
            ("/v1/catalog/services?cached", "X-Cache", "MISS"),
            ("/v1/catalog/services?cached&stale&tag=x", "X-Cache", "HIT"),
            ("/v1/catalog/services?cached&dc=dc1&node-meta=a:b", "X-Cache", "MISS"),
            ("/v1/health/service/x?cached&passing", "X-Cache", "MISS"),
            ("/v1/health/service/x?cached&dc=dc1", "X-Cache", "HIT"),
            ("/v1/health/service/x?cached&tag=y", "X-Cache", "MISS"),
            ("/v1/catalog/datacenters?cached", "X-Cache", "MISS"),
            ("/v1/catalog/datacenters?cached&stale", "X-Cache", "HIT"),
            ("/v1/agent/health/service/name/ghost", "X-Consul-Reason",
             "ServiceName ghost Not Found"),
        ]
        with Agent() as agent:
            for path, name, value in cases:
                with self.subTest(path=path, header=name):
                    self.assertEqual(self.exchange(agent, "GET", path, None)[2][name], value)
            for control, status in (("max-age=-5", 200), ("max-age=", 400), ("no-cache", 200)):
                with self.subTest(control=control):
                    self.assertEqual(self.exchange(agent, "GET", "/v1/catalog/nodes", None,
                                                   {"Cache-Control": control})[0], status)

    def test_figures_are_in_the_form_that_is_accepted(self):
        cases = [("text/plain", 200), ("text/plain;version=0.4.0", 415), ("*/*", 200),
                 ("text/html, application/openmetrics-text; version=1.0.0", 415)]
        with Agent() as agent:
            for accept, status in cases:
                with self.subTest(accept=accept):
                    self.assertEqual(self.exchange(agent, "GET", "/v1/agent/metrics", None,
                                                   {"Accept": accept})[0], status)

    def test_connect_finds_proxies_and_services_that_need_none(self):
        with Agent() as agent:
            agent.register("web", Port=80)
            agent.register("side", Kind="connect-proxy", Port=81,
                           Proxy={"DestinationServiceName": "web"})
            agent.register("native", Port=82, Connect={"Native": True})
            for name, found in (("web", ["side"]), ("native", ["native"]), ("side", [])):
                with self.subTest(name=name):
                    self.assertEqual([entry["ServiceID"] for entry in
                                      agent.get(f"/v1/catalog/connect/{name}")[1]], found)
                    self.assertEqual([entry["Service"]["ID"] for entry in
                                      agent.get(f"/v1/health/connect/{name}?passing")[1]], found)
            self.assertEqual(agent.get("/v1/catalog/connect/web")[1][0]["ServiceProxy"],
                             {"DestinationServiceName": "web", "Mode": "", "MeshGateway": {},
                              "Expose": {}})
            self.assertEqual(len(agent.get("/v1/health/connect/web?tag=any")[1]), 1)
            found = {s["Name"]: s for s in agent.get("/v1/internal/ui/services")[1]}
            self.assertEqual({name: s["ConnectedWithProxy"] for name, s in found.items()},
                             {"consul": False, "web": True, "side": False, "native": False})
            self.assertEqual(found["web"], {
                "Name": "web", "Datacenter": "dc1", "Tags": None, "Nodes": ["node1"],
                "ExternalSources": None, "InstanceCount": 1, "ChecksPassing": 1,
                "ChecksWarning": 0, "ChecksCritical": 0, "GatewayConfig": {},
                "TransparentProxy": False, "ConnectedWithProxy": True,
                "ConnectedWithGateway": False})
            node = agent.get("/v1/internal/ui/node/node1")[1]
            self.assertEqual(sorted(s["ID"] for s in node["Services"]),
                             ["consul", "native", "side", "web"])
            self.assertEqual([c["CheckID"] for c in node["Checks"]], ["serfHealth"])
            self.assertEqual(agent.get("/v1/internal/ui/nodes?filter=Node==node1")[1], [node])
            self.assertEqual(agent.get("/v1/agent/service/native")[1]["Connect"],
                             {"Native": True})
            self.assertEqual(agent.get("/v1/agent/service/side")[1]["Proxy"],
                             {"DestinationServiceName": "web"})

    def test_the_agent_undoes_escapes_of_names_twice(self):
        with Agent() as agent:
            agent.register("a b")
            self.assertEqual(agent.get("/v1/agent/service/a%2520b")[0], 200)

    def test_a_blocked_prefix_does_not_make_unknown_paths_known(self):
        with Agent({"http_config": {"block_endpoints": ["/v1/agent"]}}) as agent:
            self.assertEqual(agent.get("/v1/agent/self")[0], 403)
            self.assertEqual(agent.get("/v1/agent/nothing")[0], 404)

    def test_a_check_of_the_catalog_has_the_type_of_its_definition(self):
        definition = {"HTTP": "http://127.0.0.1/", "Interval": "10s", "Timeout": "0s", "Method": "",
                      "TLSSkipVerify": False, "Colour": "red"}
        with Agent() as agent:
            agent.put("/v1/catalog/register", {
                "Node": "n", "Address": "10.0.0.1",
                "Checks": [{"Name": "web", "Definition": definition},
                           {"Name": "beat", "Definition": {"TTL": "1s"}},
                           {"Name": "own", "Type": "mine", "Definition": {"TCP": "127.0.0.1:1"}}]})
            checks = {check["Name"]: (check["Type"], check["Definition"])
                      for check in agent.get("/v1/health/node/n")[1]}
            self.assertEqual(checks, {
                "web": ("http", {"HTTP": "http://127.0.0.1/", "Interval": "10s"}),
                "beat": ("ttl", {"TTL": 1000000000}),
                "own": ("mine", {"TCP": "127.0.0.1:1"})})

    def test_a_node_is_found_by_the_beginning_of_its_id(self):
        with Agent() as agent:
            for name, first in (("a", "abcd1111"), ("b", "abcd2222")):
                agent.put("/v1/catalog/register", {"ID": f"{first}-2222-3333-4444-555555555555",
                                                   "Node": name, "Address": "10.0.0.1"})
            for text, name in (("abcd1", None), ("abcd11", "a"), ("ABCD222", "b"),
                               ("abcd2222-2222-3333-4444-555555555555", "b"), ("abcd", None),
                               ("a", "a"), ("abcd3333", None), ("not-hex!", None)):
                with self.subTest(text=text):
                    answer = agent.get(f"/v1/catalog/node/{text}")[1]
                    self.assertEqual(answer and answer["Node"]["Node"], name)
            self.assertEqual(agent.get("/v1/catalog/node-services/b")[1]["Services"], None)
            self.assertEqual(
                agent.get("/v1/catalog/node-services/b?filter=Port==1")[1]["Services"], [])
            self.assertEqual(
                agent.request("GET", "/v1/catalog/node/ghost")[2]["X-Consul-Index"], "1")

    def test_an_empty_tag_is_a_tag_that_nobody_has(self):
        with Agent() as agent:
            agent.register("web", Tags=["a"])
            self.assertEqual(agent.get("/v1/catalog/service/web?tag=")[1], [])
            self.assertEqual(agent.get("/v1/health/service/web?tag=")[1], [])
            self.assertEqual(len(agent.get("/v1/health/service/web?tag=A")[1]), 1)

    def test_a_node_alone_does_not_move_the_index_of_services(self):
        with Agent() as agent:
            before = agent.request("GET", "/v1/catalog/services")[2]["X-Consul-Index"]
            agent.put("/v1/catalog/register", {"Node": "n", "Address": "10.0.0.1"})
            self.assertEqual(
                agent.request("GET", "/v1/catalog/services")[2]["X-Consul-Index"], before)


if __name__ == "__main__":
    main()
