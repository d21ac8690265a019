"""Whose identity a request carries, and whether the researcher registered it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable

import pytest

from fairwitness.model.account import Account
from fairwitness.model.exchange import Headers, Request
from fairwitness.model.flag import Flag, Severity
from fairwitness.model.policy import Posture
from fairwitness.model.verdict import Action
from fairwitness.rules import Judgement, Knowledge, Rule, Runner
from fairwitness.rules.foreign_account import ForeignAccount
from fairwitness.rules.foreign_credential import KEPT, ForeignCredential
from fairwitness.rules.testing import NOON_US, make_exchange, make_line, make_policy, make_request

JSON: Headers = ((b"content-type", b"application/json"),)
FORM: Headers = ((b"content-type", b"application/x-www-form-urlencoded"),)
OWN = Account("first", ("researcher1", "41"))
HOME: Headers = ((b"location", b"/home"), (b"set-cookie", b"sid=0123456789abcdef"))
COOKIE: Headers = ((b"cookie", b"sid=0123456789abcdef"),)
SECRET = "tk_9f8e7d6c5b4a39281706f5e4d3c2b1a0"


class Session:
    """Exchanges judged one after another; a class, because rules learn from one to the next."""

    def __init__(self, *accounts: Account) -> None:
        rules: list[type[Rule]] = [ForeignAccount, ForeignCredential]
        lines = [
            make_line("foreign-account", Action.WARN),
            make_line("foreign-credential", Action.HOLD),
        ]
        policy = make_policy(rules=lines, posture=Posture.MANUAL)
        self.known = Knowledge(accounts)
        self.runner = Runner(policy, next_flag=1, now_us=NOON_US, known=self.known, rules=rules)
        self.now_us = NOON_US
        self.asked: Request | None = None

    def go(
        self,
        method: str,
        path: str,
        *,
        headers: Headers = (),
        sends: str = "",
        status: int = 200,
        answers: Headers = JSON,
        body: object = b"",
    ) -> Judgement:
        """Judge a request and its answer."""
        self.now_us += 1_000_000
        request = make_request(
            f"https://shop.test{path}",
            method=method,
            headers=headers,
            body=sends.encode("utf-8", "surrogatepass"),
            at_us=self.now_us,
        )
        request = self.known.who(request, in_scope=True)
        self.asked = request
        judgement = self.runner.judge_request(request, in_scope=True)
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        exchange = make_exchange(request, status=status, headers=answers, body=raw)
        self.known.learn(exchange, in_scope=True)
        self.runner.judge_response(exchange)
        return judgement

    def sign_in(self, name: str = "researcher1", cookie: bytes = b"sid=0123456789abcdef") -> None:
        """Sign in by a form."""
        answers = ((b"location", b"/home"), (b"set-cookie", cookie))
        sends = f"username={name}&password=pw-own"
        self.go("POST", "/login", headers=FORM, sends=sends, status=303, answers=answers)

    def flags(self, least: Severity = Severity.CHECK) -> list[Flag]:
        """The flags of a severity or above."""
        return [flag for flag in self.runner.flags if flag.severity >= least]


def bearer(value: str) -> Headers:
    """A token as a request carries it."""
    return ((b"authorization", b"Bearer " + value.encode()),)


def web_token(**claims: object) -> str:
    """A JSON web token, unsigned."""
    part = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"eyJhbGciOiJub25lIn0.{part}.c2ln"


def test_another_identity_beside_ones_own_is_named_once() -> None:
    """By a sign-in: the name can then be registered."""
    session = Session(OWN)
    session.sign_in()
    session.go("GET", "/a", headers=COOKIE)
    for _ in range(3):
        session.sign_in("ada", b"sid=ffffffffffffffff")
        session.go("GET", "/b", headers=((b"cookie", b"sid=ffffffffffffffff"),))
    (flag,) = session.flags()
    assert "ada" in flag.says
    assert "accounts add" in flag.advice


STRANGERS = {
    "basic": ((b"authorization", b"Basic " + base64.b64encode(b"ada:pw")),),
    "web token": bearer(web_token(sub="b7c1", email="ada@shop.test")),
}


@pytest.mark.parametrize("kind", STRANGERS)
def test_a_credential_that_names_itself_is_named(kind: str) -> None:
    """Basic authentication and web tokens say whose they are."""
    session = Session(OWN)
    session.sign_in()
    session.go("GET", "/a", headers=COOKIE)
    session.go("GET", "/b", headers=STRANGERS[kind], status=401)
    assert [] == session.flags(Severity.INFO)
    session.go("GET", "/b", headers=STRANGERS[kind])
    (flag,) = session.flags()
    assert "ada" in flag.says


def test_where_no_own_account_is_used_it_is_a_hint() -> None:
    """Another application in scope has other names; nobody has to register them all."""
    session = Session(OWN)
    session.sign_in("admin")
    session.go("GET", "/admin/", headers=COOKIE)
    assert [flag.severity for flag in session.runner.flags] == [Severity.INFO]


def test_a_new_own_account_is_a_hint() -> None:
    """Whoever signs up for it owns it."""
    session = Session(OWN)
    session.sign_in()
    session.go("GET", "/a", headers=COOKIE)
    answers = ((b"location", b"/welcome"), (b"set-cookie", b"sid=aaaaaaaaaaaaaaaa"))
    sends = "email=new@x.test&password=a1&password2=a1"
    session.go("POST", "/register", headers=FORM, sends=sends, status=303, answers=answers)
    session.sign_in("new@x.test", b"sid=bbbbbbbbbbbbbbbb")
    assert [] == session.flags()
    assert 1 == len(session.runner.flags)


CLAIMS = {
    "header": lambda who: ((b"X-User-Id", who),),
    "cookie": lambda who: ((b"cookie", b"theme=dark; uid=" + who),),
    "cookie beside a session": lambda who: ((b"cookie", b"sid=0123456789abcdef; user_id=" + who),),
}


@pytest.mark.parametrize("kind", CLAIMS)
def test_a_header_that_named_an_own_account_names_another(kind: str) -> None:
    """Whatever the answer is; refused, it is none."""
    session = Session(OWN)
    session.go("GET", "/orders", headers=CLAIMS[kind](b"41"))
    session.go("GET", "/orders", headers=CLAIMS[kind](b"17"), status=403)
    assert [] == list(session.runner.flags)
    session.go("GET", "/orders", headers=CLAIMS[kind](b"17"))
    assert [(flag.severity, "17" in flag.says) for flag in session.runner.flags] == [(Severity.CHECK, True)]


def test_an_answer_agrees_with_the_header() -> None:
    """Also where the header named nobody before; the profile is not taken for one's own."""
    session = Session(OWN)
    session.go(
        "POST", "/login", sends="username=researcher1&password=x", headers=FORM, status=303, answers=HOME
    )
    headers = (*COOKIE, (b"x-user-id", b"17"))
    session.go("GET", "/api/me", headers=headers, body={"id": 17, "username": "ada"})
    assert ["17" in flag.says for flag in session.runner.flags] == [True]


