#!/usr/bin/env python3
"""Checks that ask other systems' daemons: gRPC health servers, Docker, systemd."""
import contextlib
import http.server
import json
import os
import socketserver
import subprocess
import tempfile
import threading
import unittest

from lictor_e2e import DIES_WITH_TEST, Agent, TestCase, eventually, free_port, main
from test_checks_run import certificate

HERE = os.path.dirname(os.path.abspath(__file__))
# Debian's own interpreter has Debian's modules; another one that comes first in PATH need not.
PYTHON = "/usr/bin/python3"


def has_module(name):
    return subprocess.run([PYTHON, "-c", f"import {name}"], check=False,
                          capture_output=True).returncode == 0


@contextlib.contextmanager
def helper(script, *arguments, env=None):
    process = subprocess.Popen(
        DIES_WITH_TEST + [PYTHON, os.path.join(HERE, script), *map(str, arguments)],
        stdout=subprocess.PIPE, text=True, env=env)
    try:
        if process.stdout.readline().strip() != "ready":
            raise AssertionError(f"{script} did not start")
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


class DockerHandler(http.server.BaseHTTPRequestHandler):
    """The exec API for the container "app": the command's last word is its exit status."""
    protocol_version = "HTTP/1.1"

    def reply(self, code, value):
        payload = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/containers/app/exec":
            self.reply(201, {"Id": body["Cmd"][-1]})
        elif self.path == "/containers/paused/exec":
            self.reply(409, {"message": "paused"})
        elif self.path.startswith("/containers/"):
            self.reply(404, {"message": "no such container"})
        else:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"\1\0\0\0\0\0\0\4out\n\2\0\0\0\0\0\0\4err\n")
            self.close_connection = True

    def do_GET(self):
        self.reply(200, {"Running": False, "ExitCode": int(self.path.split("/")[2])})

    def address_string(self):
        return "local"

    def log_message(self, *_args):
        pass


class UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True

    def handle_error(self, _request, _address):
        pass


