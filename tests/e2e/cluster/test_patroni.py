#!/usr/bin/env python3
"""Patroni elects a PostgreSQL leader through three Lictor servers, and another when the primary dies.

Needs Debian's patroni, postgresql and python3-consul, and root to become an unprivileged user."""
import contextlib
import glob
import http.client
import importlib.util
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from servers import DIES_WITH_TEST, Cluster, eventually
import lictor_e2e

PATRONI = "/usr/bin/patroni"
USER = "nobody"
TTL_S = 20  # Consul's sessions live at least 10 s, and Patroni halves this
FAILOVER_S = 3 * TTL_S


def binaries():
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))
    return os.path.dirname(found[-1]) if found else None


def need_or_skip():
    if not os.path.exists(PATRONI) or binaries() is None or os.geteuid() != 0:
        print("SKIPPED: needs patroni, postgresql and root (scripts/setup --with tests)")
        sys.exit(77)


class Member:
    """One PostgreSQL under one Patroni, as an unprivileged user."""

    def __init__(self, folder, number, consul):
        self.name, self.folder = f"pg{number}", os.path.join(folder, f"pg{number}")
        self.api, self.port = lictor_e2e.free_port(), lictor_e2e.free_port()
        self.log_path = os.path.join(self.folder, "log")
        self.process = None
        os.makedirs(self.folder)
        settings = {
            "scope": "demo", "namespace": "/service/", "name": self.name,
            "restapi": {"listen": f"127.0.0.1:{self.api}",
                        "connect_address": f"127.0.0.1:{self.api}"},
            "consul": {"host": consul, "register_service": True},
            "bootstrap": {
                "dcs": {"ttl": TTL_S, "loop_wait": 2, "retry_timeout": 3,
                        "maximum_lag_on_failover": 1 << 20,
                        "postgresql": {"use_pg_rewind": False, "parameters": {
                            "fsync": "off", "max_connections": 20, "shared_buffers": "16MB"}}},
                "initdb": [{"encoding": "UTF8"}, {"auth": "trust"}, "no-sync"],
                "pg_hba": ["local all all trust", "host all all 127.0.0.1/32 trust",
                           "host replication all 127.0.0.1/32 trust"]},
            "postgresql": {
                "listen": f"127.0.0.1:{self.port}", "connect_address": f"127.0.0.1:{self.port}",
                "data_dir": os.path.join(self.folder, "data"), "bin_dir": binaries(),
                "pgpass": os.path.join(self.folder, "pgpass"),
                "authentication": {"superuser": {"username": "admin", "password": "x"},
                                   "replication": {"username": "copy", "password": "x"}},
                "parameters": {"unix_socket_directories": self.folder}},
        }
        self.settings = os.path.join(self.folder, "patroni.json")
        with open(self.settings, "w", encoding="utf-8") as file:
            json.dump(settings, file)
        account = pwd.getpwnam(USER)
        for path in (self.folder, self.settings):
            os.chown(path, account.pw_uid, account.pw_gid)

    def as_user(self, *command, **options):
        return subprocess.run(["setpriv", "--reuid", USER, "--clear-groups", *command],
                              capture_output=True, text=True, timeout=20, cwd=self.folder,
                              check=False, **options)

    def start(self):
        account = pwd.getpwnam(USER)
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                DIES_WITH_TEST + [PATRONI, self.settings], stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, cwd=self.folder, user=account.pw_uid, group=account.pw_gid,
                extra_groups=[], env={"PATH": os.environ["PATH"], "HOME": self.folder,
                                      "LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"})

    def postmaster(self):
        with contextlib.suppress(OSError, ValueError, IndexError):
            with open(os.path.join(self.folder, "data", "postmaster.pid"), encoding="utf-8") as file:
                return int(file.readline())
        return None

    def kill(self):
        """Patroni and PostgreSQL at once, as a machine that loses its power."""
        postmaster = self.postmaster()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if postmaster:
            with contextlib.suppress(ProcessLookupError):
                os.kill(postmaster, signal.SIGKILL)

    def is_primary(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.api, timeout=3)
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection.request("GET", "/primary")
            return connection.getresponse().status == 200
        return False

    def sql(self, text):
        done = self.as_user(os.path.join(binaries(), "psql"), "-h", "127.0.0.1", "-p",
                            str(self.port), "-U", "admin", "-d", "postgres", "-qAt", "-c", text)
        return done.stdout.strip() if done.returncode == 0 else None

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()


class Patroni(unittest.TestCase):
    def primary(self, members, within_s):
        found = []

        def look():
            found[:] = [m for m in members if m.is_primary()]
            return len(found) == 1
        if not eventually(look, within_s):
            for member in members:
                print(member.name, member.log()[-3000:], file=sys.stderr)
            self.fail(f"no single primary within {within_s} s: {[m.name for m in found]}")
        return found[0]

    def row(self, server, path):
        status, text = server.request("GET", path)
        return json.loads(text) if status == 200 else None

    def test_the_standby_is_promoted_when_the_primary_dies(self):
        folder = tempfile.mkdtemp(prefix="lictor-patroni-")
        os.chmod(folder, 0o755)
        with contextlib.ExitStack() as undo:
            undo.callback(shutil.rmtree, folder, ignore_errors=True)
            cluster = undo.enter_context(Cluster(3))
            self.assertIsNotNone(cluster.leader())
            # Each asks another server; none has to be the leader.
            members = [Member(folder, number, f"{cluster.servers[number].address}:"
                              f"{cluster.ports['http']}") for number in range(2)]
            for member in members:
                undo.callback(member.kill)
                member.start()
            first = self.primary(members, 60)
            second = next(m for m in members if m is not first)
            self.assertEqual(first.sql("create table t (x int); insert into t values (7);"), "")
            self.assertTrue(eventually(lambda: second.sql("select x from t") == "7", 60),
                            second.log()[-3000:])
            self.assertIsNone(second.sql("insert into t values (8)"), "a standby takes writes")
            self.assertIsNotNone(self.row(cluster.servers[2],
                                          "/v1/kv/service/demo/leader")[0].get("Session"))
            first.kill()
            struck = time.monotonic()
            # The lock is free again only when the dead one's session has run out.
            self.assertIs(self.primary([second], FAILOVER_S), second)
            took_s = time.monotonic() - struck
            # Patroni calls it the primary when it asks for that; PostgreSQL takes a moment more.
            self.assertTrue(
                eventually(lambda: second.sql("insert into t values (8)") is not None, 30),
                second.log()[-3000:])
            self.assertEqual(second.sql("select count(*) from t"), "2")
            services = self.row(cluster.servers[2], "/v1/catalog/service/demo") or []
            print(f"promoted after {took_s:.1f} s; {len(services)} instances in the catalog",
                  flush=True)


if __name__ == "__main__":
    need_or_skip()
    unittest.main()
