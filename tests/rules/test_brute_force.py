"""Different guesses that were not right are counted, an account and a place each."""

from __future__ import annotations

import base64
import json
import tracemalloc
from dataclasses import replace

import pytest

from fairwitness.model.account import Account
from fairwitness.model.exchange import Exchange, Initiator, Request
from fairwitness.model.flag import Flag, Severity
from fairwitness.model.policy import Posture
from fairwitness.model.verdict import Action
from fairwitness.rules import Judgement, Knowledge, Runner
from fairwitness.rules.brute_force import BruteForce
from fairwitness.rules.testing import NOON_US, make_exchange, make_line, make_policy, make_request

S = 1_000_000
FORM = ((b"content-type", b"application/x-www-form-urlencoded"),)
JSON = ((b"content-type", b"application/json"),)
AGAIN = b"<form><input name=username><input name=password type=password></form>"


class Session:
    """Exchanges judged one after another; a class, because rules count from one to the next."""

    def __init__(self, *accounts: Account, action: Action = Action.BLOCK) -> None:
        policy = make_policy(rules=[make_line("brute-force", action)], posture=Posture.MANUAL)
        self.known = Knowledge(accounts)
        self.runner = Runner(policy, next_flag=1, now_us=NOON_US, known=self.known, rules=[BruteForce])
        self.now_us = NOON_US

    def ask(self, request: Request, *, initiator: Initiator | None = None) -> tuple[Judgement, Request]:
        """Judge a request."""
        request = replace(request, received_us=self.now_us)
        request = self.known.who(request, in_scope=True)
        if initiator:
            request = replace(request, initiator=initiator)
        judgement = self.runner.judge_request(request, in_scope=True)
        self.now_us += S
        return judgement, request

    def end(self, exchange: Exchange) -> None:
        """Judge its answer."""
        self.known.learn(exchange, in_scope=True)
        self.runner.judge_response(exchange)

    def try_(
        self, request: Request, *, status: int = 401, headers: object = None, body: bytes = b""
    ) -> Judgement:
        """Judge a request and a wrong answer to it."""
        judgement, request = self.ask(request)
        given = headers if isinstance(headers, tuple) else ((b"content-type", b"text/html"),)
        self.end(make_exchange(request, status=status, headers=given, body=body))
        return judgement

    @property
    def loud(self) -> list[Flag]:
        """The flags above info."""
        return [flag for flag in self.runner.flags if flag.severity > Severity.INFO]


def form(text: str, url: str = "https://shop.test/login") -> Request:
    """A form that is sent."""
    return make_request(url, method="POST", headers=FORM, body=text.encode())


def sent(value: object, url: str = "https://shop.test/api/login") -> Request:
    """JSON that is sent."""
    return make_request(url, method="POST", headers=JSON, body=json.dumps(value).encode())


def basic(secret: str) -> Request:
    """A request with basic authentication."""
    coded = b"Basic " + base64.b64encode(b"ops:" + secret.encode())
    return make_request("https://shop.test/ops", headers=((b"authorization", coded),))


def markup(text: str) -> Request:
    """XML that is sent."""
    kind = ((b"content-type", b"text/xml"),)
    return make_request("https://shop.test/ws", method="POST", headers=kind, body=text.encode())