class RpcChecks(TestCase):
    def check(self, agent, check_id, **definition):
        agent.put("/v1/agent/check/register",
                  {"ID": check_id, "Name": check_id, "Interval": "1s", **definition})

    def outcome(self, agent, check_id, status, output):
        def reached():
            check = agent.get("/v1/agent/checks")[1][check_id]
            return check if check["Status"] == status and output in check["Output"] else None
        if not eventually(reached, 15):
            self.fail(f"{check_id}: wanted {status} with {output!r}: "
                      f"{agent.get('/v1/agent/checks')[1][check_id]}")

    @unittest.skipUnless(has_module("grpc"), "python3-grpcio is not installed")
    def test_grpc(self):
        plain, secure = free_port(), free_port()
        with certificate() as paths, helper("grpc_health_server.py", plain), \
                helper("grpc_health_server.py", secure, *paths), Agent() as agent:
            self.check(agent, "whole", GRPC=f"127.0.0.1:{plain}")
            self.check(agent, "up", GRPC=f"127.0.0.1:{plain}/up")
            self.check(agent, "down", GRPC=f"127.0.0.1:{plain}/down")
            self.check(agent, "unknown", GRPC=f"127.0.0.1:{plain}/other")
            self.check(agent, "slow", GRPC=f"127.0.0.1:{plain}/slow", Timeout="300ms")
            self.check(agent, "closed", GRPC=f"127.0.0.1:{free_port()}")
            self.check(agent, "secure", GRPC=f"127.0.0.1:{secure}/up", GRPCUseTLS=True,
                       TLSSkipVerify=True)
            self.check(agent, "named", GRPC=f"127.0.0.1:{secure}/up", GRPCUseTLS=True,
                       TLSSkipVerify=True, TLSServerName="localhost")
            self.check(agent, "distrusted", GRPC=f"127.0.0.1:{secure}/up", GRPCUseTLS=True)
            self.check(agent, "no-grpc", GRPC=f"127.0.0.1:{agent.http_port}", Timeout="2s")
            self.outcome(agent, "whole", "passing", f"gRPC check 127.0.0.1:{plain}: success")
            self.outcome(agent, "up", "passing", f"gRPC check 127.0.0.1:{plain}/up: success")
            self.outcome(agent, "down", "critical",
                         "gRPC application didn't report service healthy")
            self.outcome(agent, "unknown", "critical",
                         "rpc error: code = NotFound desc = unknown service: 100%")
            self.outcome(agent, "slow", "critical",
                         "rpc error: code = DeadlineExceeded desc = context deadline exceeded")
            self.outcome(agent, "closed", "critical",
                         'rpc error: code = Unavailable desc = connection error: desc = "transport')
            self.outcome(agent, "secure", "passing", "success")
            self.outcome(agent, "named", "passing", "success")
            self.outcome(agent, "distrusted", "critical", "x509: ")
            self.outcome(agent, "no-grpc", "critical", "rpc error: code = ")

    def test_docker(self):
        folder = tempfile.mkdtemp(prefix="lictor-docker-")
        path = os.path.join(folder, "docker.sock")
        with UnixServer(path, DockerHandler) as daemon:
            thread = threading.Thread(target=daemon.serve_forever, args=(0.05,), daemon=True)
            thread.start()
            os.environ["DOCKER_HOST"] = f"unix://{path}"
            try:
                with Agent({"enable_script_checks": True}) as agent:
                    for status in ("0", "1", "7"):
                        self.check(agent, status, DockerContainerID="app", Args=["exit", status])
                    self.check(agent, "gone", DockerContainerID="gone", Args=["exit", "0"])
                    self.check(agent, "paused", DockerContainerID="paused", Args=["exit", "0"])
                    self.outcome(agent, "0", "passing", "out\nerr\n")
                    self.outcome(agent, "1", "warning", "out\nerr\n")
                    self.outcome(agent, "7", "critical", "out\nerr\n")
                    self.outcome(agent, "gone", "critical",
                                 "create exec failed for unknown container gone")
                    self.outcome(agent, "paused", "critical",
                                 "create exec failed since container paused is paused or stopped")
            finally:
                del os.environ["DOCKER_HOST"]
                daemon.shutdown()
                thread.join()
                os.unlink(path)
                os.rmdir(folder)

    @unittest.skipUnless(has_module("dbus, gi.repository.GLib"), "python3-dbus is not installed")
    def test_os_service(self):
        bus = subprocess.Popen(
            DIES_WITH_TEST + ["dbus-daemon", "--session", "--nofork", "--print-address"],
            stdout=subprocess.PIPE, text=True)
        try:
            address = bus.stdout.readline().strip()
            os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = address
            with helper("fake_systemd.py", "web.service=active", "dead.service=failed",
                        "new.timer=activating"), Agent() as agent:
                self.check(agent, "web", OSService="web")
                self.check(agent, "dead", OSService="dead.service")
                self.check(agent, "new", OSService="new.timer")
                self.check(agent, "gone", OSService="gone")
                self.outcome(agent, "web", "passing", 'Service "web" is healthy')
                self.outcome(agent, "dead", "critical", 'Service "dead.service" is failed')
                self.outcome(agent, "new", "warning", 'Service "new.timer" is activating')
                self.outcome(agent, "gone", "critical", "cannot ask systemd for the unit: ")
        finally:
            os.environ.pop("DBUS_SYSTEM_BUS_ADDRESS", None)
            bus.kill()
            bus.wait()
            bus.stdout.close()

    @unittest.skipIf(os.path.isdir("/run/systemd/system"), "systemd runs here")
    def test_os_service_is_refused_where_there_is_no_systemd(self):
        with Agent() as agent:
            status, text, _ = agent.request(
                "PUT", "/v1/agent/check/register",
                {"Name": "s", "OSService": "web", "Interval": "1s"})
            self.assertEqual(status, 400)
            self.assertIn("need systemd", text)


if __name__ == "__main__":
    main()
