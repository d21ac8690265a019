"""Whose process a connection on loopback belongs to."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def owner_of(client: tuple[str, int], own: tuple[str, int]) -> int | None:
    """The user id of the process that connected from *client* to our listener *own*.

    None where it is gone again: it left no owner behind, and what it sent may be anybody's.  Linux only:
    elsewhere, and where the kernel's table cannot be read, every connection is one's own.

    Source:
        proc(5), /proc/net/tcp: local and remote address in hexadecimal, host byte order; field 8 is the uid,
        field 10 the inode, which is 0 once no process holds the socket.
    """
    if not sys.platform.startswith("linux"):
        return os.getuid()
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
