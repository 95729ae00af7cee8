"""Holds back each packet of netfilter's queue 0 for a time, and lets it go: `delay.py 5ms`. What netem does, for kernels
without it. Only the numbers of packets come here (linux/netfilter/nfnetlink_queue.h); their bytes stay in the kernel."""
import re
import select
import socket
import struct
import sys
import time
from collections import deque

NETLINK_NETFILTER, QUEUE = 12, 3 << 8
PACKET, CONFIG, VERDICT_BATCH = QUEUE | 0, QUEUE | 2, QUEUE | 3
SO_RCVBUFFORCE, SOL_NETLINK, NETLINK_NO_ENOBUFS = 33, 270, 5

number, unit = re.fullmatch(r"([\d.]+)(us|ms|s)", sys.argv[1]).groups()
seconds = float(number) * {"us": 1e-6, "ms": 1e-3, "s": 1}[unit]


def message(kind, family, *attributes):
    body = struct.pack(">BBH", family, 0, 0)
    for name, value in attributes:
        body += struct.pack("=HH", 4 + len(value), name) + value + bytes(-len(value) % 4)
    return struct.pack("=IHHII", 16 + len(body), kind, 1, 0, 0) + body


link = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
link.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 24)
link.setsockopt(SOL_NETLINK, NETLINK_NO_ENOBUFS, 1)
link.bind((0, 0))
# Bind queue 0; numbers only, no bytes; at most so many packets; large packets in one piece.
link.send(message(CONFIG, socket.AF_INET, (1, struct.pack(">BxH", 1, socket.AF_INET))))
link.send(message(CONFIG, socket.AF_INET, (2, struct.pack(">IB", 0, 1)), (3, struct.pack(">I", 100_000)),
                  (4, struct.pack(">I", 4)), (5, struct.pack(">I", 4))))


def numbers(data):
    """The numbers of the packets that a read brought: the first attribute of each message begins with it."""
    at = 0
    while at + 16 <= len(data):
        length, kind = struct.unpack_from("=IH", data, at)
        if kind == PACKET:
            attribute = at + 20
            while struct.unpack_from("=H", data, attribute + 2)[0] != 1:
                attribute += (struct.unpack_from("=H", data, attribute)[0] + 3) & ~3
            yield struct.unpack_from(">I", data, attribute + 4)[0]
        at += (length + 3) & ~3


held = deque()
while True:
    wait = max(0, held[0][0] - time.monotonic()) if held else None
    if select.select([link], [], [], wait)[0]:
        due = time.monotonic() + seconds
        held.extend((due, packet) for packet in numbers(link.recv(1 << 16)))
    now, last = time.monotonic(), None
    while held and held[0][0] <= now:
        last = held.popleft()[1]
    if last is not None:
        link.send(message(VERDICT_BATCH, socket.AF_INET, (2, struct.pack(">II", 1, last))))
