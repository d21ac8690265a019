"""Every part of the proxy broken in turn: nothing reaches an origin that is not on record."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fairwitness.testing import Proxy, Told, Town
from fairwitness.testing.faults import Fault, FaultDoor
from fairwitness.testing.sweep import KINDS, NEVER_CALLED, check_closed, check_end, is_closed, sweep
from fairwitness.testing.tour import (
    EVERYTHING,
    LEFT,
    another_proxy,
    attempt,
    https,
    inside,
    noted,
    raw,
    send_upload,
    socket,
    unlogged,
    upload,
)

pytestmark = pytest.mark.gate

DECIDING = (
    "Front.request",
    "Tunnels.http_connect",
    "Tunnels.tls_clienthello",
    "Exchanges.requestheaders",
    "Exchanges.upload_started",
    "Exchanges.request",
    "Messages.websocket_message",
    "Messages.tcp_message",
    "Dials.server_connect",
)
OTHER_WAYS = (("CancelledError", True), ("MemoryError", False))
BreakProxy = Callable[..., contextlib.AbstractContextManager[Proxy]]


@pytest.fixture(scope="module")
def parts(town: Town, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What there is to break."""
    folder = tmp_path_factory.mktemp("parts")
    with FaultDoor() as door, another_proxy(town, folder, door.program):
        return door.parts()


@pytest.fixture
def broken_proxy(town: Town, tmp_path: Path) -> BreakProxy:
    """Starts a proxy on the town's origins in which parts are broken."""

    @contextlib.contextmanager
    def start(*faults: Fault) -> Iterator[Proxy]:
        with FaultDoor(faults) as door, another_proxy(town, tmp_path, door.program) as proxy:
            yield proxy

    return start


def test_every_hook_that_fails_blocks_its_exchange_and_no_other(
    town: Town, parts: dict[str, list[str]], tmp_path: Path
) -> None:
    """Two errors of other kinds for each hook: told, nothing unlogged, and the log of it all verifies."""
    hooks = [each for each in parts["hook"] if each.partition(":")[2] not in NEVER_CALLED]
    ways = [KINDS[(2 * number + turn) % 8] for number in range(len(hooks)) for turn in range(2)]
    faults = [
        Fault(part=hook, error=error, is_before=is_before)
        for hook, (error, is_before) in zip([each for each in hooks for _ in range(2)], ways, strict=True)
    ]

    assert len(faults) > 40
    assert [] == sweep(town, tmp_path, faults)


def test_hooks_that_decide_let_nothing_out_however_they_fail(
    town: Town, parts: dict[str, list[str]], tmp_path: Path
) -> None:
    """A cancelled one before its work, a memory error after it: what it allowed is taken back."""
    hooks = [each for each in parts["hook"] if each.partition(":")[2] in DECIDING]
    faults = [
        Fault(part=hook, error=error, is_before=is_before)
        for hook in hooks
        for error, is_before in OTHER_WAYS
    ]

    assert len(DECIDING) == len(hooks)
    assert [] == sweep(town, tmp_path, faults)


def test_what_a_hook_allowed_before_it_failed_stays_here(town: Town, tmp_path: Path) -> None:
    """The decision is on record, and is taken back: nothing of the request or message arrives."""
    ways = [
        ("exchanges:Exchanges.request", https),
        ("exchanges:Exchanges.upload_started", upload),
        ("messages:Messages.websocket_message", socket),
        ("messages:Messages.tcp_message", raw),
    ]
    with FaultDoor() as door, another_proxy(town, tmp_path, door.program) as proxy:
        for part, errand in ways:
            fault = Fault(part=f"fairwitness.proxy.{part}", error="MemoryError", is_before=False)
            mark = secrets.token_hex(8)
            with door.broken(fault):
                attempt(errand, town, proxy, mark)

                assert door.has_failed(fault.part), part
            asked = [each.path for each in town.inside.requests_below(f"/{mark}")]
            said = [each.content for each in (*town.inside.messages, *town.tcp.messages)]
            assert ["/" + mark + "/ws"] * (errand is socket) == asked
            assert not any(mark.encode() in each for each in said), part
        assert [] == check_end(town, tmp_path, proxy)


