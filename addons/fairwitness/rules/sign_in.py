"""Which requests are attempts to sign in, under which name, and which of them succeeded.

A sign-in in two steps (the name on one page, the password on the next) is seen only where the second one
repeats the name.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable
from urllib.parse import urljoin, urlsplit

from fairwitness.model.exchange import Exchange, Request, Response
from fairwitness.rules.fields import body_fields, json_fields, json_of, last_word

MAX_FORM_BYTES = 16 << 10  # a form with a name and a password is short; one that is not is not parsed
MAX_ANSWER_BYTES = 64 << 10

# Looked for first: most bodies are parsed by nobody.
_HINTS = (b"pass", b"pwd", b"kennwort", b'"params"', b'"args"')
PASSWORD_FIELD = re.compile(r"pass(?:word|wd|phrase|wort)|^pass$|pwd|kennwort")
NAME_FIELDS = frozenset(
    [
        "account",
        "accountname",
        "benutzername",
        "email",
        "emailaddress",
        "emailorusername",
        "handle",
        "identifier",
        "log",
        "login",
        "loginemail",
        "loginid",
        "loginname",
        "mail",
        "nick",
        "nickname",
        "uname",
        "user",
        "useremail",
        "userid",
        "userlogin",
        "username",
        "usernameoremail",
        "useroremail",
    ]
)
_OWN_SITE = frozenset({"same-origin", "same-site", "none"})
_SIGN_IN_PATH = re.compile(r"log-?_?in|sign-?_?in|sso|auth|session", re.IGNORECASE)
SIGN_UP_PATH = re.compile(r"sign-?_?up|regist|join|create-?_?(?:user|account)|enrol", re.IGNORECASE)
_SIGN_OUT_PATH = re.compile(r"(?:^|[/.])(?:log|sign)[-_]?(?:out|off)(?:$|[/.?])", re.IGNORECASE)
_ASKS_PASSWORD = re.compile(rb"""type\s*=\s*["']?password""", re.IGNORECASE)
_FAULT = re.compile(r"invalid|incorrect|wrong|fail|denied|unknown|not found|locked", re.IGNORECASE)
_FAULT_KEYS = frozenset({"error", "errors", "errorcode", "errormessage"})
_WORDS_KEYS = frozenset({"message", "status", "result", "detail"})
_SUCCESS_KEYS = frozenset({"success", "ok", "authenticated", "loggedin", "valid", "verified"})
_TOKEN_KEYS = frozenset(
    [
        "accesstoken",
        "apitoken",
        "authtoken",
        "authorization",
        "bearer",
        "bearertoken",
        "idtoken",
        "jwt",
        "refreshtoken",
        "session",
        "sessionid",
        "sessiontoken",
        "sid",
        "token",
    ]
)
TOKEN_CHARACTERS = 16  # a shorter value is no secret that anybody would accept


def form_identities(request: Request) -> tuple[str, ...]:
    """The names in a request that looks like a sign-in, in their order; none: it does not look like one.

    Exactly one password goes with a sign-in; two are a sign-up, or a change of password.
    """
    names, passwords = _names_and_passwords(request)
    return names if passwords == 1 else ()


def sign_up_identities(request: Request) -> tuple[str, ...]:
    """The names in a request that makes an account; none: it makes none."""
    if not SIGN_UP_PATH.search(request.path):
        return ()
    names, passwords = _names_and_passwords(request)
    return names if passwords else ()


def _names_and_passwords(request: Request) -> tuple[tuple[str, ...], int]:
    body = request.body
    if request.method not in {"POST", "PUT"} or not 0 < len(body) <= MAX_FORM_BYTES or request.body_is_cut:
        return (), 0
    lower = body.lower()
    if not any(hint in lower for hint in _HINTS):
        return (), 0
    names, passwords = [], 0
    for name, value in body_fields(request.header("content-type") or "", body):
        word = last_word(name)
        if PASSWORD_FIELD.search(word):
            passwords += bool(value)
        elif word in NAME_FIELDS and value.strip():
            names.append(value)
    return tuple(names), passwords


