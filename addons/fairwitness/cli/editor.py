"""A text in the researcher's own editor."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from fairwitness.errors import FairwitnessError, PolicyError

MOST_BYTES = 1 << 20  # 1 MiB: far above any report
_FALLBACKS = ("sensible-editor", "nano", "vi")


@contextlib.contextmanager
def edited(folder: Path, name: str, text: str) -> Iterator[str | None]:
    """What the researcher made of *text*; None where it was left as it was.

    The file goes when the caller is done with what was written, and stays when that fails.

    Args:
        folder: A private folder, made with mode 0700 where it is missing.
        name: What the file is called, for the editor's title and its colours.
        text: What it begins with.

    Raises:
        PolicyError: There is no editor, it failed, or what it left is no text.
    """
    words = _editor()
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)
    own = Path(tempfile.mkdtemp(dir=folder))
    path = own / name
    path.touch(mode=0o600)
    path.write_text(text, "utf-8", "surrogatepass")
    try:
        # A path that begins with a slash is no option, whatever it is called.
        done = subprocess.run([*words, str(path.absolute())], check=False)
    except OSError as error:
        _remove(own)
        raise PolicyError(
            f"the editor {words[0]!r} cannot be started ({error.strerror})",
            where="$VISUAL, $EDITOR",
            mend="Set EDITOR to one that is there",
        ) from error
    if done.returncode:
        _remove(own)
        raise PolicyError(
            f"the editor ended with {done.returncode}, nothing was written",
            where=words[0],
            mend="Save and leave it without an error to write what you changed",
        )
    left = _left(path)
    try:
        yield None if left == text else left
    except FairwitnessError as error:
        kept = f"{error.where}: {error.what}; your text is kept"
        raise type(error)(kept, where=str(path), mend=error.mend) from error
    _remove(own)


def _editor() -> list[str]:
    for variable in ("VISUAL", "EDITOR"):
        value = os.environ.get(variable, "").strip()
        if value:
            try:
                return shlex.split(value)
            except ValueError as error:
                raise PolicyError(
                    f"it cannot be read ({error})", where=f"${variable}", mend="Mend its quotes"
                ) from error
    found = next(filter(None, map(shutil.which, _FALLBACKS)), None)
    if found is None:
        raise PolicyError("no editor is known", where="$EDITOR", mend="Set EDITOR to the one that you use")
    return [found]


def _left(path: Path) -> str:
    """What the editor left."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise PolicyError(
            f"what the editor left cannot be read ({error.strerror})",
            where=str(path),
            mend="Save it under the name that it was opened with",
        ) from error
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise _unreadable(path, "is no plain file")
        os.fchmod(descriptor, 0o600)
        raw = file.read(MOST_BYTES + 1)
    if len(raw) > MOST_BYTES:
        raise _unreadable(path, f"is larger than {MOST_BYTES >> 20} MiB")
    try:
        text = raw.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise _unreadable(path, "is no text in UTF-8") from None
    if "\0" in text:
        raise _unreadable(path, "is no text")
    return text


def _unreadable(path: Path, what: str) -> PolicyError:
    return PolicyError(
        f"what the editor left {what}; nothing was written, the file is kept",
        where=str(path),
        mend="Take what you need from it, and remove it",
    )


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)  # with what the editor left beside the file
