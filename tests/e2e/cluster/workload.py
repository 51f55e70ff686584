"""Clients that read and write a few keys on every server and write down what they saw."""
import base64
import http.client
import json
import random
import threading
import time

from linearizable import ANY, FOREVER, KEEP, Operation

KEYS = ("a", "b", "c")
NOT_DONE = ("No cluster leader", "rpc error: No cluster leader")


class Unknown(Exception):
    """Whether the operation took effect cannot be said."""


class NotDone(Exception):
    """The operation took no effect."""


class Client(threading.Thread):
    """One client: one operation at a time, against the server it was given, recorded."""

    def __init__(self, workload, number, server):
        super().__init__(daemon=True)
        self.workload, self.number, self.server = workload, number, server
        self.random = random.Random(workload.seed * 1000 + number)
        self.connection = None
        self.written = 0
        self.failure = None

    def run(self):
        try:
            self.server.cluster.network.enter(self.server.number)
            while not self.workload.stopped.is_set():
                self.one()
                time.sleep(self.random.random() * self.workload.pause_s)
        except BaseException as error:  # shown by the test
            self.failure = error
        finally:
            if self.connection:
                self.connection.close()

    def one(self):
        key, choice = self.random.choice(KEYS), self.random.random()
        operation = Operation("read", key, time.monotonic())
        try:
            if self.random.random() < self.workload.transactions:
                operation = self.transact()
            elif choice < 0.45:
                operation.result = self.read(key)[0]
            elif choice < 0.8:
                operation.kind, operation.value = "write", self.unique()
                self.write(operation, "")
            elif choice < 0.85:
                operation.kind = "delete"
                self.ask("DELETE", self.path(key))
            else:
                operation = self.compare_and_set(key)
            operation.returned = time.monotonic()
        except NotDone:
            return
        except Unknown:
            operation.returned = FOREVER
        self.workload.record(operation)

    def transact(self):
        """Several keys at once: some are only compared, others compared and changed, or just written."""
        keys = self.random.sample(KEYS, self.random.randint(2, len(KEYS)))
        asked, changes = [], []
        for key in keys:
            choice = self.random.random()
            if choice < 0.5:
                new = self.unique()
                asked.append(self.operation("set", key, new))
                changes.append((key, ANY, new))
                continue
            started = time.monotonic()
            seen, index = self.read(key)
            self.workload.record(Operation("read", key, started, time.monotonic(), result=seen))
            if choice < 0.8:
                new = self.unique()
                asked.append(self.operation("cas", key, new, index))
            elif seen is None:
                new = KEEP
                asked.append(self.operation("check-not-exists", key))
            else:
                new = KEEP
                asked.append(self.operation("check-index", key, None, index))
            changes.append((key, seen, new))
        operation = Operation("txn", "", time.monotonic(), value=tuple(changes))
        try:
            operation.result = self.ask("PUT", "/v1/txn", json.dumps(asked),
                                        refusal_is_fine=True)[0] == 200
        except Unknown:
            self.workload.record(operation)
            raise NotDone from None
        return operation

    def operation(self, verb, key, value=None, index=None):
        kv = {"Verb": verb, "Key": f"{self.workload.prefix}/{key}"}
        if value is not None:
            kv["Value"] = base64.b64encode(value.encode()).decode()
        if index is not None:
            kv["Index"] = index
        return {"KV": kv}

    def compare_and_set(self, key):
        started = time.monotonic()
        seen, index = self.read(key)
        self.workload.record(Operation("read", key, started, time.monotonic(), result=seen))
        operation = Operation("cas", key, time.monotonic(), value=self.unique(), expected=seen)
        try:
            operation.result = self.write(operation, f"?cas={index}") == "true"
        except Unknown:
            self.workload.record(operation)
            raise NotDone from None
        return operation

    def unique(self):
        self.written += 1
        return f"{self.number}-{self.written}".ljust(self.workload.value_bytes, ".")

    def path(self, key):
        return f"/v1/kv/{self.workload.prefix}/{key}"

    def read(self, key):
        mode = "?consistent" if self.random.random() < 0.5 else ""
        status, text = self.ask("GET", self.path(key) + mode, missing_is_fine=True)
        if status == 404:
            return None, 0
        row = json.loads(text)[0]
        return base64.b64decode(row["Value"]).decode(), row["ModifyIndex"]

    def write(self, operation, parameters):
        return self.ask("PUT", self.path(operation.key) + parameters, operation.value)[1].strip()

    def ask(self, method, path, body=None, missing_is_fine=False, refusal_is_fine=False):
        fresh = self.connection is None
        if fresh:
            self.connection = self.server.connect(self.workload.timeout_s)
        try:
            if fresh:
                self.connection.connect()
        except OSError:
            self.hang_up()
            time.sleep(0.05)
            raise NotDone from None
        try:
            self.connection.request(method, path, body)
            response = self.connection.getresponse()
            text = response.read().decode()
        except (OSError, http.client.HTTPException):
            self.hang_up()
            raise (NotDone if method == "GET" else Unknown) from None
        if response.status == 200 or (missing_is_fine and response.status == 404):
            return response.status, text
        if refusal_is_fine and response.status == 409:
            return self.refused(response.status, text)
        if method == "GET" or text.strip() in NOT_DONE:
            raise NotDone
        raise Unknown

    @staticmethod
    def refused(status, text):
        """A transaction whose conditions did not hold; other errors say something else."""
        errors = json.loads(text)["Errors"]
        if any(what in error["What"] for error in errors for what in NOT_DONE):
            raise NotDone
        if all("index is stale" in error["What"] or "key" in error["What"] for error in errors):
            return status, text
        raise Unknown

    def hang_up(self):
        self.connection.close()
        self.connection = None


class Workload:
    """Clients on every server, for the length of a with block."""

    def __init__(self, cluster, seed, clients_per_server=2, pause_s=0.02, timeout_s=10,
                 prefix="load", value_bytes=0, transactions=0.0):
        self.cluster, self.seed, self.prefix = cluster, seed, prefix
        self.pause_s, self.timeout_s, self.value_bytes = pause_s, timeout_s, value_bytes
        self.transactions = transactions  # the part of all operations
        self.stopped, self.lock = threading.Event(), threading.Lock()
        self.operations = []
        self.clients = [Client(self, number, cluster.servers[number % len(cluster.servers)])
                        for number in range(clients_per_server * len(cluster.servers))]

    def record(self, operation):
        with self.lock:
            self.operations.append(operation)

    def __enter__(self):
        for client in self.clients:
            client.start()
        return self

    def __exit__(self, kind, value, traceback):
        self.stopped.set()
        for client in self.clients:
            client.join(self.timeout_s + 5)
        failures = [client.failure for client in self.clients if client.failure]
        if failures and kind is None:
            raise failures[0]

    def writes_done(self, since):
        """When writes and compare-and-sets were acknowledged, after this moment."""
        with self.lock:
            return sorted(o.returned for o in self.operations
                          if o.kind != "read" and o.invoked >= since and o.returned != FOREVER)
