#!/usr/bin/env python3
"""Checks that the agent runs itself, each against a real server on this host."""
import contextlib
import http.server
import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time

from lictor_e2e import DIES_WITH_TEST, Agent, TestCase, eventually, free_port, main


class Handler(http.server.BaseHTTPRequestHandler):
    """/CODE answers with it; what was asked is kept with the server."""
    protocol_version = "HTTP/1.1"

    def answer(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length).decode()
        self.server.seen.append((self.command, self.path, dict(self.headers), body))
        if self.path == "/slow":
            time.sleep(5)
        code = 302 if self.path == "/redirect" else int(self.path.strip("/").split("?")[0] or 200)
        payload = b"x" * 9000 + b"the end" if "long" in self.path else b"fine\n"
        self.send_response(code)
        if code == 302:
            self.send_header("Location", "/200")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(payload)

    do_GET = do_POST = do_PUT = do_HEAD = do_REPORT = answer

    def log_message(self, *_args):
        pass


class Quiet(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, _request, _address):
        pass


@contextlib.contextmanager
def web_server(context=None):
    server = Quiet(("127.0.0.1", 0), Handler)
    server.seen = []
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextlib.contextmanager
def certificate(name="localhost"):
    """(certificate, key) for a name, signed by itself."""
    folder = tempfile.mkdtemp(prefix="lictor-tls-")
    paths = [os.path.join(folder, part) for part in ("cert.pem", "key.pem")]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}",
         "-out", paths[0], "-keyout", paths[1]],
        check=True, capture_output=True)
    try:
        yield paths
    finally:
        shutil.rmtree(folder)


def server_context(paths, protocols=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*paths)
    if protocols:
        context.set_alpn_protocols(protocols)
    return context


