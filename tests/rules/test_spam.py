"""Tests of fairwitness.rules.spam and of what posts to other people."""

from __future__ import annotations

import json

import pytest

from fairwitness.model.account import Account
from fairwitness.model.exchange import Headers, Initiator, Request
from fairwitness.model.flag import Severity
from fairwitness.model.verdict import Action
from fairwitness.rules import Judgement, Knowledge, Runner
from fairwitness.rules.posting import posting_of
from fairwitness.rules.reading import Reading
from fairwitness.rules.spam import Spam
from fairwitness.rules.testing import NOON_US, make_exchange, make_line, make_policy, make_request

LINE = make_line("spam", Action.HOLD)
FORM: Headers = ((b"content-type", b"application/x-www-form-urlencoded"),)
JSON: Headers = ((b"content-type", b"application/json"),)
HOUR_US = 3_600_000_000


def _runner() -> Runner:
    known = Knowledge([Account("first", ("me@example.org", "tester"))])
    return Runner(make_policy(rules=[LINE]), next_flag=1, now_us=NOON_US, known=known)


def _post(
    path: str, body: str, *, at_us: int = NOON_US, initiator: Initiator = Initiator.TOOL, method: str = "POST"
) -> Request:
    headers = JSON if body.startswith(("{", "[")) else FORM
    return make_request(
        f"https://shop.test{path}",
        method=method,
        headers=headers,
        body=body.encode(),
        at_us=at_us,
        initiator=initiator,
    )


def _ask(runner: Runner, request: Request) -> Judgement:
    return runner.judge_request(request, in_scope=True)


@pytest.mark.parametrize(
    ("path", "body", "kind"),
    [
        ("/contact", "name=a&email=a%40b.example&message=hi", "message to staff"),
        ("/index.php?page=contact", "email=a%40b.example&message=hi", "message to staff"),
        ("/wp-json/contact-form-7/v1/contact-forms/5/feedback", "your-message=hi", "message to staff"),
        ("/", '{"email": "a@b.example", "message": "hi"}', "message to staff"),
        ("/help/tickets", '{"subject": "x", "description": "y"}', "message to staff"),
        ("/posts/7/comments", "comment=nice", "comment"),
        ("/wp-comments-post.php", "comment=nice&author=a&email=a%40b.example", "comment"),
        ("/products/7/reviews", '{"stars": 5}', "review"),
        ("/api/invites", '{"emails": ["a@b.example"]}', "invitation"),
        ("/api/friends/request", '{"user_id": 107}', "friend request"),
        ("/users/bob/friend-requests", '{"note": "hi"}', "friend request"),
        ("/forum/threads", '{"title": "Hello", "body": "all"}', "thread"),
        ("/register", "username=bob&password=x", "sign-up"),
        ("/sign-up", "email=a%40b.example&password=x&password2=x", "sign-up"),
        ("/newsletter", "email=a%40b.example", "newsletter sign-up"),
        ("/forgot-password", "email=a%40b.example", "reset mail"),
        ("/password/reset", "username=bob", "reset mail"),
        ("/items/4/share", "to=a%40b.example", "mail"),
        ("/api/phone/send-code", '{"phone": "+420 777 123 456"}', "text message"),
        ("/sms/send", "to=%2B420777123456&text=hi", "text message"),
        ("/api/send-email", '{"to": "a@b.example", "body": "x"}', "mail"),
        ("/api/messages", '{"to": 7, "message": "hi"}', "chat message"),
        ("/chat/rooms/5/messages", '{"text": "hi"}', "chat message"),
        ("/graphql", '{"query": "mutation { sendMessage(room: 7, text: \\"x\\") { id } }"}', "chat message"),
        ("/graphql", '{"query": "mutation { addComment(id: 7, text: \\"x\\") { id } }"}', "comment"),
    ],
)
def test_what_reaches_others_is_recognised(path: str, body: str, kind: str) -> None:
    """By the words of the path and the fields of the form."""
    found = posting_of(Reading(_post(path, body)))

    assert found is not None
    assert kind == found.kind


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/login", "username=a&password=b"),
        ("/api/contacts", '{"name": "a", "phone": "1"}'),
        ("/comments/search", '{"text": "mug"}'),
        ("/comments/7/like", "text=1"),
        ("/invites/7/accept", "email=a%40b.example"),
        ("/password/reset", "token=abc&password=x&password2=x"),
        ("/password/reset", "email=a%40b.example&code=123456"),
        ("/devices/7/reset", '{"user": "bob"}'),
        ("/push/subscribe", '{"endpoint": "https://push.example/1"}'),
        ("/support/articles", '{"page": 2}'),
        ("/checkout", "email=a%40b.example&message=ring+twice"),
        ("/events/log", '{"message": "boom", "email": "a@b.example"}'),
        ("/cart", "pid=7"),
        ("/graphql", '{"query": "query { comments(id: 7) { text } }"}'),
        ("/register/availability", "email=a%40b.example"),
        ("/unsubscribe", "email=a%40b.example"),
        ("/checkout/review", "comment=ring+twice"),
        ("/?wc-ajax=update_order_review", "order_comments=x&billing_email=a%40b.example&message=x"),
        ("/api/feedback", '{"rating": 5, "page": "/docs"}'),
        ("/api?action=getComments", "text=mug"),
        ("/login?next=/contact", "username=a&password=b"),
        ("/v1/chat/completions", '{"model": "m", "messages": [{"role": "user", "content": "hi"}]}'),
        ("/api/chat", '{"prompt": "x", "message": "hi"}'),
        ("/api/messages/read", '{"message": "7"}'),
        ("/api/messages", '{"id": 7}'),
        ("/api/phone", '{"phone": "+420777123456"}'),
        ("/api/phone/verify", '{"phone": "+420777123456", "code": "1234"}'),
        ("/api/sms/send", '{"template": 7}'),
    ],
)
def test_what_reaches_nobody_is_left_alone(path: str, body: str) -> None:
    """Searches, likes, check-outs, sign-ins, codes, what programs write down."""
    assert posting_of(Reading(_post(path, body))) is None


