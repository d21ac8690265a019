from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import stat
import tempfile
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Self

import pytest

from fairwitness.control.client import ask, asking
from fairwitness.control.folder import MAX_PATH_BYTES, is_private, socket_path
from fairwitness.control.server import JOIN, Server
from fairwitness.control.wire import (
    MAX_QUESTION_BYTES,
    MAX_REPLY_BYTES,
    Question,
    Value,
    WireError,
    error_line,
    read_question,
    read_reply,
    result_line,
)
from fairwitness.errors import EvidenceError, FairwitnessError, PolicyError, StartError


class Running(contextlib.AbstractContextManager["Running"]):
    """A server in a loop of its own thread, as the proxy runs one."""

    def __init__(self, path: Path, answer: Callable[[Question], Awaitable[Value]]) -> None:
        self.path = path
        self.loop = asyncio.new_event_loop()
        self.server = Server(path, answer)
        self.thread = threading.Thread(target=self.loop.run_forever)

    def do(self, coroutine: object) -> object:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(10)  # type: ignore[arg-type]

    def __enter__(self) -> Self:
        self.thread.start()
        self.do(self.server.start())
        return self

    def __exit__(self, *_: object) -> None:
        self.do(self.server.close())
        self.do(self._settle())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    async def _settle(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)


@pytest.fixture
def private(tmp_path: Path) -> Path:
    """A folder as the socket lies in."""
    folder = tmp_path / "run"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def echo(private: Path) -> Iterator[Running]:
    """A server that says what it was asked."""

    async def answer(question: Question) -> Value:
        if question.do == "refuse":
            raise PolicyError("no", where="here", mend="Ask nicely")
        return {"did": question.do, **{name: list(value) for name, value in question.arguments.items()}}

    with Running(private / "c.sock", answer) as running:
        yield running


def _raw(path: Path, sent: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as connected:
        connected.settimeout(10)
        connected.connect(str(path))
        got = b""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connected.sendall(sent)
            while piece := connected.recv(65536):
                got += piece
        return got


def test_a_question_is_answered(echo: Running) -> None:
    """What is asked reaches the answerer, and its result comes back."""
    assert {"did": "x", "hosts": ["a", "b"]} == ask(echo.path, Question("x", {"hosts": ("a", "b")}))


def test_a_refusal_arrives_as_the_same_error(echo: Running) -> None:
    """An error of the running proxy is raised in the asking process with its place and advice."""
    with pytest.raises(PolicyError) as caught:
        ask(echo.path, Question("refuse"))

    assert ("no", "here", "Ask nicely") == (caught.value.what, caught.value.where, caught.value.mend)


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b'{"do":1}\n',
        b'["do"]\n',
        b'{"do":"x","with":{"a":{"b":1}}}\n',
        b'{"do":"x","with":[]}\n',
        b"\xff\xfe\n",
        b"[" * 100_000 + b"\n",
    ],
)
def test_what_is_no_question_is_refused(echo: Running, sent: bytes) -> None:
    """A web page's request, or any other line, gets an error and reaches nobody."""
    reply = json.loads(_raw(echo.path, sent))

    assert False is reply["ok"]
    assert "did" not in str(reply)


def test_a_flood_without_a_line_is_cut_off(echo: Running) -> None:
    """More bytes than a question may have are not collected, and the next asker is served."""
    assert b"" == _raw(echo.path, b"x" * (2 * MAX_QUESTION_BYTES + 1))
    assert {"did": "still"} == ask(echo.path, Question("still"))


def test_the_socket_is_for_its_owner_alone(echo: Running) -> None:
    """The socket has mode 0600."""
    assert 0o600 == stat.S_IMODE(echo.path.stat().st_mode)


