"""Desktop notices: what is worth one, and that they arrive on a real session bus."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from fairwitness.cli.notices import EVERY_US, NoticedFace, Notices, check_notices, with_notices
from fairwitness.errors import PolicyError
from fairwitness.model.event import Blocked, Event, FlagRaised, Held, StoreState
from fairwitness.model.exchange import Client, Destination, Initiator, Request
from fairwitness.model.flag import Flag, Severity
from fairwitness.model.verdict import Action, Clause, Verdict

pytest.importorskip("desktop_notifier", reason="the extra 'notices' is not installed")
NOW_US = 1_795_000_000_000_000
REQUEST = Request(
    exchange="ab" * 16,
    received_us=NOW_US,
    client=Client(connection="cd" * 16, address="127.0.0.1", port=40000),
    method="GET",
    scheme="https",
    host="shop.test",
    port=443,
    target=b"/reset?token=s3cr3t",
    http_version="HTTP/1.1",
    headers=(),
    destinations=(Destination("url", "https", "shop.test", 443, "/reset"),),
)


def _verdict(clause: str | None) -> Verdict:
    clauses = (Clause(clause, None, "-"),) if clause else ()
    return Verdict(action=Action.BLOCK, clauses=clauses, reason="GET /reset?token=s3cr3t is too much")


def _blocked(clause: str | None, request: Request = REQUEST, time_us: int = NOW_US) -> Blocked:
    return Blocked(time_us=time_us, id=4, request=request, verdict=_verdict(clause))


HELD = Held(
    time_us=NOW_US,
    hold="h1",
    request=REQUEST,
    verdict=_verdict("rules.budget"),
    ends_us=NOW_US + 60_000_000,
    state="waiting",
)


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (HELD, "A request to shop.test waits for you: 60 s."),
        (replace(HELD, state="released"), None),
        (_blocked("rules.window"), "window blocks requests to shop.test."),
        (_blocked("default:budget"), "budget blocks requests to shop.test."),
        (_blocked("limits"), "a limit blocks requests to shop.test."),
        (_blocked("scope.exclude[0]"), None),
        (_blocked("halt"), None),
        (_blocked(None), None),
        (StoreState(time_us=NOW_US, state="gate-closed", reason="/secret"), "the gate is closed"),
        (StoreState(time_us=NOW_US, state="halted", reason="why"), "halted until you resume"),
        (StoreState(time_us=NOW_US, state="warning", reason="x"), None),
    ],
)
def test_only_what_matters_is_worth_a_notice(event: Event, words: str | None) -> None:
    """Holds, blocks by rules and a gate that closes; scope blocks are in the terminal."""
    notice = Notices().notice(event)

    assert (words is None) == (notice is None)
    assert notice is None or (words or "") in notice.message


@pytest.mark.parametrize(
    ("rule", "severity", "is_told"),
    [
        ("request-rate", Severity.CHECK, True),
        ("budget", Severity.CHECK, True),
        ("request-rate", Severity.INFO, False),
        ("stale-policy", Severity.CHECK, False),
    ],
)
def test_a_limit_that_is_nearly_used_is_told(rule: str, severity: Severity, is_told: bool) -> None:
    """From 80 % on, which is where the rules raise their warning; never a courtesy limit."""
    flag = Flag(
        flag="f1",
        rule=rule,
        severity=severity,
        action=Action.WARN,
        clause=Clause("limits", "Be slow.", "policy.yaml:9"),
        initiator=Initiator.TOOL,
        exchange="ab" * 16,
        time_us=NOW_US,
        says="24 requests to GET shop.test /reset?token",
        advice="Slow down.",
        shown_by=(),
        reach="label curl",
    )

    assert is_told == (Notices().notice(FlagRaised(time_us=NOW_US, flag=flag)) is not None)


FLAG = Flag(
    flag="f3",
    rule="personal-data",
    severity=Severity.CHECK,
    action=Action.WARN,
    clause=Clause("rules.personal-data", "Avoid privacy violations", "policy.yaml:9"),
    initiator=Initiator.TOOL,
    exchange="ab" * 16,
    time_us=NOW_US,
    says="GET /users?token=s3cr3t names 3 persons",
    advice="Stop, keep what proves it, report.",
    shown_by=(),
    reach="label curl",
)


def test_warning_of_a_rule_is_a_notice_with_all_but_the_traffic() -> None:
    """The rule, what it watches, the program's words, what to do and how to answer; no URL."""
    notice = Notices().notice(FlagRaised(time_us=NOW_US, flag=FLAG))

    assert notice is not None
    for part in ("personal-data", FLAG.clause.says or "", FLAG.advice, "fairwitness answer f3"):
        assert part in notice.message
    assert "s3cr3t" not in notice.message


