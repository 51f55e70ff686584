"""A client of subscribe.StateChangeSubscription: gRPC on the server port, behind its leading byte,
and the little of protobuf that its messages need."""
import socket
import struct
import sys
import threading

# Debian's modules, whichever Python runs this.
sys.path.append("/usr/lib/python3/dist-packages")
import grpc  # noqa: E402

BYTE_GRPC = b"\x08"
METHOD = "/subscribe.StateChangeSubscription/Subscribe"
HEALTH, CONNECT = 1, 2


def varint(value):
    out = b""
    while value > 0x7f:
        out += bytes([value & 0x7f | 0x80])
        value >>= 7
    return out + bytes([value])


def take_varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7f) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def fields(data):
    """A message's fields: number -> list of integers and bytes."""
    found, at = {}, 0
    while at < len(data):
        tag, at = take_varint(data, at)
        if tag & 7 == 0:
            value, at = take_varint(data, at)
        elif tag & 7 == 2:
            size, at = take_varint(data, at)
            value, at = data[at:at + size], at + size
        else:
            value, at = struct.unpack("<d", data[at:at + 8])[0], at + 8
        found.setdefault(tag >> 3, []).append(value)
    return found


def first(message, *path):
    """The first field at the end of a path of numbers, or None."""
    for number in path:
        message = fields(message).get(number, [None])[0]
        if message is None:
            return None
    return message


def request(key, index=0, topic=HEALTH, datacenter=""):
    out = b"\x08" + varint(topic)
    for number, text in ((2, key), (5, datacenter)):
        if text:
            out += varint(number << 3 | 2) + varint(len(text)) + text.encode()
    return out + (b"\x20" + varint(index) if index else b"")


class Event:
    """One message: its index, what kind it is, and the updates it carries."""

    def __init__(self, data):
        self.fields = fields(data)
        self.index = self.fields.get(1, [0])[0]
        self.is_end = 2 in self.fields
        self.is_new_snapshot = 3 in self.fields
        self.updates = [Update(u) for u in self.fields.get(10, [])]
        for batch in self.fields.get(4, []):
            for event in fields(batch).get(1, []):
                self.updates += Event(event).updates


class Update:
    """An instance: node, service and checks by the numbers that Consul gave them."""

    def __init__(self, data):
        instance = fields(data).get(2, [b""])[0]
        self.gone = fields(data).get(1, [0])[0] == 1
        self.node = first(instance, 1, 2).decode()
        self.id = first(instance, 2, 2).decode()
        self.port = first(instance, 2, 7)
        self.proxied = (first(instance, 2, 11, 1) or b"").decode()
        self.checks = {first(c, 2).decode(): first(c, 4).decode()
                       for c in fields(instance).get(3, [])}


class Proxy:
    """Lets a gRPC client through to the server port: sends the leading byte first."""

    def __init__(self, port):
        self.port = port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near = self.listener.accept()[0]
                far = socket.create_connection(("127.0.0.1", self.port))
            except OSError:
                return
            far.sendall(BYTE_GRPC)
            for pair in ((near, far), (far, near)):
                threading.Thread(target=self.copy, args=pair, daemon=True).start()

    @staticmethod
    def copy(source, target):
        try:
            while data := source.recv(65536):
                target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.listener.close()


class Client:
    def __init__(self, port):
        self.proxy = Proxy(port)
        self.channel = grpc.insecure_channel(self.proxy.address)

    def call(self, message, method=METHOD):
        """An iterator of bytes."""
        return self.channel.unary_stream(method)(message, timeout=60)

    def follow(self, key, index=0, **options):
        return Stream(self.call(request(key, index, **options)))

    def error(self, message, method=METHOD):
        try:
            return list(self.call(message, method))
        except grpc.RpcError as error:
            return error.code().name, error.details()

    def close(self):
        self.channel.close()
        self.proxy.close()


class Stream:
    """A view of a service, as an agent of Consul keeps it."""

    def __init__(self, call):
        self.call = call
        self.view, self.index, self.restarts = {}, 0, 0

    def next(self):
        event = Event(next(self.call))
        if event.is_new_snapshot:
            self.view, self.restarts = {}, self.restarts + 1
            return event
        assert event.index >= self.index, (event.index, self.index)
        self.index = event.index
        for update in event.updates:
            self.view.pop((update.node, update.id), None)
            if not update.gone:
                self.view[update.node, update.id] = update
        return event

    def until(self, condition):
        while not condition(self):
            self.next()

    def snapshot(self):
        while not self.next().is_end:
            pass
        return self
