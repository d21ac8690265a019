"""What a form added to a list: deleting it again is one's own business."""

from __future__ import annotations

from fairwitness.model.account import Account
from fairwitness.model.verdict import Action
from fairwitness.rules import Knowledge, Runner
from fairwitness.rules.destructive_request import DestructiveRequest
from fairwitness.rules.testing import NOON_US, make_exchange, make_line, make_policy, make_request

SECOND = 1_000_000
LIST = "https://shop.test/notes"
BASIC = ((b"authorization", b"Basic dGVzdGVyOnB3"),)  # tester:pw


class Session:
    """One signed-in person's requests, a second apart."""

    def __init__(self) -> None:
        self.known = Knowledge([Account("first", ("tester",))])
        policy = make_policy(rules=[make_line("destructive-request", Action.HOLD)])
        self.runner = Runner(
            policy, next_flag=1, now_us=NOON_US, known=self.known, rules=[DestructiveRequest]
        )
        self.now_us = NOON_US

    def send(self, method: str, url: str, *, body: str = "", status: int = 200, to: str = "") -> Action:
        """A request and its answer; what was decided."""
        self.now_us += SECOND
        made = make_request(url, method=method, at_us=self.now_us, headers=BASIC)
        request = self.known.who(made, in_scope=True)
        judged = self.runner.judge_request(request, in_scope=True)
        headers = ((b"content-type", b"text/html"), *(((b"location", to.encode()),) if to else ()))
        exchange = make_exchange(request, status=status, headers=headers, body=body.encode())
        self.known.learn(exchange, in_scope=True)
        return judged.action


def _page(*numbers: int) -> str:
    return "".join(f"<form action=/notes/{number}/delete></form>" for number in numbers)


def test_the_one_that_is_new_in_the_list_is_ones_own():
    """Seen before, sent, seen again: one more."""
    session = Session()
    session.send("GET", LIST, body=_page(1, 2))
    session.send("POST", LIST, status=302, to="/notes")
    session.send("GET", LIST, body=_page(1, 2, 701))

    assert Action.ALLOW is session.send("POST", f"{LIST}/701/delete")
    assert Action.HOLD is session.send("POST", f"{LIST}/2/delete")


def test_several_new_ones_are_nobodys():
    """Others may have added them meanwhile."""
    session = Session()
    session.send("GET", LIST, body=_page(1))
    session.send("POST", LIST, status=302, to="/notes")
    session.send("GET", LIST, body=_page(1, 701, 702))

    assert Action.HOLD is session.send("POST", f"{LIST}/701/delete")


def test_a_list_that_was_not_seen_before_tells_nothing():
    """All of it would be new."""
    session = Session()
    session.send("POST", LIST, status=302, to="/notes")
    session.send("GET", LIST, body=_page(701))

    assert Action.HOLD is session.send("POST", f"{LIST}/701/delete")


def test_looking_again_adds_nothing():
    """What turns up without a form is somebody else's."""
    session = Session()
    session.send("GET", LIST, body=_page(1))
    session.send("GET", LIST, body=_page(1, 701))

    assert Action.HOLD is session.send("POST", f"{LIST}/701/delete")
