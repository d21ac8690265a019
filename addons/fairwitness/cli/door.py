"""The command that is run through a proxy: how it reaches the proxy, and how it runs to its end."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from fairwitness.errors import FairwitnessError

if TYPE_CHECKING:
    from fairwitness.cli.place import Place
    from fairwitness.model.policy import Policy

EXIT_CANNOT_START = 125
_SHORTAGES = frozenset({errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM})
_OUTPUT = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC


class CannotStartError(FairwitnessError):
    """The command could not be started at all."""

    exit_code = EXIT_CANNOT_START


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """How to reach the proxy."""

    host: str
    port: int
    ca: Path
    password: str | None
    place: Place
    policy: Policy
    asked_to_stop: asyncio.Event
    is_alone: bool = True
    """Whether the terminal is the command's; else the live screen has it."""

    def url(self, label: str | None) -> str:
        """The proxy's address with the label as user name."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        secret = f":{quote(self.password, safe='')}" if self.password else ""
        user = label or ("fairwitness" if secret else "")
        return f"http://{user}{secret}@{host}:{self.port}" if user else f"http://{host}:{self.port}"


def _mend(error: OSError | ValueError) -> str:
    if isinstance(error, OSError) and error.errno in _SHORTAGES:
        return "Raise the limits of this terminal ('ulimit -a' shows them), or end other programs"
    return "Name a command that exists"


def check_command(name: str) -> None:
    """Fail before a proxy is started for a command that does not exist.

    Raises:
        CannotStartError: There is no such command, or it must not be run.
    """
    if shutil.which(name) is None:
        raise CannotStartError(
            "there is no such command, or it must not be run",
            where=name,
            mend="Name a command that can be run",
        )


async def spawn(
    door: Door, command: list[str], *, environment: dict[str, str], output: Path | None = None
) -> int:
    """Run *command* to its end; its exit code as a shell would say it.

    It has this process's streams, or none and a file for what it says.

    Raises:
        CannotStartError: There is no such command, or it must not be run.
    """
    try:
        with _streams(output) as streams:
            child = await asyncio.create_subprocess_exec(*command, env=environment, **streams)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise CannotStartError(
            f"the command cannot be started ({reason})", where=command[0], mend=_mend(error)
        ) from error
    ending = asyncio.ensure_future(child.wait())
    stopping = asyncio.ensure_future(door.asked_to_stop.wait())
    try:
        await asyncio.wait({ending, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        if not ending.done():
            child.terminate()
            await ending
    code = ending.result()
    return 128 - code if code < 0 else code


@contextlib.contextmanager
def _streams(output: Path | None) -> Iterator[dict[str, Any]]:
    if output is None:
        yield {}
        return
    said = os.open(output, _OUTPUT, 0o600)
    try:
        yield {"stdin": asyncio.subprocess.DEVNULL, "stdout": said, "stderr": said}
    finally:
        os.close(said)