@pytest.mark.parametrize("hook", ["exchanges:Exchanges.request", "dials:Dials.server_connect"])
def test_a_hook_that_fails_for_the_third_time_closes_the_gate(
    town: Town, broken_proxy: BreakProxy, tmp_path: Path, hook: str
) -> None:
    """Within a minute: then nothing passes, the run does not end as if all was well, the next start works."""
    name = hook.rpartition(".")[2]
    fault = Fault(part=f"fairwitness.proxy.{hook}", error="RuntimeError", calls=())
    with broken_proxy(fault) as proxy:
        mark = secrets.token_hex(8)
        for errand in EVERYTHING:
            attempt(errand, town, proxy, mark)
        proxy.wait_for(_is_closed, "that the gate closed")
        told = [each.text("reason") for each in proxy.told if each.kind == "store"]

        assert [] == unlogged(town, proxy, mark)
        assert [] == check_closed(town, proxy)
        assert 3 <= sum(f"bug in {name}" in each for each in told)
        assert not any("a secret of the traffic" in each for each in told)
        assert "" == proxy.stderr
        assert [] == check_end(town, tmp_path, proxy)
        assert "the gate was closed while it ran" in proxy.stderr
        assert 4 == proxy.stop()


def test_a_cancelled_hook_leaves_no_client_waiting(town: Town, broken_proxy: BreakProxy) -> None:
    """CancelledError passes every ``except Exception``; one that nobody asked for is a bug."""
    fault = Fault(part="fairwitness.proxy.exchanges:Exchanges.request", error="CancelledError")
    with broken_proxy(fault) as proxy:
        mark = secrets.token_hex(8)
        with pytest.raises(LEFT):
            https(town, proxy, mark)
        told = proxy.wait_for(lambda told: "bug in request" in told.text("reason"), "the bug")

    assert "CancelledError" in told.text("reason")
    assert () == town.inside.requests_for(f"/{mark}/https")


def test_a_hook_of_a_connection_that_ends_is_told_of_too(town: Town, broken_proxy: BreakProxy) -> None:
    """Its task is being cancelled just then, but what awaits nothing is cancelled by nobody."""
    fault = Fault(part="fairwitness.proxy.dials:Dials.server_disconnected", error="CancelledError")
    with broken_proxy(fault) as proxy:
        attempt(https, town, proxy, secrets.token_hex(8))
        proxy.wait_for(lambda told: "bug in server_disconnected" in told.text("reason"), "the bug")


def test_a_watch_over_the_log_that_is_cancelled_closes_the_gate(town: Town, tmp_path: Path) -> None:
    """Nothing would become durable any more, and nobody would notice."""
    with FaultDoor() as door, another_proxy(town, tmp_path, door.program) as proxy:
        door.break_part(Fault(part="fairwitness.evidence.log:Log.checkpoint", error="CancelledError"))
        attempt(https, town, proxy, "watched")
        told = proxy.wait_for(_is_closed, "that the gate closed")

        assert "the watch over the log" in told.text("reason")
        assert [] == check_closed(town, proxy)
        assert [] == check_end(town, tmp_path, proxy)
        assert 4 == proxy.stop()


def test_a_watch_over_the_policy_file_that_is_cancelled_closes_the_gate(town: Town, tmp_path: Path) -> None:
    """A policy that becomes narrower would not be followed, and nobody would notice."""
    with FaultDoor() as door, another_proxy(town, tmp_path, door.program) as proxy:
        door.break_part(Fault(part="fairwitness.evidence.log:Log.append_note", error="CancelledError"))
        attempt(noted, town, proxy, "watched")
        told = proxy.wait_for(_is_closed, "that the gate closed")

        assert "the policy file is not watched any more" in told.text("reason")
        assert [] == check_end(town, tmp_path, proxy)


@pytest.mark.parametrize(
    ("part", "is_before"),
    [("traffic:Traffic.append_request", True), ("log:Log.commit", False), ("store:Store._write", True)],
)
def test_a_store_that_fails_closes_the_gate(
    town: Town, broken_proxy: BreakProxy, tmp_path: Path, part: str, is_before: bool
) -> None:
    """What cannot be appended or committed stays here, and so does all that comes later."""
    with FaultDoor() as door, another_proxy(town, tmp_path, door.program) as proxy:
        before = [(origin.counts.requests, len(origin.messages)) for origin in town.origins]
        error = "OperationalError" if "Store" in part else "EvidenceError"
        door.break_part(Fault(part=f"fairwitness.evidence.{part}", error=error, is_before=is_before))
        for errand in EVERYTHING:
            attempt(errand, town, proxy, f"store-{part}")
        told = proxy.wait_for(_is_failed, "the failure")
        after = [(origin.counts.requests, len(origin.messages)) for origin in town.origins]

        assert before == after
        assert "bug in" not in " ".join(each.text("reason") for each in proxy.told)
        assert [] == check_end(town, tmp_path, proxy)
        assert told.text("reason") != ""


