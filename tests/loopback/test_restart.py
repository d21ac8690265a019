"""What the rules knew survives a restart, and nothing of it is said or written twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fairwitness.evidence import Reader
from fairwitness.model.record import FlagRow
from fairwitness.testing import Authority, Proxy, Town, curl, is_blocked

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
