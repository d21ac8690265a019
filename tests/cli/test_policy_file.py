from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from fairwitness.control.desk import Desk, Joining, plain, read_additions
from fairwitness.control.policy_file import MAX_BYTES, Edited, PolicyFile, read_limited, replace_bytes
from fairwitness.control.wire import Question, WireError
from fairwitness.errors import PolicyError
from fairwitness.model.event import Held
from fairwitness.model.flag import AnswerAs, Severity
from fairwitness.model.policy import Policy
from fairwitness.model.verdict import Action, ScopeList
from fairwitness.policy import Change, PolicyInForce, read_policy
from fairwitness.witness.status import EvidenceStatus, MeterStatus, Status

TEXT = b"""\
version: 1
program: {name: Lab, policy_url: "https://shop.test/policy", reviewed: 2026-11-23}
scope:
  include: [shop.test, api.shop.test]  # the shop
  load: []
"""


class Conductor:
    """A conductor that holds the real policy in force and remembers what it was told to do."""

    def __init__(self) -> None:
        self.in_force = PolicyInForce(read_policy(TEXT, path="policy.yaml"))
        self.done: list[tuple[str, ...]] = []

    async def offer_policy(self, text: bytes, *, is_wanted: Callable[[], bool]) -> Change | None:
        considered = await asyncio.to_thread(self.in_force.consider, text, path="policy.yaml")
        return self.in_force.take(considered) if is_wanted() else None

    def confirm(self, sha256_prefix: str) -> Policy:
        return self.in_force.confirm(sha256_prefix)

    def status(self) -> Status:
        return Status(
            gate="open",
            reason="",
            program="Lab",
            policy_sha256=self.in_force.policy.sha256,
            policy_waiting_sha256=None,
            session=1,
            started_us=0,
            now_us=1,
            released=2,
            blocked=3,
            flags=0,
            flags_open=0,
            held=0,
            throttled=0,
            open_requests=0,
            log=EvidenceStatus(entries=9, bytes=8192, waiting=0, not_durable=1),
            meters=(MeterStatus("rate", "shop.test", "testing", 4, 5, "s"),),
        )

    def halt(self, reason: str) -> None:
        self.done.append(("halt", reason))

    def resume(self, reason: str) -> None:
        self.done.append(("resume", reason))

    def pending(self) -> tuple[Held, ...]:
        return ()

    def release(self, hold: str) -> None:
        self.done.append(("release", hold))

    def deny(self, hold: str) -> None:
        self.done.append(("deny", hold))

    def answer(self, flag: str, answered_as: AnswerAs, note: str) -> None:
        self.done.append(("answer", flag, answered_as.value, note))

    def note(self, text: str) -> None:
        self.done.append(("note", text))


