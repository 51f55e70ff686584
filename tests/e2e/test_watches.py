"""`watches` of the configuration: every type with each kind of handler, reload, handlers that fail or hang."""
import contextlib
import http.server
import json
import os
import socket
import threading
import time

from lictor_e2e import Agent, TestCase, eventually, main

# Tells what it was given as one line of a file.
SCRIPT = """#!/bin/sh
read -r data
printf '%s %s %s\\n' "$CONSUL_INDEX" "$LICTOR_INDEX" "$data" >> "$1"
"""


class Listener:
    """An HTTP server that keeps what it is told and answers as it is bid."""

    def __init__(self):
        self.requests, self.status, self.delay_s = [], 200, 0
        listener = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_any(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                listener.requests.append((self.command, self.path, dict(self.headers), json.loads(body)))
                time.sleep(listener.delay_s)
                self.send_response(listener.status)
                with contextlib.suppress(OSError):
                    self.end_headers()
                    self.wfile.write(b"so be it")

            do_POST = do_PUT = do_any

            def log_message(self, *_args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self, path):
        return f"http://127.0.0.1:{self.server.server_address[1]}/{path}"

    def bodies(self, path):
        return [request[3] for request in self.requests if request[1] == "/" + path]

    def __enter__(self):
        return self

    def __exit__(self, *_args):
        self.server.shutdown()
        self.server.server_close()


def lines(agent, name):
    path = os.path.join(agent.folder, name)
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as file:
        return file.read().splitlines()


def values(agent, name):
    return [json.loads(line.split(" ", 2)[2]) for line in lines(agent, name)]


def scripted(file, **params):
    return {**params, "args": ["sh", "handler.sh", file]}


class Watches(TestCase):
    def seen(self, what, wanted, note):
        last = []

        def found():
            last[:] = [what()]
            return any(wanted(value) for value in last[0])
        self.assertTrue(eventually(found), f"{note}: {last[0]}")

    def test_every_type_reaches_a_script_and_an_http_handler(self):
        kinds = {
            "key": {"type": "key", "key": "app/limit"},
            "keyprefix": {"type": "keyprefix", "prefix": "app/"},
            "services": {"type": "services"},
            "nodes": {"type": "nodes"},
            "service": {"type": "service", "service": "web", "tag": "v1", "passingonly": True},
            "checks": {"type": "checks", "service": "web"},
            "event": {"type": "event", "name": "deploy"},
            "agent_service": {"type": "agent_service", "service_id": "web"},
        }
        changed = {
            "key": lambda value: value and value["Key"] == "app/limit" and value["Value"] == "Mw==",
            "keyprefix": lambda value: value and len(value) == 1 and value[0]["Key"] == "app/limit",
            "services": lambda value: value.get("web") == ["v1"],
            "nodes": lambda value: any(node["Meta"].get("role") == "edge" for node in value),
            "service": lambda value: value and value[0]["Service"]["Port"] == 80,
            "checks": lambda value: value and value[0]["CheckID"] == "alive",
            "event": lambda value: [event["Name"] for event in value] == ["deploy"],
            "agent_service": lambda value: value["Port"] == 80,
        }
        with Listener() as listener:
            watches = [scripted(name, **params) for name, params in kinds.items()]
            watches += [{**params, "handler_type": "http",
                         "http_handler_config": {"path": listener.url(name)}} for name, params in kinds.items()]
            # The service watched by its ID is there from the start.
            service = {"name": "web", "id": "web", "port": 79, "tags": ["v1"],
                       "check": {"id": "alive", "ttl": "1h", "status": "passing"}}
            with Agent({"watches": watches, "services": [service]}, files={"handler.sh": SCRIPT}) as agent:
                self.assertTrue(eventually(lambda: len(listener.requests) >= len(kinds)), agent.log())
                agent.put("/v1/kv/app/limit", 3)
                agent.config["services"][0]["port"] = 80
                agent.write("agent.json", agent.config)
                agent.put("/v1/agent/reload")
                agent.put("/v1/event/fire/other")
                agent.put("/v1/event/fire/deploy")
                agent.put("/v1/catalog/register", {"Node": "far", "Address": "192.0.2.1", "NodeMeta": {"role": "edge"}})
                for name, is_new in changed.items():
                    self.seen(lambda: values(agent, name), is_new, f"script, {name}")
                    self.seen(lambda: listener.bodies(name), is_new, f"http, {name}")
                first, own, _data = lines(agent, "key")[-1].split(" ", 2)
                self.assertEqual(first, own)
                self.assertGreater(int(first), 0)
                told = [request for request in listener.requests if request[1] == "/key"][-1]
                self.assertEqual(told[2]["X-Consul-Index"], first)

    def test_an_http_handler_is_told_as_it_was_configured(self):
        with Listener() as listener:
            watch = {"type": "key", "key": "k", "handler_type": "http", "http_handler_config": {
                "path": listener.url("hook?a=b"), "method": "PUT", "timeout": "300ms", "tls_skip_verify": True,
                "header": {"X-Team": ["blue", "green"], "Authorization": ["Basic eA=="]}}}
            listener.status = 503
            with Agent({"watches": [watch], "log_level": "TRACE"}) as agent:
                self.assertTrue(eventually(lambda: listener.requests))
                method, path, headers, body = listener.requests[0]
                self.assertEqual((method, path, body), ("PUT", "/hook?a=b", None))
                self.assertEqual(headers["Content-Type"], "application/json")
                self.assertEqual(headers["Authorization"], "Basic eA==")
                self.assertIn(headers["X-Team"], ("blue", "green"))
                self.assertTrue(eventually(lambda: "http watch handler failed with output" in agent.log()))
                self.assertIn("so be it", agent.log())
                # One that answers too late is given up, and the watch goes on.
                listener.status, listener.delay_s = 200, 1
                agent.put("/v1/kv/k", 1)
                self.assertTrue(eventually(lambda: "Failed to invoke http watch handler" in agent.log()))
                listener.delay_s = 0
                agent.put("/v1/kv/k", 2)
                self.seen(lambda: listener.bodies("hook?a=b"), lambda value: value and value["Value"] == "Mg==", "late")

    def test_handlers_that_fail_or_hang_hold_up_nobody_else(self):
        watches = [
            {"type": "key", "key": "k", "args": ["/nowhere/at/all"]},
            {"type": "key", "key": "k", "handler": "echo said $0 >&2; exit 3"},
            {"type": "key", "key": "k", "handler": "echo $$ > hung; exec sleep 1000"},
            {"type": "key", "key": "k", "handler": "yes | head -c 100000; echo the end"},
            scripted("fine", type="key", key="k"),
        ]
        with Agent({"watches": watches, "log_level": "DEBUG"}, files={"handler.sh": SCRIPT}) as agent:
            for value in range(3):
                agent.put("/v1/kv/k", value)
            self.seen(lambda: values(agent, "fine"), lambda value: value and value["Value"] == "Mg==", "the fine one")
            for text in ("no such file or directory", "exit status 3", "Captured 4096 of 100008 bytes", "the end"):
                self.assertTrue(eventually(lambda: text in agent.log()), f"{text}: {agent.log()}")
            hung = int(lines(agent, "hung")[0])
            os.kill(hung, 0)
        self.assertTrue(eventually(lambda: not os.path.exists(f"/proc/{hung}")), "a handler outlives its agent")

    def test_a_reload_exchanges_watches_and_lets_handlers_finish(self):
        slow = {"type": "key", "key": "k", "handler": "touch slow; while [ ! -e go ]; do sleep 0.05; done; touch done"}
        with Agent({"watches": [slow, scripted("old", type="key", key="k")]}, files={"handler.sh": SCRIPT}) as agent:
            self.assertTrue(eventually(lambda: lines(agent, "old") and "slow" in os.listdir(agent.folder)))
            agent.config["watches"] = [scripted("new", type="key", key="k")]
            agent.write("agent.json", agent.config)
            agent.put("/v1/agent/reload")
            self.assertTrue(eventually(lambda: lines(agent, "new")))
            before = len(lines(agent, "old"))
            agent.put("/v1/kv/k", 1)
            self.seen(lambda: values(agent, "new"), lambda value: value and value["Value"] == "MQ==", "after the reload")
            self.assertEqual(len(lines(agent, "old")), before, "a watch that is gone goes on")
            agent.write("go", "")
            self.assertTrue(eventually(lambda: "done" in os.listdir(agent.folder)), "the reload ended a handler")
            # What cannot be is refused and changes nothing.
            for bad, why in (({"type": "connect_roots", "args": ["true"]}, "is not allowed in agent config"),
                             ({"type": "nodes", "handler_type": "http"}, "http_handler_config"),
                             ({"type": "nodes", "handler_type": "smoke", "args": ["x"]}, "not recognized")):
                agent.config["watches"] = [bad]
                agent.write("agent.json", agent.config)
                status, text, _headers = agent.request("PUT", "/v1/agent/reload")
                self.assertEqual(status, 500)
                self.assertIn(why, text)
            agent.put("/v1/kv/k", 2)
            self.seen(lambda: values(agent, "new"), lambda value: value and value["Value"] == "Mg==", "after a refusal")
            agent.config["watches"] = []
            agent.write("agent.json", agent.config)
            agent.put("/v1/agent/reload")
            agent.put("/v1/kv/k", 3)
            self.assertNotIn("Mw==", [value["Value"] for value in values(agent, "new") if value])

    def test_an_agent_behind_a_unix_socket_asks_itself_there(self):
        watches = [scripted("key", type="key", key="k", stale=True),
                   scripted("far", type="nodes", datacenter="dc2")]
        with Agent({"watches": watches, "addresses": {"http": "unix://http.sock 127.0.0.1"}},
                   files={"handler.sh": SCRIPT}) as agent:
            agent.put("/v1/kv/k", 1)
            self.seen(lambda: values(agent, "key"), lambda value: value and value["Value"] == "MQ==", "unix")
            self.assertTrue(eventually(lambda: "Watch errored: type=nodes" in agent.log()))
            self.assertIn("No path to datacenter", agent.log())
            self.assertEqual(lines(agent, "far"), [])

    def test_a_watch_asks_with_its_token_and_datacenter(self):
        watch = scripted("key", type="key", key="k/\u00e4 b", datacenter="dc1", token="x", stale=True)
        with Agent({"watches": [watch], "addresses": {"http": "unix://http.sock 127.0.0.1"}},
                   files={"handler.sh": SCRIPT}) as agent:
            self.assertTrue(eventually(lambda: lines(agent, "key")))
            # Somebody else takes the socket's place: what he is asked is what the agent asks itself.
            path = os.path.join(agent.folder, "http.sock")
            os.rename(path, path + ".before")
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(path)
                listener.listen()
                listener.settimeout(5)

                def next_connection():
                    """Of a watch begun anew; one that rested may have used its old connection once more."""
                    for _ in range(4):
                        agent.put("/v1/agent/reload")
                        try:
                            return listener.accept()[0]
                        except TimeoutError:
                            continue
                    raise AssertionError("the agent asked nobody")
                with next_connection() as connection:
                    asked = connection.recv(65536).decode()
            os.rename(path + ".before", path)
            self.assertTrue(asked.startswith("GET /v1/kv/k/%C3%A4%20b?dc=dc1&stale= HTTP/1.1\r\n"), asked)
            self.assertIn("X-Consul-Token: x\r\n", asked)


if __name__ == "__main__":
    main()