@pytest.mark.parametrize(
    "headers",
    [
        ((b"cookie", b"uid=17"),),
        ((b"x-forwarded-user", b"admin"),),
        ((b"x-account-id", b"8f3a-77"),),
        ((b"x-user-id", b"' or 1=1"),),
        ((b"x-user-id", b"41"),),
    ],
)
def test_what_only_may_be_somebody_is_silent(headers: Headers) -> None:
    """A visitor's number, a name that the server does not care for, a payload, one's own."""
    session = Session(OWN)
    session.go("GET", "/orders", headers=headers, body={"total": 17, "orders": [{"id": 3}]})
    session.go("GET", "/orders", headers=(*headers, *COOKIE), body={"total": 17})
    assert [] == list(session.runner.flags)


def test_a_profile_teaches_whose_a_session_is() -> None:
    """A token that no sign-in gave, as from a provider, is labelled from then on."""
    session = Session(OWN)
    token = bearer("9f8e7d6c5b4a39281706f5e4d3c2b1a0")
    session.go("GET", "/api/me", headers=token, body={"user": {"id": 41, "username": "researcher1"}})
    session.go("GET", "/api/orders", headers=token)
    assert session.asked is not None
    assert session.asked.account == "first"
    graphql = bearer("00112233445566778899aabbccddeeff")
    session.go(
        "POST",
        "/graphql",
        headers=(*graphql, *JSON),
        sends='{"query": "{viewer{id email}}"}',
        body={"data": {"viewer": {"id": "9", "email": "ada@x.test"}}},
    )
    (flag,) = session.flags()
    assert "ada@x.test" in flag.says


def test_a_profile_teaches_further_names() -> None:
    """Registered by user name, and the web token has the address only."""
    session = Session(OWN)
    session.sign_in()
    session.go("GET", "/me", headers=COOKIE, body={"username": "researcher1", "email": "r1@x.test"})
    session.go("GET", "/a", headers=bearer(web_token(email="r1@x.test")))
    assert session.asked is not None
    assert session.asked.account == "first"
    assert [] == session.flags(Severity.INFO)


def test_a_profile_of_somebody_else_teaches_nothing() -> None:
    """An IDOR on the profile must not make the victim's names one's own."""
    session = Session(OWN)
    session.sign_in()
    session.go("GET", "/profile?user=7", headers=COOKIE, body={"username": "ada"})
    session.go("GET", "/profile", headers=COOKIE, body={"username": "ada", "email": "ada@x.test"})
    assert not session.known.accounts.is_registered("ada")
    assert not session.known.accounts.is_registered("ada@x.test")


