"""Disks that fill or cannot be written, logs that are locked or damaged: plain words, nothing unlogged."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fairwitness.evidence import Reader
from fairwitness.testing import PATIENCE_S, Proxy, RawClient, Told, Town
from fairwitness.testing.disks import NotAllowedError, read_only, small_disk
from fairwitness.testing.faults import FaultDoor
from fairwitness.testing.sweep import check_closed, check_end
from fairwitness.testing.tour import LEFT, another_proxy, https, inside, send_upload, unlogged

pytestmark = pytest.mark.gate


@pytest.fixture
def spare(town: Town, tmp_path: Path) -> Iterator[Callable[[], Proxy]]:
    """Makes proxies of one folder on the town's origins; not started yet."""
    with FaultDoor() as door:
        yield lambda: another_proxy(town, tmp_path, door.program)


@contextlib.contextmanager
def _mounted(mount: contextlib.AbstractContextManager[None]) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(mount)
        except NotAllowedError as error:
            pytest.skip(f"nothing may be mounted here: {error}")
        yield


def test_a_full_disk_is_told_in_plain_words_and_lets_nothing_out(
    town: Town, spare: Callable[[], Proxy], tmp_path: Path
) -> None:
    """An upload that fills the disk is cut; events, plain output and the end name the disk, not a bug."""
    with _mounted(small_disk(tmp_path / "evidence", size_bytes=6 << 20)):
        with spare() as proxy:
            https(town, proxy, "before-full")
            with contextlib.suppress(*LEFT), inside(town, proxy) as client:
                send_upload(client, town, "fills", 32 << 20, filler=_noise)
                client.reply(method="POST")
            told = proxy.wait_for(_is_failed, "that the store failed")
            words = " ".join(each.text("reason") for each in proxy.told)

            assert "the disk is full. Make room on the disk of" in told.text("reason").replace(")", "")
            assert "bug in" not in words
            assert [None] == [each.body_sha256 for each in town.inside.requests_for("/fills/upload")]
            assert [] == check_closed(town, proxy)
            assert [] == unlogged(town, proxy, "before-full")
            assert 3 == proxy.stop()
            assert "the disk is full" in proxy.stderr
        shutil.copytree(tmp_path / "evidence", tmp_path / "kept")
    shutil.rmtree(tmp_path / "evidence")
    (tmp_path / "kept").rename(tmp_path / "evidence")
    assert [] == check_end(town, tmp_path, proxy, ended=True)


def test_a_person_reads_on_the_terminal_that_the_disk_is_full(
    town: Town, spare: Callable[[], Proxy], tmp_path: Path
) -> None:
    """Without --json, on a real terminal: while it runs, and again as the reason why it ends with 3."""
    proxy = spare()
    with _mounted(small_disk(proxy.evidence, size_bytes=6 << 20)):
        terminal, side = os.openpty()
        words = [
            *(sys.executable, "-m", "fairwitness", "run", "--ui", "plain", "--listen", "127.0.0.1:0"),
            *("--policy", str(proxy.policy_file), "--evidence", str(proxy.evidence)),
            *("--ca-dir", str(tmp_path / "ca"), "--resolve", town.inside.resolve),
        ]
        with subprocess.Popen(words, stdin=side, stdout=side, stderr=side, env=proxy.environment) as running:
            os.close(side)
            address = _shown(terminal, "stop ").partition("http://")[2].split()[0]
            with contextlib.suppress(*LEFT), RawClient(address) as client:
                head = f"POST {town.inside.url('/full', scheme='http')} HTTP/1.1\r\n"
                client.send(
                    f"{head}Host: {town.inside.host_port}\r\nContent-Length: {32 << 20}\r\n\r\n".encode()
                )
                for _ in range(512):
                    client.send(_noise(1 << 16))
            while_it_ran = _shown(terminal, "the disk is full")
            running.terminate()
            at_its_end = _shown(terminal, "fairwitness: error: ")
            assert 3 == running.wait(PATIENCE_S)
        os.close(terminal)

    assert "failed " in while_it_ran
    assert "Traceback" not in while_it_ran + at_its_end


def test_a_start_on_a_read_only_disk_is_refused_with_a_word(
    town: Town, spare: Callable[[], Proxy], tmp_path: Path
) -> None:
    """Also for root, who ignores modes; what is on record stays, and the next start goes on."""
    with spare() as proxy:
        https(town, proxy, "writable")
        proxy.stop()
    with _mounted(read_only(tmp_path / "evidence")):
        again = spare()
        with pytest.raises(TimeoutError), again:
            pass
        assert 3 == again.stop()
        assert "ead-only" in again.stderr
        assert "Traceback" not in again.stderr
        for words in (("log", "--json"), ("show", "1"), ("flags",), ("report",)):
            read = again.command(*words)
            assert 0 == read.returncode, read.stderr
            assert words[0] != "log" or "/writable/https" in read.stdout
    assert [] == unlogged(town, proxy, "writable")
    assert [] == check_end(town, tmp_path, proxy, ended=True)


