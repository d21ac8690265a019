"""What an answer says of who is signed in: ``{"id": 41, "email": ...}`` of ``/api/me``, a GraphQL viewer."""

from __future__ import annotations

import re
from collections.abc import Iterable

from fairwitness.model.account import MAX_IDENTITY
from fairwitness.model.exchange import Exchange, Request
from fairwitness.rules.fields import json_of

_OWN_PATH = re.compile(
    r"/(?:me|myself|self|whoami|profile|session|user|userinfo|account|current[-_]?user|viewer)(?:\.json)?/?$",
    re.IGNORECASE,
)
_OTHERS = re.compile(rb"(?:^|[?&_])(?:u|uid|id|user|name|email|account|login)[^=&]{0,8}=", re.IGNORECASE)
_OWN_KEYS = ("user", "me", "viewer", "currentUser", "current_user", "account", "profile", "session")
_NAMES = ("email", "username", "user_name", "userName", "login", "preferred_username", "handle", "upn")
_IDS = ("id", "user_id", "userId", "uid", "sub", "uuid")
_DEPTH = 4


def asks_who_am_i(request: Request) -> bool:
    """Whether the answer will speak of whoever is signed in, and of nobody that the request chose."""
    if request.method == "GET":
        path, _, query = request.target.partition(b"?")
        return bool(_OWN_PATH.search(path.decode("latin-1"))) and not _OTHERS.search(query)
    return request.method == "POST" and request.path.rstrip("/").endswith("graphql")


def profile_names(exchange: Exchange) -> tuple[str, ...]:
    """The names of the person that a JSON answer is about, best first; none: it is about no one person.

    Only for answers to sign-ins and to requests that `asks_who_am_i`.
    """
    request, response = exchange.request, exchange.response
    if response is None or response.status != 200 or not response.body:
        return ()
    if "json" not in response.kind:
        return ()
    form = json_of(response.body)
    if isinstance(form, dict) and isinstance(form.get("data"), dict):
        form = form["data"]
    elif request.path.endswith("graphql"):
        return ()
    is_graphql = request.path.rstrip("/").endswith("graphql")
    keys: Iterable[str] = ("me", "viewer", "currentUser", "current_user") if is_graphql else _OWN_KEYS
    for _ in range(_DEPTH):
        if not isinstance(form, dict):
            return ()
        names = _names(form, _NAMES)
        if names and not is_graphql:
            return names + _names(form, _IDS)
        form = next((form[key] for key in keys if isinstance(form.get(key), dict)), None)
        is_graphql, keys = False, _OWN_KEYS
    return ()


def _names(form: dict[str, object], keys: Iterable[str]) -> tuple[str, ...]:
    values = (form.get(key) for key in keys)
    return tuple(
        str(value)
        for value in values
        if isinstance(value, str | int)
        and not isinstance(value, bool)
        and 0 < len(str(value)) <= MAX_IDENTITY
    )
