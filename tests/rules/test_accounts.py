"""Whose identity a request carries."""

from __future__ import annotations

import base64
import json

import pytest

from fairwitness.model.account import Account
from fairwitness.model.exchange import Exchange, Headers, Request
from fairwitness.policy import site_of
from fairwitness.rules import Accounts, SignIn
from fairwitness.rules.accounts import HOLDINGS, QUESTIONS
from fairwitness.rules.testing import make_exchange, make_request

FIRST = Account("first", ("researcher1", "r1@example.test", "41"))
SECOND = Account("second", ("researcher2",))
FORM = b"application/x-www-form-urlencoded"
SESSION_1 = b"sid=5d1f0c1ab2c3d4e5"
SESSION_2 = b"sid=77770c1ab2c3d4ff"


def form(name: str, url: str = "https://shop.test/login", *, headers: Headers = ()) -> Request:
    """A sign-in."""
    return make_request(
        url,
        method="POST",
        headers=((b"Content-Type", FORM), *headers),
        body=f"username={name}&password=hunter2".encode(),
    )


def sign_in(accounts: Accounts, request: Request, *, cookie: bytes = SESSION_1) -> SignIn | None:
    """Judge it, and learn from a redirect that sets a session's cookie."""
    judged = accounts.judge(request, in_scope=True)
    answer = ((b"Location", b"/account"), (b"Set-Cookie", cookie + b"; HttpOnly; Path=/"))
    return accounts.learn(make_exchange(judged, status=303, headers=answer))


def account_of(
    accounts: Accounts, *headers: tuple[bytes, bytes], url: str = "https://shop.test/a"
) -> str | None:
    """The label of a GET with these headers."""
    return accounts.judge(make_request(url, headers=headers), in_scope=True).account


def jwt(**claims: object) -> bytes:
    """A token that nobody signed."""
    parts = [
        base64.urlsafe_b64encode(json.dumps(each).encode()).rstrip(b"=") for each in ({"alg": "x"}, claims)
    ]
    return b".".join([*parts, b"c2ln"])


def make_accounts(*accounts: Account) -> Accounts:
    """With the real notion of a site."""
    return Accounts(accounts, site_of=site_of)


def test_the_cookie_of_a_sign_in_labels_what_carries_it() -> None:
    """Two sessions of two accounts; nobody else's request is labelled."""
    accounts = make_accounts(FIRST, SECOND)
    assert sign_in(accounts, form("researcher1")) is None
    assert sign_in(accounts, form("Researcher2 "), cookie=SESSION_2) is None
    labels = [
        account_of(accounts, (b"Cookie", b"theme=dark; " + SESSION_1)),
        account_of(accounts, (b"cookie", SESSION_2)),
        account_of(accounts, (b"cookie", b"sid=unknown-to-all-of-us")),
        account_of(accounts),
    ]
    assert ["first", "second", None, None] == labels


def test_the_sign_in_itself_carries_its_name() -> None:
    """Also one that will fail: the label says whose name it carried."""
    accounts = make_accounts(FIRST)
    assert accounts.judge(form("R1@example.test"), in_scope=True).account == "first"
    assert accounts.judge(form("somebody"), in_scope=True).account is None


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (FORM, b"user%5Bemail%5D=researcher1&user%5Bpassword%5D=x"),
        (b"application/json", b'{"session": {"login": "researcher1", "passwd": "x"}}'),
        (
            b"multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="_username"\r\n\r\nresearcher1\r\n'
            b'--b\r\nContent-Disposition: form-data; name="_password"\r\n\r\nx\r\n--b--\r\n',
        ),
        (
            b"application/json",
            b'{"query": "mutation L($e: String!, $p: String!) { login(email: $e, password: $p) { token } }",'
            b' "variables": {"email": "researcher1", "password": "x"}}',
        ),
        (
            b"application/json",
            b'{"query": "mutation { login(email: \\"researcher1\\", password: \\"x\\") { token } }"}',
        ),
        (b"text/plain", b'{"username": "researcher1", "password": "x"}'),
    ],
)
def test_forms_in_any_usual_shape_are_read(kind: bytes, body: bytes) -> None:
    """Form fields, parts, JSON and GraphQL."""
    accounts = make_accounts(FIRST)
    request = make_request(
        "https://shop.test/x", method="POST", headers=((b"Content-Type", kind),), body=body
    )
    assert accounts.judge(request, in_scope=True).account == "first"