@pytest.fixture
def conductor() -> Conductor:
    """A conductor with the policy loaded."""
    return Conductor()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The policy file."""
    path = tmp_path / "policy.yaml"
    path.write_bytes(TEXT)
    return path


@pytest.fixture
def desk(conductor: Conductor, path: Path) -> Desk:
    """What answers the socket."""
    joining = Joining(listen="127.0.0.1:1", ca="/ca.pem", mode="regular", password=None, evidence="/e")
    return Desk(
        conductor,
        PolicyFile(path, conductor, TEXT),
        joining,
        policy_sha256=lambda: conductor.in_force.policy.sha256,
        commit=lambda: conductor.done.append(("commit",)),
    )


def test_a_saved_change_is_offered_once(conductor: Conductor, path: Path) -> None:
    """A widening change waits; looking again at the same file changes nothing."""
    file = PolicyFile(path, conductor, TEXT)
    path.write_bytes(TEXT.replace(b"load: []", b"load: [cdn.test]"))

    asyncio.run(file.look())
    waiting = conductor.in_force.waiting
    asyncio.run(file.look())

    assert waiting is not None
    assert waiting is conductor.in_force.waiting


def test_a_narrowing_change_is_in_force_at_once(conductor: Conductor, path: Path) -> None:
    """A file that only removes is followed without confirmation."""
    path.write_bytes(TEXT.replace(b", api.shop.test", b""))

    asyncio.run(PolicyFile(path, conductor, TEXT).look())

    assert None is conductor.in_force.waiting
    assert 1 == len(conductor.in_force.policy.entries)


def test_a_broken_file_is_said_once_and_changes_nothing(conductor: Conductor, path: Path) -> None:
    """A broken file raises when it appears, not at every look, and the policy in force stays."""
    file = PolicyFile(path, conductor, TEXT)
    path.write_bytes(b"]][[")

    with pytest.raises(PolicyError):
        asyncio.run(file.look())
    asyncio.run(file.look())

    assert TEXT == conductor.in_force.policy.text


def test_a_file_that_is_gone_changes_nothing(conductor: Conductor, path: Path) -> None:
    """Editors remove and rename; a missing file is no change."""
    path.unlink()

    asyncio.run(PolicyFile(path, conductor, TEXT).look())

    assert None is conductor.in_force.waiting


def test_a_file_put_back_withdraws_what_waits(conductor: Conductor, path: Path) -> None:
    """When the file is as it was, nothing waits any more."""
    file = PolicyFile(path, conductor, TEXT)
    path.write_bytes(TEXT.replace(b"load: []", b"load: [cdn.test]"))
    asyncio.run(file.look())
    path.write_bytes(TEXT)

    asyncio.run(file.look())

    assert None is conductor.in_force.waiting


def test_allow_is_in_force_at_once_and_keeps_comments(conductor: Conductor, path: Path, desk: Desk) -> None:
    """What is allowed on the command line needs no further confirmation."""
    reply = asyncio.run(desk.answer(Question("allow", {"entries": ("load cdn.test",)})))

    assert isinstance(reply, dict)
    assert "in-force" == reply["state"]
    assert None is conductor.in_force.waiting
    assert ["cdn.test"] == [
        entry.text for entry in conductor.in_force.policy.entries if entry.scope_list is ScopeList.LOAD
    ]
    assert b"# the shop" in path.read_bytes()


def test_allow_never_confirms_other_changes(conductor: Conductor, path: Path, desk: Desk) -> None:
    """If the file was widened by hand as well, the whole file waits for a confirmation of its own."""
    path.write_bytes(TEXT.replace(b"shop.test,", b"shop.test, wide.test,", 1))

    reply = asyncio.run(desk.answer(Question("allow", {"entries": ("load cdn.test",)})))

    assert isinstance(reply, dict)
    assert "waits-for-confirmation" == reply["state"]
    assert TEXT != path.read_bytes()
    assert conductor.in_force.waiting is not None


def test_allow_after_a_change_that_waits_still_waits(conductor: Conductor, path: Path, desk: Desk) -> None:
    """A change that was offered and not confirmed is not slipped in by the next edit."""
    path.write_bytes(TEXT.replace(b"shop.test,", b"shop.test, wide.test,", 1))
    asyncio.run(desk.answer(Question("allow", {"entries": ("load cdn.test",)})))

    reply = asyncio.run(desk.answer(Question("allow", {"entries": ("load img.test",)})))

    assert isinstance(reply, dict)
    assert "waits-for-confirmation" == reply["state"]


def test_after_a_confirmation_edits_are_in_force_again(conductor: Conductor, path: Path, desk: Desk) -> None:
    """Once what waited is confirmed, the next edit is only its own."""
    path.write_bytes(TEXT.replace(b"shop.test,", b"shop.test, wide.test,", 1))
    waits = asyncio.run(desk.answer(Question("allow", {"entries": ("load cdn.test",)})))
    assert isinstance(waits, dict)
    asyncio.run(desk.answer(Question("confirm", {"sha256": str(waits["sha256"])})))

    reply = asyncio.run(desk.answer(Question("allow", {"entries": ("load img.test",)})))

    assert isinstance(reply, dict)
    assert "in-force" == reply["state"]


def test_scope_add_needs_the_programs_sentence(conductor: Conductor, path: Path, desk: Desk) -> None:
    """A host is added to include with its sentence, and in force at once."""
    reply = asyncio.run(desk.answer(Question("scope-add", {"host": "new.test", "says": "Our new host too."})))

    assert isinstance(reply, dict)
    assert "in-force" == reply["state"]
    assert b"Our new host too." in path.read_bytes()
    with pytest.raises(WireError, match="scope-add needs says"):
        asyncio.run(desk.answer(Question("scope-add", {"host": "x.test"})))


def test_an_edit_that_fails_leaves_the_file(conductor: Conductor, path: Path, desk: Desk) -> None:
    """What cannot be an entry is refused before the file is touched."""
    with pytest.raises(PolicyError):
        asyncio.run(desk.answer(Question("allow", {"entries": ("load *.*.bad",)})))

    assert TEXT == path.read_bytes()


@pytest.mark.parametrize(
    ("question", "done"),
    [
        (Question("commit"), ("commit",)),
        (Question("halt", {"reason": "slow"}), ("halt", "slow")),
        (Question("resume", {"reason": "ok"}), ("resume", "ok")),
        (Question("release", {"hold": "h1"}), ("release", "h1")),
        (Question("deny", {"hold": "h1"}), ("deny", "h1")),
        (
            Question("answer", {"flag": "f1", "as": "false-alarm", "note": "n"}),
            ("answer", "f1", "false-alarm", "n"),
        ),
    ],
)
def test_each_operation_reaches_the_conductor(
    conductor: Conductor, desk: Desk, question: Question, done: tuple[str, ...]
) -> None:
    """What is asked over the socket is done by the conductor, with its arguments."""
    asyncio.run(desk.answer(question))

    assert [done] == conductor.done


@pytest.mark.parametrize(
    "question",
    [
        Question("shutdown"),
        Question("__init__"),
        Question("answer", {"flag": "f1", "as": "maybe", "note": "n"}),
        Question("allow", {"entries": ("include evil.test",)}),
        Question("allow", {"entries": ("load",)}),
        Question("allow", {"entries": "load a.test"}),
    ],
)
def test_other_questions_reach_nobody(
    conductor: Conductor, path: Path, desk: Desk, question: Question
) -> None:
    """Unknown operations, and additions to include, are refused."""
    with pytest.raises(WireError):
        asyncio.run(desk.answer(question))

    assert ([], TEXT) == (conductor.done, path.read_bytes())


def test_joining_tells_address_ca_and_policy(conductor: Conductor, desk: Desk) -> None:
    """Another command learns where the proxy is and which policy it follows."""
    assert {
        "listen": "127.0.0.1:1",
        "ca": "/ca.pem",
        "mode": "regular",
        "password": None,
        "evidence": "/e",
        "note": None,
        "policy_sha256": conductor.in_force.policy.sha256,
    } == asyncio.run(desk.answer(Question("join")))


def test_status_tells_where_and_how(desk: Desk) -> None:
    """Status joins how the proxy is reached with how it is doing; the meters are a list."""
    status = asyncio.run(desk.answer(Question("status")))

    assert isinstance(status, dict)
    assert ("127.0.0.1:1", "open", 2, 3, "1970-01-01T00:00:00.000000Z") == tuple(
        status[key] for key in ("listen", "gate", "released", "blocked", "started")
    )
    assert [
        {
            "name": "rate",
            "host": "shop.test",
            "metered": "testing",
            "used": 4,
            "limit": 5,
            "per": "s",
            "waiting": 0,
        }
    ] == status["meters"]


def test_dataclasses_become_plain_json() -> None:
    """Verdicts and severities are said by their word, bytes as text, tuples as lists."""
    assert ["block", "stop", "load", "a\\xff", None, [1]] == plain(
        (Action.BLOCK, Severity.STOP, ScopeList.LOAD, b"a\xff", None, (1,))
    )


def test_additions_name_list_and_entry() -> None:
    """An addition is a list and what is added to it."""
    assert ((ScopeList.TUNNEL, "preset:captcha"),) == read_additions(["tunnel preset:captcha"])


def test_a_replaced_file_keeps_its_mode_and_its_link(tmp_path: Path) -> None:
    """Replacing through a symbolic link changes the file it names, whose mode stays."""
    real = tmp_path / "real.yaml"
    real.write_text("old")
    real.chmod(0o640)
    link = tmp_path / "link.yaml"
    link.symlink_to(real)

    replace_bytes(link, b"new")

    assert ("new", 0o640, True) == (real.read_text(), real.stat().st_mode & 0o777, link.is_symlink())
    assert ["link.yaml", "real.yaml"] == sorted(each.name for each in tmp_path.iterdir())


def test_what_waits_beside_a_file_is_not_written_to(tmp_path: Path) -> None:
    """In a folder that others write, a file of theirs could become the policy, or one of ours be emptied."""
    path, other = tmp_path / "policy.yaml", tmp_path / "other"
    other.write_text("kept")
    for name in (f".policy.yaml.{os.getpid()}.new", f".policy.yaml.{os.getppid()}.new"):
        os.link(other, tmp_path / name)

    replace_bytes(path, b"new")

    assert ("kept", "new") == (other.read_text(), path.read_text())
    assert other.stat().st_ino != path.stat().st_ino


def test_a_new_file_is_private(tmp_path: Path) -> None:
    """A file that did not exist is readable by its owner alone."""
    replace_bytes(tmp_path / "new", b"x")

    assert 0o600 == (tmp_path / "new").stat().st_mode & 0o777


def test_a_device_is_written_to_and_never_replaced() -> None:
    """/dev/null stays what it is."""
    replace_bytes(Path("/dev/null"), b"x")

    assert Path("/dev/null").is_char_device()


def test_an_absurdly_large_policy_is_not_read(tmp_path: Path) -> None:
    """A file over the limit is refused before it is parsed."""
    large = tmp_path / "policy.yaml"
    with large.open("wb") as file:
        file.truncate(MAX_BYTES + 1)

    with pytest.raises(PolicyError, match="too large"):
        read_limited(large)


class Interrupted(Conductor):
    """Things are asked of it while it reads a changed file."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: list[Callable[[], Awaitable[object]]] = []

    async def offer_policy(self, text: bytes, *, is_wanted: Callable[[], bool]) -> Change | None:
        considered = self.in_force.consider(text, path="policy.yaml")
        while self.meanwhile:
            await self.meanwhile.pop(0)()
        return self.in_force.take(considered) if is_wanted() else None


