"""When the evidence cannot be kept, nothing passes any more."""

from __future__ import annotations

import resource
import shutil
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from wsproto.events import TextMessage

from fairwitness.evidence import Reader
from fairwitness.testing import Disconnected, Told, Town
from fairwitness.testing.sweep import check_town_end

pytestmark = pytest.mark.gate


def _databases(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_file() and "sqlite" in path.name]


def _delete_files(folder: Path) -> None:
    for path in _databases(folder):
        path.unlink()


def _replace_by_copies(folder: Path) -> None:
    for path in _databases(folder):
        copy = path.with_name("copy")
        shutil.copy(path, copy)
        copy.replace(path)


def _move_folder(folder: Path) -> None:
    folder.rename(folder.with_name("moved"))


@pytest.mark.parametrize("harm", [_delete_files, _replace_by_copies, _move_folder])
def test_nothing_passes_once_the_store_is_gone(
    make_town: Callable[..., Town], harm: Callable[[Path], None]
) -> None:
    """The database deleted, replaced or moved under the running proxy; what was moved away is whole."""
    with make_town() as town:
        with town.tunnel(town.inside) as client:
            first = client.request("/before", host=town.inside.host_port)
            harm(town.proxy.evidence)
            before = town.inside.counts.requests
            statuses = [_status(lambda: client.request("/kept", host=town.inside.host_port).status)]
        for scheme in ("http", "https"):
            url = town.inside.url("/after", scheme=scheme)
            statuses += [town.curl(url).status for _ in range(3)]
        after = town.inside.counts.requests
        told = town.proxy.wait_for(_failed, "that the store failed")
        assert 3 == town.proxy.stop()
        assert [] == check_town_end(town)
        if harm is _move_folder:
            with Reader.open(town.proxy.evidence.with_name("moved")) as reader:
                assert () == tuple(reader.problems())

    assert 200 == first.status
    assert before == after
    assert [] == [status for status in statuses if 200 <= status < 400]
    assert "" != told.text("reason")


def test_nothing_passes_once_the_disk_is_full(make_town: Callable[..., Town]) -> None:
    """A write that fails for want of room closes the gate; what the origin saw before is on record."""
    with make_town() as town:
        town.curl(town.inside.url("/warm"))
        largest = max(path.stat().st_size for path in _databases(town.proxy.evidence))
        limit = largest + (256 << 10)
        resource.prlimit(town.proxy.pid, resource.RLIMIT_FSIZE, (limit, limit))
        replies = []
        for number in range(200):
            replies.append(town.curl(town.inside.url(f"/fill-{number}"), "--data", "x" * 60_000).status)
            if not 200 <= replies[-1] < 300:
                break
        told = town.proxy.wait_for(_failed, "that the store failed")
        seen_then = town.inside.counts.requests
        later = [town.curl(town.inside.url("/later", scheme=scheme)).status for scheme in ("http", "https")]
        logged = {row.url for row in town.proxy.rows()}
        seen = town.inside.requests
        assert 3 == town.proxy.stop()
        assert [] == check_town_end(town)

    assert "" != told.text("reason")
    assert [] == [status for status in later if 200 <= status < 400]
    assert seen_then == len(seen)
    assert [] == [each.target for each in seen if town.inside.url(each.path) not in logged]


def test_a_websocket_ends_with_the_store(make_town: Callable[..., Town]) -> None:
    """A message that cannot be recorded does not go."""
    with make_town() as town:
        with town.websocket(town.inside, secure=True) as (socket, _):
            socket.send(TextMessage(data="one"))
            socket.receive()
            _delete_files(town.proxy.evidence)
            socket.send(TextMessage(data="two"))
            with pytest.raises((Disconnected, OSError)):
                socket.receive()
        texts = [message.content for message in town.inside.messages if message.kind == "text"]

    assert [b"one"] == texts


def _failed(told: Told) -> bool:
    return told.kind == "store" and told.text("state") in {"failed", "gate-closed"}


def _status(ask: Callable[[], int]) -> int:
    try:
        return ask()
    except (Disconnected, OSError, ssl.SSLError):
        return 0
