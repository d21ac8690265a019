"""Opening what lies in an evidence folder: plain files and folders only, whatever was put in their place."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path

_LINK = "it is a symbolic link"
_ODD = "it is no plain file"


def open_plain(path: Path, flags: int) -> int:
    """A descriptor of a plain file: no link that leads elsewhere, no pipe that would be waited for.

    Raises:
        OSError: It cannot be opened, or is none; its `strerror` says so in the user's words.
    """
    try:
        descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno == errno.ELOOP:
            error.strerror = _LINK
        elif error.errno == errno.ENXIO:
            error.strerror = _ODD
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, _ODD, str(path))
    return descriptor


def odd_of(path: Path) -> str | None:
    """Why *path* must not be opened by others who do not look, such as SQLite; None where it may be."""
    with contextlib.suppress(OSError):
        mode = path.lstat().st_mode
        if not stat.S_ISREG(mode):
            return _LINK if stat.S_ISLNK(mode) else _ODD
    return None


def make_folder(path: Path) -> None:
    """A folder of mode 0700 that is no link: what is written into it stays where the log is.

    Raises:
        OSError: It cannot be made.
    """
    path.mkdir(mode=0o700, exist_ok=True)
    if path.is_symlink():
        raise OSError(errno.ELOOP, f"{path.name} is a symbolic link", str(path))
    path.chmod(0o700)