def _load(host: bytes) -> Callable[[bytes], bytes]:
    """An edit that adds it to what pages load."""
    return lambda text: text.replace(b"load: [", b"load: [" + host + b", ").replace(b", ]", b"]")


def test_an_edit_while_a_change_is_read_takes_the_whole_file(path: Path) -> None:
    """The edit wrote into the changed file, so all of that waits, and what was read before is dropped."""
    conductor = Interrupted()
    file = PolicyFile(path, conductor, TEXT)
    conductor.meanwhile = [lambda: file.edit(_load(b"cdn.test"))]
    path.write_bytes(TEXT.replace(b"[shop.test,", b"[shop.test, new.test,"))

    asyncio.run(file.look())

    assert conductor.in_force.waiting is not None
    assert path.read_bytes() == conductor.in_force.waiting.text
    assert b"new.test" in path.read_bytes()
    assert b"cdn.test" in path.read_bytes()


def test_a_confirmation_while_a_change_is_read_is_not_of_that_change(path: Path) -> None:
    """A later edit must not carry what nobody has looked at into force."""
    conductor = Interrupted()
    file = PolicyFile(path, conductor, TEXT)
    path.write_bytes(TEXT.replace(b"[shop.test,", b"[shop.test, seen.test,"))
    asyncio.run(file.look())
    seen = conductor.in_force.waiting
    assert seen is not None
    edits = []

    async def confirm_and_edit() -> None:
        file.confirm(seen.sha256)
        edits.append(await file.edit(_load(b"cdn.test")))

    conductor.meanwhile = [confirm_and_edit]
    path.write_bytes(TEXT.replace(b"[shop.test,", b"[shop.test, seen.test, unseen.test,"))
    asyncio.run(file.look())

    assert ["waits-for-confirmation"] == [each.state for each in edits]
    assert seen.sha256 == conductor.in_force.policy.sha256


