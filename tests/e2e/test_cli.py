"""What the commands do around their answers: help, completion in real shells, progress on a terminal, debug."""
import contextlib
import json
import os
import pty
import re
import select
import shutil
import signal
import socket
import ssl
import subprocess
import tarfile
import tempfile
import threading
import time
import unittest

from lictor_e2e import BINARY, DIES_WITH_TEST, Agent, TestCase, eventually, main

PROGRAM = os.path.abspath(BINARY)
PROMPT = "ready> "


def run(*args, env=None, stdin=None, cwd=None, within_s=30):
    return subprocess.run(DIES_WITH_TEST + [PROGRAM, *args], input=stdin, capture_output=True, text=True, cwd=cwd,
                          timeout=within_s, check=False, env={**os.environ, **(env or {})})


class Terminal:
    """A program whose terminal is ours."""

    def __init__(self, argv, env, stdout=None):
        self.main, other = pty.openpty()
        self.text = ""
        self.process = subprocess.Popen(
            DIES_WITH_TEST + argv, stdin=other, stdout=other if stdout is None else stdout, stderr=other,
            env={**os.environ, **env}, start_new_session=True)
        os.close(other)

    def read(self, seconds=0.1):
        with contextlib.suppress(OSError):
            while select.select([self.main], [], [], seconds)[0]:
                chunk = os.read(self.main, 65536)
                if not chunk:
                    break
                self.text += chunk.decode(errors="replace")
        return self.text

    def type(self, text):
        os.write(self.main, text.encode())

    def until(self, wanted, within_s=15):
        return eventually(lambda: wanted in self.read(), within_s)

    def __enter__(self):
        return self

    def __exit__(self, *_args):
        self.process.kill()
        self.process.wait()
        os.close(self.main)


class Help(TestCase):
    def commands(self, *path):
        listed = run(*path, "-h").stdout
        found = re.findall(r"^    ([a-z][a-z-]*) +\S", listed.split("are:\n" if not path else "Subcommands:\n")[-1], re.M)
        if not path:
            self.assertGreater(len(found), 25)
        for name in found:
            yield (*path, name)

    def test_every_command_says_what_it_is(self):
        pending = list(self.commands())
        while pending:
            command = pending.pop()
            done = run(*command, "--help" if pending else "-h")
            self.assertEqual((done.returncode, done.stderr), (0, ""), command)
            self.assertTrue(done.stdout.strip(), command)
            if "Subcommands:" in done.stdout:
                self.assertEqual(run(*command).returncode, 1, command)
                pending += self.commands(*command)
            elif "Usage:" in done.stdout:
                self.assertIn(f"Usage: lictor {' '.join(command)}", done.stdout)
                done = run(*command, "-no-such-flag")
                self.assertEqual((done.returncode, done.stdout), (1, ""), command)
                self.assertIn("flag provided but not defined: -no-such-flag", done.stderr)
            else:
                self.assertIn("not part of this version", done.stdout)
                done = run(*command)
                self.assertEqual((done.returncode, done.stdout, done.stderr.count("\n")), (1, "", 1), command)
        self.assertEqual(run("no-such-command").returncode, 127)


class Operators(TestCase):
    def test_the_state_of_autopilot_members_and_services_on_sockets(self):
        with Agent() as agent:
            address = {"CONSUL_HTTP_ADDR": f"127.0.0.1:{agent.http_port}"}
            node = agent.get("/v1/agent/self")[1]["Config"]["NodeID"]
            self.assertTrue(eventually(lambda: agent.get("/v1/operator/autopilot/health")[1]["Healthy"]))
            done = run("operator", "autopilot", "state", env=address)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            for line in ("Healthy:                      true", "Failure Tolerance:            0",
                         f"Leader:                       {node}", f"Voters:\n   {node}\nServers:\n   {node}\n",
                         "      Name:            node1", "      Status:          leader", "      Node Status:     alive",
                         "      Healthy:         true", "      Last Contact:    0s"):
                self.assertIn(line, done.stdout)
            done = run("operator", "autopilot", "state", "-format=json", env=address)
            self.assertEqual(json.loads(done.stdout)["Leader"], node)
            self.assertEqual(run("operator", "autopilot", "state", "-format=x", env=address).returncode, 1)
            self.assertIn("node1", run("members", "-segment=_all", env=address).stdout)
            self.assertEqual(run("members", "-segment=alpha", env=address).returncode, 1)
            self.assertEqual(run("services", "register", "-name=web", "-socket=/run/web.sock", env=address).returncode, 0)
            self.assertEqual(agent.get("/v1/agent/service/web")[1]["SocketPath"], "/run/web.sock")


