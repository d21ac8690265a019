"""Guessed paths that miss are counted; dead links and walked objects are not."""

from __future__ import annotations

import pytest

from fairwitness.model.exchange import Exchange, Headers, Request
from fairwitness.model.flag import Flag, Severity
from fairwitness.model.verdict import Action
from fairwitness.rules import Knowledge, Runner
from fairwitness.rules.content_discovery import ContentDiscovery
from fairwitness.rules.testing import NOON_US, make_exchange, make_line, make_policy, make_request

SITE = "https://shop.test"
PAGE = b"<html><body><h1>Nothing of that name is here</h1><p>Try the home page instead.</p></body></html>"


def _word(i: int) -> str:
    return f"{chr(97 + i % 26)}{chr(97 + i // 26)}path"


class Walk:
    """One actor that asks for one path after the other."""

    def __init__(self) -> None:
        self.known = Knowledge()
        line = make_line("content-discovery", Action.BLOCK)
        self.runner = Runner(
            make_policy(rules=[line]), next_flag=1, now_us=NOON_US, known=self.known, rules=[ContentDiscovery]
        )
        self.at_us = NOON_US

    def ask(self, path: str, status: int, *, after_s: float = 2, gives: bytes = b"", **more: object) -> bool:
        """Ask; whether it went out."""
        self.at_us += round(after_s * 1_000_000)
        location = more.pop("location", None)
        request = make_request(SITE + path, at_us=self.at_us, **more)  # type: ignore[arg-type]
        if self.runner.judge_request(request, in_scope=True).action >= Action.BLOCK:
            return False
        answers: Headers = ((b"content-type", b"text/html"),)
        if location:
            answers = ((b"location", str(location).encode()),)
        self._end(request, make_exchange(request, status=status, body=gives, headers=answers))
        return True

    def _end(self, request: Request, exchange: Exchange) -> None:
        self.runner.started(request)
        self.runner.ended(request, time_us=exchange.ended_us)
        self.known.learn(exchange, in_scope=True)
        self.runner.judge_response(exchange)

    def loud(self) -> list[Flag]:
        """Flags above info."""
        return [flag for flag in self.runner.flags if flag.severity > Severity.INFO]


def test_fifteen_warn_and_forty_block() -> None:
    """The fourteenth says nothing; after the fortieth further guesses stay here."""
    walk = Walk()
    released = [walk.ask(f"/{_word(i)}", 404) for i in range(60)]

    assert [True] * 40 + [False] * 20 == released
    assert [Severity.CHECK, Severity.STOP] == [flag.severity for flag in walk.loud()]
    assert walk.loud()[0].says.startswith("15 different paths")


@pytest.mark.parametrize(
    ("status", "more"),
    [(200, {"gives": PAGE}), (302, {"location": "/login?next=x"}), (403, {})],
    ids=["same page", "same redirect", "forbidden"],
)
def test_miss_that_does_not_say_404_is_one(status: int, more: dict[str, object]) -> None:
    """A page, or a redirect, that is the same for each path says that none of them is there."""
    walk = Walk()
    for i in range(25):
        walk.ask(f"/{_word(i)}", status, **more)  # type: ignore[arg-type]

    assert [Severity.CHECK] == [flag.severity for flag in walk.loud()]


def test_soft_miss_that_repeats_the_path_is_one() -> None:
    """The path within the page makes no difference."""
    walk = Walk()
    for i in range(25):
        path = f"/{_word(i)}{'x' * (i % 7)}"
        walk.ask(path, 200, gives=PAGE.replace(b"that name", path.encode()))

    assert [Severity.CHECK] == [flag.severity for flag in walk.loud()]


def test_linked_paths_do_not_count() -> None:
    """Sixty dead links of one page, followed one by one, are no search."""
    walk = Walk()
    links = "".join(f'<a href="/{_word(i)}">x</a>' for i in range(60))
    walk.ask("/", 200, gives=links.encode())

    assert all(walk.ask(f"/{_word(i)}", 404) for i in range(60))
    assert [] == walk.loud()


def test_walked_objects_do_not_count() -> None:
    """Ids are folded: that is the matter of `enumeration`."""
    walk = Walk()

    assert all(walk.ask(f"/orders/{i}", 404) for i in range(100))
    assert [] == walk.loud()


def test_trailing_slash_is_no_miss() -> None:
    """A redirect to the same path with a slash says that it is there."""
    walk = Walk()

    assert all(walk.ask(f"/{_word(i)}", 301, location=f"/{_word(i)}/") for i in range(60))
    assert [] == walk.loud()


def test_slow_guesses_never_add_up() -> None:
    """One guess a minute stays below for ever."""
    walk = Walk()

    assert all(walk.ask(f"/{_word(i)}", 404, after_s=60) for i in range(120))
    assert [] == walk.loud()


def test_known_paths_still_go_while_guesses_are_blocked() -> None:
    """What was there before, and what a page linked, may be asked for; so may guesses, later."""
    walk = Walk()
    walk.ask("/", 200, gives=b'<a href="/deep/page">x</a>')
    walk.ask("/account", 200, gives=b"hello")
    for i in range(50):
        walk.ask(f"/{_word(i)}", 404)

    assert not walk.ask("/zzz", 404)
    assert walk.ask("/account", 200)
    assert walk.ask("/deep/page", 404)
    assert walk.ask("/guess", 404, after_s=16 * 60)


def test_new_name_for_each_request_is_no_way_out() -> None:
    """What new actors of one address do together counts there."""
    walk = Walk()
    for i in range(60):
        walk.ask(f"/{_word(i)}", 404, headers=((b"user-agent", f"agent/{i}".encode()),))

    assert [Severity.CHECK, Severity.STOP] == [flag.severity for flag in walk.loud()]
