"""Exports while the proxy writes the log."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from fairwitness.evidence.schema import connect_readonly
from fairwitness.evidence.stored import rare_entries
from fairwitness.testing import Town


def _entries(folder: Path) -> list[dict[str, str]]:
    connection = connect_readonly(folder / "log.sqlite3")
    try:
        return [dict(entry.pairs()) for entry in rare_entries(connection, "export")]
    finally:
        connection.close()


@pytest.mark.parametrize("name", ["har", "mitm"])
def test_an_export_while_requests_pass_is_whole_and_told(
    make_town: Callable[..., Town], tmp_path: Path, name: str
) -> None:
    """What was answered is in it, the running proxy writes the entry, and traffic goes on."""
    with make_town() as town:
        stop = threading.Event()
        statuses: list[int] = []

        def ask() -> None:
            while not stop.is_set():
                statuses.append(town.curl(town.inside.url("/", scheme="http")).status)

        before = [town.curl(town.inside.url(f"/{turn}")).status for turn in range(3)]
        asking = threading.Thread(target=ask)
        asking.start()
        try:
            out = tmp_path / "out"
            done = [
                town.proxy.command("export", "--format", name, "-o", str(out), "--json") for _ in range(2)
            ][-1]
        finally:
            stop.set()
            asking.join()
        told = _entries(town.proxy.evidence)

    assert 0 == done.returncode, done.stderr
    assert [200] * 3 == before
    assert {200} == set(statuses)
    assert 2 == len(told)
    assert (json.loads(done.stdout)["sha256"], name, "yes") == (
        told[-1]["sha256"],
        told[-1]["format"],
        told[-1]["redacted"],
    )
    assert 3 <= json.loads(done.stdout)["exchanges"]
    if name == "har":
        entries = json.loads(out.read_text())["log"]["entries"]
        assert json.loads(done.stdout)["exchanges"] == len(entries)


def test_a_request_that_waits_for_its_answer_is_in_it_without_one(
    make_town: Callable[..., Town], tmp_path: Path
) -> None:
    """Status 0, and it says that it is open."""
    with make_town() as town:
        url = town.inside.url("/wait/later", scheme="http")
        asking = threading.Thread(target=lambda: town.curl(url))
        asking.start()
        town.inside.wait_for(lambda origin: bool(origin.requests_for("/wait/later")))
        out = tmp_path / "out.har"
        done = town.proxy.command("export", "--format", "har", "-o", str(out))
        town.inside.release("later")
        asking.join()
        (entry,) = json.loads(out.read_text())["log"]["entries"]

    assert 0 == done.returncode, done.stderr
    assert (0, "open") == (entry["response"]["status"], entry["_fairwitness"]["outcome"])