@pytest.mark.parametrize("part", ["tree:Tree.append", "position:Position.move"])
def test_a_bug_in_the_middle_of_an_entry_ends_the_log_and_says_so(
    town: Town, tmp_path: Path, part: str
) -> None:
    """Though nothing else is asked of it: told at once, the run does not end as if all was well."""
    with FaultDoor() as door, another_proxy(town, tmp_path, door.program) as proxy:
        door.break_part(Fault(part=f"fairwitness.evidence.{part}", error="RuntimeError"))
        attempt(https, town, proxy, secrets.token_hex(8))
        told = proxy.wait_for(_is_failed, "the failure")

        assert "a fault fell into the middle of an entry" in told.text("reason")
        assert [] == check_closed(town, proxy)
        assert [] == check_end(town, tmp_path, proxy)
        assert 3 == proxy.stop()


def test_the_watch_over_the_log_that_fails_closes_the_gate(town: Town, broken_proxy: BreakProxy) -> None:
    """Else nothing would become durable any more, and nobody would notice."""
    with broken_proxy(Fault(part="fairwitness.evidence.log:Log.checkpoint", error="RuntimeError")) as proxy:
        told = proxy.wait_for(_is_closed, "that the gate closed")

        assert "the watch over the log failed: RuntimeError" in told.text("reason")
        assert [] == check_closed(town, proxy)


def test_rules_and_learning_that_fail_stop_no_traffic_and_are_told(
    town: Town, parts: dict[str, list[str]], tmp_path: Path
) -> None:
    """All at once, in two ways: what they looked at passes, whole and on record, and each is named."""
    names = [*parts["rule"], *parts["learning"]]
    with FaultDoor() as door, another_proxy(town, tmp_path, door.program) as proxy:
        for error, is_before in (("RuntimeError", True), ("MemoryError", False)):
            mark = f"rules-{error}"
            with door.broken(
                *(Fault(part=each, error=error, is_before=is_before, calls=()) for each in names)
            ):
                for errand in EVERYTHING:
                    attempt(errand, town, proxy, mark)
                calm = {each for each in names if not door.failures(each)}
            row = proxy.wait_for_row(lambda row, mark=mark: row.url.endswith(f"/{mark}/https"))

            assert [] == unlogged(town, proxy, mark)
            assert 1 == len(town.inside.requests_for(f"/{mark}/https"))
            assert "complete" == proxy.wait_for_row(lambda it, row=row: it.id == row.id).outcome
            assert set() == calm & {
                *parts["learning"],
                *(each for each in names if "Rate.on_request" in each),
            }
            assert len(calm) < len(names) / 2  # others have nothing to look at here
        for rule in ("knowledge", "request-rate"):
            _wait_for_warning(proxy, f"rule {rule} failed: RuntimeError")
        assert not is_closed(proxy)
        assert [] == check_end(town, tmp_path, proxy)

    assert "a secret of the traffic" not in " ".join(each.text("reason") for each in proxy.told)


def _wait_for_warning(proxy: Proxy, words: str) -> None:
    proxy.wait_for(lambda told: told.text("state") == "warning" and words in told.text("reason"), words)


START = (
    ("fairwitness.evidence.log:Log.append_session", "OSError", 4, "No space left"),
    ("fairwitness.witness.conductor:Witness.open_gate", "EvidenceError", 3, "the disk is full"),
    ("fairwitness.proxy.serve:_listen", "MemoryError", 4, "there is no memory left"),
    ("fairwitness.control.server:Server.start", "RuntimeError", 4, "a bug of fairwitness, RuntimeError in "),
    ("fairwitness.proxy.exchanges:Exchanges.__init__", "KeyError", 4, "a bug of fairwitness, KeyError in "),
    ("fairwitness.cli.session:replay", "CancelledError", 4, "a bug of fairwitness, CancelledError in "),
)