def is_own_form(request: Request, site_of: Callable[[str], str]) -> bool:
    """Whether the form stands on the site that it signs in to.

    Any page can send a form with anybody's name to another site; it must not decide whose requests are
    whose.  A tool that says nothing of a page has its own form.
    """
    site = request.header("sec-fetch-site")  # which no page can set
    if site is not None:
        return site in _OWN_SITE
    origin = request.header("origin") or request.header("referer")
    if origin is None:
        return True
    try:
        host = urlsplit(origin).hostname
    except ValueError:
        return False
    return host is not None and site_of(host) == site_of(request.host)


def basic_identity(authorization: bytes) -> str | None:
    """The user name in an Authorization header, None where it is no basic one."""
    scheme, _, coded = authorization.partition(b" ")
    if scheme.lower() != b"basic" or len(coded) > MAX_FORM_BYTES:
        return None
    try:
        name, colon, _ = b64decode(coded.strip(), validate=True).decode("utf-8", "replace").partition(":")
    except ValueError:
        return None
    return name if colon and name.strip() else None


def has_signed_in(exchange: Exchange, *, gives: bool) -> bool:
    """Whether the answer to a sign-in looks like a yes.

    Args:
        exchange: The attempt with its answer.
        gives: Whether the answer sets a session cookie or holds a token.
    """
    response = exchange.response
    if response is None or response.status >= 400 or response.status < 200:
        return False
    if response.status in {301, 302, 303, 307, 308}:
        return leads_away(exchange.request, response)
    if "json" in response.kind:
        return gives and not says_no(response)
    return gives and not _ASKS_PASSWORD.search(response.body[:MAX_ANSWER_BYTES])


def has_signed_out(exchange: Exchange) -> bool:
    """Whether a session was ended: a path that says so, and an answer that agrees."""
    request, response = exchange.request, exchange.response
    if response is None or response.status >= 400 or not _SIGN_OUT_PATH.search(request.path):
        return False
    # A GET that is answered with a page may be the question "are you sure?".
    return request.method != "GET" or response.status >= 300


def looks_like_sign_in(request: Request) -> bool:
    """Whether its path says that it signs in."""
    return bool(_SIGN_IN_PATH.search(request.path))


def tokens_in(response: Response) -> tuple[str, ...]:
    """The tokens that a JSON answer gives, by the usual names of their keys."""
    if "json" not in response.kind:
        return ()
    return tuple(
        value
        for name, value in json_fields(response.body)
        if last_word(name) in _TOKEN_KEYS and len(value) >= TOKEN_CHARACTERS
    )


def leads_away(request: Request, response: Response) -> bool:
    """Whether a redirect goes elsewhere than back to the form."""
    try:
        target = urlsplit(urljoin(request.url, response.header("location") or ""))
        came_from = urlsplit(request.header("referer") or "")
    except ValueError:
        return False
    if target.path in {request.path, came_from.path or request.path}:
        return False
    return not re.search(r"error|fail|denied|invalid", f"{target.path}?{target.query}", re.IGNORECASE) and (
        not re.search(r"(?:^|/)(?:log|sign)[-_]?in(?:$|[/.])", target.path, re.IGNORECASE)
    )


def says_no(response: Response) -> bool:
    """Whether a JSON answer tells of a failure, or is none."""
    form = json_of(response.body)
    if form is None:
        return True
    if not isinstance(form, dict):
        return False
    for name, value in form.items():
        word = last_word(name)
        if word in _FAULT_KEYS and value:
            return True
        if word in _SUCCESS_KEYS and value is False:
            return True
        if word in _WORDS_KEYS and isinstance(value, str) and _FAULT.search(value[:1000]):
            return True
    return False