def test_a_database_that_stays_locked_closes_the_gate(
    town: Town, spare: Callable[[], Proxy], tmp_path: Path
) -> None:
    """Another program that writes to it: what cannot be recorded does not go, and the lock is named."""
    with spare() as proxy:
        https(town, proxy, "before-lock")
        other = sqlite3.connect(tmp_path / "evidence" / "log.sqlite3", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        try:
            with contextlib.suppress(*LEFT):
                https(town, proxy, "locked")
            told = proxy.wait_for(_is_failed, "that the store failed")
        finally:
            other.close()

        assert "another program has locked it" in told.text("reason")
        assert () == town.inside.requests_for("/locked/https")
        assert [] == check_closed(town, proxy)
        assert [] == check_end(town, tmp_path, proxy)


@pytest.mark.parametrize("damage", [b"no database at all" * 600, b""], ids=["garbage", "cut-off"])
def test_a_damaged_database_is_not_written_to(
    town: Town, spare: Callable[[], Proxy], tmp_path: Path, damage: bytes
) -> None:
    """The start is refused with a word on what to do, and the file stays as it was found."""
    evidence = tmp_path / "evidence"
    evidence.mkdir()
    (evidence / "log.sqlite3").write_bytes(damage or b"SQLite format 3\0" + bytes(2000))
    before = (evidence / "log.sqlite3").read_bytes()
    proxy = spare()
    with pytest.raises(TimeoutError), proxy:
        pass

    assert 3 == proxy.stop()
    assert "Move the evidence folder away" in proxy.stderr
    assert "Traceback" not in proxy.stderr
    assert before == (evidence / "log.sqlite3").read_bytes()
    evidence.rename(tmp_path / "kept")  # as it was told to
    with spare() as proxy:
        assert [] == check_end(town, tmp_path, proxy)


def test_a_stopped_proxy_goes_on_where_it_was_and_says_so(town: Town, tmp_path: Path) -> None:
    """SIGSTOP and SIGCONT: told and noted; who still waits is served and on record; the gate stays open."""
    with FaultDoor() as door, another_proxy(town, tmp_path, door.program) as proxy:
        door.shorten_standstills(500_000)
        proxy.kill(signal.SIGSTOP)
        before = len(proxy.told)
        with _asking(proxy, town, "/stopped/gave-up", "--max-time", "2") as impatient:
            assert 28 == impatient.wait(30)
        with _asking(proxy, town, "/stopped/http") as waiting:
            assert () == town.inside.requests_for("/stopped/http")
            proxy.kill(signal.SIGCONT)
            assert 0 == waiting.wait(30)
        told = proxy.wait_for(
            lambda told: "stood still for" in told.text("reason"), "that it stood still", after=before
        )

        assert "warning" == told.text("state")
        assert 1 == len(town.inside.requests_for("/stopped/http"))
        assert [] == unlogged(town, proxy, "stopped")
        assert "stood still for" in proxy.command("report").stdout
        assert [] == check_end(town, tmp_path, proxy)


def test_steps_of_the_clock_are_noted_and_break_nothing(town: Town, tmp_path: Path) -> None:
    """An hour ahead, then an hour back: both are told, traffic passes, times in the log do not run back."""
    with FaultDoor() as door, another_proxy(town, tmp_path, door.program) as proxy:
        for number, step_s in enumerate((3600, -3600)):
            before = len(proxy.told)
            door.step_clock(step_s * 1_000_000)
            https(town, proxy, f"step-{number}")
            told = proxy.wait_for(
                lambda told: "clock was stepped" in told.text("reason"), "the step", after=before
            )
            assert "by +" in told.text("reason") if step_s > 0 else "by -" in told.text("reason")
            assert 1 == len(town.inside.requests_for(f"/step-{number}/https"))
            assert [] == unlogged(town, proxy, f"step-{number}")
        with Reader.open(tmp_path / "evidence") as reader:
            times = [reader.exchange(row.exchange).row.time_us for row in reader.exchanges()]
        assert times == sorted(times)
        assert [] == check_end(town, tmp_path, proxy)


@contextlib.contextmanager
def _asking(proxy: Proxy, town: Town, path: str, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """A client whose request waits for the proxy."""
    words = ["curl", "-sf", *options, "--proxy", proxy.url, town.inside.url(path, scheme="http")]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL) as waiting:
        yield waiting


def _shown(terminal: int, word: str) -> str:
    """What a terminal shows until there is that word."""
    shown = ""
    while word not in shown:
        shown += os.read(terminal, 1 << 16).decode(errors="replace")
    return shown


def _noise(size: int) -> bytes:
    return secrets.token_bytes(size)


def _is_failed(told: Told) -> bool:
    return told.kind == "store" and told.text("state") == "failed"