GUESSES = {
    "form": lambda i: form(f"log=ada&pwd=word-{i}", "https://shop.test/wp-login.php"),
    "json": lambda i: sent({"user": {"email": "ada@x.test", "password": f"word-{i}"}}),
    "django": lambda i: form(f"csrfmiddlewaretoken=t{i}&username=ada&password=word-{i}&next=/admin/"),
    "basic": lambda i: basic(f"word-{i}"),
    "graphql": lambda i: sent(
        {"query": "mutation($p: String!) {login}", "variables": {"email": "ada", "password": f"w-{i}"}}
    ),
    "otp": lambda i: sent({"otp": f"{i:06}"}, "https://shop.test/api/mfa"),
    "pin": lambda i: form(f"pin={i:04}", "https://shop.test/unlock"),
    "reset": lambda i: form(f"token=abc{i}&password=new1&password2=new1", "https://shop.test/reset"),
    "reset in the path": lambda i: make_request(f"https://shop.test/verify-email/{100000 + i}"),
    "coupon": lambda i: sent({"couponCode": f"SAVE{i}"}, "https://shop.test/cart"),
    "soap": lambda i: markup(
        f"<e:Body><Login><User>ada</User><Password>word-{i}</Password></Login></e:Body>"
    ),
    "xml-rpc": lambda i: markup(
        "<methodCall><methodName>wp.getUsersBlogs</methodName><params><param><value><string>ada</string></value>"
        f"</param><param><value><string>word-{i}</string></value></param></params></methodCall>"
    ),
    "graphql with short names": lambda i: sent(
        {
            "query": "mutation($u: String!, $p: String!) { login(user: $u, password: $p) { id } }",
            "variables": {"u": "ada", "p": f"w-{i}"},
        }
    ),
    "security answer": lambda i: form(
        f"email=ada%40x.test&answer=dog{i}", "https://shop.test/security-question"
    ),
    "json-rpc by order": lambda i: sent(
        {"jsonrpc": "2.0", "method": "login", "params": ["ada", f"word-{i}"]}
    ),
    "json-rpc of Odoo": lambda i: sent(
        {"params": {"service": "common", "method": "login", "args": ["db", "ada", f"word-{i}"]}}
    ),
    "reset code in the query": lambda i: make_request(f"https://shop.test/verify?code={100000 + i}"),
}


@pytest.mark.parametrize("kind", GUESSES)
def test_six_wrong_guesses_are_held_and_ten_are_blocked(kind: str) -> None:
    """Whatever they guess, and however they send it."""
    session = Session()
    actions = [session.try_(GUESSES[kind](i)).action for i in range(10)]
    assert actions == [Action.ALLOW] * 5 + [Action.HOLD] * 4 + [Action.BLOCK]


def test_against_an_own_account_it_only_warns() -> None:
    """So that a limit can be tested; the count says enough."""
    session = Session(Account("mine", ("ada",)))
    actions = {session.try_(GUESSES["form"](i), status=200, body=AGAIN).action for i in range(40)}
    assert actions == {Action.ALLOW, Action.WARN}
    assert [flag.severity for flag in session.loud] == [Severity.CHECK]
    assert "your own account" in session.loud[0].says


def test_one_password_for_many_accounts_is_seen() -> None:
    """No account sees more than one."""
    session = Session()
    actions = [session.try_(form(f"username=user{i}&password=Winter2026")).action for i in range(10)]
    assert actions[5:] == [Action.HOLD] * 4 + [Action.BLOCK]
    assert "6 accounts" in session.loud[0].says


def test_many_guesses_in_one_request_are_many() -> None:
    """Aliases of GraphQL, and lists in JSON, get round counters of requests."""
    session = Session()
    aliases = " ".join(f'a{i}: login(email: "ada", password: "w-{i}") {{token}}' for i in range(20))
    assert session.try_(sent({"query": f"mutation {{ {aliases} }}"})).action is Action.BLOCK
    session = Session()
    assert session.try_(sent({"username": "ada", "password": [f"w-{i}" for i in range(30)]})).action > 0


def test_slow_guessing_counts_and_old_guesses_do_not() -> None:
    """The window is ten minutes of the exchanges' own times."""
    session = Session()
    for i in range(6):
        session.now_us += 90 * S
        judgement = session.try_(GUESSES["form"](i))
    assert judgement.action is Action.HOLD
    session = Session()
    for i in range(20):
        session.now_us += 150 * S
        assert session.try_(GUESSES["form"](i)).action is Action.ALLOW


def test_signing_in_to_an_own_account_in_between_hides_nothing() -> None:
    """Servers that forget the count after a success are got round that way; this is not."""
    session = Session()
    for i in range(6):
        session.try_(
            form("username=mine&password=right"),
            status=303,
            headers=((b"location", b"/home"), (b"set-cookie", b"sid=0123456789abcdef%d" % i)),
        )
        judgement = session.try_(form(f"username=ada&password=w-{i}"), status=200, body=AGAIN)
    assert judgement.action is Action.HOLD


