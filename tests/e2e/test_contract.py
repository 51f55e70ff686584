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
            self.check(agent, PATHS)
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
            ("/v1/catalog/datacenters?cached", "X-Cache", "MISS"),
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

    def test_the_agent_undoes_escapes_of_names_twice(self):
        with Agent() as agent:
            agent.register("a b")
            self.assertEqual(agent.get("/v1/agent/service/a%2520b")[0], 200)

    def test_a_blocked_prefix_does_not_make_unknown_paths_known(self):
        with Agent({"http_config": {"block_endpoints": ["/v1/agent"]}}) as agent:
            self.assertEqual(agent.get("/v1/agent/self")[0], 403)
            self.assertEqual(agent.get("/v1/agent/nothing")[0], 404)

    def test_a_node_alone_does_not_move_the_index_of_services(self):
        with Agent() as agent:
            before = agent.request("GET", "/v1/catalog/services")[2]["X-Consul-Index"]
            agent.put("/v1/catalog/register", {"Node": "n", "Address": "10.0.0.1"})
            self.assertEqual(
                agent.request("GET", "/v1/catalog/services")[2]["X-Consul-Index"], before)


if __name__ == "__main__":
    main()