def test_six_names_are_too_many_and_payloads_are_none() -> None:
    """Spraying is seen though no sign-in succeeds; one name and many passwords is another rule's matter."""
    session = Session(OWN)
    for i in range(12):
        session.go("POST", "/login", headers=FORM, sends=f"username=ops&password=w{i}", status=401)
        session.go("POST", "/login", headers=FORM, sends=f"username=x' or {i}=1-- -&password=w", status=401)
    assert [] == session.flags(Severity.INFO)
    for i in range(5):
        session.go("POST", "/login", headers=FORM, sends=f"username=user{i}&password=W1", status=401)
    (flag,) = session.flags()
    assert "6 names" in flag.says


@pytest.mark.parametrize("name", ["a" * 100_000, "ada%1b%5d0;x%07", "researсher1"])
def test_a_hostile_name_cannot_drive_the_terminal(name: str) -> None:
    """Cut, escaped, and said to be no ASCII."""
    session = Session(OWN)
    session.sign_in()
    session.go("GET", "/a", headers=COOKIE)
    session.sign_in(name, b"sid=ffffffffffffffff")
    for flag in session.flags(Severity.INFO):
        assert flag.says.isprintable()
        assert len(flag.says) < 400
    if not name.isascii():
        assert "not all of it is ASCII" in session.flags()[0].says


def test_somebody_elses_token_is_held_wherever_it_goes() -> None:
    """As a token, a cookie, a query field."""
    for headers, path in (
        (bearer(SECRET), "/api"),
        (((b"cookie", b"token=" + SECRET.encode()),), "/api"),
        ((), f"/api?access_token={SECRET}"),
        (((b"x-api-key", SECRET.encode()),), "/api"),
    ):
        session = Session(OWN)
        session.go("GET", "/api/people/7", body={"data": [{"username": "ada", "apiKey": SECRET}]})
        assert session.go("GET", path, headers=headers).action is Action.HOLD
        assert SECRET not in repr(session.runner.flags)


def test_a_password_of_a_file_is_held() -> None:
    """What a forgotten .env shows is not to be tried out."""
    session = Session(OWN)
    text = b"APP=shop\nDB_PASSWORD=Tr0ub4dor&3x9\nMAIL_TOKEN='mt_11223344556677889900'\n"
    session.go("GET", "/.env", answers=((b"content-type", b"text/plain"),), body=text)
    sends = "username=root&password=Tr0ub4dor%263x9"
    assert session.go("POST", "/login", headers=FORM, sends=sends, status=401).action is Action.HOLD


HARMLESS: dict[str, tuple[str, str, Headers, object]] = {
    "own profile": ("GET", "/api/people/41", JSON, {"username": "researcher1", "apiKey": SECRET}),
    "settings": ("GET", "/settings/tokens", JSON, [{"username": "ada", "token": SECRET}]),
    "made by a POST": ("POST", "/api/people", JSON, {"username": "bot", "token": SECRET}),
    "nobody's": ("GET", "/api/bootstrap", JSON, {"config": {"apiKey": SECRET}}),
    "a page": ("GET", "/", ((b"content-type", b"text/html"),), f"<i data-token={SECRET}>".encode()),
    "refresh": ("GET", "/oauth/refresh", JSON, {"username": "ada", "access_token": SECRET}),
    "a cursor": ("GET", "/api/people/7", JSON, {"username": "ada", "next_page_token": SECRET}),
}


@pytest.mark.parametrize("kind", HARMLESS)
def test_what_is_ones_own_or_nobodys_is_silent(kind: str) -> None:
    """Only a credential beside somebody's name, or in a leaked file, is theirs."""
    session = Session(OWN)
    method, path, answers, body = HARMLESS[kind]
    session.go(method, path, answers=answers, body=body)
    assert session.go("GET", "/api", headers=bearer(SECRET)).action is Action.ALLOW
    assert [] == session.flags(Severity.INFO)


def _bodies() -> Iterable[bytes]:
    yield b'{"token":' * 3000
    yield b"[" * 30_000
    yield b"token=" * 5000
    yield json.dumps([{"username": f"u{i}", "token": f"tk_{i:026}"} for i in range(600)]).encode()


@pytest.mark.parametrize("number", range(4))
def test_hostile_bodies_are_bounded(number: int) -> None:
    """Neither depth nor number makes it keep more than it may."""
    session = Session(OWN)
    body = list(_bodies())[number]
    for i in range(100):
        session.go("GET", f"/people{i}.env", answers=((b"content-type", b"text/plain"),), body=body)
        session.go("GET", f"/people/{i}", body=body)
    rule = session.runner._rules[ForeignCredential]
    assert isinstance(rule, ForeignCredential)
    assert len(rule._exposed) <= KEPT