def test_two_different_passwords_are_not_both_right() -> None:
    """A server that leads everybody home says nothing of the password."""
    session = Session()
    home = ((b"location", b"/"),)
    actions = [session.try_(GUESSES["form"](i), status=302, headers=home).action for i in range(9)]
    assert actions[-1] is Action.HOLD


def test_form_that_says_yes_to_everything_is_not_believed() -> None:
    """Nobody has ten vouchers; three that are right may be one's own."""
    session = Session()
    actions = [
        session.try_(
            form(f"voucher=SAVE{i}", "https://shop.test/cart"), status=200, body=b"<p>Saved.</p>"
        ).action
        for i in range(14)
    ]
    assert {Action.ALLOW} == set(actions[:8])
    assert actions[-1] is Action.BLOCK


def test_guesses_in_flight_count() -> None:
    """Ten at once are sent before the first answer."""
    session = Session()
    actions = [session.ask(GUESSES["json"](i))[0].action for i in range(10)]
    assert actions[5] is Action.HOLD
    assert actions[9] is Action.BLOCK


LOOKUPS = {
    "gift cards": lambda i: make_request(f"https://shop.test/gift-cards/ABCD-{1234 + 7 * i}"),
    "numbers of gift cards": lambda i: make_request(
        f"https://shop.test/api/giftcards/60064912345678{i:02}/balance"
    ),
    "coupons": lambda i: make_request(f"https://shop.test/coupons/SAVE{i}"),
    "invitations": lambda i: make_request(f"https://shop.test/invites/x7Kq{i:02}p"),
    "keys in headers": lambda i: make_request(
        f"https://shop.test/v1/{i}", headers=((b"x-api-key", b"k3y-%d" % i),)
    ),
    "keys in the query": lambda i: make_request(f"https://shop.test/v1?api_key=k3y-{i}"),
}
REFUSALS = {
    "forbidden": (403, b"text/html", b""),
    "JSON": (200, b"application/json", b'{"valid": false}'),
    "words": (200, b"text/html", b"<p>This code is invalid</p>"),
}


@pytest.mark.parametrize("answer", REFUSALS)
@pytest.mark.parametrize("kind", LOOKUPS)
def test_codes_that_are_refused_are_guesses(kind: str, answer: str) -> None:
    """Asked for in a path, a query or a header; refused by a status or in words."""
    session = Session()
    status, content_type, body = REFUSALS[answer]
    actions = [
        session.try_(
            LOOKUPS[kind](i), status=status, headers=((b"content-type", content_type),), body=body
        ).action
        for i in range(11)
    ]
    assert actions == [Action.ALLOW] * 6 + [Action.HOLD] * 4 + [Action.BLOCK]


@pytest.mark.parametrize("kind", LOOKUPS)
def test_codes_that_are_there_are_no_guesses(kind: str) -> None:
    """Thirty gift cards of one's own, with their pages; a page may speak of what is not valid."""
    session = Session()
    for i in range(30):
        session.try_(LOOKUPS[kind](i), status=200, body=b"<p>10 EUR. Not valid for vouchers.</p>")
    assert [] == list(session.runner.flags)


def test_codes_that_an_answer_listed_are_no_guesses() -> None:
    """Also where they are gone by now."""
    session = Session()
    listed = b"".join(b'<a href="/coupons/SAVE%d">' % i for i in range(30))
    session.try_(make_request("https://shop.test/coupons"), status=200, body=listed)
    for i in range(30):
        session.try_(LOOKUPS["coupons"](i), status=410)
    assert [] == list(session.runner.flags)


