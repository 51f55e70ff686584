"""A client of Consul's RPC, written from yamux's specification and net/rpc's: what an agent of Consul
says to its servers. Blocking sockets, one thread."""
import socket
import struct
import sys

# Debian's modules, whichever Python runs this.
sys.path.append("/usr/lib/python3/dist-packages")
import msgpack  # noqa: E402

DATA, WINDOW, PING, GO_AWAY = range(4)
SYN, ACK, FIN, RST = 1, 2, 4, 8
INITIAL_WINDOW = 256 * 1024
HEAD = struct.Struct("!BBHII")
BYTE_PLAIN, BYTE_YAMUX = b"\0", b"\4"


def frame(kind, flags, stream, length, data=b"", version=0):
    return HEAD.pack(version, kind, flags, stream, length) + data


def call(method, seq, args):
    """One call as its bytes, in the first msgpack specification, as Consul writes it."""
    return (msgpack.packb({"ServiceMethod": method, "Seq": seq}, use_bin_type=False)
            + msgpack.packb(args, use_bin_type=False))


class Closed(Exception):
    """The server ended the connection or reset the stream."""


class Connection:
    """A TCP connection to the server port."""

    def __init__(self, port, first=b"", timeout=20, host="127.0.0.1"):
        self.socket = socket.create_connection((host, port), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.send(first)

    def send(self, data):
        if data:
            self.socket.sendall(data)

    def receive(self, count):
        data = b""
        while len(data) < count:
            try:
                piece = self.socket.recv(count - len(data))
            except ConnectionError as error:
                raise Closed(str(error)) from error
            if not piece:
                raise Closed("end")
            data += piece
        return data

    def is_closed(self):
        """Whether the server closes it; what it sends before is passed over."""
        try:
            while self.socket.recv(65536):
                pass
        except ConnectionError:
            pass
        except TimeoutError:
            return False
        return True

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self.close()


class Plain(Connection):
    """Calls without streams: a connection of byte 0."""

    def __init__(self, port, **options):
        super().__init__(port, BYTE_PLAIN, **options)
        self.unpacker = msgpack.Unpacker(raw=False)

    def value(self):
        while True:
            try:
                return self.unpacker.unpack()
            except msgpack.OutOfData:
                self.unpacker.feed(self.receive(1) + self.rest())

    def rest(self):
        self.socket.setblocking(False)
        try:
            return self.socket.recv(65536)
        except BlockingIOError:
            return b""
        finally:
            self.socket.settimeout(20)

    def answer(self):
        return self.value(), self.value()

    def ask(self, method, args, seq=1):
        self.send(call(method, seq, args))
        return self.answer()


class Stream:
    def __init__(self, session, number):
        self.session, self.number = session, number
        self.unpacker = msgpack.Unpacker(raw=False, max_buffer_size=1 << 28)
        self.accepted = self.finished = self.reset = False
        self.window = INITIAL_WINDOW
        self.unread = 0
        self.received = 0
        self.reads = True

    def send(self, data):
        """All of it, waiting for the window when it must."""
        while data:
            while self.window == 0:
                self.session.step()
                if self.reset:
                    raise Closed("reset")
            piece, data = data[:self.window], data[self.window:]
            self.window -= len(piece)
            self.session.send(frame(DATA, 0, self.number, len(piece), piece))

    def finish(self):
        self.session.send(frame(WINDOW, FIN, self.number, 0))

    def take(self, data):
        self.unpacker.feed(data)
        self.received += len(data)
        self.unread += len(data)
        assert self.unread <= INITIAL_WINDOW, "the server sent more than the window"
        if self.reads and self.unread >= INITIAL_WINDOW // 2:
            self.grant()

    def grant(self):
        self.session.send(frame(WINDOW, 0, self.number, self.unread))
        self.unread = 0

    def value(self):
        while True:
            try:
                return self.unpacker.unpack()
            except msgpack.OutOfData:
                if self.finished or self.reset:
                    raise Closed("reset" if self.reset else "end") from None
                self.session.step()

    def answer(self):
        """(head, body) of the next answer."""
        return self.value(), self.value()

    def ask(self, method, args, seq=1):
        self.send(call(method, seq, args))
        return self.answer()


class Session(Connection):
    """The client's side of a yamux session."""

    def __init__(self, port, **options):
        super().__init__(port, BYTE_YAMUX, **options)
        self.streams = {}
        self.next_number = 1
        self.pongs = []
        self.gone_away = None

    def open(self, data=b""):
        stream = Stream(self, self.next_number)
        self.streams[self.next_number] = stream
        self.next_number += 2
        stream.window -= len(data)
        self.send(frame(DATA if data else WINDOW, SYN, stream.number, len(data), data))
        return stream

    def step(self):
        """Takes one frame."""
        version, kind, flags, number, length = HEAD.unpack(self.receive(HEAD.size))
        assert version == 0, version
        if kind == PING:
            if flags & SYN:
                self.send(frame(PING, ACK, 0, length))
            else:
                self.pongs.append(length)
        elif kind == GO_AWAY:
            self.gone_away = length
        else:
            self.step_stream(self.streams[number], kind, flags, length)

    def step_stream(self, stream, kind, flags, length):
        assert not stream.finished and not stream.reset, "a frame behind the end"
        stream.accepted |= bool(flags & ACK)
        stream.reset |= bool(flags & RST)
        if kind == WINDOW:
            stream.window += length
        else:
            assert kind == DATA, kind
            stream.take(self.receive(length))
        stream.finished |= bool(flags & FIN)

    def step_until(self, condition):
        while not condition():
            self.step()