class Completion(TestCase):
    def setUp(self):
        self.home = tempfile.mkdtemp(prefix="lictor-home-")
        self.addCleanup(shutil.rmtree, self.home, ignore_errors=True)
        self.env = {"HOME": self.home, "TERM": "dumb", "PATH": f"{os.path.dirname(PROGRAM)}:{os.environ['PATH']}",
                    "XDG_CONFIG_HOME": f"{self.home}/.config", "XDG_DATA_HOME": f"{self.home}/.local",
                    "ZDOTDIR": self.home}

    def file(self, name, text=None):
        path = os.path.join(self.home, name)
        if text is not None:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        with open(path, encoding="utf-8") as file:
            return file.read()

    def check_lines(self, terminal):
        """Lines with a tab at their end, and what the shell makes of them."""
        for typed, made in (("lictor mem\t", "lictor members "), ("lictor kv g\t", "lictor kv get "),
                            ("lictor operator raft l\t", "lictor operator raft list-peers "),
                            ("lictor event -serv\t", "lictor event -service "),
                            ("lictor agent -dev -alt\t", "lictor agent -dev -alt-domain "),
                            ("lictor validate there\t", "lictor validate there-is-a-file")):
            terminal.text = ""
            terminal.type(typed)
            self.assertTrue(terminal.until(made), f"{typed!r}: {terminal.text!r}")
            terminal.type("\x15")  # takes the line away
            time.sleep(0.05)
            terminal.read()

    def test_bash_completes_commands_flags_and_files(self):
        self.file(".bashrc", f"PS1='{PROMPT}'\nbind 'set enable-bracketed-paste off'\nalias x=y")
        done = run("-autocomplete-install", env=self.env)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("alias x=y\ncomplete -o default -C ", self.file(".bashrc"))
        done = run("-autocomplete-install", env=self.env)
        self.assertEqual(done.returncode, 1)
        self.assertIn("already installed in", done.stderr)
        self.file("there-is-a-file", "")
        with Terminal(["bash", "--rcfile", f"{self.home}/.bashrc", "-i"], self.env) as terminal:
            self.assertTrue(terminal.until(PROMPT), terminal.text)
            terminal.type(f"cd {self.home}\n")
            self.check_lines(terminal)
            terminal.type("lictor snapshot \t\t")
            for word in ("inspect", "restore", "save"):
                self.assertTrue(terminal.until(word), terminal.text)
        self.assertEqual(run("-autocomplete-uninstall", env=self.env).returncode, 0)
        self.assertTrue(self.file(".bashrc").endswith("alias x=y\n"))
        self.assertEqual(run("-autocomplete-uninstall", env=self.env).returncode, 1)

    @unittest.skipUnless(shutil.which("zsh"), "zsh is not installed")
    def test_zsh_completes_commands_flags_and_files(self):
        self.file(".zshrc", f"PS1='{PROMPT}'\nunsetopt zle_bracketed_paste 2>/dev/null\n")
        self.assertEqual(run("-autocomplete-install", env=self.env).returncode, 0)
        self.file("there-is-a-file", "")
        with Terminal(["zsh", "-i"], self.env) as terminal:
            self.assertTrue(terminal.until(PROMPT), terminal.text)
            terminal.type(f"cd {self.home}\n")
            self.check_lines(terminal)

    @unittest.skipUnless(shutil.which("fish"), "fish is not installed")
    def test_fish_completes_commands_flags_and_files(self):
        self.file(".config/fish/config.fish", "")
        self.file("there-is-a-file", "")
        self.assertEqual(run("-autocomplete-install", env=self.env).returncode, 0)

        def complete(line):
            done = subprocess.run(["fish", "-c", f"cd {self.home}; complete -C '{line}'"], env={**os.environ, **self.env},
                                  capture_output=True, text=True, timeout=30, check=True)
            return {row.split("\t")[0]: row.split("\t")[-1] for row in done.stdout.splitlines()}
        self.assertEqual(complete("lictor mem"), {"members": "Lists the members of a Lictor cluster"})
        self.assertEqual(set(complete("lictor snapshot ")), {"inspect", "restore", "save"})
        self.assertIn("-service", complete("lictor event -serv"))
        self.assertIn("there-is-a-file", complete("lictor validate there"))
        self.assertEqual(run("-autocomplete-uninstall", env=self.env).returncode, 0)
        self.assertEqual(complete("lictor mem"), {})

    def test_what_the_program_offers(self):
        def offered(line, point=None, word=None):
            env = {"COMP_LINE": line, **({"COMP_POINT": str(point)} if point is not None else {})}
            return run(*(["lictor", word, ""] if word is not None else []), env=env).stdout.split()
        self.assertEqual(offered("lictor members -h", 10), ["members"])
        self.assertEqual(offered("lictor members -detailed=t"), ["-detailed=true"])
        self.assertEqual(offered("lictor members -detailed=t", word="t"), ["true"])
        self.assertEqual(offered("lictor members --det"), ["--detailed"])
        self.assertEqual(offered("lictor kv get 'a b' -"), [], "flags behind arguments are the arguments'")
        self.assertEqual(offered("lictor event -name "), [], "a value is no flag")
        self.assertEqual(offered("lictor event -name x -pay"), [])
        self.assertIn("-service", offered("lictor event -name x -s"))
        self.assertEqual(offered("lictor " + "x " * 1000), [])
        self.assertEqual(offered("lictor 'kv"), ["kv"])
        for shell in ("bash", "zsh", "fish"):
            self.assertIn("lictor", run("-autocomplete-script", shell).stdout)
        self.assertEqual(run("-autocomplete-script=tcsh").returncode, 1)
        self.assertEqual(run("-autocomplete-install", "-autocomplete-uninstall").returncode, 1)