HARMLESS = {
    "sales": lambda i: make_request(f"https://shop.test/promotions/summer-{2000 + i}-sale"),
    "ids": lambda i: make_request(f"https://shop.test/gift-cards/{i}"),
    "ids of invitations": lambda i: make_request(f"https://shop.test/invitations/INV-{i}"),
    "uuids": lambda i: make_request(f"https://shop.test/vouchers/0b6fa3a1-1111-4111-8111-1234567890{i:02}"),
    "login histories": lambda i: sent(
        {"jsonrpc": "2.0", "method": "getLoginHistory", "params": ["ada", f"{i}"]}
    ),
    "the same again": lambda i: basic("same"),
    "an expired token": lambda i: make_request(headers=((b"authorization", b"Bearer old"),)),
    "payloads": lambda i: form(f"username=ada' or {i}=1-- -&password=x') UNION SELECT {i}-- -"),
    "noise": lambda i: sent({"username": f"\x00{i}", "password": f"\ud83d\ude00{i}"}),
    "nothing": lambda i: sent({"username": "", "password": ""}),
    "sign-ups": lambda i: form(f"email=a{i}@x.test&password=weak{i}", "https://shop.test/register"),
    "changes": lambda i: form(f"password=new{i}&confirm_password=new{i}", "https://shop.test/me"),
    "country codes": lambda i: make_request(f"https://shop.test/api/countries?code=D{i}"),
    "answers of a quiz": lambda i: sent({"question": i, "answer": f"b{i}"}, "https://shop.test/quiz/7"),
    "articles in XML": lambda i: markup(f"<post><title>Pass {i}</title><body>token {i} of ten</body></post>"),
    "other XML-RPC": lambda i: markup(
        "<methodCall><methodName>blog.post</methodName><params><param><value><string>title</string></value>"
        f"</param><param><value><string>text {i}</string></value></param></params></methodCall>"
    ),
    "PIN codes of towns": lambda i: make_request(f"https://shop.test/api/pincode?pin=56000{i}"),
    "cursors": lambda i: make_request(f"https://shop.test/feed?token=c{i}abcdef"),
    "CSRF tokens": lambda i: form(f"_token=abc{i}&text=hello", "https://shop.test/reset-filter"),
    "refreshing": lambda i: form(f"grant_type=refresh_token&refresh_token=r{i}", "https://shop.test/token"),
    "OAuth codes": lambda i: make_request(f"https://shop.test/callback?code=4/0Abc{i}def&state=s{i}"),
    "paths": lambda i: make_request(f"https://shop.test/verify/admin-{i}"),
    "looking for parameters": lambda i: make_request(
        "https://shop.test/?" + "&".join(f"{name}={i}" for name in ["name", "password", *"abcdefghij"])
    ),
}


@pytest.mark.parametrize("kind", HARMLESS)
def test_what_guesses_nothing_is_silent(kind: str) -> None:
    """Thirty of each, all refused."""
    session = Session()
    for i in range(30):
        session.try_(HARMLESS[kind](i))
    assert [] == list(session.runner.flags)


def test_a_page_uses_up_nothing_of_mine() -> None:
    """A hostile page guesses in my name: a hint, and my own tries begin at one."""
    session = Session()
    for i in range(12):
        session.ask(GUESSES["form"](i), initiator=Initiator.PAGE)
    assert [] == session.loud
    assert session.try_(form("log=ada&pwd=mine")).action is Action.ALLOW


def test_no_secret_is_kept_or_said() -> None:
    """Neither in memory nor in a flag."""
    session = Session()
    for i in range(10):
        session.try_(form(f"username=ada&password=hunter2-{i}"))
    rule = next(iter(session.runner._rules.values()))
    assert isinstance(rule, BruteForce)
    kept = repr([list(rule._tries.items()), list(rule._pending.items()), session.runner.flags])
    assert "hunter2" not in kept


def test_an_endless_path_is_read_at_its_end_only() -> None:
    """A page can ask for a megabyte of words that look like a reset, and the guess is still seen."""
    session = Session()
    words = "/" + "reset" * 200_000
    actions = [
        session.ask(make_request(f"https://shop.test{words}/reset/{100000 + i}"))[0].action for i in range(6)
    ]
    assert actions[-1] is Action.HOLD


def test_memory_is_bounded() -> None:
    """Names and passwords are chosen by others."""
    session = Session()
    tracemalloc.start()
    for i in range(800):
        session.try_(form(f"username={i}{'a' * 4000}&password={i}{'b' * 4000}"))
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 4 << 20
