"""Whose process a connection on loopback belongs to."""

from __future__ import annotations

import errno
import os
import socket
import struct
import sys
from pathlib import Path

_SOCK_DIAG = 4
_BY_FAMILY, _ERROR, _REQUEST = 20, 2, 1
_ANY_STATE = 0xFFFFFFFF
_NO_COOKIE = (0xFFFFFFFF, 0xFFFFFFFF)
_OWNER_AT = 16 + 64  # header of the message, then idiag_uid and idiag_inode of inet_diag_msg
_LONGEST_ANSWER = 4096  # bytes


def owner_of(client: tuple[str, int], own: tuple[str, int]) -> int | None:
    """The user id of the process that connected from *client* to our listener *own*.

    None where it is gone again: it left no owner behind, and what it sent may be anybody's.  Linux only:
    elsewhere, and where the kernel's table cannot be read, every connection is one's own.

    Source:
        proc(5), /proc/net/tcp: local and remote address in hexadecimal, host byte order; field 8 is the uid,
        field 10 the inode, which is 0 once no process holds the socket.
        sock_diag(7): the same of one socket, without reading the table, which has a line for each connection.
    """
    if not sys.platform.startswith("linux"):
        return os.getuid()
    try:
        return _asked(client, own)
    except (OSError, struct.error):  # a kernel or a container without it
        return _looked_up(client, own)


def _asked(client: tuple[str, int], own: tuple[str, int]) -> int | None:
    family = socket.AF_INET6 if ":" in client[0] else socket.AF_INET
    places = [socket.inet_pton(family, host).ljust(16, b"\0") for host, _ in (client, own)]
    question = struct.pack("=BBBBI", family, socket.IPPROTO_TCP, 0, 0, _ANY_STATE)
    question += struct.pack("!HH", client[1], own[1]) + b"".join(places)
    question += struct.pack("=III", 0, *_NO_COOKIE)
    header = struct.pack("=IHHII", 16 + len(question), _BY_FAMILY, _REQUEST, 0, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, _SOCK_DIAG) as kernel:
        kernel.setblocking(False)  # it answers within the call
        kernel.send(header + question)
        answer = kernel.recv(_LONGEST_ANSWER)
    kind = struct.unpack_from("=IH", answer)[1]
    if kind == _ERROR:
        number = -struct.unpack_from("=i", answer, 16)[0]
        if number == errno.ENOENT:
            return None
        raise OSError(number, "sock_diag")
    owner, inode = struct.unpack_from("=II", answer, _OWNER_AT)
    return int(owner) if inode else None


def _looked_up(client: tuple[str, int], own: tuple[str, int]) -> int | None:
    ports = (f":{client[1]:04X}", f":{own[1]:04X}")
    is_readable = False
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        is_readable = is_readable or bool(lines)
        for line in lines:
            fields = line.split()
            if fields[1].endswith(ports[0]) and fields[2].endswith(ports[1]) and fields[9] != "0":
                return int(fields[7])
    return None if is_readable else os.getuid()
