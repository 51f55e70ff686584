#!/usr/bin/env python3
"""Keys, sessions, transactions and events as existing clients use them: python3-consul, and many
at once."""
import base64
import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time

from lictor_e2e import BINARY, Agent, TestCase, eventually, main

# Debian's modules, for an interpreter that is not Debian's.
sys.path.append("/usr/lib/python3/dist-packages")
try:
    import consul
except ImportError:
    print("python3-consul is not installed; scripts/setup --with tests does it")
    sys.exit(77)

CONTENDERS = 12
ROUNDS = 3
MANY_KEYS = 100_000


def client(agent):
    return consul.Consul(host="127.0.0.1", port=agent.http_port)


def rss_bytes(agent):
    # The agent may have been started through a wrapper that became it.
    with open(f"/proc/{agent.process.pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Client(TestCase):
    def test_keys_are_written_read_listed_and_deleted(self):
        with Agent() as agent:
            kv = client(agent).kv
            self.assertTrue(kv.put("app/a b", b"\x00\xff", flags=7))
            index, entry = kv.get("app/a b")
            self.assertEqual((entry["Value"], entry["Flags"]), (b"\x00\xff", 7))
            self.assertEqual(index, str(entry["ModifyIndex"]))
            self.assertFalse(kv.put("app/a b", "x", cas=0))
            self.assertTrue(kv.put("app/a b", "x", cas=entry["ModifyIndex"]))
            kv.put("app/c/d", "")
            kv.put("app/c/e", None)
            self.assertEqual(kv.get("app/", keys=True, separator="/")[1], ["app/a b", "app/c/"])
            self.assertEqual([e["Value"] for e in kv.get("app/", recurse=True)[1]],
                             [b"x", None, None])
            self.assertTrue(kv.delete("app/c/", recurse=True))
            self.assertFalse(kv.delete("app/a b", cas=1))
            self.assertEqual(kv.get("app/", keys=True)[1], ["app/a b"])
            self.assertIsNone(kv.get("nope")[1])

    def test_a_watcher_hears_of_a_deletion_below_its_prefix(self):
        with Agent() as agent:
            kv = client(agent).kv
            kv.put("w/1", "1")
            kv.put("w/2", "2")
            index, _ = kv.get("w/", recurse=True)
            heard = []
            watcher = threading.Thread(
                target=lambda: heard.append(client(agent).kv.get("w/", recurse=True, index=index,
                                                                 wait="10s")))
            watcher.start()
            eventually(lambda: False, 0.2)
            kv.put("other", "x")
            kv.delete("w/1")
            watcher.join(8)
            self.assertEqual([e["Key"] for e in heard[0][1]], ["w/2"])
            self.assertGreater(int(heard[0][0]), int(index))

    def test_sessions_lock_keys_and_give_them_back(self):
        with Agent() as agent:
            c = client(agent)
            first = c.session.create(name="one", ttl=10, behavior="delete", lock_delay=0)
            second = c.session.create(name="two", lock_delay=0)
            self.assertEqual(c.session.info(first)[1]["TTL"], "10s")
            self.assertEqual({s["ID"] for s in c.session.list()[1]}, {first, second})
            self.assertEqual({s["ID"] for s in c.session.node("node1")[1]}, {first, second})
            self.assertEqual(c.session.renew(first)["ID"], first)
            with self.assertRaises(consul.base.NotFound):
                c.session.renew("11111111-2222-3333-4444-555555555555")
            self.assertTrue(c.kv.put("lock", "1", acquire=first))
            self.assertFalse(c.kv.put("lock", "2", acquire=second))
            self.assertFalse(c.kv.put("lock", "2", release=second))
            self.assertEqual(c.kv.get("lock")[1]["Session"], first)
            self.assertTrue(c.session.destroy(first))
            self.assertIsNone(c.kv.get("lock")[1], "its behaviour is delete")
            self.assertTrue(c.kv.put("lock", "2", acquire=second))

    def test_events_come_back_and_wake_their_watchers(self):
        with Agent() as agent:
            c = client(agent)
            heard = []
            c.event.fire("deploy", "v1")
            index, events = c.event.list(name="deploy")
            self.assertEqual(events[0]["Payload"], b"v1")
            watcher = threading.Thread(
                target=lambda: heard.append(client(agent).event.list(index=index, wait="10s")))
            watcher.start()
            eventually(lambda: False, 0.2)
            c.event.fire("restart")
            watcher.join(8)
            self.assertEqual([e["Name"] for e in heard[0][1]], ["deploy", "restart"])


class Contention(TestCase):
    def contend(self, agent, inside, counts, failures):
        c = client(agent)
        try:
            for _ in range(ROUNDS):
                session = c.session.create(ttl=10, lock_delay=0)
                index = None
                while not c.kv.put("lock", session, acquire=session):
                    index, _entry = c.kv.get("lock", index=index, wait="2s")
                if not inside.acquire(blocking=False):
                    raise AssertionError("two hold the lock")
                counts.append(int(c.kv.get("count")[1]["Value"]))
                c.kv.put("count", str(counts[-1] + 1))
                inside.release()
                # Half give the lock back, half leave that to their session's end.
                if counts[-1] % 2:
                    c.kv.put("lock", "", release=session)
                c.session.destroy(session)
        except Exception as failure:  # pylint: disable=broad-except
            failures.append(failure)

    def test_one_of_many_holds_a_lock_at_a_time(self):
        with Agent() as agent:
            inside, counts, failures = threading.Lock(), [], []
            client(agent).kv.put("count", "0")
            threads = [threading.Thread(target=self.contend,
                                        args=(agent, inside, counts, failures))
                       for _ in range(CONTENDERS)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(60)
            self.assertEqual(failures, [])
            self.assertEqual(sorted(counts), list(range(CONTENDERS * ROUNDS)))

    def test_a_session_that_is_not_renewed_loses_its_lock_and_delays_the_next(self):
        with Agent({"session_ttl_min": "200ms"}) as agent:
            def make(**fields):
                return agent.put("/v1/session/create", fields)["ID"]
            first, second = make(TTL="300ms", LockDelay="1s"), make(LockDelay="0s")
            self.assertTrue(agent.put(f"/v1/kv/lock?acquire={first}", "x"))
            self.assertTrue(eventually(lambda: agent.get(f"/v1/session/info/{first}")[1] == []))
            ended_at = time.monotonic()
            self.assertFalse(agent.put(f"/v1/kv/lock?acquire={second}", "y"))
            ops = [{"KV": {"Verb": "lock", "Key": "lock", "Session": second}}]
            status, body, _ = agent.request("PUT", "/v1/txn", ops)
            self.assertEqual((status, body["Errors"][0]["What"]),
                             (409, 'failed to lock key "lock" due to lock delay'))
            self.assertTrue(eventually(
                lambda: agent.put(f"/v1/kv/lock?acquire={second}", "y") is True))
            self.assertGreater(time.monotonic() - ended_at, 0.8, "the delay was not kept")


class Size(TestCase):
    def fill(self, agent):
        value = base64.b64encode(b"v" * 100).decode()
        connection = http.client.HTTPConnection("127.0.0.1", agent.http_port)
        for start in range(0, MANY_KEYS, 50):
            ops = [{"KV": {"Verb": "set", "Key": f"big/{i:06}", "Value": value}}
                   for i in range(start, start + 50)]
            connection.request("PUT", "/v1/txn", json.dumps(ops))
            response = connection.getresponse()
            response.read()
            self.assertEqual(response.status, 200)
        connection.close()

    def test_a_large_tree_is_sent_without_holding_it_twice(self):
        with Agent() as agent:
            self.fill(agent)
            before = rss_bytes(agent)
            with socket.create_connection(("127.0.0.1", agent.http_port)) as slow:
                slow.sendall(b"GET /v1/kv/big/?recurse HTTP/1.1\r\nHost: x\r\n\r\n")
                slow.recv(1000)
                # A write, while the answer waits for its reader, is not part of it.
                agent.put("/v1/kv/big/999999", "late")
                held = rss_bytes(agent) - before
            connection = http.client.HTTPConnection("127.0.0.1", agent.http_port)
            connection.request("GET", "/v1/kv/big/?recurse")
            body = connection.getresponse().read()
            connection.close()
            self.assertEqual(len(json.loads(body)), MANY_KEYS + 1)
            self.assertLess(held, len(body) / 4, f"an answer of {len(body)} bytes")


class CommandLine(TestCase):
    def test_flags_of_64_bits_survive_export_and_import(self):
        with Agent() as agent:
            def lictor(*arguments):
                return subprocess.run(
                    [BINARY, *arguments], capture_output=True, text=True, timeout=20, check=True,
                    env={**os.environ, "CONSUL_HTTP_ADDR": f"127.0.0.1:{agent.http_port}"}).stdout
            most = str(2**64 - 1)
            lictor("kv", "put", f"-flags={most}", "wide", "v")
            exported = lictor("kv", "export", "wide")
            self.assertEqual(json.loads(exported),
                             [{"key": "wide", "flags": int(most), "value": "dg=="}])
            lictor("kv", "delete", "wide")
            lictor("kv", "import", exported)
            self.assertRegex(lictor("kv", "get", "-detailed", "wide"), rf"Flags +{most}\n")


if __name__ == "__main__":
    main()
