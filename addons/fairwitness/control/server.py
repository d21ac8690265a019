"""The socket's end in the running proxy.  It lives in the proxy's own loop: nothing it does races traffic."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

from fairwitness.control.folder import is_private
from fairwitness.control.wire import (
    MAX_QUESTION_BYTES,
    Question,
    Value,
    WireError,
    error_line,
    peer_uid,
    read_question,
    result_line,
)
from fairwitness.errors import FairwitnessError, PolicyError, StartError

JOIN = "join"
QUESTION_S = 10.0  # a client that says nothing for so long is dropped


class Server:
    """Listens on a unix socket and passes each question on.

    Args:
        path: Of the socket, in a folder that is private to this user.
        answer: What replies; it raises `FairwitnessError` for what the asker can mend.
    """

    def __init__(self, path: Path, answer: Callable[[Question], Awaitable[Value]]) -> None:
        self.path = path
        self._answer = answer
        self.is_lost = False
        """Whether it could not be made again."""
        self._server: asyncio.AbstractServer | None = None
        self._inode: tuple[int, int] | None = None
        self._joined = 0
        self._alone = asyncio.Event()
        self._alone.set()

    async def start(self) -> None:
        """Listen.

        Raises:
            StartError: The socket cannot be made.
        """
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            # One process writes an evidence folder, so what lies here was left by one that was killed.
            self.path.unlink(missing_ok=True)
            listener.bind(os.fspath(self.path))
            self.path.chmod(0o600)
            self._inode = _inode_of(self.path)
            self._server = await asyncio.start_unix_server(
                self._serve, sock=listener, limit=MAX_QUESTION_BYTES
            )
        except OSError as error:
            listener.close()
            raise StartError(
                f"the control socket cannot be made ({error.strerror})",
                where=str(self.path),
                mend="Set XDG_RUNTIME_DIR to a folder of yours with mode 0700",
            ) from error

    def is_in_place(self) -> bool:
        """Whether who looks for the socket finds this one, in a folder that nobody else can enter."""
        return self._is_there() and is_private(self.path.parent)

    async def start_again(self, path: Path) -> None:
        """Listen at *path*, where the socket is not in place any more; who is connected stays so.

        Raises:
            StartError: The socket cannot be made.
        """
        await self.close()
        self.is_lost = True
        self.path = path
        await self.start()
        self.is_lost = False

    async def close(self) -> None:
        """Stop listening and remove the socket, where it is this one."""
        if self._server:
            is_there = self._is_there()
            self._server.close()
            self._server = None
            if is_there:
                self.path.unlink(missing_ok=True)

    def _is_there(self) -> bool:
        # The listener holds its inode, so no other file gets the same number meanwhile.
        return self._server is not None and self._inode == _inode_of(self.path)

    async def wait_alone(self) -> None:
        """Return when no other command sends its traffic through this proxy any more."""
        await self._alone.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            connected = writer.get_extra_info("socket")
            if peer_uid(connected) == os.getuid():
                line = await asyncio.wait_for(reader.readline(), QUESTION_S)
                question, reply = await self._reply(line)
                writer.write(reply)
                await asyncio.wait_for(writer.drain(), QUESTION_S)
                if question and question.do == JOIN:
                    await self._host(reader)
        except (OSError, ValueError, TimeoutError):
            pass  # it left, said too much or nothing: its affair
        finally:
            writer.close()

    async def _host(self, reader: asyncio.StreamReader) -> None:
        """Count a command that joined until it hangs up, which its death does too."""
        self._joined += 1
        self._alone.clear()
        try:
            await reader.read(1)
        finally:
            self._joined -= 1
            if not self._joined:
                self._alone.set()

    async def _reply(self, line: bytes) -> tuple[Question | None, bytes]:
        try:
            question = read_question(line)
            return question, result_line(await self._answer(question))
        except FairwitnessError as error:
            return None, error_line(error)
        except WireError as error:
            mend = "Use the fairwitness command of the same version"
            return None, error_line(PolicyError(str(error), where="control socket", mend=mend))


def _inode_of(path: Path) -> tuple[int, int] | None:
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