def check_traceback(proxy: Proxy, error: str) -> None:
    """Where a file with a traceback is named, it is private; then it goes."""
    named = proxy.stderr.partition("Report it with ")[2].partition(",")[0]
    if named:
        assert error in Path(named).read_text()
        assert 0o600 == Path(named).stat().st_mode & 0o777
        Path(named).unlink()


@pytest.mark.parametrize(("part", "error", "code", "word"), START)
def test_a_start_that_fails_says_so_and_lets_nothing_through(
    town: Town, tmp_path: Path, part: str, error: str, code: int, word: str
) -> None:
    """It ends with its code and one message; a traceback lies in a file; the next start works on the rest."""
    with FaultDoor([Fault(part=part, error=error)]) as door:
        proxy = another_proxy(town, tmp_path, door.program)
        with contextlib.suppress(TimeoutError), proxy:
            https(town, proxy, "never")

        assert code == proxy.stop()
        assert word in proxy.stderr
        assert 1 == len(proxy.stderr.splitlines())
        assert "a secret of the traffic" not in proxy.stderr
        check_traceback(proxy, error)
        assert () == town.inside.requests_for("/never/https")
        assert [] == check_end(town, tmp_path, proxy, ended=True)


@pytest.mark.parametrize(
    ("part", "error", "code"),
    [
        ("fairwitness.evidence.log:Log.close", "EvidenceError", 3),
        ("fairwitness.control.server:Server.close", "RuntimeError", 4),
    ],
)
def test_an_end_that_fails_says_so_and_loses_nothing(
    town: Town, tmp_path: Path, part: str, error: str, code: int
) -> None:
    """The exit code says what, what passed is on record, the next start works."""
    with (
        FaultDoor([Fault(part=part, error=error)]) as door,
        another_proxy(town, tmp_path, door.program) as proxy,
    ):
        mark = secrets.token_hex(8)
        https(town, proxy, mark)

        assert code == proxy.stop()
        check_traceback(proxy, error)
        assert [] == unlogged(town, proxy, mark)
        assert [] == check_end(town, tmp_path, proxy, ended=True)


@pytest.mark.bypass(19)
@pytest.mark.parametrize("error", ["RuntimeError", "EvidenceError", "MemoryError"])
def test_an_upload_whose_tee_fails_in_its_middle_is_cut(
    town: Town, broken_proxy: BreakProxy, error: str
) -> None:
    """No chunk behind the failed one goes on: the origin never gets a whole body, and it is told."""
    mark = f"tee-{error}"
    with broken_proxy(Fault(part="fairwitness.proxy.tee:Tee.__call__", error=error, calls=(3,))) as proxy:
        with contextlib.suppress(*LEFT), inside(town, proxy) as client:
            send_upload(client, town, mark, 8 << 20)
            assert client.reply(method="POST").status >= 400
        word = "the disk is full" if error == "EvidenceError" else "bug in tee"
        proxy.wait_for(lambda told: word in told.text("reason"), "the fault")
        row = proxy.wait_for_row(lambda row: row.url.endswith(f"/{mark}/upload") and row.outcome != "open")
        stored = proxy.record(row).request_body_bytes or 0
        seen = town.inside.requests_for(f"/{mark}/upload")

    assert row.outcome.startswith("failed")
    assert [None] == [each.body_sha256 for each in seen]
    assert stored < 8 << 20


@pytest.mark.bypass(19)
def test_a_download_whose_tee_fails_in_its_middle_is_cut(town: Town, broken_proxy: BreakProxy) -> None:
    """The client gets no byte that is not on record, and sees that the body is not whole."""
    with broken_proxy(
        Fault(part="fairwitness.proxy.tee:Tee.__call__", error="KeyError", calls=(5,))
    ) as proxy:
        got: list[bytes] = []
        with contextlib.suppress(*LEFT), inside(town, proxy) as client:
            client.send(f"GET /bytes/8000000 HTTP/1.1\r\nHost: {town.inside.host_port}\r\n\r\n".encode())
            client.reply(sink=got.append)
        row = proxy.wait_for_row(lambda row: row.url.endswith("/bytes/8000000") and row.outcome != "open")
        stored = proxy.record(row).response_body_bytes or 0

    assert row.outcome.startswith("failed")
    assert sum(map(len, got)) <= stored < 8_000_000


def _is_closed(told: Told) -> bool:
    return told.kind == "store" and told.text("state") == "gate-closed"


def _is_failed(told: Told) -> bool:
    return told.kind == "store" and told.text("state") == "failed"
