"""Frames by hand, good and bad, and a raw socket to exchange them. Standard library only."""
import ipaddress
import select
import socket
import struct
import time

from namespaces import AGENT_IP, AGENT_IP6, AGENT_MAC, CLIENT_IP, CLIENT_IP6, CLIENT_MAC

ETH_P_ALL = 3
QUESTION = (b"\x12\x34\x01\0\0\1\0\0\0\0\0\0\3web\7service\6consul\0\0\1\0\1")
CLIENT_PORT = 40000


def mac(text):
    return bytes(int(part, 16) for part in text.split(":"))


def address(text):
    return ipaddress.ip_address(text).packed


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def ethernet(payload, ethertype, destination=AGENT_MAC, source=CLIENT_MAC):
    return mac(destination) + mac(source) + struct.pack(">H", ethertype) + payload


def udp(port, payload, source, destination, source_port=CLIENT_PORT, length=None, spoil=0):
    length = 8 + len(payload) if length is None else length
    header = struct.pack(">HHH", source_port, port, length)
    pseudo = address(source) + address(destination) + struct.pack(">II", 8 + len(payload), 17)
    value = checksum(pseudo + header + b"\0\0" + payload) or 0xFFFF
    return header + struct.pack(">H", value ^ spoil) + payload


def ipv4(payload, source=CLIENT_IP, destination=AGENT_IP, protocol=17, options=b"", fragment=0,
         total=None, spoil=0):
    total = 20 + len(options) + len(payload) if total is None else total
    header = struct.pack(">BBHHHBBH", 0x45 + len(options) // 4, 0, total, 1, fragment, 64,
                         protocol, 0) + address(source) + address(destination) + options
    return header[:10] + struct.pack(">H", checksum(header) ^ spoil) + header[12:] + payload


def ipv6(payload, source=CLIENT_IP6, destination=AGENT_IP6, next_header=17):
    return struct.pack(">IHBB", 6 << 28, len(payload), next_header, 64) + address(source) + \
        address(destination) + payload


def query4(port, payload=QUESTION, source=CLIENT_IP, source_port=CLIENT_PORT, length=None,
           udp_spoil=0, **header):
    return ethernet(ipv4(udp(port, payload, source, AGENT_IP, source_port, length, udp_spoil),
                         source=source, **header), 0x0800)


def query6(port, payload=QUESTION, source=CLIENT_IP6, udp_spoil=0):
    return ethernet(ipv6(udp(port, payload, source, AGENT_IP6, spoil=udp_spoil), source=source),
                    0x86DD)


def bad_frames(port):
    """(what it is, its counter, the frame): each must be counted and left unanswered."""
    good = query4(port)
    hop_by_hop = b"\x11\0\1\4\0\0\0\0" + udp(port, QUESTION, CLIENT_IP6, AGENT_IP6)
    echo = struct.pack(">BBHHH", 8, 0, 0x1234, 1, 1)
    arp = struct.pack(">HHBBH", 9, 0x0800, 6, 4, 1) + mac(CLIENT_MAC) + address(CLIENT_IP) + \
        b"\0" * 6 + address(AGENT_IP)
    return [
        ("cut in its IP header", "short", good[:30]),
        ("to another station", "not_for_us", ethernet(good[14:], 0x0800, "02:00:00:00:00:77")),
        ("IP length past the frame", "bad_ip_header",
         query4(port, total=400)),
        ("wrong header checksum", "bad_ip_checksum", query4(port, spoil=0x0101)),
        ("first fragment", "fragment", query4(port, fragment=0x2000)),
        ("record-route option", "ip_options", query4(port, options=b"\x07\x07\x04\0\0\0\0\0")),
        ("hop-by-hop header", "ip_options", ethernet(ipv6(hop_by_hop, next_header=0), 0x86DD)),
        ("from loopback", "bad_source", query4(port, source="127.0.0.1")),
        ("from broadcast", "bad_source", query4(port, source="255.255.255.255")),
        ("from multicast", "bad_source", query4(port, source="224.0.0.1")),
        ("from its own address", "bad_source", query4(port, source=AGENT_IP)),
        ("from port 0", "bad_source", query4(port, source_port=0)),
        ("from ::", "bad_source", query6(port, source="::")),
        ("UDP length past the packet", "bad_udp_length", query4(port, length=100)),
        ("UDP length 7", "bad_udp_length", query4(port, length=7)),
        ("wrong UDP checksum", "bad_udp_checksum", query4(port, udp_spoil=0x0101)),
        ("wrong UDP checksum over IPv6", "bad_udp_checksum", query6(port, udp_spoil=0x0101)),
        ("ARP for another hardware", "bad_arp", ethernet(arp, 0x0806, "ff:ff:ff:ff:ff:ff")),
        ("echo with a wrong checksum", "bad_icmp", ethernet(ipv4(echo, protocol=1), 0x0800)),
    ]


class Wire:
    """A raw socket on an interface of the current namespace."""

    def __init__(self, interface):
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self.socket.bind((interface, 0))

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self.socket.close()

    def send(self, frame):
        self.socket.send(frame)

    def received(self, within_s):
        """Frames from the agent's MAC until within_s have passed; not those we sent."""
        deadline = time.monotonic() + within_s
        while True:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.socket], [], [], left)[0]:
                return
            frame, origin = self.socket.recvfrom(65535)
            if origin[2] != socket.PACKET_OUTGOING and frame[6:12] == mac(AGENT_MAC):
                yield frame
