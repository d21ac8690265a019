"""Credentials of others in answers: beside a name in JSON, and in files that nobody meant to serve."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from fairwitness.detect.secret import compiled, occurs
from fairwitness.detect.values import spreads
from fairwitness.detect.words import kind_of_name
from fairwitness.model.account import plain_identity
from fairwitness.model.exchange import Exchange, Request
from fairwitness.rules.accounts import Accounts
from fairwitness.rules.fields import json_of, last_word
from fairwitness.rules.owners import shape_of

MAX_BYTES = 32 << 10  # of a body that is looked at
_MOST = 50  # credentials of one answer
_NODES = 2000
_DEPTH = 8
_KINDS = frozenset({"token", "password", "key", "cookie"})
_PERSON = frozenset({"email", "emailaddress", "handle", "login", "nickname", "user", "useremail", "username"})
_IDS = frozenset({"ownerid", "sub", "uid", "userid"})
_HINT = occurs(  # a name of a credential with a value that is long enough for one
    rb"(?i)(?:token|secret|key|password|passwd|pwd|session|session_?id|jwt)[\"']?"
    rb"[ \t]*[:=][ \t]*[\"']?[^\s\"',{}\[\]]{8}"
)
_LINE = compiled(
    rb"(?im)^[ \t]*(?:export[ \t]+)?[\"']?([a-z0-9_.-]{0,40}(?:token|secret|key|password|passwd|pwd))"
    rb"[\"']?[ \t]*[:=][ \t]*[\"']?([^\s\"'#,]{8,512})"
)
_NOT_SECRET = re.compile(
    r"csrf|xsrf|public|publish|site_?key|cursor|page|next|prev|continuation|upload|nonce|push|fcm"
)
_OWN_PLACE = re.compile(
    r"log-?_?in|sign-?_?(?:in|up)|sso|auth|session|token|refresh|regist|settings|preferences|credential|developer|keys"
    r"|/(?:me|self|myself|whoami|viewer|profile|account|user|userinfo|current[-_]?user)(?:[/.]|$)",
    re.IGNORECASE,
)
_FILE = re.compile(
    r"/\.[a-z]|\.(?:env|bak|old|orig|save|sql|ya?ml|ini|conf|config|cfg|properties|log|txt|toml|pem|key|dump|csv)$"
    r"|actuator|/debug|backup|dump|config\.json$|settings\.json$|secrets?\.json$",
    re.IGNORECASE,
)
_TEXT = (
    "text/plain",
    "application/octet-stream",
    "text/yaml",
    "application/yaml",
    "application/x-yaml",
    "text/csv",
)
USED_AS = re.compile(r"token|api_?key|^key$|auth|session", re.IGNORECASE)
"""Names of query fields that carry a credential."""


@dataclass(frozen=True, slots=True)
class Exposed:
    """A credential, where it stands in the body."""

    value: bytes
    start: int
    end: int


def exposed_in(exchange: Exchange, accounts: Accounts) -> Iterator[Exposed]:
    """The credentials of others that an answer shows; of those whose owner is in doubt, none.

    What is answered to a POST was made for who asked, and a page (HTML, script) holds what its visitors need.
    """
    request, response = exchange.request, exchange.response
    if response is None or len(response.body) > MAX_BYTES or request.method not in {"GET", "POST"}:
        return
    kind = response.kind.partition(";")[0].strip()
    if kind == "text/html" or (request.method == "POST" and not _is_query(request)):
        return
    if "json" not in kind and kind and kind not in _TEXT:
        return
    if not _HINT(response.body):
        return
    is_file = bool(_FILE.search(request.path))
    values: Iterator[bytes] = iter(())
    if "json" in kind:
        if is_file or not _OWN_PLACE.search(request.path):
            values = _in_json(json_of(response.body), request, accounts, is_file=is_file)
    elif is_file:
        values = _in_lines(response.body)
    for count, value in enumerate(values):
        if count >= _MOST:
            return
        start = max(response.body.find(value), 0)
        yield Exposed(value, start, start + len(value))


def _is_query(request: Request) -> bool:
    body = request.body[:MAX_BYTES]
    return request.path.rstrip("/").endswith("graphql") and not any(
        word in body for word in (b"mutation", b"viewer", b"currentUser", b"me{", b"me {")
    )


def _in_json(form: object, request: Request, accounts: Accounts, *, is_file: bool) -> Iterator[bytes]:
    shapes = {shape_of(each) for account in accounts.registered for each in account.identities}
    me = accounts.identity_of(request)
    left: list[tuple[object, bool | None, int]] = [(form, None, 0)]
    seen = 0
    while left and seen < _NODES:
        value, is_foreign, depth = left.pop()
        seen += 1
        if isinstance(value, dict):
            is_foreign = _is_foreign(value, is_foreign, shapes, me, accounts)
            for key, each in value.items():
                if isinstance(each, dict | list) and depth < _DEPTH:
                    left.append((each, is_foreign, depth + 1))
                elif (
                    isinstance(each, str)
                    and len(each) >= 8
                    and (is_foreign or (is_file and is_foreign is None))
                ):
                    name, secret = str(key), each.encode("utf-8", "replace")
                    if _is_credential(name, secret):
                        yield secret
        elif isinstance(value, list) and depth < _DEPTH:
            left.extend((each, is_foreign, depth + 1) for each in value[:_NODES])


def _is_foreign(
    entry: dict[str, object], inherited: bool | None, shapes: set[str], me: str | None, accounts: Accounts
) -> bool | None:
    """Whether an entry is about somebody else; None where it does not say."""
    words = {
        last_word(str(key)): str(value)
        for key, value in entry.items()
        if isinstance(value, str | int) and not isinstance(value, bool)
    }
    names = [value for word, value in words.items() if word in _PERSON or word in _IDS]
    own = [*names, words["id"]] if names and "id" in words else names
    if any(accounts.is_registered(name) or plain_identity(name) == me for name in own):
        return False
    return True if any(shape_of(name) in shapes for name in names) else inherited


def _in_lines(body: bytes) -> Iterator[bytes]:
    for count, found in enumerate(_LINE.finditer(body)):
        if count >= _MOST:
            return
        if _is_credential(found[1].decode("latin-1"), found[2]):
            yield found[2]


def _is_credential(name: str, value: bytes) -> bool:
    if len(value) > 4096 or _NOT_SECRET.search(name.lower()):
        return False
    kind = kind_of_name(name)
    return kind in _KINDS and spreads(value, kind)