@pytest.mark.parametrize(
    "flag",
    [
        replace(FLAG, severity=Severity.INFO),
        replace(FLAG, severity=Severity.STOP, action=Action.BLOCK),
        replace(FLAG, severity=Severity.STOP, action=Action.HOLD),
        replace(FLAG, rule="stale-policy"),
    ],
)
def test_hint_and_what_is_told_otherwise_is_no_notice(flag: Flag) -> None:
    """A hold and a block have their own; what is said at start stands in the terminal."""
    assert Notices().notice(FlagRaised(time_us=NOW_US, flag=flag)) is None


def test_flood_of_warnings_of_one_rule_is_one_notice() -> None:
    """A minute has one of them."""
    notices = Notices()
    told = [
        notices.notice(FlagRaised(time_us=NOW_US + i, flag=replace(FLAG, flag=f"f{i}"))) for i in range(99)
    ]

    assert 1 == sum(each is not None for each in told)


def test_one_notice_a_minute_of_a_kind_and_host() -> None:
    """Another host's or another rule's is told at once."""
    notices = Notices()
    other = replace(REQUEST, host="api.test")
    told = [
        notices.notice(event) is not None
        for event in (
            _blocked("rules.window"),
            _blocked("rules.window", time_us=NOW_US + EVERY_US - 1),
            _blocked("rules.window", other),
            _blocked("rules.budget"),
            _blocked("rules.window", time_us=NOW_US + EVERY_US),
        )
    ]

    assert [True, False, True, True, True] == told


def test_what_is_remembered_is_bounded() -> None:
    """A page that makes up hosts costs no memory."""
    notices = Notices()
    for number in range(3000):
        notices.notice(_blocked("rules.window", replace(REQUEST, host=f"h{number}.test")))

    assert 1000 == len(notices._told)


def test_no_notice_holds_a_path_a_query_or_markup() -> None:
    """Hosts of the wire lose all that is not of a host's name; nothing else of a request is shown."""
    hostile = replace(REQUEST, host='<a href="x">\x1b[2J\u202e&' + "h" * 500)
    shown = [Notices().notice(each) for each in (_blocked("limits", hostile), replace(HELD, request=hostile))]

    for notice in shown:
        assert notice is not None
        assert not set('<>&\x1b\u202e"') & set(notice.message + notice.title)
        assert "s3cr3t" not in notice.message
        assert len(notice.message) < 250


class _Silent:
    def __init__(self) -> None:
        self.told: list[Event] = []

    def tell(self, event: Event) -> None:
        self.told.append(event)

    def close(self) -> None:
        pass


