"""Where the socket lies: a folder that nobody else can enter."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from pathlib import Path

from fairwitness.errors import StartError

MAX_PATH_BYTES = 103  # sun_path holds 108 bytes on Linux, 104 on macOS, one of them the closing zero


def socket_path(evidence: Path) -> Path:
    """The socket of the proxy that writes *evidence*, in a folder that is made, and made private.

    Raises:
        StartError: No folder for it is private to this user, or every path is too long.
    """
    name = hashlib.sha256(os.fsencode(evidence.resolve())).hexdigest()[:16] + ".sock"
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    candidates = [Path(runtime) / "fairwitness"] if runtime and is_private(Path(runtime)) else []
    user = f"fairwitness-{os.getuid()}"
    candidates += [Path(tempfile.gettempdir()) / user, Path("/tmp") / user]  # noqa: S108 - owner and mode are checked
    for folder in candidates:
        if len(os.fsencode(folder / name)) <= MAX_PATH_BYTES and _make(folder):
            return folder / name
    raise StartError(
        "no private folder for the control socket",
        where=str(candidates[0]),
        mend="Set XDG_RUNTIME_DIR to a folder of yours with mode 0700 and a short path",
    )


def is_private(folder: Path) -> bool:
    """Whether *folder* is a real folder (no link) of this user that nobody else can enter."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077


def _make(folder: Path) -> bool:
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid():
            folder.chmod(0o700)  # it was opened to others, or the umask takes from ourselves
    except OSError:
        return False
    return is_private(folder)