class Progress(TestCase):
    def test_snapshots_show_how_far_they_are_on_a_terminal_only(self):
        with Agent() as agent:
            # What cannot be compressed, so that it takes more than one piece.
            for i in range(12):
                agent.put(f"/v1/kv/k{i}", os.urandom(150_000).hex())
            path, address = os.path.join(agent.folder, "backup.snap"), {"CONSUL_HTTP_ADDR": f"127.0.0.1:{agent.http_port}"}
            for command, shown, said in (("save", "Receiving ", "Saved and verified snapshot to index"),
                                         ("restore", "Sent ", "Restored snapshot")):
                with Terminal([PROGRAM, "snapshot", command, path], address, subprocess.PIPE) as terminal:
                    self.assertTrue(eventually(lambda: terminal.read() and terminal.process.poll() is not None, 30))
                    self.assertEqual(terminal.process.returncode, 0, terminal.text)
                    told = terminal.process.stdout.read().decode()
                    terminal.process.stdout.close()
                    self.assertIn(said, told)
                    self.assertIn(shown, terminal.text)
                    self.assertRegex(terminal.text, r"\d+(\.\d)? (bytes|[KMG]iB)( of \d+\.\d [KMG]iB)? \(\d+ %\)")
                    self.assertTrue(terminal.text.endswith("(100 %)\r\n"), terminal.text)
                done = run("snapshot", command, path, env=address)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
            # A failure begins a line of its own.
            with open(path, "r+b") as file:
                file.truncate(os.path.getsize(path) // 2)
            with Terminal([PROGRAM, "snapshot", "restore", path], address) as terminal:
                self.assertTrue(terminal.until("Error restoring snapshot"), terminal.text)
                self.assertRegex(terminal.text, r"(^|\x1b\[K)Error restoring snapshot")


class Debug(TestCase):
    def read(self, path):
        try:
            with open(path, encoding="utf-8") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def test_it_captures_until_it_is_interrupted(self):
        with Agent() as agent:
            address = {"CONSUL_HTTP_ADDR": f"127.0.0.1:{agent.http_port}"}
            output = os.path.join(agent.folder, "some/where/it")
            with open(os.path.join(agent.folder, "told"), "w+", encoding="utf-8") as told:
                command = subprocess.Popen(DIES_WITH_TEST + [PROGRAM, "debug", "-output", output],
                                           env={**os.environ, **address}, stdout=told, stderr=told)
                self.assertTrue(eventually(lambda: os.path.exists(f"{output}/metrics.json") and
                                           os.path.getsize(f"{output}/host.json") > 0))
                self.assertTrue(eventually(lambda: agent.put("/v1/agent/reload") is not None and
                                           "Reloading configuration" in self.read(f"{output}/consul.log")))
                command.send_signal(signal.SIGINT)
                self.assertEqual(command.wait(20), 0)
                told.seek(0)
                text = told.read()
            for line in ("==> Starting debugger and capturing static information...", "Interval: '30s'",
                         "Duration: '2m0s'", "Capture: 'metrics, logs, host, agent, members'", "Capture successful",
                         "stopping collection due to shutdown signal", f"Saved debug archive: {output}.tar.gz"):
                self.assertIn(line, text)
            self.assertFalse(os.path.exists(output))
            with tarfile.open(output + ".tar.gz") as archive:
                names = {name.removeprefix("it/") for name in archive.getnames()} - {"it"}
                self.assertEqual(names, {"index.json", "host.json", "agent.json", "members.json", "members-wan.json",
                                         "metrics.json", "consul.log"})
                files = {name: archive.extractfile(f"it/{name}").read().decode() for name in names}
            self.assertEqual(json.loads(files["agent.json"])["Config"]["NodeName"], "node1")
            self.assertEqual([member["Name"] for member in json.loads(files["members.json"])], ["node1"])
            self.assertTrue(json.loads(files["metrics.json"].splitlines()[0])["Gauges"])
            self.assertIn("Reloading configuration", files["consul.log"])
            index = json.loads(files["index.json"])
            self.assertEqual((index["Interval"], index["Duration"]), ("30s", "2m0s"))
            # What does not change takes no time; there is nothing in place of pprof.
            done = run("debug", "-capture=agent", "-capture=cluster", "-capture=pprof", "-archive=false", "-output",
                       output, env=address)
            self.assertEqual(done.returncode, 0, done)
            self.assertIn("Unable to capture pprof", done.stderr)
            self.assertEqual(set(os.listdir(output)), {"agent.json", "members.json", "members-wan.json", "index.json"})
            done = run("debug", "-capture=agent", "-output", output, env=address)
            self.assertEqual(done.returncode, 1)
            self.assertIn("output directory already exists", done.stderr)

    def test_what_cannot_be_captured_is_refused(self):
        for args, why in ((["-duration=9s"], "duration must be longer than 10s"),
                          (["-interval=1s"], "interval must be longer than 5s"),
                          (["-duration=20s", "-interval=25s"], "duration (20s) must be longer than interval (25s)"),
                          (["-capture=smoke"], "target not found: smoke"), (["x"], "Too many arguments"),
                          (["-http-addr=127.0.0.1:1"], "connection refused")):
            done = run("debug", *args)
            self.assertEqual((done.returncode, done.stdout), (1, ""), args)
            self.assertIn(why, done.stderr)


class Listener:
    """Takes one request at a time and keeps it; with TLS when it has a context."""

    def __init__(self, context=None, path=None):
        self.server = socket.socket(socket.AF_UNIX if path else socket.AF_INET)
        self.server.bind(path or ("127.0.0.1", 0))
        self.server.listen()
        self.port = None if path else self.server.getsockname()[1]
        self.context, self.requests, self.names, self.certificates = context, [], [], []
        if context:
            context.sni_callback = lambda _socket, name, _context: self.names.append(name)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                plain = self.server.accept()[0]
            except OSError:
                return
            with contextlib.suppress(OSError), plain:
                connection = self.context.wrap_socket(plain, server_side=True) if self.context else plain
                self.requests.append(connection.recv(65536).decode())
                if self.context:
                    self.certificates.append(connection.getpeercert())
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\n[\"dc1\"]")
                connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_args):
        self.server.close()


