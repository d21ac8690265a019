"""Whose process a connection on loopback belongs to."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def is_foreign(client: tuple[str, int], own: tuple[str, int]) -> bool:
    """Whether another user's process connected from *client* to our listener *own*.

    Linux only: elsewhere nobody is foreign.  A peer that the kernel does not list (another network
    namespace, or gone again) is not foreign either; the caller has accepted only loopback.

    Source:
        proc(5), /proc/net/tcp: local and remote address in hexadecimal, host byte order; field 8 is the uid.
    """
    if not sys.platform.startswith("linux"):
        return False
    uid = _uid_of(client, own)
    return uid is not None and uid != os.getuid()


def _uid_of(client: tuple[str, int], own: tuple[str, int]) -> int | None:
    ports = (f":{client[1]:04X}", f":{own[1]:04X}")
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[1].endswith(ports[0]) and fields[2].endswith(ports[1]) and fields[3] != "06":
                return int(fields[7])
    return None