def test_another_user_is_not_answered(private: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever can open the socket is still refused when the kernel names another user than the proxy's."""
    asked: list[str] = []

    async def answer(question: Question) -> Value:
        asked.append(question.do)
        return "done"

    with Running(private / "c.sock", answer) as running:
        monkeypatch.setattr(os, "getuid", lambda: 12345)
        got = _raw(running.path, Question("halt").line())
        monkeypatch.undo()

    assert (b"", []) == (got, asked)


def test_whoever_joined_is_waited_for(echo: Running) -> None:
    """The server is alone only when every command that joined has hung up."""

    async def is_alone() -> bool:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(echo.server.wait_alone(), 0)
            return True
        return False

    with asking(echo.path, Question(JOIN)):
        joined = echo.do(is_alone())
    echo.do(asyncio.wait_for(echo.server.wait_alone(), 10))

    assert False is joined


def test_no_socket_is_a_clear_error(private: Path) -> None:
    """Where nobody listens the error says that the proxy cannot be reached."""
    with pytest.raises(EvidenceError, match="cannot be reached"):
        ask(private / "none.sock", Question("status"))


@pytest.mark.parametrize(
    "reply", [b"", b"nonsense\n", b"[]\n", b'{"ok":false}\n', b"x" * (MAX_REPLY_BYTES + 1)]
)
def test_a_strange_reply_is_a_clear_error(private: Path, reply: bytes) -> None:
    """Whatever answers, the asker gets an error, never a traceback."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(private / "odd.sock"))
    listener.listen()

    def serve() -> None:
        connected, _ = listener.accept()
        with connected, contextlib.suppress(OSError):
            connected.recv(65536)
            connected.sendall(reply)

    thread = threading.Thread(target=serve)
    thread.start()
    with listener, pytest.raises(EvidenceError):
        ask(private / "odd.sock", Question("status"))
    thread.join()


def test_a_socket_left_by_a_killed_proxy_is_replaced(private: Path) -> None:
    """What lies at the path from a dead process does not stop the next one."""
    path = private / "c.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))

    async def answer(question: Question) -> Value:
        return question.do

    with Running(path, answer):
        assert "hello" == ask(path, Question("hello"))

    assert not path.exists()


@pytest.mark.parametrize("error", [PolicyError, EvidenceError, StartError])
def test_errors_survive_the_wire(error: type[FairwitnessError]) -> None:
    """Each kind of error keeps its kind, and so its exit code."""
    with pytest.raises(error) as caught:
        read_reply(error_line(error("what", where="where", mend="mend", frame="frame")))

    assert "frame" == caught.value.frame


def test_results_survive_the_wire() -> None:
    """A result is what was sent."""
    assert {"a": [1, None, "x"]} == read_reply(result_line({"a": [1, None, "x"]}))


def test_missing_arguments_are_named() -> None:
    """An operation that lacks an argument says which."""
    question = read_question(Question("halt").line())

    with pytest.raises(WireError, match="halt needs reason"):
        question.text("reason")


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder with a short path: a socket's may have 103 bytes."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def test_the_runtime_folder_is_preferred(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The socket lies in XDG_RUNTIME_DIR when that is private, under a short name."""
    runtime = short / "r"
    runtime.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))

    path = socket_path(short / "evidence")

    assert runtime / "fairwitness" == path.parent
    assert is_private(path.parent)


def test_an_open_runtime_folder_is_not_used(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A runtime folder that others can enter is passed over."""
    runtime = short / "r"
    runtime.mkdir()
    runtime.chmod(0o755)
    temporary = short / "t"
    temporary.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    monkeypatch.setattr("tempfile.tempdir", str(temporary))

    assert temporary / f"fairwitness-{os.getuid()}" == socket_path(short / "evidence").parent


def test_a_planted_folder_or_link_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link planted under the expected name in the shared temporary folder is not followed."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    temporary = tmp_path / "t"
    temporary.mkdir()
    (temporary / f"fairwitness-{os.getuid()}").symlink_to(elsewhere)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(temporary))

    assert temporary not in socket_path(tmp_path / "evidence").parents


def test_a_long_runtime_folder_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket's path never exceeds what the kernel takes, however deep the folders are."""
    deep = tmp_path / ("d" * 100)
    deep.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(deep))

    assert len(os.fsencode(socket_path(tmp_path / "evidence"))) <= MAX_PATH_BYTES


def test_each_evidence_folder_has_its_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two folders never share a socket; two spellings of one folder do."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    tmp_path.chmod(0o700)
    first, second = tmp_path / "a", tmp_path / "b"

    assert socket_path(first) != socket_path(second)
    assert socket_path(first) == socket_path(tmp_path / "b" / ".." / "a")


def test_the_peer_is_known_by_the_kernel() -> None:
    """The user id of the other end comes from the kernel, not from the other end."""
    from fairwitness.control.wire import peer_uid

    left, right = socket.socketpair(socket.AF_UNIX)
    with left, right:
        assert os.getuid() == peer_uid(left)
