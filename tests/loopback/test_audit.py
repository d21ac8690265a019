"""What is live and what is recorded is judged alike: one session, its log, and two exports of it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from wsproto.events import BytesMessage, TextMessage

from fairwitness.evidence import Reader
from fairwitness.export.har import HarExporter
from fairwitness.model.disclosure import Shown
from fairwitness.model.record import ExchangeRecord, FlagRow
from fairwitness.proxy.dump_writer import DumpExporter
from fairwitness.testing import Town
from fairwitness.testing.site import text_answer

LIMITS = {  # a token a minute: no jitter of a test changes what overflows
    "testing": {
        "per_host": {"rate": "1/min", "burst": 40, "concurrent": 3},
        "per_endpoint": {"rate": "1/min", "burst": 12},
        "total": {"rate": "1/min", "burst": 60, "requests": "50/day"},
    },
    "browsing": {"per_host": {"rate": "1/min", "burst": 6}},
    "on_exceed": "warn",
    "says": "Be gentle.",
}
_BEHAVIOUR = {"automated-scanner", "brute-force", "content-discovery", "destructive-request"}
_TOOL = [("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0.0.0"), ("Accept", "*/*")]
BROWSER = [
    ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0.0.0"),
    ("Accept-Language", "en"),
    ("Accept-Encoding", "gzip, deflate, br, zstd"),
]


def _fetch(site: str, mode: str, dest: str) -> list[tuple[str, str]]:
    return [("Sec-Fetch-Site", site), ("Sec-Fetch-Mode", mode), ("Sec-Fetch-Dest", dest)]


def _browse(town: Town) -> None:
    """A page with twenty images, of which it links sixteen, and a fetch."""
    links = "".join(f'<img src="/i/{at}.png">' for at in range(16))
    town.inside.put("/page", f"<html>{links}</html>", kind="text/html")
    page = town.inside.url("/page")
    with town.tunnel(town.inside) as client:
        host = town.inside.host_port
        opened = [*BROWSER, ("Accept", "text/html"), *_fetch("none", "navigate", "document")]
        client.request("/page", host=host, headers=[*opened, ("Sec-Fetch-User", "?1")])
        asked = [*BROWSER, ("Accept", "image/avif"), ("Referer", page)]
        for at in range(20):
            headers = [*asked, *_fetch("same-origin", "no-cors", "image")]
            client.request(f"/i/{at}.png", host=host, headers=headers)
        for at in range(6):
            headers = [*asked, *_fetch("same-origin", "cors", "empty")]
            client.request(f"/api?{at}", host=host, headers=headers)


def _burst(town: Town) -> None:
    """A tool on one endpoint, POSTs with text and bytes, and many paths."""
    with town.client() as client:
        for at in range(16):
            client.request(
                town.inside.url(f"/search?q={at}", scheme="http"),
                host=town.inside.host_port,
                headers=[("User-Agent", "curl/8.14")],
            )
        for body in (b"name=value", bytes(range(256))):
            client.request(
                town.inside.url("/form", scheme="http"), host=town.inside.host_port, method="POST", body=body
            )
        for at in range(30):
            path = f"/{'abcdefghij'[at % 10]}{at}"
            client.request(
                town.inside.url(path, scheme="http"),
                host=town.inside.host_port,
                headers=[("User-Agent", "curl/8.14")],
            )


def _wait_together(town: Town) -> None:
    """Five requests that are open at once."""
    with ExitStack() as stack:
        clients = [stack.enter_context(town.client()) for _ in range(5)]
        for at, client in enumerate(clients):
            url = town.inside.url(f"/wait/{at}", scheme="http")
            client.send(f"GET {url} HTTP/1.1\r\nHost: {town.inside.host_port}\r\n\r\n".encode())
            town.inside.wait_for(
                lambda it, at=at: bool(it.requests_for(f"/wait/{at}")), "the request that waits"
            )
        for at, client in enumerate(clients):
            town.inside.release(str(at))
            client.reply()


def _stray(town: Town) -> None:
    """Hosts on other lists and on none, http and https."""
    for origin in (town.outside, town.cdn, town.chatter, town.mine, town.side):
        for scheme in ("http", "https"):
            town.curl(origin.url(f"/{scheme}", scheme=scheme))
    town.curl(town.inside.url("/labelled"), label="ffuf")


def _talk(town: Town) -> None:
    with town.websocket(town.inside, secure=True) as (socket, _):
        for event in (TextMessage(data="hello"), BytesMessage(data=b"\0\xff")):
            socket.send(event)
            socket.receive()


def _misbehave(town: Town) -> None:
    """Wrong passwords, misses, payloads, deletes: what the rules of behaviour count."""
    host = town.inside.host_port

    def ask(path: str, *, form: bool = False, **more: Any) -> None:
        headers = [*_TOOL, ("Content-Type", "application/x-www-form-urlencoded")] if form else _TOOL
        client.request(town.inside.url(path, scheme="http"), host=host, headers=headers, **more)

    page = '<form method=post><input name=username><input type="password" name=password></form>'
    town.inside.put("/login", page, kind="text/html")
    with town.client() as client:
        for at in range(12):
            ask("/login", method="POST", body=f"username=somebody&password=guess{at}".encode(), form=True)
        for name in (
            "admin",
            "backup.zip",
            ".git/HEAD",
            ".env",
            "phpinfo.php",
            "old",
            "wp-login.php",
            "config.bak",
        ):
            for at in range(6):
                town.inside.put(f"/{name}-{at * 7 + 3:x}q", "", answer=text_answer("no", status=404))
                ask(f"/{name}-{at * 7 + 3:x}q")
        for word in (
            "'",
            "' OR 1=1--",
            "1 UNION SELECT 1,2",
            "<script>alert(1)</script>",
            "{{7*7}}",
            "$(id)",
        ):
            for at in range(3):
                ask(f"/find?q={quote(word)}{at}")
        for at in range(12):
            ask(f"/api/users/{700 + at}", method="DELETE")
            ask(f"/api/users/{700 + at}")


@pytest.fixture
def misbehaviour(
    make_town: Callable[..., Town],
) -> Iterator[tuple[Town, list[ExchangeRecord], list[FlagRow]]]:
    """A session against which the rules of behaviour speak; they only warn, so that all of it happens."""
    lines = {name: {"action": "warn", "says": "Do not."} for name in sorted(_BEHAVIOUR)}
    with make_town(rules=lines) as town:
        _misbehave(town)
        yield _stopped(town)


@pytest.fixture
def records(make_town: Callable[..., Town]) -> tuple[Town, list[ExchangeRecord], list[FlagRow]]:
    """A session of all that, and its log."""
    with make_town(limits=LIMITS) as town:
        for act in (_browse, _burst, _wait_together, _stray, _talk):
            act(town)
        town.proxy.wait_for_row(lambda row: row.url.endswith("/ws") and row.outcome == "complete")
        return _stopped(town)


def _stopped(town: Town) -> tuple[Town, list[ExchangeRecord], list[FlagRow]]:
    town.proxy.stop()
    with Reader.open(town.proxy.evidence) as reader:
        rows = list(reader.exchanges())
        return town, [reader.exchange(row.exchange) for row in rows], list(reader.flags())


def _live(flags: Sequence[FlagRow], places: dict[int, int]) -> list[tuple[object, ...]]:
    return sorted(
        (
            row.flag.rule,
            row.flag.severity.word,
            row.flag.action.word,
            row.flag.initiator.value,
            row.count,
            places[row.first],
            row.flag.says,
        )
        for row in flags
    )


@pytest.mark.parametrize("exporter", [HarExporter(), DumpExporter()], ids=lambda each: each.name)
def test_a_recording_is_judged_as_it_was_live(
    records: tuple[Town, list[ExchangeRecord], list[FlagRow]],
    exporter: HarExporter | DumpExporter,
    tmp_path: Path,
) -> None:
    """The same flags, counts, first exchanges and decisions come of the log, of its HAR and of its dump."""
    form = _judged_alike(records, exporter, tmp_path)

    found = form["flags"]
    assert {"request-rate", "concurrency", "budget"} <= {each["rule"] for each in found}
    assert {"page", "tool"} == {each["initiator"] for each in found}
    assert {"allow", "warn", "block"} == {word for word, count in form["decisions"].items() if count}


@pytest.mark.parametrize("exporter", [HarExporter(), DumpExporter()], ids=lambda each: each.name)
def test_misbehaviour_is_judged_as_it_was_live(
    misbehaviour: tuple[Town, list[ExchangeRecord], list[FlagRow]],
    exporter: HarExporter | DumpExporter,
    tmp_path: Path,
) -> None:
    """Rules that count what is done, and learn from answers, say the same of a recording.

    A client that asks again as soon as it has an answer may be judged before that answer is: live, one
    request more or less can pass before the same flag.
    """
    _, logged, flags = misbehaviour
    form = _audited(misbehaviour, exporter, tmp_path)

    places = {each.row.id: at for at, each in enumerate(logged, start=1)}
    live = {(row.flag.rule, row.flag.severity.word, row.flag.action.word): places[row.first] for row in flags}
    found = {
        (each["rule"], each["severity"], each["action"]): each["first_exchange"] for each in form["flags"]
    }
    assert set(live) == set(found)
    assert not [each for each in live if abs(live[each] - found[each]) > 1]
    assert _BEHAVIOUR <= {rule for rule, _, _ in found}


def _judged_alike(
    session: tuple[Town, list[ExchangeRecord], list[FlagRow]],
    exporter: HarExporter | DumpExporter,
    folder: Path,
) -> dict[str, Any]:
    """What `audit` says of the export; the same as was said live."""
    _, logged, flags = session
    form = _audited(session, exporter, folder)
    found = sorted(
        (
            each["rule"],
            each["severity"],
            each["action"],
            each["initiator"],
            each["count"],
            each["first_exchange"],
            each["says"],
        )
        for each in form["flags"]
    )
    places = {each.row.id: at for at, each in enumerate(logged, start=1)}
    assert _live(flags, places) == found
    decided = Counter(each.row.decision for each in logged)
    assert decided == Counter({word: count for word, count in form["decisions"].items() if count})
    assert (len(logged), None, {}) == (form["exchanges"], form["cut_off"], form["skipped"])
    return form


def _audited(
    session: tuple[Town, list[ExchangeRecord], list[FlagRow]],
    exporter: HarExporter | DumpExporter,
    folder: Path,
) -> dict[str, Any]:
    """What `audit` says of an export of the session."""
    town, logged, _ = session
    file = folder / f"session.{exporter.name}"
    with file.open("wb") as out:
        exporter.write((Shown(record=each, hidden=(), is_redacted=False) for each in logged), out)
    done = town.proxy.command("audit", "--json", "--policy", str(town.proxy.policy_file), str(file))
    form: dict[str, Any] = json.loads(done.stdout)
    return form
