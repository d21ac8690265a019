"""What the rules knew survives a restart, and nothing of it is said or written twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fairwitness.evidence import Keep, Log, Reader
from fairwitness.evidence.testing import ALLOWED, Tamper, make_exchange, make_request
from fairwitness.model.clock import SessionClock
from fairwitness.model.record import FlagRow
from fairwitness.testing import Authority, Proxy, Town, curl, is_blocked
from fairwitness.witness.replay import MOST

SAYS = "Automated scanners are not permitted."
RULES = {
    "automated-scanner": {"action": "block", "says": SAYS},
    "content-discovery": {"action": "block", "says": SAYS},
    "brute-force": {"action": "block", "says": "No brute force."},
}


@pytest.fixture
def town(authority: Authority, tmp_path: Path) -> Iterator[Town]:
    """One that blocks what is over."""
    with Town(authority, tmp_path / "town", rules=RULES, posture="unattended") as town:
        yield town


def flags(proxy: Proxy) -> list[FlagRow]:
    """The log's flags above info."""
    with Reader.open(proxy.evidence) as reader:
        return [row for row in reader.flags() if row.flag.severity]


def guess(town: Town, proxy: Proxy, *numbers: int) -> list[bool]:
    """Try passwords; which of them were blocked."""
    url = town.inside.url("/login")
    said = [("--data", f"username=somebody&password=wrong-{number}") for number in numbers]
    return [is_blocked(curl(proxy.url, url, "--cacert", str(proxy.ca), *each)) for each in said]


def damage_request(folder: Path, number: int) -> None:
    """Change one bit of what is stored of a log's nth request."""
    tamper = Tamper(folder)
    cells = tamper.cells()
    requests = sorted({cell.row[0] for cell in cells if cell.table == "entry" and cell.row[1] == "request"})
    (cell,) = [
        cell
        for cell in cells
        if (cell.table, cell.column) == ("opening", "data") and cell.row[0] == requests[number - 1]
    ]
    assert 1 == tamper.put(cell, cell.flipped(99))


def test_a_run_of_guesses_goes_on_after_a_restart(town: Town) -> None:
    """Five wrong passwords, a restart: the sixth would be held, so it is blocked where nobody is there."""
    town.inside.put("/login", "Invalid username or password")
    before = guess(town, town.proxy, *range(5))
    town.proxy.stop()
    with town.another_proxy() as proxy:
        after = guess(town, proxy, 5, 6)
        rows = flags(proxy)

    assert [False] * 5 == before
    assert [True, True] == after
    assert {"brute-force"} == {row.flag.rule for row in rows}
    assert 5 == len(town.inside.requests_for("/login"))


def test_an_offence_goes_on_under_its_flag_and_an_answer_counts_on(town: Town) -> None:
    """The first guess over the limit was blocked and its body is nowhere; its record names the flag."""
    town.inside.put("/login", "Invalid username or password")
    guess(town, town.proxy, *range(7))
    raised = [row.flag.flag for row in flags(town.proxy)]
    town.proxy.stop()
    with town.another_proxy() as proxy:
        again = guess(town, proxy, 7)
        named = [row.flag.flag for row in flags(proxy)]
        for flag in named:
            proxy.command("answer", flag, "--as", "authorised", "--note", "they said so")
    with town.another_proxy() as proxy:
        answered = guess(town, proxy, 8, 9, 10)
        after = [row.flag.flag for row in flags(proxy)]

    assert [True] == again
    assert raised == named == after
    assert [False] * 3 == answered
    assert 8 == len(town.inside.requests_for("/login"))


def test_a_block_stands_after_more_than_is_replayed(town: Town) -> None:
    """A run of which a thousand exchanges passed since goes on under its name."""
    town.inside.put("/login", "Invalid username or password")
    guess(town, town.proxy, *range(7))
    raised = [row.flag.flag for row in flags(town.proxy)]
    town.proxy.stop()
    now_us = SessionClock().now_us()
    with Reader.open(town.proxy.evidence) as reader:
        program = reader.program
    log = Log.open(town.proxy.evidence, program=program, now_us=now_us)
    for number in range(MOST + 20):
        request = make_request(target=f"/poll?n={number}".encode(), at_us=now_us + number)
        log.append_request(request, verdict=ALLOWED, released_us=now_us + number, keep=Keep.WHOLE)
        log.append_response(make_exchange(request, after_us=1), body=None, keep=Keep.WHOLE)
    log.close(time_us=now_us + MOST + 20)
    with town.another_proxy() as proxy:
        again = guess(town, proxy, 7)
        named = [row.flag.flag for row in flags(proxy)]

    assert [True] == again
    assert raised == named
    assert 5 == len(town.inside.requests_for("/login"))


def test_an_exchange_that_cannot_be_read_costs_only_itself(town: Town) -> None:
    """The body of the second guess is damaged: four of five are seen again, and the researcher is told."""
    town.inside.put("/login", "Invalid username or password")
    guess(town, town.proxy, *range(5))
    town.proxy.stop()
    damage_request(town.proxy.evidence, 2)
    with town.another_proxy() as proxy:
        after = guess(town, proxy, 5, 6)
        words = "the rules begin without 1 of the exchanges"
        proxy.wait_for(lambda told: told.kind == "store" and words in told.text("reason"), "the damage")

    assert [False, True] == after
    assert 6 == len(town.inside.requests_for("/login"))


def test_a_scanner_that_was_blocked_is_blocked_after_a_restart(town: Town) -> None:
    """Its block stands; a restart alone adds no flag; an answer ends it, before a restart too."""
    urls = [town.inside.url(f"/search?q={number}%27%20or%20{number}=1--") for number in range(14)]
    for url in urls:
        town.curl(url)
    raised = [row.flag.flag for row in flags(town.proxy)]
    town.proxy.stop()
    with town.another_proxy() as proxy:
        reached = len(town.inside.requests_for("/search"))
        again = curl(proxy.url, urls[-1], "--cacert", str(proxy.ca))
        assert raised == [row.flag.flag for row in flags(proxy)]
        assert reached == len(town.inside.requests_for("/search"))
        for flag in raised:
            proxy.command("answer", flag, "--as", "authorised", "--note", "they said so")
    with town.another_proxy() as proxy:
        answered = curl(proxy.url, town.inside.url("/other"), "--cacert", str(proxy.ca))

    assert is_blocked(again)
    assert 200 == answered.status
