#!/usr/bin/env python3
"""What settings of the process itself do: sockets in the file system, log files, signals."""
import glob
import http.client
import os
import signal
import socket
import stat

from lictor_e2e import Agent, TestCase, eventually, main


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=10)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(self.path)


def get_status(path):
    connection = UnixConnection(path)
    try:
        connection.request("GET", "/v1/status/leader")
        return connection.getresponse().status
    finally:
        connection.close()


class ConfigFiles(TestCase):
    def test_http_is_served_on_a_socket_in_the_file_system(self):
        agent = Agent()
        path = os.path.join(agent.folder, "http.sock")
        agent.config["addresses"] = {"http": f"127.0.0.1 unix://{path}"}
        agent.config["unix_sockets"] = {"mode": "0711", "user": str(os.getuid())}
        with agent:
            self.assertEqual(get_status(path), 200)
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o711)
            # A killed agent leaves its socket behind, which must not stop the next one.
            agent.kill()
            self.assertTrue(os.path.exists(path))
            agent.start()
            self.assertEqual(get_status(path), 200)
            agent.signal(signal.SIGTERM)
            agent.wait()
            self.assertFalse(os.path.exists(path))

    def test_a_socket_does_not_replace_another_file(self):
        agent = Agent()
        path = agent.write("precious", "data")
        agent.config["addresses"] = {"http": f"127.0.0.1 unix://{path}"}
        with self.assertRaisesRegex(AssertionError, "already in use"):
            agent.start()
        with open(path, encoding="utf-8") as file:
            self.assertEqual(file.read(), "data")
        agent.clean()

    def test_the_log_goes_to_files_that_are_replaced(self):
        agent = Agent()
        agent.config.update(log_file=os.path.join(agent.folder, "logs", "a.log"),
                            log_rotate_bytes=400, log_rotate_max_files=2)
        os.mkdir(os.path.join(agent.folder, "logs"))
        with agent:
            names = os.path.join(agent.folder, "logs", "a-*.log")
            self.assertTrue(eventually(lambda: len(glob.glob(names)) >= 2))
            for _ in range(6):
                agent.put("/v1/agent/reload")
            self.assertLessEqual(len(glob.glob(names)), 3)
            with open(sorted(glob.glob(names))[-1], encoding="utf-8") as file:
                self.assertIn("agent: ", file.read())

    def test_sigusr1_writes_the_figures_to_stderr(self):
        with Agent() as agent:
            agent.signal(signal.SIGUSR1)
            self.assertTrue(eventually(lambda: "][G] 'lictor." in agent.log()))
            self.assertIn("][C] 'lictor.", agent.log())
            self.assertEqual(agent.get("/v1/status/leader")[0], 200)

    def test_acls_that_would_not_be_enforced_stop_the_agent(self):
        agent = Agent({"acl": {"enabled": True}})
        with self.assertRaisesRegex(AssertionError, "does not enforce ACLs"):
            agent.start()
        agent.clean()

    def test_the_web_interface_is_where_it_was_configured(self):
        with Agent({"ui_config": {"enabled": True, "content_path": "/web/ui"}}) as agent:
            status, _body, headers = agent.request("GET", "/")
            self.assertEqual((status, headers["Location"]), (301, "/web/ui/"))
            for path in ("/web/ui/", "/web/ui/dc1/services"):
                status, body, headers = agent.request("GET", path)
                self.assertEqual((status, headers["Content-Type"]),
                                 (200, "text/html; charset=utf-8"))
                self.assertTrue(body.startswith("<!doctype html>"))
                self.assertTrue(body.endswith("</html>\n"))
            self.assertEqual(agent.get("/ui/")[0], 404)
        with Agent() as agent:
            self.assertEqual(agent.get("/"), (200, "Consul Agent"))
            self.assertEqual(agent.get("/ui/")[0], 404)

    def test_hcl_on_the_command_line_beats_files_and_flags(self):
        with Agent(args=["-node=flag", "-hcl", 'node_name = "hcl"']) as agent:
            self.assertEqual(agent.get("/v1/agent/self")[1]["Config"]["NodeName"], "hcl")


if __name__ == "__main__":
    main()