class RunChecks(TestCase):
    def check(self, agent, check_id, **definition):
        agent.put("/v1/agent/check/register",
                  {"ID": check_id, "Name": check_id, "Interval": "1s", **definition})

    def outcome(self, agent, check_id, status, output):
        """Wait until the check has this status and an output with this in it."""
        def reached():
            check = agent.get("/v1/agent/checks")[1][check_id]
            return check if check["Status"] == status and output in check["Output"] else None
        found = eventually(reached, 15)
        if not found:
            self.fail(f"{check_id}: wanted {status} with {output!r}: "
                      f"{agent.get('/v1/agent/checks')[1][check_id]}")
        return found

    def test_http(self):
        with web_server() as web, Agent() as agent:
            url = f"http://127.0.0.1:{web.server_port}"
            self.check(agent, "ok", HTTP=f"{url}/200")
            self.check(agent, "busy", HTTP=f"{url}/429")
            self.check(agent, "bad", HTTP=f"{url}/503")
            self.check(agent, "post", HTTP=f"{url}/201", Method="POST", Body="hello",
                       Header={"X-A": ["1", "2"], "Host": ["other.example"]})
            self.check(agent, "odd", HTTP=f"{url}/200?odd", Method="REPORT")
            self.check(agent, "head", HTTP=f"{url}/200?head", Method="HEAD")
            self.check(agent, "redirect", HTTP=f"{url}/redirect")
            self.check(agent, "no-redirect", HTTP=f"{url}/redirect", DisableRedirects=True)
            self.check(agent, "slow", HTTP=f"{url}/slow", Timeout="300ms")
            self.check(agent, "long", HTTP=f"{url}/200?long")
            self.check(agent, "short", HTTP=f"{url}/200?long", OutputMaxSize=7)
            self.check(agent, "closed", HTTP=f"http://127.0.0.1:{free_port()}/")
            self.check(agent, "scheme", HTTP="ftp://127.0.0.1/")
            self.outcome(agent, "ok", "passing", f"HTTP GET {url}/200: 200 OK Output: fine\n")
            self.outcome(agent, "busy", "warning", "429 Too Many Requests Output: fine")
            self.outcome(agent, "bad", "critical", "503 Service Unavailable Output: fine")
            self.outcome(agent, "post", "passing", f"HTTP POST {url}/201: 201 Created")
            self.outcome(agent, "odd", "passing", f"HTTP REPORT {url}/200?odd: 200 OK")
            self.outcome(agent, "head", "passing", "200 OK Output: ")
            self.outcome(agent, "redirect", "passing", "200 OK Output: fine")
            self.outcome(agent, "no-redirect", "critical", "302 Found Output: fine")
            self.outcome(agent, "slow", "critical", "context deadline exceeded")
            output = self.outcome(agent, "long", "passing", "the end")["Output"]
            self.assertEqual(len(output.split("Output: ")[1]), 4096)
            self.outcome(agent, "short", "passing", "200 OK Output: the end")
            self.outcome(agent, "closed", "critical", "connection refused")
            self.outcome(agent, "scheme", "critical", "unsupported protocol scheme")
            seen = {path: (method, headers, body) for method, path, headers, body in web.seen}
            method, headers, body = seen["/201"]
            self.assertEqual((method, body, headers["Host"]), ("POST", "hello", "other.example"))
            self.assertEqual(headers["User-Agent"], "Consul Health Check")
            self.assertEqual(headers["Connection"], "close")
            self.assertNotIn("Content-Type", headers)
            self.assertEqual(seen["/200?odd"][0], "REPORT")

    def test_https(self):
        with certificate("web.example") as paths, \
                web_server(server_context(paths)) as web, Agent() as agent:
            url = f"https://127.0.0.1:{web.server_port}/200"
            self.check(agent, "unknown", HTTP=url)
            self.check(agent, "skipped", HTTP=url, TLSSkipVerify=True)
            self.check(agent, "named", HTTP=url, TLSSkipVerify=True, TLSServerName="web.example")
            self.check(agent, "tcp", TCP=f"127.0.0.1:{web.server_port}", TCPUseTLS=True)
            self.check(agent, "tcp-skipped", TCP=f"127.0.0.1:{web.server_port}", TCPUseTLS=True,
                       TLSSkipVerify=True)
            self.outcome(agent, "unknown", "critical", "x509: ")
            self.outcome(agent, "skipped", "passing", f"HTTP GET {url}: 200 OK Output: fine")
            self.outcome(agent, "named", "passing", f"HTTP GET {url}: 200 OK Output: fine")
            self.outcome(agent, "tcp", "critical", "x509: certificate signed by unknown authority")
            self.outcome(agent, "tcp-skipped", "passing", "Success")

    def test_https_with_the_agents_trust(self):
        with certificate("web.example") as paths, \
                web_server(server_context(paths)) as web:
            os.environ["SSL_CERT_FILE"] = paths[0]
            try:
                with Agent() as agent:
                    url = f"https://127.0.0.1:{web.server_port}/200"
                    self.check(agent, "misnamed", HTTP=url)
                    self.outcome(agent, "misnamed", "critical", "x509: ")
                    self.assertNotIn("/200", [path for _method, path, *_ in web.seen])
            finally:
                del os.environ["SSL_CERT_FILE"]

    def test_tcp_and_udp(self):
        with contextlib.ExitStack() as stack:
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            echo = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            silent = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            for sock in (echo, silent):
                sock.bind(("127.0.0.1", 0))

            def answer():
                with contextlib.suppress(OSError):
                    while True:
                        _data, address = echo.recvfrom(100)
                        echo.sendto(b"yes", address)
            threading.Thread(target=answer, daemon=True).start()
            agent = stack.enter_context(Agent())
            ports = [sock.getsockname()[1] for sock in (listener, echo, silent)]
            closed = free_port()
            self.check(agent, "open", TCP=f"127.0.0.1:{ports[0]}")
            self.check(agent, "by-name", TCP=f"localhost:{ports[0]}")
            self.check(agent, "closed", TCP=f"127.0.0.1:{closed}")
            self.check(agent, "portless", TCP="127.0.0.1")
            self.check(agent, "nowhere", TCP="no-such-host.invalid:1")
            self.check(agent, "answers", UDP=f"127.0.0.1:{ports[1]}", Timeout="5s")
            self.check(agent, "silent", UDP=f"127.0.0.1:{ports[2]}", Timeout="200ms")
            self.check(agent, "unbound", UDP=f"127.0.0.1:{closed}", Timeout="2s")
            self.outcome(agent, "open", "passing", f"TCP connect 127.0.0.1:{ports[0]}: Success")
            self.outcome(agent, "by-name", "passing", f"TCP connect localhost:{ports[0]}: Success")
            self.outcome(agent, "closed", "critical",
                         f"dial tcp 127.0.0.1:{closed}: connect: connection refused")
            self.outcome(agent, "portless", "critical", "missing port in address")
            self.outcome(agent, "nowhere", "critical", "no such host")
            self.outcome(agent, "answers", "passing", f"UDP connect 127.0.0.1:{ports[1]}: Success")
            self.outcome(agent, "silent", "passing", "Success")
            self.outcome(agent, "unbound", "critical", "connection refused")
            listener.close()
            self.outcome(agent, "open", "critical", "connection refused")

    def test_scripts(self):
        with Agent({"enable_script_checks": True}) as agent:
            def script(check_id, text, **more):
                self.check(agent, check_id, Args=["/bin/sh", "-c", text], **more)
            script("ok", "echo fine; echo also >&2")
            script("warn", "echo hmm; exit 1")
            script("bad", "echo broken; exit 3")
            script("killed", "kill -9 $$")
            script("long", "head -c 5000 /dev/zero | tr '\\0' x; echo end")
            self.check(agent, "missing", Args=["/no/such/program"])
            self.check(agent, "unfound", Args=["no-such-program-here"])
            marker = os.path.join(agent.folder, "pids")
            script("hangs", f"sleep 1000 & echo $! $$ >> {marker}; wait", Timeout="400ms")
            held = marker + ".held"
            script("held", f"echo x >> {held}; setsid sleep 2 & exit 0", Timeout="300ms")
            self.outcome(agent, "ok", "passing", "fine\nalso\n")
            self.outcome(agent, "warn", "warning", "hmm\n")
            self.outcome(agent, "bad", "critical", "broken\n")
            self.outcome(agent, "killed", "critical", "")
            output = self.outcome(agent, "long", "passing", "end\n")["Output"]
            self.assertTrue(output.startswith("Captured 4096 of 5004 bytes\n...\nxxx"), output[:60])
            self.outcome(agent, "missing", "critical", "no such file or directory")
            self.outcome(agent, "unfound", "critical", "executable file not found in $PATH")
            self.outcome(agent, "hangs", "critical", "Timed out (400ms) running check")
            self.outcome(agent, "held", "critical", "Timed out (300ms) running check")
            self.assertTrue(eventually(lambda: os.path.getsize(held) >= 4, 10),
                            "not run again although its child is gone")
            with open(marker, encoding="utf-8") as file:
                pids = [int(pid) for pid in file.readline().split()]
            self.assertTrue(eventually(lambda: not any(self.is_alive(pid) for pid in pids), 5),
                            "the script's group outlived its time")
            script("stopped", f"sleep 1000 & echo $! $$ > {marker}.2; wait")
            self.assertTrue(eventually(lambda: os.path.exists(marker + ".2"), 10))
            agent.put("/v1/agent/check/deregister/stopped")
            with open(marker + ".2", encoding="utf-8") as file:
                pids = [int(pid) for pid in file.readline().split()]
            self.assertTrue(eventually(lambda: not any(self.is_alive(pid) for pid in pids), 5),
                            "a stopped check's script lives on")

    @staticmethod
    def is_alive(pid):
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
                return file.read().rsplit(")", 1)[1].split()[0] != "Z"
        except OSError:
            return False

    def test_scripts_are_refused_unless_enabled(self):
        definition = {"Name": "s", "Args": ["true"], "Interval": "1s"}
        with Agent() as agent:
            status, text, _ = agent.request("PUT", "/v1/agent/check/register", definition)
            self.assertEqual(status, 500)
            self.assertIn("Scripts are disabled on this agent from remote calls", text)
        with Agent({"enable_local_script_checks": True,
                    "checks": [{"name": "l", "args": ["/bin/true"], "interval": "1s"}]}) as agent:
            self.outcome(agent, "l", "passing", "")
            self.assertEqual(
                agent.request("PUT", "/v1/agent/check/register", definition)[0], 500)

    def test_http2_ping(self):
        with certificate() as paths, contextlib.ExitStack() as stack:
            plain, secure = free_port(), free_port()
            for arguments in ([str(plain), "--no-tls"], [str(secure), paths[1], paths[0]]):
                process = stack.enter_context(subprocess.Popen(
                    DIES_WITH_TEST + ["nghttpd", "-a", "127.0.0.1"] + arguments,
                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
                stack.callback(process.send_signal, signal.SIGKILL)
            web = stack.enter_context(web_server())
            agent = stack.enter_context(Agent())
            self.check(agent, "plain", H2PING=f"127.0.0.1:{plain}", H2PingUseTLS=False)
            self.check(agent, "secure", H2PING=f"127.0.0.1:{secure}", TLSSkipVerify=True)
            self.check(agent, "distrusted", H2PING=f"127.0.0.1:{secure}")
            self.check(agent, "http1", H2PING=f"127.0.0.1:{web.server_port}", H2PingUseTLS=False,
                       Timeout="1s")
            self.check(agent, "closed", H2PING=f"127.0.0.1:{free_port()}", H2PingUseTLS=False)
            self.outcome(agent, "plain", "passing", "HTTP2 ping was successful")
            self.outcome(agent, "secure", "passing", "HTTP2 ping was successful")
            self.outcome(agent, "distrusted", "critical", "Failed to dial to 127.0.0.1")
            self.outcome(agent, "http1", "critical", "HTTP2 ping failed: ")
            self.outcome(agent, "closed", "critical", "connection refused")

    def test_thresholds_and_deregistration_of_a_check_under_way(self):
        with web_server() as web, Agent() as agent:
            url = f"http://127.0.0.1:{web.server_port}"
            self.check(agent, "slow", HTTP=f"{url}/slow")
            self.check(agent, "steady", HTTP=f"{url}/503", FailuresBeforeCritical=3,
                       FailuresBeforeWarning=2, Status="passing")
            self.outcome(agent, "steady", "critical", "503")
            eventually(lambda: any(path == "/slow" for _m, path, *_ in web.seen), 5)
            agent.put("/v1/agent/check/deregister/slow")
            self.assertNotIn("slow", agent.get("/v1/agent/checks")[1])

    def test_aliases_follow_a_service_here_and_on_another_node(self):
        with Agent() as agent:
            agent.register("db", Check={"CheckID": "db-ttl", "TTL": "10m"})
            agent.register("front", Check={"CheckID": "alias", "AliasService": "db"})
            agent.register("remote", Check={"CheckID": "far", "AliasNode": "other",
                                            "AliasService": "cache"})
            agent.register("lost", Check={"CheckID": "ghost", "AliasService": "nothing"})
            self.outcome(agent, "alias", "critical", 'failing: ')
            self.outcome(agent, "ghost", "critical",
                         "Service nothing could not be found on node ")
            self.outcome(agent, "far", "critical", "could not be found on node other")
            agent.put("/v1/agent/check/warn/db-ttl?note=hot")
            self.outcome(agent, "alias", "warning", "failing: hot")
            agent.put("/v1/agent/check/pass/db-ttl")
            self.outcome(agent, "alias", "passing", "All checks passing.")

            def other(status):
                agent.put("/v1/catalog/register", {
                    "Node": "other", "Address": "10.0.0.9", "Service": {"Service": "cache"},
                    "Check": {"CheckID": "c", "Name": "c", "ServiceID": "cache",
                              "Status": status, "Output": "so it is"}})
            other("passing")
            self.outcome(agent, "far", "passing", "All checks passing.")
            other("critical")
            self.outcome(agent, "far", "critical", "failing: so it is")


if __name__ == "__main__":
    main()