@pytest.mark.parametrize(
    "body",
    [
        b"username=researcher1",
        b"username=researcher1&password=",
        b"username=researcher1&password=x&password_confirmation=x",
        b"password=old&new_password=new",
        b"comment=researcher1+forgot+a+password",
        b"username=researcher1&password=x&fill=" + b"a" * 20_000,
    ],
)
def test_what_is_no_sign_in_is_not_taken_for_one(body: bytes) -> None:
    """Sign-ups and changes of password have two; a large body is no sign-in."""
    accounts = make_accounts(FIRST)
    request = make_request(
        "https://shop.test/x", method="POST", headers=((b"Content-Type", FORM),), body=body
    )
    assert accounts.judge(request, in_scope=True).account is None


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (
            200,
            ((b"Content-Type", b"text/html"), (b"Set-Cookie", SESSION_1)),
            b"<input type='password' name=p>",
        ),
        (401, ((b"Set-Cookie", SESSION_1),), b""),
        (403, ((b"Set-Cookie", SESSION_1),), b""),
        (302, ((b"Location", b"/login?error=1"), (b"Set-Cookie", SESSION_1)), b""),
        (302, ((b"Location", b"/login"), (b"Set-Cookie", SESSION_1)), b""),
        (302, ((b"Location", b"https://[broken"), (b"Set-Cookie", SESSION_1)), b""),
        (200, ((b"Content-Type", b"application/json"), (b"Set-Cookie", SESSION_1)), b'{"error": "no"}'),
        (200, ((b"Content-Type", b"application/json"), (b"Set-Cookie", SESSION_1)), b'{"success": false}'),
        (
            200,
            ((b"Content-Type", b"application/json"), (b"Set-Cookie", SESSION_1)),
            b'{"message": "Invalid credentials"}',
        ),
        (200, ((b"Content-Type", b"text/html"),), b"welcome back"),
    ],
)
def test_a_wrong_password_teaches_nothing(status: int, headers: Headers, body: bytes) -> None:
    """Servers answer it in many ways, also with 200 and with a new anonymous session."""
    accounts = make_accounts(FIRST)
    judged = accounts.judge(form("researcher1"), in_scope=True)
    assert accounts.learn(make_exchange(judged, status=status, headers=headers, body=body)) is None
    stranger = accounts.judge(form("stranger"), in_scope=True)
    assert accounts.learn(make_exchange(stranger, status=status, headers=headers, body=body)) is None
    assert account_of(accounts, (b"Cookie", SESSION_1)) is None


def test_a_token_in_the_answer_is_known_again_on_every_host() -> None:
    """An API on another host is used with the token that the sign-in gave."""
    accounts = make_accounts(FIRST)
    judged = accounts.judge(form("researcher1"), in_scope=True)
    token = "opaque-0123456789abcdef"
    answer = make_exchange(
        judged,
        headers=((b"content-type", b"application/json"),),
        body=json.dumps({"data": {"access_token": token}}).encode(),
    )
    assert accounts.learn(answer) is None
    bearer = f"Bearer {token}".encode()
    assert account_of(accounts, (b"Authorization", bearer), url="https://api.other.test/") == "first"
    assert account_of(accounts, (b"X-Auth-Token", token.encode())) == "first"
    assert account_of(accounts, (b"Cookie", b"t=" + token.encode())) == "first"
    assert account_of(accounts, (b"Authorization", bearer + b"x")) is None


def test_a_cookie_counts_on_its_site_only() -> None:
    """Two hosts of one registered name share it; the same value elsewhere says nothing."""
    accounts = make_accounts(FIRST)
    sign_in(accounts, form("researcher1", "https://www.shop.test/login"))
    cookie = (b"Cookie", SESSION_1)
    labels = [
        account_of(accounts, cookie, url=f"https://{host}/")
        for host in ("api.shop.test", "shop.test", "evil.test")
    ]
    assert ["first", "first", None] == labels


def test_basic_authentication_and_web_tokens_name_themselves() -> None:
    """The user name, and the claims sub, email and preferred_username."""
    accounts = make_accounts(FIRST)
    basic = b"Basic " + base64.b64encode(b"Researcher1:secret")
    labels = [
        account_of(accounts, (b"Authorization", basic)),
        account_of(accounts, (b"Authorization", b"Bearer " + jwt(sub=41))),
        account_of(accounts, (b"Authorization", b"Bearer " + jwt(email="r1@example.test", sub="x"))),
        account_of(accounts, (b"Cookie", b"jwt=" + jwt(preferred_username="researcher1"))),
        account_of(accounts, (b"Authorization", b"Bearer " + jwt(sub="42"))),
        account_of(accounts, (b"Authorization", b"Basic %%%")),
        account_of(accounts, (b"Authorization", b"Bearer eyJ.####.x")),
    ]
    assert ["first", "first", "first", "first", None, None, None] == labels


