#!/usr/bin/env python3
"""The methods of Consul's RPC on one server, called by a client of our own (consul_rpc.py): what they
answer is what HTTP and DNS show, and what a client agent needs works."""
import base64
import os
import random
import re
import time

from consul_rpc import RST, WINDOW, Session, call, frame, msgpack
from lictor_e2e import Agent, TestCase, eventually, main

HERE = os.path.dirname(os.path.abspath(__file__))
SEED = int(os.environ.get("LICTOR_TEST_SEED", random.randrange(1 << 32)))
NODE_ID = "11111111-2222-3333-4444-555555555555"
S = 1_000_000_000
META = {"Index", "LastContact", "KnownLeader", "ConsistencyLevel", "NotModified", "Backend"}
DURATIONS = {"Interval", "Timeout", "TTL", "DeregisterCriticalServiceAfter"}
NO_PROXY = {"DestinationServiceName": "", "Config": None, "Upstreams": None, "LocalServicePort": 0,
            "MeshGateway": {"Mode": ""}, "Expose": {"Checks": False, "Paths": None}}
DEFINITION = {"HTTP": "http://10.0.0.1/", "Interval": 10 * S, "Timeout": 0, "OutputMaxSize": 4096,
              "Header": {"A": ["b"]}, "TCP": "", "TLSSkipVerify": False, "ScriptArgs": None,
              "DeregisterCriticalServiceAfter": 90 * S, "TTL": 0}


def service(name, ident=None, **fields):
    return {"Kind": "", "ID": ident or name, "Service": name, "Tags": None, "Address": "",
            "TaggedAddresses": None, "Meta": None, "Port": 0, "SocketPath": "",
            "Weights": {"Passing": 1, "Warning": 1}, "EnableTagOverride": False,
            "Proxy": NO_PROXY, "Connect": {"Native": False, "SidecarService": None},
            "LocallyRegisteredAsSidecar": False, **fields}


def check(node, ident, status="passing", **fields):
    return {"Node": node, "CheckID": ident, "Name": ident, "Status": status, "Notes": "",
            "Output": "", "ServiceID": "", "ServiceName": "", "ServiceTags": None, "Type": "",
            "Interval": "", "Timeout": "", "ExposedPort": 0, "Definition": {}, **fields}


def ns(text):
    """A duration as Go prints it, in nanoseconds: those that are used here."""
    minutes, _m, rest = text.rpartition("m") if "m" in text else ("0", "", text)
    return round((int(minutes or 0) * 60 + float(rest.rstrip("s"))) * S)


def plain(value, name=None):
    """What nil, empty and absent have in common in Go, taken out; durations as numbers."""
    if isinstance(value, dict):
        members = {k: plain(v, k) for k, v in value.items() if k not in META or name is None}
        return {k: v for k, v in members.items() if v not in (None, "", 0, False, [], {})}
    if isinstance(value, list):
        return [plain(v, name or "list") for v in value]
    if name in DURATIONS and isinstance(value, str) and value:
        return ns(value)
    return value


class Client(Session):
    """Calls one after the other, a stream each, as an agent of Consul makes them."""

    def ask(self, method, **args):
        head, body = self.open().ask(method, args)
        return head["Error"] or body

    def begin(self, method, **args):
        stream = self.open()
        stream.send(call(method, 1, args))
        return stream

    def waits(self, stream, seconds):
        """Whether nothing comes on a stream for so long."""
        self.socket.settimeout(seconds)
        try:
            self.step_until(lambda: stream.received > 0)
            return False
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(20)


