"""Whole sequences on one's own objects, and on those of others, with all rules at once."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest

from fairwitness.model.account import Account
from fairwitness.model.exchange import Headers, Request
from fairwitness.model.flag import Flag, Severity
from fairwitness.model.verdict import Action
from fairwitness.policy import site_of
from fairwitness.rules import Knowledge, Runner
from fairwitness.rules.testing import NOON_US, make_exchange, make_line, make_policy, make_request

JSON: Headers = ((b"content-type", b"application/json"),)
FORM: Headers = ((b"content-type", b"application/x-www-form-urlencoded"),)
RULES = (
    "destructive-request",
    "data-alteration",
    "enumeration",
    "paid-action",
    "bulk-download",
    "left-behind",
)
ACTIONS = {"destructive-request": Action.HOLD, "enumeration": Action.BLOCK, "paid-action": Action.HOLD}


class Session:
    """What a person does, one exchange after another."""

    def __init__(self) -> None:
        accounts = [Account("first", ("researcher1", "41")), Account("second", ("researcher2", "42"))]
        lines = [make_line(rule, ACTIONS.get(rule, Action.WARN)) for rule in RULES]
        self.known = Knowledge(accounts, site_of=site_of)
        self.runner = Runner(make_policy(rules=lines), next_flag=1, now_us=NOON_US, known=self.known)
        self.at_us = NOON_US

    def does(
        self,
        method: str,
        path: str,
        sends: object = None,
        *,
        status: int = 200,
        answer: object = None,
        location: str = "",
        headers: Headers = (),
    ) -> Action:
        """One exchange, ten seconds after the last; what was done about it."""
        self.at_us += 10_000_000
        body = sends.encode() if isinstance(sends, str) else json.dumps(sends).encode() if sends else b""
        kind = FORM if isinstance(sends, str) else JSON
        request: Request = make_request(
            f"https://shop.test{path}", method=method, at_us=self.at_us, body=body, headers=(*kind, *headers)
        )
        request = self.known.who(request, in_scope=True)
        judgement = self.runner.judge_request(request, in_scope=True)
        self.runner.started(request)
        answered = (*JSON, (b"location", location.encode())) if location else JSON
        content = json.dumps(answer).encode() if answer is not None else b""
        exchange = make_exchange(request, status=status, headers=answered, body=content)
        self.known.learn(exchange, in_scope=True)
        self.runner.judge_response(exchange)
        return judgement.action

    def loud(self) -> list[Flag]:
        """Flags above info."""
        return [flag for flag in self.runner.flags if flag.severity > Severity.INFO]

    def said(self, rule: str) -> list[str]:
        """What a rule said."""
        return [flag.says for flag in self.runner.flags if flag.rule == rule]


def test_own_post_by_rest() -> None:
    """Made, read, changed, deleted: nothing above info."""
    session = Session()
    session.does("POST", "/api/posts", {"title": "a"}, status=201, answer={"id": 7})
    session.does("PUT", "/api/posts/7", {"title": "b"}, answer={"id": 7})
    session.does("POST", "/api/posts/7/publish", answer={"id": 7})
    session.does("DELETE", "/api/posts/7", status=204)
    session.does("DELETE", "/api/posts/7", status=404)

    assert session.loud() == []
    assert session.said("left-behind") == ["made post 7 at shop.test", "deleted again post 7 at shop.test"]


def test_own_post_by_form() -> None:
    """A redirect to the new page, a form with an override."""
    session = Session()
    session.does("POST", "/posts", "title=a", status=302, location="/posts/7")
    session.does("POST", "/posts/7", "_method=put&title=b", status=302, location="/posts/7")
    session.does("POST", "/posts/7", "_method=delete", status=302, location="/posts")

    assert session.loud() == []
    assert session.said("left-behind")[-1] == "deleted again post 7 at shop.test"


@pytest.mark.parametrize(
    ("title", "page"),
    [
        ("My first note", "my-first-note"),
        ("Groceries", "groceries"),
        ("Caf\u00e9 Ol\u00e9", "cafe-ole"),
        ("My first note", "my-first-note-2"),
        ("My first note of many", "my-first-note"),
    ],
)
@pytest.mark.parametrize("form", ["/notes", "/notes/new"])
def test_own_note_that_goes_by_its_title(form: str, title: str, page: str) -> None:
    """The answer leads to a page whose path has the title's words; deleted by each of three ways."""
    for method, path, sends in (
        ("DELETE", f"/notes/{page}", None),
        ("POST", f"/notes/{page}/delete", "csrf=1"),
        ("POST", f"/notes/{page}", "action=delete"),
    ):
        session = Session()
        session.does("POST", form, urlencode({"title": title}), status=303, location=f"/notes/{page}")
        session.does("GET", f"/notes/{page}")
        assert session.does(method, path, sends, status=303, location="/notes") is Action.ALLOW
        assert session.loud() == []
        assert session.said("left-behind")[-1] == f"deleted again /notes/{page} at shop.test"


def test_own_note_that_json_names_by_its_slug() -> None:
    """Without an id and without a Location."""
    session = Session()
    session.does("POST", "/api/notes", {"title": "My note"}, status=201, answer={"slug": "my-note"})
    assert session.does("DELETE", "/api/notes/my-note", status=204) is Action.ALLOW


@pytest.mark.parametrize(
    ("sent_to", "sends", "location"),
    [
        ("/notes", "title=hello", "/notes/my-first-note"),
        ("/notes", "title=hello", "/notes/thank-you"),
        ("/notes/update", "slug=my-first-note", "/notes/my-first-note"),
        ("/search", "q=my+first+note", "/notes/my-first-note"),
    ],
)
def test_page_that_has_no_sent_title_is_not_ones_own(sent_to: str, sends: str, location: str) -> None:
    """A redirect to what was there before makes nothing one's own."""
    session = Session()
    session.does("POST", sent_to, sends, status=303, location=location)
    assert session.does("POST", f"{location}/delete", "csrf=1") is Action.HOLD