class Answers(TestCase):
    """What the commands say where Consul says it: arguments, exit status, the beginning of either output."""

    CASES = [
        (["kv", "get", ""], 1, "", "Error! Missing KEY argument\n"),
        (["kv", "get", "-datacenter=none", "a"], 1, "", "Error querying Consul agent: Unexpected response code: 500\n"),
        (["kv", "put", "-acquire", "-release", "a"], 1, "", "Error! Missing -session (required with -acquire and -release)\n"),
        (["kv", "put", "-cas", "-acquire", "-session=x", "cas", "v"], 0, "Success! Data written to: cas\n", ""),
        (["kv", "import", ""], 1, "", "Error! Empty DATA argument\n"),
        (["kv", "import", "null"], 0, "", ""),
        (["kv", "import", '[{"Key": "up", "Flags": 1, "Value": "YQ=="}]'], 0, "Imported: up\n", ""),
        (["kv", "import", '[{"key": "a1", "value": ""}, {"key": "a2", "flags": "x"}]'], 1, "", "Cannot unmarshal data: "),
        (["kv", "get", "a1"], 1, "", "Error! No key exists at: a1\n"),
        (["kv", "import", "[{}]"], 1, "", "Error! Failed writing data for key : Unexpected response code: 400"),
        (["kv", "none", "-h"], 0, "Usage: lictor kv <subcommand>", ""),
        (["catalog", "nodes", "-node-meta=env"], 1, "",
         'invalid value "env" for flag -node-meta: Missing "=" value in argument: env\n'),
        (["catalog", "nodes", "-stale=maybe"], 1, "", 'invalid boolean value "maybe" for -stale: '),
        (["event", "-name=x", "a", "b"], 1, "", "Too many command line arguments.\n\nUsage: "),
        (["event", "a", "b"], 1, "", "Event name must be specified\n\nUsage: "),
        (["maint", "-service=x"], 1, "", "Service requires either -enable or -disable\n"),
        (["maint", "-service=x", "-enable"], 1, "", "Error enabling service maintenance: Unexpected response code: 404 "),
        (["operator", "raft", "remove-peer", "-id=", "-address="], 1, "",
         "Error removing peer: an address or id is required for the peer to remove\n"),
        (["rtt"], 1, "", "One or two node names must be specified\n\nUsage: "),
        (["members", "-token-file=none"], 1, "", "Error connecting to Consul agent: Error loading token file: open none: "),
        (["members", "-client-cert=none"], 1, "",
         "Error connecting to Consul agent: both client cert and client key must be provided\n"),
        (["services", "register", "x.txt"], 0, "", "skipping file x.txt, extension must be .hcl or .json"),
        (["services", "register", "-name=s", "-tagged-address=wan=192.0.2.1:81", "-tagged-address=lan=[::1]:82"], 0,
         "Registered service: s\n", ""),
    ]

    def test_commands_answer_as_consul_does(self):
        folder = tempfile.mkdtemp(prefix="lictor-cli-")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        with open(os.path.join(folder, "x.txt"), "w", encoding="utf-8") as file:
            file.write('service { name = "x" }')
        with Agent() as agent:
            for args, status, out, err in self.CASES:
                done = run(*args, cwd=folder, env={"CONSUL_HTTP_ADDR": f"127.0.0.1:{agent.http_port}"})
                self.assertEqual(done.returncode, status, f"{args}: {done}")
                for wanted, got in ((out, done.stdout), (err, done.stderr)):
                    self.assertEqual(got[:len(wanted)] if wanted else got, wanted, f"{args}: {done}")
            self.assertEqual(agent.get("/v1/agent/service/s")[1]["TaggedAddresses"],
                             {"wan": {"Address": "192.0.2.1", "Port": 81}, "lan": {"Address": "::1", "Port": 82}})


