"""How much memory this process uses: what its allocators handed out, not what they hold.

Held memory says little of a leak: in a soak the C library holds some 60 MiB that are free but in pieces,
left by bodies and TLS connections that came and went, and that grows for minutes while nothing more is used.
"""

from __future__ import annotations

import ctypes
import gc
import os
import re
import sys
import tempfile

_BEFORE = ("arena", "ordblks", "smblks", "hblks")
_BETWEEN = ("usmblks", "fsmblks")
_BEHIND = ("fordblks", "keepcost")
_SMALL = re.compile(rb"# bytes in allocated blocks *= *([0-9,]+)")


class _Mallinfo(ctypes.Structure):
    _fields_ = tuple(
        (name, ctypes.c_size_t) for name in (*_BEFORE, "hblkhd", *_BETWEEN, "uordblks", *_BEHIND)
    )


def used_bytes() -> int:
    """Bytes in use once garbage is collected, by C's and by Python's allocator; 0 where C's does not tell."""
    gc.collect()
    library = ctypes.CDLL(None)
    if not hasattr(library, "mallinfo2"):  # another C library than glibc, or one before 2.33
        return 0
    library.mallinfo2.restype = _Mallinfo
    told = library.mallinfo2()
    return int(told.uordblks) + int(told.hblkhd) + _small_bytes()


def _small_bytes() -> int:
    """Python's small objects, which it carves out of pieces of its own; it tells of them on stderr only."""
    with tempfile.TemporaryFile() as file:
        stderr = os.dup(2)
        os.dup2(file.fileno(), 2)
        try:
            sys._debugmallocstats()
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
        file.seek(0)
        found = _SMALL.search(file.read())
    return int(found[1].replace(b",", b"")) if found else 0
