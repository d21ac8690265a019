"""The policy file under a running proxy: watched, edited, offered to the conductor."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from fairwitness.errors import PolicyError
from fairwitness.model.policy import Policy

MAX_BYTES = 4 << 20  # 4 MiB: more than any policy; what is larger is not read at all


class Offered(Protocol):
    """What became of an offered policy."""

    @property
    def state(self) -> str:
        """``same`` | ``in-force`` | ``waits-for-confirmation``."""

    @property
    def policy(self) -> Policy:
        """The offered one."""

    @property
    def summary(self) -> str:
        """What it changes, one line."""


class Taker(Protocol):
    """Who takes a changed policy."""

    async def offer_policy(self, text: bytes, *, is_wanted: Callable[[], bool]) -> Offered | None:
        """Take it, or raise PolicyError when it is broken; None where it was not wanted once it was read."""

    def confirm(self, sha256_prefix: str) -> Policy:
        """Put the waiting one in force."""


@dataclass(frozen=True, slots=True)
class Edited:
    """What an edit did."""

    state: str
    """``same`` | ``in-force`` | ``waits-for-confirmation``."""
    sha256: str
    summary: str


class PolicyFile:
    """A class, because it remembers how the file looked last.

    Args:
        path: The file.
        taker: Who is offered its changes.
        text: What was loaded from it at start.
    """

    def __init__(self, path: Path, taker: Taker, text: bytes) -> None:
        self._path = path
        self._taker = taker
        self._offered = text
        self._looked: tuple[int, int, int] | None = None
        self._all_in_force = True
        self._readings = 0
        self._editing = asyncio.Lock()

    async def look(self) -> None:
        """Offer the file if it changed since the last look.  A missing file changes nothing: editors do that.

        It is read beside the traffic, as long as it may be; an `edit` meanwhile takes the file as it is then.

        Raises:
            PolicyError: It is broken; said once a change.
        """
        try:
            found = self._path.stat()
        except OSError:
            return
        looks = (found.st_mtime_ns, found.st_size, found.st_ino)
        if looks == self._looked:
            return
        self._looked = looks
        text = read_limited(self._path, is_waited_for=False)
        if text != self._offered:
            await self._offer(text)

    async def edit(self, change: Callable[[bytes], bytes]) -> Edited:
        """Write the changed file and put it in force.

        Who edits through the socket says so on a terminal, which is the confirmation; but only of this edit:
        if the file held other changes that wait, all of it waits.

        Args:
            change: Gives the changed text; called in another thread.

        Raises:
            PolicyError: The file cannot be read, changed or written, is broken, or was changed meanwhile.
        """
        async with self._editing:
            before = read_limited(self._path, is_waited_for=False)
            after = await asyncio.to_thread(change, before)
            if read_limited(self._path, is_waited_for=False) != before:
                raise self._changed_meanwhile()
            only_this = self._all_in_force and before == self._offered
            replace_bytes(self._path, after)
            offered = await self._offer(after)
        if offered is None:
            raise self._changed_meanwhile()
        if offered.state == "waits-for-confirmation" and only_this:
            self._taker.confirm(offered.policy.sha256)
            self._all_in_force = True
            return Edited("in-force", offered.policy.sha256, offered.summary)
        return Edited(offered.state, offered.policy.sha256, offered.summary)

    def confirm(self, sha256_prefix: str) -> Policy:
        """Put the waiting policy in force.

        Raises:
            PolicyError: Nothing waits, or another one.
        """
        policy = self._taker.confirm(sha256_prefix)
        self._all_in_force = not self._readings  # else the file has more than was confirmed
        return policy

    async def _offer(self, text: bytes) -> Offered | None:
        self._offered, self._all_in_force = text, False
        self._readings += 1
        try:
            offered = await self._taker.offer_policy(text, is_wanted=lambda: self._offered is text)
        finally:
            self._readings -= 1
        if offered is not None:
            self._all_in_force = offered.state != "waits-for-confirmation"
        return offered

    def _changed_meanwhile(self) -> PolicyError:
        return PolicyError(
            "somebody else changed the file meanwhile",
            where=str(self._path),
            mend="Look at it, then ask again",
        )


def read_limited(path: Path, *, is_waited_for: bool = True) -> bytes:
    """The whole file, unless it is absurdly large.

    Args:
        path: The file.
        is_waited_for: Whether it may be a pipe, which is read when somebody has written to it.

    Raises:
        PolicyError: It cannot be read, or is too large.
    """
    try:
        with open(path, "rb", opener=None if is_waited_for else _open_plain) as file:
            text = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise PolicyError(
            f"the file cannot be read ({error.strerror})",
            where=str(path),
            mend="Name another file with --policy",
        ) from error
    if len(text) > MAX_BYTES:
        raise PolicyError(
            "the file is too large", where=str(path), mend=f"Keep it under {MAX_BYTES >> 20} MiB"
        )
    return text


def _open_plain(path: str, flags: int) -> int:
    """A proxy that waits for a pipe would answer nobody and obey no signal."""
    number = os.open(path, flags | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise OSError(errno.EINVAL, "it is no plain file")
    return number


def replace_bytes(path: Path, content: bytes) -> None:
    """Replace what a file holds in one step, keeping its mode; a new one is 0600, a symbolic link stays one.

    Raises:
        PolicyError: It cannot be written.
    """
    target = path.resolve()
    try:
        if target.exists() and not target.is_file():
            target.write_bytes(content)  # /dev/null, a pipe: to be written to, never replaced
            return
        mode = target.stat().st_mode & 0o777 if target.exists() else 0o600
        # mkstemp gives a name that nobody can know beforehand: the folder may be one that others write.
        descriptor, name = tempfile.mkstemp(prefix=".fairwitness-", suffix=".new", dir=target.parent)
        beside = Path(name)
        try:
            with open(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fchmod(descriptor, mode)
                os.fsync(descriptor)
            os.replace(beside, target)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise PolicyError(
            f"the file cannot be written ({error.strerror})", where=str(path), mend="Write to another place"
        ) from error