def test_who_carries_two_accounts_is_neither() -> None:
    """A wrong label is worse than none."""
    accounts = make_accounts(FIRST, SECOND)
    sign_in(accounts, form("researcher1"))
    token = (b"Authorization", b"Bearer " + jwt(sub="researcher2"))
    assert account_of(accounts, (b"Cookie", SESSION_1), token) is None


def test_signing_out_ends_it() -> None:
    """The cookie's value may be used again; it no longer stands for the account."""
    accounts = make_accounts(FIRST)
    sign_in(accounts, form("researcher1"))
    cookie = (b"Cookie", SESSION_1)
    asked = accounts.judge(make_request("https://shop.test/logout", headers=(cookie,)), in_scope=True)
    accounts.learn(make_exchange(asked, status=200))
    assert account_of(accounts, cookie) == "first", "a page may ask whether one is sure"
    accounts.learn(make_exchange(asked, status=303, headers=((b"Location", b"/"),)))
    assert account_of(accounts, cookie) is None


def test_a_sign_out_that_carries_nothing_ends_nothing() -> None:
    """A page can send anybody to /logout; without the cookie the server does not know whom."""
    accounts = make_accounts(FIRST)
    sign_in(accounts, form("researcher1"))
    away = make_exchange(make_request("https://shop.test/logout"), status=303)
    accounts.learn(away)
    assert account_of(accounts, (b"Cookie", SESSION_1)) == "first"


def test_a_renewed_cookie_goes_on_for_the_account() -> None:
    """Servers give a new value with any answer, and take the old one back."""
    accounts = make_accounts(FIRST)
    sign_in(accounts, form("researcher1"))
    page = make_request("https://shop.test/a", headers=((b"Cookie", SESSION_1),))
    accounts.learn(make_exchange(page, headers=((b"Set-Cookie", SESSION_2),)))
    assert account_of(accounts, (b"Cookie", SESSION_2)) == "first"
    taken = make_request("https://shop.test/b", headers=((b"Cookie", SESSION_2),))
    accounts.learn(make_exchange(taken, headers=((b"Set-Cookie", b"sid=; Max-Age=0"),)))
    assert account_of(accounts, (b"Cookie", SESSION_2)) is None


def test_a_value_that_two_accounts_are_given_is_nobodys() -> None:
    """A device's number is the same for all who sign in there."""
    accounts = make_accounts(FIRST, SECOND)
    sign_in(accounts, form("researcher1"))
    sign_in(accounts, form("researcher2"), cookie=SESSION_2)
    device = b"device=0123456789abcdef0123"
    for session in (SESSION_1, SESSION_2):
        page = make_request("https://shop.test/a", headers=((b"Cookie", session),))
        accounts.learn(make_exchange(page, headers=((b"Set-Cookie", device),)))
    assert account_of(accounts, (b"Cookie", device)) is None
    assert account_of(accounts, (b"Cookie", SESSION_1 + b"; " + device)) == "first"


def test_a_server_that_keeps_the_cookie_is_understood() -> None:
    """The session of before the sign-in goes on; the next one to sign in with it takes it over."""
    accounts = make_accounts(FIRST, SECOND)
    labels = []
    for name in ("researcher1", "researcher2"):
        judged = accounts.judge(form(name, headers=((b"Cookie", SESSION_1),)), in_scope=True)
        accounts.learn(make_exchange(judged, status=302, headers=((b"Location", b"/home"),)))
        labels.append(account_of(accounts, (b"Cookie", SESSION_1)))
    assert ["first", "second"] == labels


def test_an_unknown_name_is_asked_about_once() -> None:
    """And when it is registered, what it was given counts at once."""
    accounts = make_accounts()
    request = form("newcomer")
    assert sign_in(accounts, request) == SignIn("newcomer", "shop.test", request.exchange)
    assert sign_in(accounts, form("NEWCOMER")) is None
    assert account_of(accounts, (b"Cookie", SESSION_1)) is None
    assert (
        accounts.identity_of(make_request(headers=((b"Cookie", SESSION_1),), url="https://shop.test/"))
        == "newcomer"
    )
    accounts.adopt([Account("mine", ("newcomer",))])
    assert account_of(accounts, (b"Cookie", SESSION_1)) == "mine"


def test_a_basic_sign_in_is_asked_about_when_it_worked() -> None:
    """Not when it was refused."""
    accounts = make_accounts()
    basic = ((b"Authorization", b"Basic " + base64.b64encode(b"ops:secret")),)
    judged = accounts.judge(make_request("https://shop.test/", headers=basic), in_scope=True)
    assert accounts.learn(make_exchange(judged, status=401)) is None
    judged = accounts.judge(make_request("https://shop.test/", headers=basic), in_scope=True)
    seen = accounts.learn(make_exchange(judged, status=200))
    assert seen is not None
    assert seen.identity == "ops"