class Methods(TestCase):
    @classmethod
    def setUpClass(cls):
        cls.agent = Agent().__enter__()
        cls.port = cls.agent.config["ports"]["server"]

    @classmethod
    def tearDownClass(cls):
        cls.agent.__exit__(None, None, None)

    def setUp(self):
        self.client = Client(self.port)
        self.addCleanup(self.client.close)

    def ask(self, method, **args):
        return self.client.ask(method, **args)

    def register(self, node, **fields):
        self.assertEqual(self.ask("Catalog.Register", Datacenter="dc1", Node=node,
                                  Address="10.0.0.1", **fields), {})

    # --- The catalog.

    def test_what_is_registered_by_rpc_is_seen_over_http_and_dns(self):
        self.register("far", ID=NODE_ID, TaggedAddresses={"wan": "1.2.3.4"}, NodeMeta={"os": "x"},
                      Service=service("shop", "shop-1", Port=80, Tags=["v1"]),
                      Checks=[check("far", "alive", ServiceID="shop-1", ServiceName="shop",
                                    Definition=DEFINITION, Type="http")])
        found = self.agent.get("/v1/catalog/service/shop")[1][0]
        self.assertEqual((found["ID"], found["Node"], found["ServicePort"], found["NodeMeta"]),
                         (NODE_ID, "far", 80, {"os": "x"}))
        self.assertEqual(self.agent.get("/v1/health/checks/shop")[1][0]["Definition"],
                         {"HTTP": "http://10.0.0.1/", "Interval": "10s", "OutputMaxSize": 4096,
                          "Header": {"A": ["b"]}, "DeregisterCriticalServiceAfter": "1m30s"})
        self.agent.dig_until(["10.0.0.1"], "shop.service.consul")
        self.assertEqual(self.ask("Catalog.Deregister", Node="far", ServiceID="shop-1"), {})
        self.assertEqual(self.agent.get("/v1/catalog/service/shop")[1], [])
        self.agent.dig_until([], "shop.service.consul")

    def test_mistakes_are_told_in_consuls_words(self):
        cases = [
            ("Catalog.Register", {"Node": ""}),
            ("Catalog.Register", {"Node": "a", "Address": ""}),
            ("Catalog.Register", {"Node": "a", "Address": "10.0.0.1",
                                  "Service": {"ID": "only-an-id"}}),
            ("Catalog.Deregister", {"Node": ""}),
        ]
        for method, args in cases:
            path = "/v1/catalog/" + method.split(".")[1].lower()
            told = self.agent.request("PUT", path, args)
            self.assertEqual(self.ask(method, **args), told[1], args)
            self.assertIn(told[0], (400, 500))
        for method, args, error in [
                ("Catalog.NodeServices", {}, "Must provide node"),
                ("Catalog.ServiceNodes", {}, "Must provide service name"),
                ("Health.ServiceNodes", {}, "Must provide service name"),
                ("Health.ServiceChecks", {"ServiceName": "a", "TagFilter": True},
                 "Tag filtering is not supported"),
                ("KVS.Apply", {"Op": "set", "DirEnt": {"Key": ""}}, "Must provide key"),
                ("KVS.Apply", {"Op": "fly", "DirEnt": {"Key": "a"}},
                 "Invalid KVS operation 'fly'"),
                ("Session.Apply", {"Op": "create", "Session": {}}, "Must provide Node"),
                ("Session.Apply", {"Op": "destroy", "Session": {}}, "Must provide ID"),
                ("Session.Apply", {"Op": "create", "Session": {"Node": "node1", "TTL": "1s"}},
                 "Invalid Session TTL '1000000000', must be between [10s=24h0m0s]"),
                ("Coordinate.Update", {"Node": "a", "Coord": {"Vec": [1.0]}},
                 "incompatible coordinate"),
                ("PreparedQuery.Get", {"QueryID": NODE_ID}, "Query not found"),
                ("PreparedQuery.Execute", {"QueryIDOrName": "no"}, "Query not found"),
                ("Catalog.ListNodes", {"Datacenter": "dc9"}, "No path to datacenter"),
                ("Catalog.ListNodes", {"Node": 7}, "the arguments cannot be read"),
                ("ACL.TokenRead", {}, "ACL support disabled"),
                ("ConnectCA.Roots", {}, "Connect must be enabled in order to use this endpoint"),
                ("Intention.Match", {}, "Connect must be enabled in order to use this endpoint"),
                ("Catalog.NoSuch", {}, "rpc: can't find method Catalog.NoSuch")]:
            self.assertEqual(self.ask(method, **args), error, (method, args))

    def same(self, path, method, pick, **args):
        """Compares an answer with HTTP's for the same state, field by field."""
        _status, told, headers = self.agent.request("GET", path)
        answer = self.ask(method, Datacenter="dc1", **args)
        self.assertIsInstance(answer, dict, answer)
        self.assertEqual(plain({"": pick(answer)}), plain({"": told}), method)
        self.assertEqual((str(answer["Index"]), answer["KnownLeader"], answer["LastContact"]),
                         (headers["X-Consul-Index"], True, 0), method)

    def test_answers_hold_what_http_shows(self):
        proxy = service("web-proxy", Kind="connect-proxy", Port=21000,
                        Proxy={**NO_PROXY, "DestinationServiceName": "web",
                               "Config": {"a": 1, "b": [True, {"c": 1.5}]}})
        self.register("east", NodeMeta={"rack": "1"}, TaggedAddresses={"lan": "10.0.0.9"},
                      Service=service("web", "web-1", Port=80, Tags=["v1", "v2"],
                                      Meta={"k": "v"}, EnableTagOverride=True,
                                      TaggedAddresses={"lan": {"Address": "10.9.9.9", "Port": 1}},
                                      Weights={"Passing": 5, "Warning": 2}),
                      Checks=[check("east", "node-check", "warning", Output="so so"),
                              check("east", "web-check", ServiceID="web-1", ServiceName="web",
                                    Definition=DEFINITION, Interval="10s")])
        self.register("east", Service=proxy)
        self.register("west", Service=service("web", "web-2", Tags=["v2"]))
        same = self.same
        same("/v1/catalog/nodes", "Catalog.ListNodes", lambda a: a["Nodes"])
        same("/v1/catalog/nodes?node-meta=rack:1", "Catalog.ListNodes", lambda a: a["Nodes"],
             NodeMetaFilters={"rack": "1"})
        same("/v1/catalog/nodes?filter=Node==east", "Catalog.ListNodes", lambda a: a["Nodes"],
             Filter="Node==east")
        same("/v1/catalog/services", "Catalog.ListServices", lambda a: a["Services"])
        same("/v1/catalog/service/web", "Catalog.ServiceNodes", lambda a: a["ServiceNodes"],
             ServiceName="web")
        same("/v1/catalog/service/web-proxy", "Catalog.ServiceNodes",
             lambda a: a["ServiceNodes"], ServiceName="web-proxy")
        same("/v1/catalog/service/web?tag=v1", "Catalog.ServiceNodes",
             lambda a: a["ServiceNodes"], ServiceName="web", ServiceTags=["v1"], TagFilter=True)
        same("/v1/catalog/node/east", "Catalog.NodeServices", lambda a: a["NodeServices"],
             Node="east")
        same("/v1/catalog/node-services/east", "Catalog.NodeServiceList",
             lambda a: a["NodeServices"], Node="east")
        same("/v1/health/node/east", "Health.NodeChecks", lambda a: a["HealthChecks"], Node="east")
        same("/v1/health/checks/web", "Health.ServiceChecks", lambda a: a["HealthChecks"],
             ServiceName="web")
        same("/v1/health/state/warning", "Health.ChecksInState", lambda a: a["HealthChecks"],
             State="warning")
        same("/v1/health/state/any", "Health.ChecksInState", lambda a: a["HealthChecks"],
             State="any")
        same("/v1/health/service/web", "Health.ServiceNodes", lambda a: a["Nodes"],
             ServiceName="web")
        same("/v1/health/service/web?tag=V1", "Health.ServiceNodes", lambda a: a["Nodes"],
             ServiceName="web", ServiceTag="V1", TagFilter=True)
        same("/v1/health/service/web?filter=%22v1%22+in+Service.Tags", "Health.ServiceNodes",
             lambda a: a["Nodes"], ServiceName="web", Filter='"v1" in Service.Tags')
        for method, pick in (("Health.ServiceNodes", lambda a: a["Nodes"][0]["Service"]["ID"]),
                             ("Catalog.ServiceNodes", lambda a: a["ServiceNodes"][0]["ServiceID"])):
            self.assertEqual(pick(self.ask(method, ServiceName="web", Connect=True)), "web-proxy")
        self.assertEqual(self.ask("Health.ServiceNodes", ServiceName="web", Ingress=True)["Nodes"],
                         [])
        same("/v1/coordinate/nodes", "Coordinate.ListNodes", lambda a: a["Coordinates"])
        self.assertEqual(self.ask("Catalog.ListDatacenters"), ["dc1"])
        self.assertEqual(self.ask("Coordinate.ListDatacenters")[0]["Datacenter"], "dc1")
        east = self.ask("Internal.NodeInfo", Node="east")["Dump"][0]
        self.assertEqual([s["ID"] for s in east["Services"]], ["web-1", "web-proxy"])
        self.assertEqual(len(east["Checks"]), 2)
        dump = self.ask("Internal.NodeDump", Filter='Node in ["east", "west"]')
        self.assertIn("expression", dump, "no such operator")
        dump = self.ask("Internal.NodeDump", Filter="Node matches east")["Dump"]
        self.assertEqual([n["Node"] for n in dump], ["east"])
        self.assertEqual(len(self.ask("Internal.NodeDump")["Dump"]),
                         len(self.agent.get("/v1/catalog/nodes")[1]))
        kinds = self.ask("Internal.ServiceDump", ServiceKind="connect-proxy", UseServiceKind=True)
        self.assertEqual([n["Service"]["ID"] for n in kinds["Nodes"]], ["web-proxy"])
        self.assertIn("expression", self.ask("Catalog.ListNodes", Filter="=="))
        for node in ("east", "west"):
            self.ask("Catalog.Deregister", Node=node)

    def test_lists_come_in_the_order_of_distance(self):
        for number, seconds in ((1, 0.5), (2, 0.001), (3, 0.2)):
            name = f"near{number}"
            self.register(name, Service=service("far-and-near"), NodeMeta={"near": "1"})
            self.ask("Coordinate.Update", Node=name, Segment="", Coord={
                "Vec": [seconds] + [0.0] * 7, "Error": 1.5, "Adjustment": 0.0, "Height": 1e-5})
        source = {"Datacenter": "dc1", "Node": "near2"}
        nodes = self.ask("Health.ServiceNodes", ServiceName="far-and-near", Source=source)["Nodes"]
        self.assertEqual([n["Node"]["Node"] for n in nodes], ["near2", "near3", "near1"])
        self.same("/v1/catalog/nodes?near=near1&node-meta=near:1", "Catalog.ListNodes",
                  lambda a: a["Nodes"], Source={"Datacenter": "dc1", "Node": "near1"},
                  NodeMetaFilters={"near": "1"})
        for number in (1, 2, 3):
            self.ask("Catalog.Deregister", Node=f"near{number}")

    def test_any_method_takes_any_arguments(self):
        with open(os.path.join(HERE, "../../control/consul/methods.c"), encoding="utf-8") as file:
            methods = re.findall(r'\("(\w+\.\w+)"', file.read())
        self.assertGreater(len(methods), 80)
        odd = [None, True, -1, "x", [], [1], {}, {"Datacenter": 5}, {"Node": {}}, {"DirEnt": []},
               {"Session": 1}, {"Ops": [1, None]}, {"Query": []}, {"Coord": 5}, {"Checks": {}},
               {"Service": "web"}, {"Source": []}, {"NodeMetaFilters": {"a": {}}},
               {"MaxQueryTime": -1, "Key": ""}, {"Payload": {}}, {"Op": "create", "Session": None}]
        for method in methods:
            streams = [self.client.open(call(method, 1, args)) for args in odd]
            for stream in streams:
                stream.unpacker = msgpack.Unpacker(raw=True)
            for stream, args in zip(streams, odd):
                self.assertEqual(stream.answer()[0][b"ServiceMethod"].decode(), method, args)

    def test_a_client_agent_is_told_of_itself_and_may_ask_what_there_is_none_of(self):
        unknown = self.ask("Catalog.NodeServiceList", Datacenter="dc1", Node="new")
        self.assertEqual(unknown["NodeServices"], {"Node": None, "Services": []})
        self.assertIsNone(self.ask("Catalog.NodeServices", Node="new")["NodeServices"])
        self.assertEqual(self.ask("Health.NodeChecks", Node="new")["HealthChecks"], [])
        self.register("new", ID=NODE_ID, NodeMeta={"consul-network-segment": ""})
        me = self.ask("Catalog.NodeServiceList", Node="new")["NodeServices"]["Node"]
        self.assertEqual((me["ID"], me["Meta"]), (NODE_ID, {"consul-network-segment": ""}))
        at = {"Vec": [0.001] + [0.0] * 7, "Error": 1.5, "Adjustment": -0.5, "Height": 1e-5}
        self.assertEqual(self.ask("Coordinate.Update", Node="new", Segment="", Coord=at), {})
        self.assertEqual(self.ask("Coordinate.Node", Node="new")["Coordinates"],
                         [{"Node": "new", "Segment": "", "Coord": at}])
        # Of the mesh there is nothing, in the shape of lists.
        for method, name, nothing in (("Catalog.GatewayServices", "Services", None),
                                      ("Internal.GatewayServiceDump", "Dump", None),
                                      ("Internal.GatewayIntentions", "Intentions", []),
                                      ("FederationState.List", "States", []),
                                      ("FederationState.ListMeshGateways", "DatacenterNodes", {})):
            self.assertEqual(self.ask(method, ServiceName="gw")[name], nothing, method)
        self.assertIn("no cluster ca config",
                      self.ask("Internal.ServiceTopology", ServiceName="web"))
        self.assertEqual(self.ask("ConfigEntry.List", Kind="odd"),
                         "invalid config entry kind: odd")
        # Answers about configuration entries are bytes that hold several values.
        for method in ("ConfigEntry.Get", "ConfigEntry.List", "ConfigEntry.ListAll",
                       "ConfigEntry.ResolveServiceConfig"):
            stream = self.client.begin(method, Kind="service-defaults", Name="web")
            stream.unpacker = msgpack.Unpacker(raw=True)
            head, body = stream.answer()
            self.assertEqual(head[b"Error"], b"", method)
            values = msgpack.Unpacker(raw=False)
            values.feed(body)
            self.assertLessEqual(META, set(list(values)[-1]), method)
        self.ask("Catalog.Deregister", Node="new")

    # --- Waiting.

    def test_a_blocking_query_is_woken_by_its_service_and_nothing_else(self):
        self.register("blk", Service=service("db"))
        index = self.ask("Health.ServiceNodes", ServiceName="db")["Index"]
        waiting = self.client.begin("Health.ServiceNodes", ServiceName="db", MinQueryIndex=index,
                                    MaxQueryTime=20 * S)
        with Client(self.port) as other:
            other.ask("Catalog.Register", Node="blk2", Address="10.0.0.2", Service=service("x"))
            self.assertTrue(self.client.waits(waiting, 0.3), "another service changed")
            other.ask("Catalog.Register", Node="blk2", Address="10.0.0.2", Service=service("db"))
        head, body = waiting.answer()
        self.assertEqual(head["Error"], "")
        self.assertEqual({n["Node"]["Node"] for n in body["Nodes"]}, {"blk", "blk2"})
        self.assertGreater(body["Index"], index)
        begun = time.monotonic()
        again = self.ask("Health.ServiceNodes", ServiceName="db", MinQueryIndex=body["Index"],
                         MaxQueryTime=S // 2)
        self.assertEqual(again["Index"], body["Index"])
        self.assertGreater(time.monotonic() - begun, 0.4)
        for node in ("blk", "blk2"):
            self.ask("Catalog.Deregister", Node=node)

    def test_many_wait_on_one_connection_and_go_with_it(self):
        self.ask("KVS.Apply", Op="set", DirEnt={"Key": "many", "Value": "0"})
        index = self.ask("KVS.Get", Key="many")["Index"]
        waiting = [self.client.begin("KVS.Get", Key="many", MinQueryIndex=index,
                                     MaxQueryTime=60 * S) for _ in range(500)]
        with Client(self.port) as other, Client(self.port) as leaving:
            for _ in range(500):
                leaving.begin("KVS.Get", Key="many", MinQueryIndex=index, MaxQueryTime=60 * S)
            self.assertEqual(leaving.ask("Status.Ping"), {})
            leaving.close()
            other.ask("KVS.Apply", Op="set", DirEnt={"Key": "many", "Value": "1"})
        for stream in waiting:
            self.assertEqual(stream.answer()[1]["Entries"][0]["Value"], "1")

    def test_keys_are_listed_and_changed(self):
        old, new = (base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2))
        with Agent({"encrypt": old}) as agent, Client(agent.config["ports"]["server"]) as client:
            keyring = lambda **args: client.ask("Internal.KeyringOperation", **args)
            self.assertIsInstance(keyring(Operation="install", Key=new), dict)
            for pool in keyring(Operation="list")["Responses"]:
                self.assertEqual(pool["Keys"], {old: 1, new: 1}, pool)
            self.assertIn("Unrecognized", keyring(Operation="eat"))

    def test_a_server_ends_cleanly_while_calls_wait(self):
        with Agent() as agent, Client(agent.config["ports"]["server"]) as waiting:
            for method, args in (("KVS.Get", {"Key": "k"}), ("KVS.List", {"Key": ""}),
                                 ("Catalog.ListNodes", {}), ("PreparedQuery.List", {}),
                                 ("Health.ServiceNodes", {"ServiceName": "x", "Connect": True})):
                waiting.begin(method, MinQueryIndex=10**9, MaxQueryTime=300 * S, **args)
            self.assertEqual(waiting.ask("Status.Ping"), {})

    def test_calls_that_wait_change_and_go_in_any_order_do_no_harm(self):
        with open(os.path.join(HERE, "../../control/consul/methods.c"), encoding="utf-8") as file:
            reads = re.findall(r'READ\("(\w+\.\w+)"', file.read()) + ["Txn.Read"]
        choose, ends = random.Random(SEED), time.monotonic() + 3
        with self.subTest(seed=SEED), Agent() as agent:
            port = agent.config["ports"]["server"]
            waiting, writer = [Client(port) for _ in range(4)], Client(port)
            while time.monotonic() < ends:
                number = choose.randrange(4)
                for _ in range(choose.randrange(30)):
                    self.wait_at_random(choose, waiting[number], reads)
                if choose.random() < 0.2:
                    waiting[number].close()
                    waiting[number] = Client(port)
                for _ in range(choose.randrange(5)):
                    self.change_at_random(choose, writer)
            self.assertEqual(writer.ask("Status.Ping"), {})
        for client in waiting + [writer]:
            client.close()

    def wait_at_random(self, choose, client, reads):
        stream = client.begin(
            choose.choice(reads), Node=f"n{choose.randrange(3)}", State="any", Prefix="k",
            ServiceName=f"s{choose.randrange(3)}", Key=f"k{choose.randrange(3)}",
            MinQueryIndex=choose.choice([0, 1, 10**9]), Connect=choose.random() < 0.2,
            MaxQueryTime=choose.choice([S // 100, S, 100 * S]), Pad="x" * choose.choice([0, 9000]),
            Filter=choose.choice(["", "Node==n1", "=="]), AllowStale=choose.random() < 0.3,
            Source={"Datacenter": "dc1", "Node": "n1"})
        if choose.random() < 0.2:
            client.send(frame(WINDOW, RST, stream.number, 0))

    def change_at_random(self, choose, client):
        node, entry = f"n{choose.randrange(3)}", {"Key": f"k{choose.randrange(3)}", "Value": "v"}
        client.ask(*choose.choice([("Catalog.Deregister",), ("Session.Apply",)]), Node=node,
                   Op="create", Session={"Node": "node1", "TTL": "10s"})
        client.ask("KVS.Apply", Op=choose.choice(["set", "delete", "delete-tree"]), DirEnt=entry)
        client.ask("Catalog.Register", Node=node, Address="10.0.0.1",
                   Service=service(f"s{choose.randrange(3)}", Port=choose.randrange(9)))

    # --- Keys, sessions, transactions.

    def test_keys_are_changed_under_conditions(self):
        apply = lambda op, **entry: self.ask("KVS.Apply", Datacenter="dc1", Op=op, DirEnt=entry)
        self.assertIs(apply("set", Key="a/b", Value="one", Flags=2**64 - 1), False,
                      "Consul's server says nothing of what always applies")
        entry = self.ask("KVS.Get", Key="a/b")["Entries"][0]
        self.assertEqual((entry["Value"], entry["Flags"]), ("one", 2**64 - 1))
        self.assertIs(apply("cas", Key="a/b", Value="x", ModifyIndex=1), False)
        self.assertIs(apply("cas", Key="a/b", Value="two", ModifyIndex=entry["ModifyIndex"]), True)
        apply("set", Key="a/c/d", Value="")
        self.assertEqual(self.ask("KVS.ListKeys", Prefix="a/", Seperator="/")["Keys"],
                         ["a/b", "a/c/"])
        self.assertEqual([e["Key"] for e in self.ask("KVS.List", Key="a/")["Entries"]],
                         ["a/b", "a/c/d"])
        session = self.ask("Session.Apply", Op="create",
                           Session={"Node": "node1", "LockDelay": 0, "Behavior": "delete"})
        self.assertIs(apply("lock", Key="lock", Value="1", Session=session), True)
        self.assertIs(apply("unlock", Key="lock", Value="1", Session=NODE_ID), False)
        shown = self.agent.get("/v1/kv/lock")[1][0]
        mine = self.ask("KVS.Get", Key="lock")["Entries"][0]
        mine["Value"] = base64.b64encode(mine["Value"].encode()).decode()
        self.assertEqual(mine, shown)
        self.assertEqual(self.ask("Session.Apply", Op="destroy", Session={"ID": session}), "")
        self.assertIsNone(self.ask("KVS.Get", Key="lock")["Entries"])
        apply("delete-tree", Key="a/")
        self.assertEqual(self.ask("KVS.List", Key="a/")["Entries"], [])

    def test_sessions_are_kept_as_http_shows_them(self):
        ident = self.ask("Session.Apply", Op="create", Session={
            "Node": "node1", "Name": "s", "LockDelay": 15 * S, "TTL": "10s",
            "NodeChecks": ["serfHealth"], "ServiceChecks": None})
        self.same(f"/v1/session/info/{ident}", "Session.Get", lambda a: a["Sessions"],
                  SessionID=ident)
        self.same("/v1/session/list", "Session.List", lambda a: a["Sessions"])
        self.same("/v1/session/node/node1", "Session.NodeSessions", lambda a: a["Sessions"],
                  Node="node1")
        self.assertEqual(self.ask("Session.Renew", SessionID=ident)["Sessions"][0]["ID"], ident)
        self.assertIsNone(self.ask("Session.Renew", SessionID=NODE_ID)["Sessions"])
        self.ask("Session.Apply", Op="destroy", Session={"ID": ident})

    def test_transactions_apply_as_one_or_tell_what_failed(self):
        kv = lambda verb, **entry: {"KV": {"Verb": verb, "DirEnt": entry}, "Node": None}
        done = self.ask("Txn.Apply", Ops=[
            kv("set", Key="t/1", Value="x"), kv("get", Key="t/1"),
            {"Service": {"Verb": "set", "Node": "node1", "Service": service("txn-made")}}])
        self.assertIsNone(done["Errors"])
        self.assertEqual(done["Results"][1]["KV"]["Value"], "x")
        self.assertEqual(done["Results"][2]["Service"]["ID"], "txn-made")
        failed = self.ask("Txn.Apply", Ops=[kv("set", Key="t/2"),
                                            kv("check-index", Key="t/1", ModifyIndex=1)])
        self.assertEqual(failed["Errors"][0]["OpIndex"], 1)
        self.assertIsNone(self.ask("KVS.Get", Key="t/2")["Entries"])
        read = self.ask("Txn.Read", Ops=[kv("get", Key="t/1")])
        self.assertEqual(read["Results"][0]["KV"]["Value"], "x")
        self.assertTrue(read["KnownLeader"])
        self.ask("Catalog.Deregister", Node="node1", ServiceID="txn-made")

    # --- What the API carries out.

    def test_prepared_queries_are_made_and_carried_out(self):
        self.register("qn", Service=service("q-web"),
                      Checks=[check("qn", "qc", ServiceID="q-web", Definition=DEFINITION)])
        definition = {"ID": "", "Name": "q", "Session": "", "Token": "",
                      "Template": {"Type": "", "Regexp": "", "RemoveEmptyTags": False},
                      "Service": {"Service": "q-web", "Tags": None, "NodeMeta": None,
                                  "Failover": {"NearestN": 0, "Datacenters": None},
                                  "OnlyPassing": True, "IgnoreCheckIDs": None, "Near": "",
                                  "ServiceMeta": None, "Connect": False},
                      "DNS": {"TTL": "10s"}, "CreateIndex": 0, "ModifyIndex": 0}
        ident = self.ask("PreparedQuery.Apply", Op="create", Query=definition)
        self.same(f"/v1/query/{ident}", "PreparedQuery.Get", lambda a: a["Queries"], QueryID=ident)
        self.same("/v1/query", "PreparedQuery.List", lambda a: a["Queries"])
        found = self.ask("PreparedQuery.Execute", QueryIDOrName="q", Limit=1)
        self.assertEqual((found["Service"], found["DNS"], found["Datacenter"]),
                         ("q-web", {"TTL": "10s"}, "dc1"))
        self.assertEqual(found["Nodes"][0]["Checks"][0]["Definition"]["Interval"], 10 * S)
        explained = self.ask("PreparedQuery.Explain", QueryIDOrName="q")
        self.assertEqual(explained["Query"]["ID"], ident)
        self.assertEqual(self.ask("PreparedQuery.Apply", Op="delete", Query={"ID": ident}), "")
        self.assertEqual(self.ask("PreparedQuery.Get", QueryID=ident), "Query not found")
        self.ask("Catalog.Deregister", Node="qn")

    def test_operators_and_events_are_served(self):
        raft = self.ask("Operator.RaftGetConfiguration", Datacenter="dc1")
        self.assertEqual([(s["Node"], s["Leader"], s["Voter"]) for s in raft["Servers"]],
                         [("node1", True, True)])
        pilot = self.ask("Operator.AutopilotGetConfiguration")
        self.assertEqual(pilot["LastContactThreshold"], S // 5)
        changed = {**pilot, "LastContactThreshold": 3 * S, "MaxTrailingLogs": 300}
        self.assertIs(self.ask("Operator.AutopilotSetConfiguration", Config=changed), True)
        self.assertIs(self.ask("Operator.AutopilotSetConfiguration", CAS=True,
                               Config={**pilot, "ModifyIndex": 1}), False)
        now = self.ask("Operator.AutopilotGetConfiguration")
        self.assertEqual({k: now[k] for k in changed if not k.endswith("Index")},
                         {k: changed[k] for k in changed if not k.endswith("Index")})
        self.assertIs(self.ask("Operator.AutopilotSetConfiguration", Config=pilot), True)
        self.assertIn("cannot be read", self.ask("Operator.AutopilotSetConfiguration"))
        for method, name in (("ByID", "ID"), ("ByAddress", "Address")):
            told = self.ask("Operator.RaftRemovePeer" + method, **{name: "no:such"})
            self.assertEqual(told, f'{name.lower()} "no:such" was not found in the Raft '
                                   "configuration")
        for method in ("Operator.ServerHealth", "Operator.AutopilotState"):
            stream = self.client.begin(method)
            stream.unpacker = msgpack.Unpacker(raw=True)
            head, health = stream.answer()
            self.assertEqual((head[b"Error"], health[b"Healthy"]), (b"", True), method)
            servers = health[b"Servers"]
            one = servers[0] if method.endswith("Health") else list(servers.values())[0][b"Health"]
            # A time as Go writes it: version 1, seconds since the year 1, nanoseconds, no zone.
            since = one[b"StableSince"]
            self.assertEqual((len(since), since[0], since[13:]), (15, 1, b"\xff\xff"))
            self.assertAlmostEqual(int.from_bytes(since[1:9], "big") - 62135596800, time.time(),
                                   delta=300)
        payload = msgpack.packb({"ID": NODE_ID, "n": "deploy", "p": "v1", "v": 1},
                                use_bin_type=False)
        fired = self.ask("Internal.EventFire", Datacenter="dc1", Name="deploy", Payload=payload)
        self.assertEqual(fired["NotModified"], False)
        heard = eventually(lambda: [e for e in self.agent.get("/v1/event/list?name=deploy")[1]
                                    if e["ID"] == NODE_ID], 5)
        self.assertEqual(base64.b64decode(heard[0]["Payload"]), b"v1")
        self.assertIn("payload", self.ask("Internal.EventFire", Name="deploy", Payload="nothing"))


if __name__ == "__main__":
    main()
