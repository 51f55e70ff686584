"""What a client agent costs: the way through it, many blocking queries over it, and its memory.

Usage: LICTOR_BINARY=$PWD/build/lictor bench/client/client.py [queries]
"""
import http.client
import os
import resource
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "tests", "e2e"))
import lictor_e2e as e2e  # noqa: E402
from lictor_e2e import eventually  # noqa: E402

REQUESTS = 1500


def status_kib(process, field):
    with open(f"/proc/{process.pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(field))


def percentiles_us(agent):
    connection = http.client.HTTPConnection("127.0.0.1", agent.http_port)
    times = []
    for _ in range(REQUESTS):
        begun = time.perf_counter()
        connection.request("GET", "/v1/kv/a")
        connection.getresponse().read()
        times.append((time.perf_counter() - begun) * 1e6)
    connection.close()
    times.sort()
    return times[REQUESTS // 2], times[REQUESTS * 99 // 100]


def connections_to(process, port):
    with open(f"/proc/{process.pid}/net/tcp", encoding="ascii") as file:
        rows = [line.split() for line in file][1:]
    return sum(row[1].endswith(f":{port:04X}") and row[3] == "01" for row in rows)


def measure_overhead(server, client):
    # In turns, so that both meet the same machine.
    rounds = [(percentiles_us(server), percentiles_us(client)) for _ in range(3)]
    direct = min(pair[0][0] for pair in rounds)
    through = min(pair[1][0] for pair in rounds)
    print(f"GET /v1/kv/a, p50: {direct:.0f} us on the server, {through:.0f} us through a client: "
          f"{through - direct:.0f} us for the way")


def measure_blocking(server, client, count):
    before = status_kib(client.process, "VmRSS"), status_kib(server.process, "VmRSS")
    index = client.request("GET", "/v1/kv/a")[2]["X-Consul-Index"]
    request = f"GET /v1/kv/a?index={index}&wait=120s HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    waiting = []
    for _ in range(count):
        waiting.append(socket.create_connection(("127.0.0.1", client.http_port), timeout=20))
        waiting[-1].sendall(request)
    time.sleep(1)
    grown = (status_kib(client.process, "VmRSS") - before[0],
             status_kib(server.process, "VmRSS") - before[1])
    over = connections_to(server.process, server.config["ports"]["server"])
    begun = time.perf_counter()
    server.put("/v1/kv/a", "changed")
    woken = sum(b" 200 " in connection.recv(4096) for connection in waiting)
    print(f"{count} blocking queries over {over} connection(s): {grown[0] / count:.1f} KiB each on "
          f"the client, HTTP included, {grown[1] / count:.1f} KiB on the server; {woken} woken in "
          f"{time.perf_counter() - begun:.2f} s")
    for connection in waiting:
        connection.close()


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10000
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    server = e2e.Agent({"node_name": "server"})
    client = e2e.Agent({
        "server": False, "bootstrap": False, "node_name": "client", "retry_interval": "200ms",
        "retry_join": [f"127.0.0.1:{server.config['ports']['serf_lan']}"],
        "limits": {"http_max_conns_per_client": count + 100}})
    with server, client:
        assert eventually(lambda: client.get("/v1/status/leader")[0] == 200)
        time.sleep(2)
        print(f"idle client: {status_kib(client.process, 'VmRSS') / 1024:.1f} MiB resident, "
              f"{status_kib(client.process, 'RssAnon') / 1024:.1f} MiB of it its own")
        server.put("/v1/kv/a", "x")
        measure_overhead(server, client)
        measure_blocking(server, client, count)


if __name__ == "__main__":
    main()
