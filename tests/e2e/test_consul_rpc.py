#!/usr/bin/env python3
"""Consul's RPC on the server port, asked by a client of our own (consul_rpc.py): answers, many at
once, and what nobody should send."""
import os
import random
import signal

from consul_rpc import (BYTE_PLAIN, BYTE_YAMUX, DATA, FIN, GO_AWAY, HEAD, PING, RST, SYN, WINDOW,
                        Closed, Connection, Plain, Session, call, frame)
from lictor_e2e import Agent, TestCase, eventually, main

SEED = int(os.environ.get("LICTOR_TEST_SEED", random.randrange(1 << 32)))


class ConsulRpc(TestCase):
    @classmethod
    def setUpClass(cls):
        cls.agent = Agent().__enter__()
        cls.port = cls.agent.config["ports"]["server"]

    @classmethod
    def tearDownClass(cls):
        cls.agent.__exit__(None, None, None)

    def still_answers(self):
        with Session(self.port) as session:
            self.assertEqual(session.open().ask("Status.Leader", {})[1], f"127.0.0.1:{self.port}")

    def test_status_is_told_over_yamux(self):
        with Session(self.port) as session:
            stream = session.open()
            head, body = stream.ask("Status.Ping", {}, seq=7)
            self.assertEqual(head, {"ServiceMethod": "Status.Ping", "Seq": 7, "Error": ""})
            self.assertEqual(body, {})
            self.assertTrue(stream.accepted)
            address = f"127.0.0.1:{self.port}"
            # A stream serves one call after the other, as Consul's agents use it.
            self.assertEqual(stream.ask("Status.Leader", {"Datacenter": "dc1"})[1], address)
            self.assertEqual(stream.ask("Status.Peers", {"Datacenter": ""})[1], [address])
            stats = stream.ask("Status.RaftStats", {})[1]
            self.assertEqual(set(stats), {"LastContact", "LastTerm", "LastIndex"})
            self.assertGreater(stats["LastIndex"], 0)

    def test_status_is_told_over_one_plain_connection(self):
        with Plain(self.port) as plain:
            self.assertEqual(plain.ask("Status.Ping", {}, seq=1)[0]["Error"], "")
            head, body = plain.ask("Status.Peers", {}, seq=2)
            self.assertEqual((head["Seq"], body), (2, [f"127.0.0.1:{self.port}"]))

    def test_errors_are_those_of_net_rpc(self):
        cases = [
            ("Nobody.Knows", {}, "rpc: can't find service Nobody.Knows"),
            ("Status.Knows", {}, "rpc: can't find method Status.Knows"),
            ("Ping", {}, "rpc: service/method request ill-formed: Ping"),
            ("Status.Leader", {"Datacenter": "dc9"}, "No path to datacenter"),
        ]
        with Session(self.port) as session:
            stream = session.open()
            for seq, (method, args, error) in enumerate(cases):
                head, body = stream.ask(method, args, seq)
                self.assertEqual(head, {"ServiceMethod": method, "Seq": seq, "Error": error})
                self.assertEqual(body, {})

    def test_a_thousand_calls_at_once_each_in_its_stream(self):
        with Session(self.port) as session:
            # As many as may wait to be accepted, at a time.
            streams = []
            for first in range(0, 1000, 200):
                batch = [session.open(call("Status.Leader", n, {})) for n in range(first, first + 200)]
                session.step_until(lambda: all(s.accepted for s in batch))  # noqa: B023
                streams += batch
            for n, stream in enumerate(streams):
                head, body = stream.answer()
                self.assertEqual((head["Seq"], head["Error"], body), (n, "", f"127.0.0.1:{self.port}"))
            for stream in streams:
                stream.finish()
            session.step_until(lambda: all(s.finished for s in streams))

    def test_a_thousand_calls_at_once_in_one_stream(self):
        with Session(self.port) as session:
            stream = session.open()
            stream.send(b"".join(call("Status.Peers", n, {}) for n in range(1000)))
            seqs = {stream.answer()[0]["Seq"] for _ in range(1000)}
            self.assertEqual(seqs, set(range(1000)))

    def test_ten_thousand_blocking_queries_wait_in_one_connection_and_are_woken_by_one_change(self):
        query = {"Datacenter": "dc1", "Key": "blocked", "MaxQueryTime": 300 * 10**9}
        with Session(self.port) as session:
            query["MinQueryIndex"] = session.open().ask("KVS.Get", query)[1]["Index"]
            streams = []
            for first in range(0, 10000, 200):
                batch = [session.open(call("KVS.Get", n, query)) for n in range(first, first + 200)]
                session.step_until(lambda: all(s.accepted for s in batch))  # noqa: B023
                streams += batch
            self.assertTrue(eventually(
                lambda: self.figures("Gauges", "Value")["lictor.rpc.waiting"] == 10000))
            self.agent.put("/v1/kv/blocked", "now")
            for n, stream in enumerate(streams):
                head, body = stream.answer()
                self.assertEqual((head["Seq"], head["Error"]), (n, ""))
                self.assertEqual(body["Entries"][0]["Value"], '"now"')
            self.assertEqual(self.figures("Gauges", "Value")["lictor.rpc.waiting"], 0)

    def test_calls_may_come_byte_by_byte(self):
        data = call("Status.Peers", 3, {"Datacenter": "dc1", "Unknown": [1, {"a": None}]})
        with Session(self.port) as session:
            stream = session.open()
            wire = b"".join(frame(DATA, 0, stream.number, 1, data[i:i + 1]) for i in range(len(data)))
            for i in range(0, len(wire), 7):
                session.send(wire[i:i + 7])
            self.assertEqual(stream.answer()[0]["Seq"], 3)

    def test_arguments_larger_than_a_window_are_taken(self):
        with Session(self.port) as session:
            stream = session.open()
            head, _ = stream.ask("Status.Ping", {"Filler": "x" * (2 << 20)}, seq=9)
            self.assertEqual((head["Seq"], head["Error"]), (9, ""))

    def test_pings_are_answered_and_a_half_closed_stream_is_still_answered(self):
        with Session(self.port) as session:
            session.send(frame(PING, SYN, 0, 4711))
            session.step_until(lambda: session.pongs)
            self.assertEqual(session.pongs, [4711])
            data = call("Status.Ping", 5, {})
            stream = session.open()
            session.send(frame(DATA, FIN, stream.number, len(data), data))
            self.assertEqual(stream.answer()[0]["Seq"], 5)
            session.step_until(lambda: stream.finished)

    def test_what_is_no_call_ends_its_stream_alone(self):
        cases = [
            b"GET / HTTP/1.1\r\n\r\n",
            b"\6gossip of another edition",
            b"\xc1",
            b"\x93\1\2\3",
            call("Status.Ping", 1, {})[:-1] + b"\xdb\xff\xff\xff\xff",
            call("Status.Ping", 1, {})[:-1] + b"\xdd\xff\xff\xff\xff",
            b"\x81\xda\xff\xff" + b"x" * 65535,
        ]
        with Session(self.port) as session:
            good = session.open()
            for case in cases:
                bad = session.open(case)
                session.step_until(lambda: bad.finished or bad.reset)  # noqa: B023
                bad.finish()
                self.assertEqual(good.ask("Status.Ping", {})[0]["Error"], "", case[:20])
        for case in cases:
            with Connection(self.port, BYTE_PLAIN + case) as plain:
                self.assertTrue(plain.is_closed(), case[:20])

    def test_what_is_no_yamux_ends_the_session_with_a_reason(self):
        ping = call("Status.Ping", 1, {})
        cases = [
            b"GET / HTTP/1.1\r\n\r\n",
            frame(WINDOW, SYN, 1, 0, version=1),
            frame(9, 0, 0, 0),
            frame(WINDOW, SYN, 2, 0),
            frame(WINDOW, SYN, 0, 0),
            frame(WINDOW, SYN, 1, 0) * 2,
            frame(DATA, SYN, 1, 0xffffffff),
            frame(DATA, SYN, 1, 256 * 1024 + 1),
            frame(WINDOW, SYN, 1, 0xffffffff),
            frame(PING, SYN, 3, 0),
            frame(DATA, SYN | FIN, 1, len(ping), ping) + frame(WINDOW, FIN, 1, 0),
        ]
        for case in cases:
            with Connection(self.port, BYTE_YAMUX + case) as connection:
                head = b"\0" * HEAD.size
                while HEAD.unpack(head)[1] != GO_AWAY:
                    head = connection.receive(HEAD.size)
                    if HEAD.unpack(head)[1] == DATA:
                        connection.receive(HEAD.unpack(head)[4])
                self.assertEqual(HEAD.unpack(head)[4], 1, case[:12])
                self.assertTrue(connection.is_closed(), case[:12])
        self.still_answers()
        self.assertIn("agent.server.rpc", self.agent.log())

    def test_connections_left_in_the_middle_do_no_harm(self):
        call_bytes = call("Status.Ping", 1, {"Filler": "x" * 5000})
        whole = BYTE_YAMUX + frame(DATA, SYN, 1, len(call_bytes), call_bytes)
        for cut in (1, 2, 7, 12, 13, 14, 30, 500, len(whole) - 1, len(whole)):
            Connection(self.port, whole[:cut]).close()
            Connection(self.port, BYTE_PLAIN + call_bytes[:cut]).close()
        silent = [Connection(self.port, whole[:n]) for n in (1, 5, 20, 600)]
        self.still_answers()
        for connection in silent:
            connection.close()

    def test_streams_may_be_reset_and_the_session_closed_at_any_time(self):
        with Session(self.port) as session:
            for n in range(300):
                stream = session.open(call("Status.Peers", n, {})[:10 + n % 60])
                session.send(frame(WINDOW, RST, stream.number, 0))
        self.still_answers()

    def test_queries_nobody_waits_for_any_more_are_forgotten(self):
        def waiting(count):
            return eventually(
                lambda: self.figures("Gauges", "Value")["lictor.rpc.waiting"] == count)
        query = {"Datacenter": "dc1", "Key": "nobody", "MaxQueryTime": 300 * 10**9}
        with Session(self.port) as session:
            query["MinQueryIndex"] = session.open().ask("KVS.Get", query)[1]["Index"]
            streams = [session.open(call("KVS.Get", n, query)) for n in range(100)]
            self.assertTrue(waiting(100))
            for stream in streams[:60]:
                session.send(frame(WINDOW, RST, stream.number, 0))
            self.assertTrue(waiting(40))
        self.assertTrue(waiting(0))
        self.agent.put("/v1/kv/nobody", "now")
        self.still_answers()

    def test_waiting_calls_keep_so_much_of_their_arguments_and_no_more(self):
        args = {"Key": "padded", "MinQueryIndex": 10**9, "MaxQueryTime": 300 * 10**9,
                "Padding": "x" * 3900}
        with Plain(self.port) as plain:
            plain.send(b"".join(call("KVS.Get", seq, args) for seq in range(18_000)))
            # The others go on waiting.
            head, _body = plain.answer()
            self.assertEqual(head["Error"], "too many calls with long arguments are waiting")
        with Session(self.port) as session:
            args.update(MinQueryIndex=0)
            # They give back what they kept.
            eventually(lambda: session.open().ask("KVS.Get", args)[0]["Error"] == "")

    def test_random_bytes_do_no_harm(self):
        draw = random.Random(SEED)
        good = call("Status.Leader", 1, {"Datacenter": "dc1"})
        for _ in range(150):
            data = bytearray(frame(DATA, SYN, 1, len(good), good) + frame(WINDOW, FIN, 1, 0))
            for _ in range(draw.randrange(1, 8)):
                data[draw.randrange(len(data))] = draw.randrange(256)
            Connection(self.port, BYTE_YAMUX + bytes(data)).close()
            Connection(self.port, BYTE_PLAIN + draw.randbytes(draw.randrange(1, 200))).close()
        self.still_answers()

    def test_metrics_count_calls_and_what_was_refused(self):
        with Session(self.port) as session:
            stream = session.open()
            stream.ask("Status.Ping", {})
            stream.ask("Status.Unknown", {})
            bad = session.open(b"\xc1")
            session.step_until(lambda: bad.finished)
            counts = self.figures("Counters", "Count")
            self.assertGreaterEqual(counts["consul.rpc.request"], 2)
            for name in ("consul.rpc.accept_conn", "consul.rpc.request_error", "lictor.rpc.failed"):
                self.assertGreaterEqual(counts[name], 1, name)
            # Those of other tests may not be gone yet.
            self.assertTrue(eventually(
                lambda: self.figures("Gauges", "Value")["lictor.rpc.connections"] == 1))
            self.assertEqual(self.figures("Gauges", "Value")["lictor.rpc.waiting"], 0)

    def figures(self, kind, value):
        return {f["Name"]: f[value] for f in self.agent.get("/v1/agent/metrics")[1][kind]}

    def test_one_address_has_so_many_connections_and_no_more(self):
        sessions = []
        try:
            for _ in range(100):
                sessions.append(Session(self.port))
            for session in sessions[-1:]:
                self.assertEqual(session.open().ask("Status.Ping", {})[0]["Error"], "")
            with Connection(self.port, BYTE_YAMUX) as one_too_many:
                self.assertTrue(one_too_many.is_closed())
        finally:
            for session in sessions:
                session.close()
        self.assertTrue(eventually(self.can_ask))

    def can_ask(self):
        try:
            self.still_answers()
            return True
        except (Closed, ConnectionError):
            return False


class Limits(TestCase):
    def test_limits_of_the_configuration_hold(self):
        limits = {"rpc_max_conns_per_client": 3, "rpc_handshake_timeout": "200ms"}
        with Agent({"limits": limits}) as agent:
            port = agent.config["ports"]["server"]
            with Connection(port) as silent, Session(port) as one, Session(port) as two, \
                    Plain(port) as three:
                self.assertTrue(silent.is_closed())
                for asks in (one.open(), two.open(), three):
                    self.assertEqual(asks.ask("Status.Ping", {})[0]["Error"], "")
                with Session(port) as four:
                    self.assertTrue(four.is_closed())
                self.assertIn("limits.rpc_max_conns_per_client", agent.log())

    def test_connections_end_with_the_server(self):
        with Agent() as agent:
            port = agent.config["ports"]["server"]
            with Session(port) as session, Plain(port) as plain:
                session.open(call("Status.Ping", 1, {})[:-5])
                agent.signal(signal.SIGTERM)
                agent.wait()
                self.assertTrue(session.is_closed() and plain.is_closed())


if __name__ == "__main__":
    print(f"seed {SEED}")
    main()