def test_page_that_was_listed_before_is_not_made() -> None:
    """Whoever sends the title of somebody's note does not own it."""
    session = Session()
    session.does("GET", "/notes", answer=["/notes/my-first-note"])
    session.does("POST", "/notes", "title=My+first+note", status=303, location="/notes/my-first-note")
    assert session.does("DELETE", "/notes/my-first-note") is Action.HOLD


def test_own_post_by_json_api() -> None:
    """Ids are strings below data."""
    session = Session()
    made = {"data": {"type": "posts", "id": "7"}}
    session.does("POST", "/posts", {"data": {"type": "posts"}}, status=201, answer=made)
    session.does("PATCH", "/posts/7", {"data": {"type": "posts", "id": "7"}}, answer=made)
    session.does("DELETE", "/posts/7", status=204)

    assert session.loud() == []


def test_own_post_by_graphql() -> None:
    """Mutations that create, update and delete."""
    session = Session()
    create = {"query": 'mutation { createPost(title: "a") { id } }'}
    session.does("POST", "/graphql", create, answer={"data": {"createPost": {"id": "7"}}})
    session.does(
        "POST", "/graphql", {"query": 'mutation { updatePost(id: "7", title: "b") { id } }'}, answer={}
    )
    session.does("POST", "/graphql", {"query": 'mutation { deletePost(id: "7") { id } }'}, answer={})

    assert session.loud() == []
    assert session.said("left-behind") == ["made post 7 at shop.test", "deleted again post 7 at shop.test"]


def test_own_file_by_webdav() -> None:
    """Put, moved, deleted where it lies now."""
    session = Session()
    session.does("PUT", "/dav/a.txt", "x", status=201)
    session.does("MOVE", "/dav/a.txt", status=201, headers=((b"destination", b"/dav/b.txt"),))
    session.does("PUT", "/dav/b.txt", "y", status=204)
    session.does("DELETE", "/dav/b.txt", status=204)

    assert session.loud() == []


def test_idor_between_two_own_accounts() -> None:
    """Both are registered, whoever is signed in."""
    session = Session()
    for number in (41, 42):
        session.does(
            "GET", f"/api/users/{number}", answer={"id": number, "username": f"researcher{number - 40}"}
        )
        session.does("PATCH", f"/api/users/{number}", {"name": "x"}, answer={"id": number})
    session.does("DELETE", "/api/users/42", status=204)

    assert session.loud() == []


def test_somebody_elses_order_is_held_and_its_change_is_told() -> None:
    """The answer named another user."""
    session = Session()
    session.does("GET", "/api/orders/9", answer={"id": 9, "user_id": 7})
    session.does("PUT", "/api/orders/9", {"note": "x"}, answer={"id": 9, "user_id": 7})

    assert session.does("DELETE", "/api/orders/9", status=204) is Action.HOLD
    assert {flag.rule for flag in session.loud()} == {"destructive-request", "data-alteration"}


def test_unknown_object_is_held_once_an_endpoint_and_destruction_each_time() -> None:
    """Who has said yes to one DELETE there is not asked for the next; DROP TABLE is always asked about."""
    session = Session()
    deletes = [session.does("DELETE", f"/api/things/{number}", status=204) for number in (1, 2, 3)]
    payloads = [session.does("POST", "/api/search", {"q": f"x'; DROP TABLE t{n}; --"}) for n in (1, 2)]

    assert deletes[0] is Action.HOLD
    assert Action.HOLD not in deletes[1:]
    assert payloads == [Action.HOLD, Action.HOLD]


@pytest.mark.parametrize(
    "value", ["' OR 1=1 --", "<script>alert(1)</script>", "please drop the order", "a;sleep 5"]
)
def test_probes_that_change_nothing_pass(value: str) -> None:
    """A few hand-made strings."""
    session = Session()

    assert session.does("POST", "/api/search", {"q": value}) is Action.ALLOW
    assert session.loud() == []


@pytest.mark.parametrize(
    ("path", "sends"),
    [
        ("/api/billing/upgrade", {"seats": 5}),
        ("/api/subscriptions", {"price_id": "price_1"}),
        ("/checkout", "card[number]=4111&cvc=1"),
        ("/trial/start", "x=1"),
        ("/orders/7/pay", "x=1"),
        ("/graphql", {"query": "mutation { purchaseLicense(seats: 3) { id } }"}),
    ],
)
def test_what_costs_is_held(path: str, sends: object) -> None:
    """Paths, fields, mutations."""
    assert Session().does("POST", path, sends) is Action.HOLD


@pytest.mark.parametrize(
    ("path", "sends"),
    [
        ("/cart/add", "pid=3"),
        ("/api/orders", {"item": 3}),
        ("/checkout/address", "street=x"),
        ("/api/plans/preview", {"plan": "team"}),
        ("/payment-methods/validate", "cardnumber=4111"),
        ("/display/settings", "plan=x"),
        ("/floorplan", "plan=x"),
        ("/graphql", {"query": "query { upgradePlans { id } }"}),
        ("/graphql", {"query": "mutation { addToCart(id: 3) { id } }"}),
    ],
)
def test_what_costs_nothing_passes(path: str, sends: object) -> None:
    """Baskets, prices, steps before the last."""
    assert Session().does("POST", path, sends) is Action.ALLOW