def test_edits_at_once_are_both_in_force(conductor: Conductor, path: Path) -> None:
    """The second is made in what the first has written."""
    file = PolicyFile(path, conductor, TEXT)

    async def both() -> list[Edited]:
        return await asyncio.gather(file.edit(_load(b"cdn.test")), file.edit(_load(b"img.test")))

    assert ["in-force", "in-force"] == [each.state for each in asyncio.run(both())]
    assert b"load: [img.test, cdn.test]" in path.read_bytes()
    assert path.read_bytes() == conductor.in_force.policy.text


def test_an_edit_that_a_save_overtakes_changes_nothing_and_says_so(path: Path) -> None:
    """Saved while the edit was worked out, or while it was read: the file is as it was saved."""
    conductor = Interrupted()
    file = PolicyFile(path, conductor, TEXT)
    saved = TEXT.replace(b"[shop.test,", b"[shop.test, saved.test,")

    def save_and_change(text: bytes) -> bytes:
        path.write_bytes(saved)
        return _load(b"cdn.test")(text)

    with pytest.raises(PolicyError, match="somebody else changed the file meanwhile"):
        asyncio.run(file.edit(save_and_change))
    assert saved == path.read_bytes()

    async def save_and_look() -> None:
        path.write_bytes(TEXT)
        await file.look()

    conductor.meanwhile = [save_and_look]
    with pytest.raises(PolicyError, match="somebody else changed the file meanwhile"):
        asyncio.run(file.edit(_load(b"cdn.test")))
    assert TEXT == path.read_bytes() == conductor.in_force.policy.text


def test_traffic_goes_on_while_an_edit_is_worked_out(conductor: Conductor, path: Path) -> None:
    """A policy of many entries takes seconds."""
    file, has_gone_on = PolicyFile(path, conductor, TEXT), threading.Event()

    def change(text: bytes) -> bytes:
        assert has_gone_on.wait(10)
        return _load(b"cdn.test")(text)

    async def edit() -> Edited:
        asyncio.get_running_loop().call_soon(has_gone_on.set)
        return await file.edit(change)

    assert "in-force" == asyncio.run(edit()).state
