"""The control socket of a running proxy, harmed in its folder: `halt` must go on to reach it."""

from __future__ import annotations

import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fairwitness.control.client import ask
from fairwitness.control.folder import is_private
from fairwitness.control.wire import Question
from fairwitness.evidence import holder_of
from fairwitness.testing import Proxy, Told, Town

pytestmark = pytest.mark.gate


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for temporary files that no other proxy has its socket in; its path is short."""
    with tempfile.TemporaryDirectory() as folder:
        monkeypatch.setenv("TMPDIR", folder)
        yield Path(folder)


def _replace(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as other:
        path.unlink()
        other.bind(str(path))


HARMS: dict[str, Callable[[Path], object]] = {
    "another socket": _replace,
    "its folder open to others": lambda path: path.parent.chmod(0o777),
    "its folder gone": lambda path: shutil.rmtree(path.parent),
}


def test_a_socket_that_is_harmed_is_made_again(make_town: Callable[..., Town], temporary: Path) -> None:
    """Within a moment commands reach the proxy; what cannot be mended is said once."""
    with make_town() as town:
        for name, harm in HARMS.items():
            path = _socket(town.proxy)
            assert temporary in path.parents
            before = len(town.proxy.told)
            harm(path)
            town.proxy.wait_for(_is_made_again, name, after=before)

            assert is_private(path.parent), name
            status = ask(path, Question("status"))
            assert isinstance(status, dict)
            assert town.proxy.pid == status["pid"], name

        before = len(town.proxy.told)
        _put_folder(path)
        town.proxy.wait_for(_is_lost, "that it cannot be made", after=before)
        path.rmdir()
        town.proxy.wait_for(_is_made_again, "that it is there again", after=before)
        assert 1 == len([told for told in town.proxy.told if _is_lost(told)])
        assert ask(path, Question("halt", {"reason": "enough"})) is None

        _put_folder(path)
        assert 0 == town.proxy.stop()
        assert "" == town.proxy.stderr


def _put_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _is_made_again(told: Told) -> bool:
    return "control socket was gone or open to others, and is made again" in told.text("reason")


def _is_lost(told: Told) -> bool:
    return "no halt reaches this proxy any more" in told.text("reason")


def _socket(proxy: Proxy) -> Path:
    holder = holder_of(proxy.evidence)
    assert holder is not None
    assert holder.socket is not None
    return Path(holder.socket)