def test_what_was_declined_is_not_asked() -> None:
    """No remains no for the session."""
    accounts = make_accounts()
    accounts.decline("Somebody")
    assert sign_in(accounts, form("somebody")) is None


@pytest.mark.parametrize(
    "origin", [b"https://evil.test", b"null", b"https://[", b"https://shop.test.evil.test"]
)
def test_a_page_of_another_site_cannot_sign_anybody_in(origin: bytes) -> None:
    """It may send a form with a registered name and get a cookie: that labels nothing and asks nothing."""
    accounts = make_accounts(FIRST)
    request = form("researcher1", headers=((b"Origin", origin),))
    assert accounts.judge(request, in_scope=True).account is None
    assert sign_in(accounts, request) is None
    assert account_of(accounts, (b"Cookie", SESSION_1)) is None
    assert sign_in(accounts, form("made-up", headers=((b"Referer", origin),))) is None


def test_a_browser_says_whose_form_it_is() -> None:
    """A site may hide its origin from itself (Referrer-Policy: no-referrer); Sec-Fetch-Site still tells."""
    accounts = make_accounts(FIRST)
    hidden = (b"Origin", b"null")
    own = form("researcher1", headers=(hidden, (b"Sec-Fetch-Site", b"same-origin")))
    foreign = form("researcher1", headers=((b"Sec-Fetch-Site", b"cross-site"),))
    assert accounts.judge(own, in_scope=True).account == "first"
    assert accounts.judge(foreign, in_scope=True).account is None


def test_a_page_of_the_same_site_may() -> None:
    """Single-page applications sign in from a script, often to another host of the site."""
    accounts = make_accounts(FIRST)
    sign_in(
        accounts,
        form("researcher1", "https://api.shop.test/x", headers=((b"Origin", b"https://www.shop.test"),)),
    )
    assert account_of(accounts, (b"Cookie", SESSION_1)) == "first"


def test_who_is_signed_in_does_not_become_whom_it_creates() -> None:
    """An administrator's form for a new user looks like a sign-in, and its answer renews the cookie."""
    accounts = make_accounts(FIRST)
    sign_in(accounts, form("researcher1"))
    create = form("newcomer", "https://shop.test/admin/users", headers=((b"Cookie", SESSION_1),))
    assert sign_in(accounts, create, cookie=SESSION_1) is None
    assert account_of(accounts, (b"Cookie", SESSION_1)) == "first"


def test_out_of_scope_nothing_is_learned() -> None:
    """What is only loaded is not looked into."""
    accounts = make_accounts(FIRST)
    judged = accounts.judge(form("researcher1"), in_scope=False)
    assert judged.account is None
    answer = ((b"Location", b"/"), (b"Set-Cookie", SESSION_1))
    assert accounts.learn(make_exchange(judged, status=303, headers=answer)) is None
    assert account_of(accounts, (b"Cookie", SESSION_1)) is None


def test_an_attempt_without_an_answer_teaches_nothing() -> None:
    """The connection broke."""
    accounts = make_accounts(FIRST)
    judged = accounts.judge(form("researcher1"), in_scope=True)
    assert accounts.learn(Exchange(request=judged, response=None, failure="connection reset")) is None


def test_a_long_name_is_cut() -> None:
    """Ten kilobytes of it are neither kept nor shown."""
    accounts = make_accounts()
    seen = sign_in(accounts, form("a" * 10_000))
    assert seen is not None
    assert len(seen.identity) == 254


def test_memory_and_questions_are_bounded() -> None:
    """A page can sign in under any number of names, and be given any number of cookies."""
    accounts = make_accounts()
    asked = [sign_in(accounts, form(f"name{n}"), cookie=b"sid=%016d" % n) for n in range(HOLDINGS + 100)]
    assert QUESTIONS == sum(each is not None for each in asked)
    assert HOLDINGS == len(accounts._holdings)


def test_no_value_is_kept() -> None:
    """Neither a password nor a token can be read out of what is remembered."""
    accounts = make_accounts(FIRST)
    sign_in(accounts, form("researcher1"))
    account_of(accounts, (b"Cookie", SESSION_1))
    kept = repr([list(accounts._holdings.items()), list(accounts._judged.items()), accounts._asked])
    assert "hunter2" not in kept
    assert "5d1f0c1ab2c3d4e5" not in kept
