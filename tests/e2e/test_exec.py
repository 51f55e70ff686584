"""exec from the command to the agents that follow it, and what becomes of it when its session goes."""
import base64
import os
import subprocess
import time

from lictor_e2e import BINARY, DIES_WITH_TEST, Agent, TestCase, eventually, main


def pair():
    """A server, and a client that joins it; both follow remote commands."""
    server = Agent({"disable_remote_exec": False})
    client = Agent({"disable_remote_exec": False, "server": False, "bootstrap": False, "node_name": "edge-1",
                    "retry_join": [f"127.0.0.1:{server.config['ports']['serf_lan']}"], "retry_interval": "1s",
                    "services": [{"name": "web", "tags": ["blue"]}]})
    return server, client


def execute(agent, *args, stdin=None, within_s=30):
    return subprocess.run(DIES_WITH_TEST + [BINARY, "exec", f"-http-addr=127.0.0.1:{agent.http_port}", *args],
                          input=stdin, capture_output=True, text=True, timeout=within_s, check=False)


class Exec(TestCase):
    def test_two_agents_answer_commands_arguments_and_scripts(self):
        server, client = pair()
        with server, client:
            self.assertTrue(eventually(lambda: len(server.get("/v1/catalog/nodes")[1]) == 2))
            self.assertTrue(eventually(lambda: server.get("/v1/catalog/service/web")[1]))
            done = execute(server, "-verbose", "echo", "on $PPID;", "echo second >&2")
            self.assertEqual(done.returncode, 0, done)
            for node in ("node1", "edge-1"):
                for line in (f"==> {node}: acknowledged event", f"    {node}: on ", f"    {node}: second",
                             f"==> {node}: finished with exit code 0"):
                    self.assertIn(line, done.stdout)
            self.assertIn("2 / 2 node(s) completed / acknowledged", done.stdout)
            # Filters; without a shell nothing is expanded.
            done = execute(server, "-shell=false", "-service=^web$", "-tag=blue", "echo", "$HOME *")
            self.assertIn("    edge-1: $HOME *\n", done.stdout)
            self.assertIn("1 / 1 node(s)", done.stdout)
            self.assertNotIn("node1", done.stdout)
            done = execute(client, "-node=^node", "-", stdin="#!/bin/sh\nread -r x\nprintf '<%s>' \"$x\"; exit 7\n")
            self.assertEqual(done.returncode, 2, done)
            self.assertIn("    node1: <>", done.stdout)
            self.assertIn("==> node1: finished with exit code 7", done.stdout)
            # A program that is not there, and one that a signal ends.
            done = execute(server, "-node=edge", "-shell=false", "no-such-program")
            self.assertIn("==> edge-1: finished with exit code 255", done.stdout)
            done = execute(server, "-node=edge", "kill -9 $$")
            self.assertIn("finished with exit code 137", done.stdout)
            # Much is told in full and in order; nothing stays behind, not even in the list of events.
            done = execute(server, "-node=edge", "seq 1 30000")
            told = "".join(line.split(": ", 1)[1] + "\n" for line in done.stdout.splitlines() if "edge-1: " in line
                           and not line.startswith("==>"))
            self.assertEqual("".join(told.split("\n")), "".join(str(n) for n in range(1, 30001)))
            self.assertEqual(server.get("/v1/kv/_rexec?keys")[0], 404)
            self.assertEqual(server.get("/v1/event/list")[1], [])
            self.assertEqual(server.get("/v1/session/list")[1], [])

    def test_a_command_lives_by_heartbeats_and_ends_with_its_session(self):
        with Agent({"disable_remote_exec": False}) as agent:
            session = agent.put("/v1/session/create", {"Behavior": "delete", "TTL": "60s"})["ID"]
            marker = os.path.join(agent.folder, "pid")
            job = {"Command": f"echo $$ > {marker}; sleep 1000", "Wait": 200_000_000}
            agent.put(f"/v1/kv/jobs/{session}/job?acquire={session}", job)
            agent.put("/v1/event/fire/_rexec", {"Prefix": "jobs", "Session": session})

            def keys():
                return {pair["Key"].removeprefix(f"jobs/{session}/node1/"): base64.b64decode(pair["Value"] or "")
                        for pair in agent.get(f"/v1/kv/jobs/{session}/node1?recurse")[1] or []}
            self.assertTrue(eventually(lambda: "out/00001" in keys()))
            self.assertEqual({keys()[key] for key in ("ack", "out/00000", "out/00001")}, {b""})
            with open(marker, encoding="utf-8") as file:
                pid = int(file.read())
            os.kill(pid, 0)
            agent.put(f"/v1/session/destroy/{session}")
            self.assertTrue(eventually(lambda: not os.path.exists(f"/proc/{pid}")), agent.log())
            self.assertIn("the command is ended", agent.log())
            self.assertEqual(agent.get("/v1/kv/jobs?keys")[0], 404)

    def test_orders_without_a_job_or_a_session_are_left(self):
        with Agent({"disable_remote_exec": False}) as agent:
            marker = os.path.join(agent.folder, "ran")
            for payload in ("x", {"Prefix": "p", "Session": "../x"}):
                agent.put("/v1/event/fire/_rexec", payload)
            self.assertTrue(eventually(lambda: agent.log().count("failed to read the event's payload") == 2))
            gone = "00000000-0000-0000-0000-000000000000"
            agent.put("/v1/event/fire/_rexec", {"Prefix": "p", "Session": gone})
            self.assertTrue(eventually(lambda: "job missing" in agent.log()))
            # Whoever has no session cannot have anything run.
            agent.put(f"/v1/kv/p/{gone}/job", {"Command": f"touch {marker}", "Wait": 1})
            agent.put("/v1/event/fire/_rexec", {"Prefix": "p", "Session": gone})
            self.assertTrue(eventually(lambda: "failed to acknowledge the job" in agent.log()))
            self.assertFalse(os.path.exists(marker))

    def test_agents_follow_nobody_unless_they_are_told_to(self):
        with Agent() as agent:
            began = time.monotonic()
            done = execute(agent, "-wait=500ms", "echo no")
            self.assertEqual((done.returncode, done.stdout), (0, "0 / 0 node(s) completed / acknowledged\n"))
            self.assertLess(time.monotonic() - began, 20)
            self.assertIn("ignoring remote exec event, disabled", agent.log())


if __name__ == "__main__":
    main()