def test_fourth_of_a_day_is_held_and_says_how_many() -> None:
    """Three are free; the flag names kind, number and host, and nobody's address."""
    runner = _runner()
    said = [_ask(runner, _post("/contact", f"email=me{i}%40b.example&message=hi")) for i in range(4)]

    assert [Action.ALLOW] * 3 + [Action.HOLD] == [each.action for each in said]
    assert "message to staff number 4 within 24 h at shop.test; 3 are free" in said[-1].reason
    assert "b.example" not in said[-1].reason


def test_chat_is_free_for_longer_than_forms() -> None:
    """Twenty lines to others try a chat out; to one's own account all are free."""
    runner = _runner()
    for at in range(30):
        form = json.dumps({"to": "me@example.org", "message": f"line {at}"})
        assert Action.ALLOW == _ask(runner, _post("/api/messages", form)).action
    said = [
        _ask(runner, _post("/api/messages", json.dumps({"to": 7, "message": f"line {at}"})))
        for at in range(21)
    ]

    assert [Action.ALLOW] * 20 + [Action.HOLD] == [each.action for each in said]


def test_day_slides() -> None:
    """What was posted a day ago counts no more."""
    runner = _runner()
    for i in range(3):
        _ask(runner, _post("/review", "text=a", at_us=NOON_US + i * HOUR_US))

    assert Action.ALLOW == _ask(runner, _post("/review", "text=a", at_us=NOON_US + 24 * HOUR_US)).action


def test_invitation_to_many_counts_each() -> None:
    """One request can be a hundred mails."""
    others = ",".join(f"p{i}@b.example" for i in range(9))

    assert Action.HOLD == _ask(_runner(), _post("/invite", json.dumps({"emails": others}))).action


@pytest.mark.parametrize("address", ["me@example.org", "ME@example.org", "me+7@example.org"])
def test_mail_to_oneself_is_free(address: str) -> None:
    """The researcher may fill their own mailbox."""
    runner = _runner()

    for _ in range(9):
        assert Action.ALLOW == _ask(runner, _post("/invite", json.dumps({"email": address}))).action


def test_what_was_refused_or_never_sent_counts_for_nothing() -> None:
    """A form that answers 422, and a request that was held and denied."""
    runner = _runner()
    for _ in range(9):
        request = _post("/contact", "message=hi")
        assert Action.ALLOW == _ask(runner, request).action
        runner.judge_response(make_exchange(request, status=422))
    for _ in range(9):
        request = _post("/contact", "message=hi")
        _ask(runner, request)
        runner.gave_up(request)

    assert Action.ALLOW == _ask(runner, _post("/contact", "message=hi")).action


def test_hostile_page_uses_up_nothing() -> None:
    """What a page posts is counted apart and is info; the researcher's three stay free."""
    runner = _runner()
    for _ in range(9):
        _ask(runner, _post("/contact", "message=hi", initiator=Initiator.PAGE))

    assert Action.ALLOW == _ask(runner, _post("/contact", "message=hi")).action
    assert {Severity.INFO} == {flag.severity for flag in runner.flags}


def test_released_hold_is_not_asked_again() -> None:
    """Who tests a form by hand is asked once an endpoint; the rest is the same flag."""
    runner = _runner()
    for _ in range(4):
        request = _post("/contact", "message=hi")
        judged = _ask(runner, request)
    assert Action.HOLD == judged.action
    runner.started(request)

    assert Action.HOLD > _ask(runner, _post("/contact", "message=hi")).action
    assert 1 == len(runner.flags)


@pytest.mark.parametrize(
    "body",
    ["email=" + "a@" * 30_000, "email=" + "a" * 60_000, "&".join(f"e{i}=a@b{i}.c" for i in range(5000))],
)
def test_hostile_recipients_are_bounded(body: str) -> None:
    """Sixty kilobytes that look like addresses name a hundred at most."""
    found = posting_of(Reading(_post("/invite", body)))

    assert found is not None
    assert 100 >= len(found.recipients)


def test_kinds_at_a_thousand_hosts_take_a_bounded_place() -> None:
    """Hosts are chosen by others; what was dropped counts from one again."""
    rule = Spam(make_policy(rules=[LINE]))
    rule.known = Knowledge()
    for i in range(1000):
        request = make_request(f"https://h{i}.test/review", method="POST", headers=FORM, body=b"text=a")
        assert [] == list(rule.on_request(request))

    assert 512 == len(rule._sent)
