#!/usr/bin/python3
"""A server of grpc.health.v1: services up and down, any other unknown, and slow ones.

usage: grpc_health_server.py PORT [CERTIFICATE KEY]; prints "ready" when it listens. Messages are
written by hand, so that Debian's python3-grpcio is all it needs.
"""
import sys
import time
from concurrent import futures

import grpc

STATUSES = {b"": b"\x08\x01", b"up": b"\x08\x01", b"down": b"\x08\x02"}


def check(request, context):
    name = request[2:]
    if name == b"slow":
        time.sleep(5)
    if name not in STATUSES:
        context.abort(grpc.StatusCode.NOT_FOUND, "unknown service: 100%")
    return STATUSES[name]


class Health(grpc.GenericRpcHandler):
    def service(self, call):
        if call.method != "/grpc.health.v1.Health/Check":
            return None
        return grpc.unary_unary_rpc_method_handler(check)


def main():
    server = grpc.server(futures.ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((Health(),))
    address = f"127.0.0.1:{sys.argv[1]}"
    if len(sys.argv) > 2:
        with open(sys.argv[2], "rb") as certificate, open(sys.argv[3], "rb") as key:
            pair = (key.read(), certificate.read())
        server.add_secure_port(address, grpc.ssl_server_credentials([pair]))
    else:
        server.add_insecure_port(address)
    server.start()
    print("ready", flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main()