def test_without_a_desktop_nobody_is_bothered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who did not ask gets the plain face, who did gets an error that says what is missing."""
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    face = _Silent()

    assert face is with_notices(face, wanted=None)
    assert face is with_notices(face, wanted=False)
    with pytest.raises(PolicyError, match="no desktop session"):
        check_notices(True)


def test_a_sender_that_died_or_hangs_stops_nothing() -> None:
    """Events go on to the face, and nothing is raised."""
    face = _Silent()
    noticed = NoticedFace(face)
    os.kill(noticed._sender.pid, signal.SIGSTOP)
    hosts = [replace(REQUEST, host=f"h{number}.test") for number in range(2000)]
    for host in hosts:
        noticed.tell(_blocked("rules.window", host))
    os.kill(noticed._sender.pid, signal.SIGKILL)
    noticed._sender.wait()
    for host in hosts:
        noticed.tell(_blocked("rules.budget", host))
    noticed.close()

    assert 4000 == len(face.told)


@pytest.fixture
def desktop(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Desktop]:
    """A session bus of its own with a notification server that remembers."""
    daemon = shutil.which("dbus-daemon")
    if daemon is None:
        pytest.skip("no dbus-daemon is installed: notices are not tried on a real session bus")
    bus = subprocess.Popen(
        [daemon, "--session", "--print-address", "--nofork"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert bus.stdout
    address = bus.stdout.readline().strip()
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
    desktop = _Desktop(address)
    try:
        yield desktop
    finally:
        desktop.close()
        bus.terminate()
        bus.wait()
        bus.stdout.close()


class _Desktop:
    """Owns org.freedesktop.Notifications on a bus, in a thread of its own."""

    def __init__(self, address: str) -> None:
        self.shown: list[tuple[str, str]] = []
        self._changed = threading.Condition()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(address)), daemon=True)
        self._thread.start()
        assert self._ready.wait(30)

    def wait_for(self, count: int) -> list[tuple[str, str]]:
        """What was shown, once it was so much."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.shown) >= count, 30), self.shown
            return list(self.shown)

    def close(self) -> None:
        """Leave the bus."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(30)

    async def _serve(self, address: str) -> None:
        from dbus_fast import Message, MessageType
        from dbus_fast.aio import MessageBus

        bus = await MessageBus(bus_address=address).connect()
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()

        def answer(message: Message) -> Message | None:
            if (
                message.message_type is not MessageType.METHOD_CALL
                or message.path != "/org/freedesktop/Notifications"
            ):
                return None
            if message.member == "Introspect":
                return Message.new_method_return(message, "s", [_INTROSPECTION])
            if message.member == "GetCapabilities":
                return Message.new_method_return(message, "as", [["body"]])
            if message.member == "GetServerInformation":
                return Message.new_method_return(message, "ssss", ["fake", "test", "1", "1.2"])
            with self._changed:
                self.shown.append((message.body[3], message.body[4]))
                self._changed.notify_all()
            return Message.new_method_return(message, "u", [len(self.shown)])

        bus.add_message_handler(answer)
        await bus.request_name("org.freedesktop.Notifications")
        self._ready.set()
        await self._stop.wait()
        bus.disconnect()


_INTROSPECTION = """<node><interface name="org.freedesktop.Notifications">
<method name="GetCapabilities"><arg direction="out" type="as"/></method>
<method name="GetServerInformation"><arg direction="out" type="s"/><arg direction="out" type="s"/>
<arg direction="out" type="s"/><arg direction="out" type="s"/></method>
<method name="Notify">
<arg direction="in" type="s"/><arg direction="in" type="u"/><arg direction="in" type="s"/>
<arg direction="in" type="s"/><arg direction="in" type="s"/><arg direction="in" type="as"/>
<arg direction="in" type="a{sv}"/><arg direction="in" type="i"/><arg direction="out" type="u"/></method>
</interface></node>"""


def test_notices_arrive_on_the_desktop(desktop: _Desktop) -> None:
    """A real session bus gets the title and the words of each."""
    face = with_notices(_Silent(), wanted=True)
    face.tell(HELD)
    face.tell(_blocked("rules.window"))
    shown = desktop.wait_for(2)
    face.close()

    assert [
        (
            "fairwitness: h1 waits",
            "A request to shop.test waits for you: 60 s."
            " Held by budget: fairwitness release h1 | fairwitness deny h1",
        ),
        ("fairwitness: blocked", "window blocks requests to shop.test."),
    ] == shown
