#!/usr/bin/env python3
"""HTTP as nobody should speak it: answered with a status or dropped, in bounded memory, and everybody
else is served meanwhile."""
import http.client
import json
import resource
import socket
import time
import unittest

from lictor_e2e import Agent, TestCase, eventually, main

HALF_OPEN = 3000
MIB = 1 << 20


class HttpBadInput(TestCase):
    @classmethod
    def setUpClass(cls):
        # The agent inherits it, and this program holds the other ends.
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 16384), hard))
        cls.agent = Agent({"limits": {"http_max_conns_per_client": HALF_OPEN + 1000}}).__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.agent.__exit__(None, None, None)

    def connect(self):
        client = socket.create_connection(("127.0.0.1", self.agent.http_port), timeout=10)
        self.addCleanup(client.close)
        return client

    def raw(self, data):
        """All that comes back until the agent closes."""
        client = self.connect()
        client.sendall(data)
        said = b""
        while True:
            try:
                piece = client.recv(65536)
            except ConnectionResetError:
                return said
            if not piece:
                return said
            said += piece

    def status(self, target="/v1/status/leader", method="GET", headers="", body=b""):
        said = self.raw(f"{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}"
                        f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        self.assertTrue(said.startswith(b"HTTP/1.1 "), said[:100])
        return int(said.split()[1])

    def memory(self):
        with open(f"/proc/{self.agent.process.pid}/status", encoding="ascii") as file:
            line = next(line for line in file if line.startswith("VmRSS:"))
        return int(line.split()[1]) * 1024

    def still_serves(self):
        begin = time.monotonic()
        self.assertEqual(self.status(), 200)
        self.assertLess(time.monotonic() - begin, 2)

    def test_any_number_of_parameters_is_answered(self):
        for count, want in ((1, 200), (64, 200), (65, 400), (450, 400), (500, 400), (3000, 400),
                            (20000, 414)):
            params = "&".join(f"p{i}=1" for i in range(count))
            self.assertEqual(self.status(f"/v1/status/leader?{params}"), want, count)

    def test_long_paths_and_many_headers_are_answered(self):
        self.assertEqual(self.status("/v1/kv/" + "a" * 20000), 404)
        self.assertEqual(self.status("/v1/kv/" + "a" * 200000), 414)
        self.assertEqual(self.status(headers="".join(f"h{i}: 1\r\n" for i in range(5000))), 431)

    def test_lines_that_are_no_http_are_refused(self):
        for line in (b"GET\r\n\r\n", b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
                     b"GET / HTTP/1.1\r\nHost x\r\n\r\n",
                     b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
                     b"PUT /v1/txn HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"):
            said = self.raw(line)
            self.assertIn(said[:10], (b"", b"HTTP/1.1 4", b"HTTP/1.1 5"), line)
        self.still_serves()

    def test_bodies_that_are_no_json_or_not_what_is_wanted(self):
        deep = b"[" * 100000
        wide = b'{"Node":"n","Address":"10.0.0.1","NodeMeta":' + b'{"a":' * 5000 + b"1" + b"}" * 5001
        bodies = [b"", b"{", b"nonsense", b"\xff\xfe\x00", b'{"Node":"\xff\xfe","Address":"x"}', deep,
                  wide, b'{"Node":5}', b'{"Node":{}}', b"[]", b"null1",
                  b'{"Node":"' + b"\\ud800" + b'","Address":"1.2.3.4"}']
        for path in ("/v1/catalog/register", "/v1/agent/service/register",
                     "/v1/agent/check/register", "/v1/catalog/deregister"):
            for body in bodies:
                self.assertIn(self.status(path, "PUT", body=body), (400, 500), (path, body[:40]))
        self.still_serves()

    def test_ten_mebibytes_are_refused_with_an_answer_and_not_kept(self):
        before = self.memory()
        for _ in range(5):
            self.assertEqual(self.status("/v1/catalog/register", "PUT", body=b" " * (10 * MIB)), 413)
            connection = http.client.HTTPConnection("127.0.0.1", self.agent.http_port, timeout=10)
            try:
                connection.request("PUT", "/v1/catalog/register", body=iter([b" " * MIB] * 10),
                                   encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
                self.assertEqual(connection.getresponse().status, 413)
            finally:
                connection.close()
        self.assertLess(self.memory() - before, 30 * MIB)

    def test_pipelined_requests_are_answered_in_order(self):
        one = "GET /v1/kv/{}?raw HTTP/1.1\r\nHost: x\r\n{}\r\n"
        for i in range(20):
            self.assertEqual(self.status(f"/v1/kv/k{i}", "PUT", body=f"value{i};".encode()), 200)
        said = self.raw("".join(one.format(f"k{i}", "Connection: close\r\n" if i == 19 else "")
                                for i in range(20)).encode())
        places = [said.find(f"value{i};".encode()) for i in range(20)]
        self.assertNotIn(-1, places)
        self.assertEqual(places, sorted(places))

    def test_thousands_of_half_open_connections_and_slow_clients_cost_nobody_else(self):
        before = self.memory()
        clients = [self.connect() for _ in range(HALF_OPEN)]
        for i, client in enumerate(clients):
            client.sendall([b"", b"G", b"GET /v1/catalog/nodes HTTP/1.1\r\nHost:",
                            b"PUT /v1/catalog/register HTTP/1.1\r\nHost: x\r\n"
                            b"Content-Length: 1000\r\n\r\n{"][i % 4])
        self.still_serves()
        self.assertLess(self.memory() - before, HALF_OPEN * 48 * 1024)
        for client in clients:
            client.close()
        self.assertTrue(eventually(lambda: self.open_sockets() < 200, 10))
        self.still_serves()

    def open_sockets(self):
        with open(f"/proc/{self.agent.process.pid}/net/tcp", encoding="ascii") as file:
            port = f":{self.agent.http_port:04X}"
            return sum(line.split()[1].endswith(port) and line.split()[3] == "01" for line in file)

    def test_a_client_that_reads_nothing_is_only_waited_for(self):
        self.assertEqual(self.status("/v1/kv/big", "PUT", body=b"x" * 500000), 200)
        slow = [self.connect() for _ in range(50)]
        for client in slow:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            client.sendall(b"GET /v1/kv/big HTTP/1.1\r\nHost: x\r\n\r\n" * 20)
        self.still_serves()
        self.assertLess(self.memory(), 500 * MIB)

    def test_the_monitor_streams_lines_and_ends_with_its_client(self):
        client = self.connect()
        client.sendall(b"GET /v1/agent/monitor?loglevel=debug&logjson HTTP/1.1\r\nHost: x\r\n\r\n")
        said = b""
        self.agent.put("/v1/agent/reload")
        while b"Reloading configuration" not in said:
            said += client.recv(65536)
        line = next(one for one in said.split(b"\r\n") if b"Reloading" in one)
        self.assertEqual(json.loads(line.split(b"\n")[0])["@level"], "INFO")
        client.close()
        self.agent.put("/v1/agent/reload")
        self.still_serves()


if __name__ == "__main__":
    main()