class Environment(TestCase):
    def ask(self, env, *args):
        """catalog datacenters, with each variable under both of its names in turn."""
        for prefix, other in (("CONSUL_", "LICTOR_"), ("LICTOR_", "CONSUL_")):
            done = run("catalog", "datacenters", *args, env={
                **{other + name: "" for name in env}, **{prefix + name: value for name, value in env.items()}})
            yield done

    def test_variables_of_the_http_api_are_honoured(self):
        folder = tempfile.mkdtemp(prefix="lictor-env-")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        token = os.path.join(folder, "token")
        with open(token, "w", encoding="utf-8") as file:
            file.write("from-a-file\n")
        with Listener() as listener, Listener(path=f"{folder}/http.sock") as local:
            here = {"HTTP_ADDR": f"127.0.0.1:{listener.port}"}
            for env, args, wanted in (({"HTTP_TOKEN": "t"}, [], "X-Consul-Token: t\r\n"),
                                      ({"HTTP_TOKEN_FILE": token}, [], "X-Consul-Token: from-a-file\r\n"),
                                      ({"HTTP_TOKEN": "t"}, ["-token=u"], "X-Consul-Token: u\r\n"),
                                      ({"HTTP_TOKEN": "t"}, ["-token-file", token], "X-Consul-Token: from-a-file\r\n"),
                                      ({"HTTP_AUTH": "me:secret"}, [], "Authorization: Basic bWU6c2VjcmV0\r\n"),
                                      ({"NAMESPACE": "team"}, [], "GET /v1/catalog/datacenters?ns=team "),
                                      ({"HTTP_ADDR": f"http://127.0.0.1:{listener.port}/"}, [], "GET /v1/catalog/")):
                for done in self.ask({**here, **env}, *args):
                    self.assertEqual((done.returncode, done.stdout), (0, "dc1\n"), f"{env}: {done}")
                    self.assertIn(wanted, listener.requests[-1], env)
            for done in self.ask({"HTTP_ADDR": f"unix://{folder}/http.sock"}):
                self.assertEqual((done.returncode, done.stdout), (0, "dc1\n"), done)
            self.assertEqual(len(local.requests), 2)

    def test_variables_of_tls_are_honoured(self):
        folder = tempfile.mkdtemp(prefix="lictor-tls-")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        for args in (["ca", "create"], ["cert", "create", "-server"], ["cert", "create", "-client"]):
            self.assertEqual(run("tls", *args, cwd=folder).returncode, 0)
        found = {name: os.path.join(folder, name) for name in os.listdir(folder)}

        def name(part, ending):
            return next(path for name, path in found.items() if part in name and name.endswith(ending))
        ca = next(path for name, path in found.items() if name.endswith("ca.pem"))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(name("server", ".pem") if not name("server", ".pem").endswith("key.pem") else
                                name("server-consul-0", "0.pem"), name("server", "key.pem"))
        context.load_verify_locations(ca)
        context.verify_mode = ssl.CERT_OPTIONAL
        with Listener(context) as listener:
            address = f"127.0.0.1:{listener.port}"
            for env in ({"HTTP_ADDR": address, "HTTP_SSL": "true", "CACERT": ca},
                        {"HTTP_ADDR": f"https://{address}", "CACERT": ca},
                        {"HTTP_ADDR": f"https://{address}", "HTTP_SSL_VERIFY": "false"}):
                for done in self.ask(env):
                    self.assertEqual((done.returncode, done.stdout), (0, "dc1\n"), f"{env}: {done}")
            for done in self.ask({"HTTP_ADDR": f"https://{address}"}):
                self.assertEqual(done.returncode, 1, "a stranger's certificate is taken")
            for done in self.ask({"HTTP_ADDR": f"https://{address}", "CACERT": ca, "TLS_SERVER_NAME": "server.dc1.consul",
                                  "CLIENT_CERT": name("client-consul-0", "0.pem"), "CLIENT_KEY": name("client", "key.pem")}):
                self.assertEqual((done.returncode, done.stdout), (0, "dc1\n"), done)
                self.assertEqual(listener.names[-1], "server.dc1.consul")
                self.assertTrue(listener.certificates[-1], "no certificate is shown")
            os.mkdir(f"{folder}/authorities")
            shutil.copy(ca, f"{folder}/authorities")
            for done in self.ask({"HTTP_ADDR": f"https://{address}", "CAPATH": f"{folder}/authorities"}):
                self.assertEqual((done.returncode, done.stdout), (0, "dc1\n"), done)


if __name__ == "__main__":
    main()
