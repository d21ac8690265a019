"""What a request does by its own words: its method, the words of its path, its form, its GraphQL call."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from fairwitness.rules.facets import override
from fairwitness.rules.hints import Hint, hints_in
from fairwitness.rules.objects import kind_of_call, place_of, singular, words_of
from fairwitness.rules.reading import Reading
from fairwitness.rules.vocabulary import ACTION_NAMES, BASKETS, BUTTONS, DESTROY, HARMLESS, SAFE

_DESTROYS_WITH = {
    "close": frozenset(["account"]),
    "cancel": frozenset(["account", "contract", "membership", "plan"]),
    "clear": frozenset(["all", "data", "database", "db", "log", "logs", "table"]),
    "flush": frozenset(["all", "data", "database", "db", "table"]),
    "reset": frozenset(
        ["all", "data", "database", "db", "device", "factory", "installation", "instance", "system"]
    ),
}
_LINK_VERBS = frozenset(["delete", "destroy", "erase", "purge", "remove", "wipe"])
_FALSE = frozenset(["", "0", "false", "no", "none", "null", "off"])
_FEW = 12  # fields in the query of a link that does something; a request with more tries names out
_ROOT = re.compile(r"(?<![$\w.])([A-Za-z_]\w{2,60})\s*(?=[({])")
_BEGINS = 4096  # bytes of a body in which calls are looked for
_CALLS = 20  # of one request, or of one text
_MUTATION = re.compile(r"^\s*(?:#[^\n]*\n\s*)*mutation\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Deed:
    """What a request would do."""

    says: str
    """How it says so: ``DELETE``, ``the form's action delete``."""
    kind: str
    """Of what, where the request says that apart from its path; else empty."""
    part: str
    """``head`` | ``body``: where it says so."""
    is_sure: bool = True
    """Whether it does so, rather than ask whether it shall."""


def is_change(reading: Reading) -> bool:
    """Whether the request may change something on the server."""
    return reading.request.method not in SAFE


def is_calls(kind: str) -> bool:
    """Whether a path of this kind takes calls, so that its words say nothing of what is done."""
    return kind == "graphql" or kind.endswith("rpc")


def calls_of(reading: Reading) -> tuple[str, ...]:
    """What a body calls: fields and name of a GraphQL mutation, methods of JSON-RPC, SOAP's action."""
    request = reading.request
    if request.method != "POST":
        return ()
    begins = request.body[:_BEGINS]
    if b"utation" not in begins and b"jsonrpc" not in begins:
        if begins.lstrip()[:1] != b"<":
            return ()
        action = request.header("soapaction") or ""
        return (action.strip('" ').rpartition("#")[2].rpartition("/")[2],) if action else ()
    form = reading.json
    names: list[str] = []
    for each in form[:_CALLS] if isinstance(form, list) else [form]:
        if isinstance(each, dict):
            names += _calls_in(each.get("query"))
            names += _remote_calls(each)
    return tuple(names)


def _calls_in(query: object) -> list[str]:
    """The fields that a GraphQL text calls, where it is a mutation."""
    if not isinstance(query, str) or not _MUTATION.match(query[:_BEGINS]):
        return []
    return _ROOT.findall(query[:_BEGINS])[:_CALLS]


def _remote_calls(call: dict[str, object]) -> list[str]:
    """The method of a JSON-RPC call, and what a general one (``call``, ``tools/call``) stands for."""
    if "jsonrpc" not in call:
        return []
    given = call.get("params")
    named = [given.get("method"), given.get("name")] if isinstance(given, dict) else []
    method = call.get("method")
    is_general = isinstance(method, str) and words_of(method)[-1:] == ("call",)
    return [each for each in ([method] if not is_general else named) if isinstance(each, str)]


def _kept_call(reading: Reading) -> str:
    """The name of a GraphQL operation whose text the server keeps: nothing says whether it is a mutation."""
    request, form = reading.request, None
    if request.method == "POST" and b"persistedQuery" in request.body[:_BEGINS]:
        form = reading.json
    name = form.get("operationName") if isinstance(form, dict) and "query" not in form else None
    return name if isinstance(name, str) and words_of(name)[-1:] != ("query",) else ""


def destroys(reading: Reading) -> Deed | None:
    """What the request would destroy; None where nothing, or only what is got back with a click."""
    request = reading.request
    method = _method_of(reading)
    if method != "DELETE" and request.method in SAFE:
        return (
            _by_link(reading)
            if b"?" in request.target and Hint.DESTROYS in hints_in(request.target)
            else None
        )
    place = place_of(request.raw_path)
    if method == "DELETE":
        how = "DELETE" if request.method == "DELETE" else f"{request.method} that stands for DELETE"
        is_small = is_harmless((place.kind,)) or not BASKETS.isdisjoint(place.words)
        return None if is_small else Deed(how, "", "head")
    verb = _verb_in(place.words)
    if verb:
        return None if is_harmless(place.words) else Deed(f"{verb!r} in the path", "", "head")
    for call in calls_of(reading):
        words = words_of(call)
        verb = _verb_in(words[:1]) or _verb_in(words)
        if verb and not is_harmless(words):
            return Deed(f"the call {call[:60]}", kind_of_call(call), "body")
    kept = _kept_call(reading)
    if _verb_in(words_of(kept)[:1]) and not is_harmless(words_of(kept)):
        return Deed(f"the call {kept[:60]}", kind_of_call(kept), "body")
    if is_harmless(place.words):
        return None
    deed = None
    if request.body and Hint.DESTROYS in hints_in(request.body[:_BEGINS]):
        deed = _by_form(reading)
    if deed is None and b"?" in request.target and Hint.DESTROYS in hints_in(request.target):
        deed = _by_link(reading)
    return deed


def destroys_by_link(reading: Reading) -> Deed | None:
    """What a GET for one object would destroy if it asks nothing back; its answer shows whether it did."""
    place = place_of(reading.request.raw_path)
    verb = next((word for word in place.words if word in _LINK_VERBS), "")
    names_one = bool(place.objects) or any(field.value.isdigit() for field in reading.fields)
    if not verb or not names_one or is_harmless(place.words) or not BASKETS.isdisjoint(place.words):
        return None
    return Deed(f"{verb!r} in a link", "", "head")


def _method_of(reading: Reading) -> str:
    request = reading.request
    if request.method not in {"POST", "GET"}:
        return request.method
    asked_for = request.head.of(override)
    if asked_for is not None:
        return asked_for
    if b"_method" in request.target or b"_method" in request.body[:4096]:
        for field in reading.fields:
            if field.name == "_method":
                return field.value.strip().upper()
    return request.method


def _by_link(reading: Reading) -> Deed | None:
    """A link that does something: what to do and to what, both in the query."""
    fields = [field for field in reading.fields if field.place == "query"]
    if len(fields) > _FEW:
        return None
    for field in fields:
        for call in _calls_in(field.value) if field.name == "query" else ():
            if _verb_in(words_of(call)) and not is_harmless(words_of(call)):
                return Deed(f"the call {call[:60]}", kind_of_call(call), "head")
        if field.name.lower() in ACTION_NAMES and _is_verb(field.value):
            if is_harmless(place_of(reading.request.raw_path).words) or is_harmless(words_of(field.value)):
                return None
            is_sure = is_change(reading) or any(
                "nonce" in each.name.lower() or "token" in each.name.lower() for each in fields
            )
            return Deed(f"{field.name[:20]}={field.value[:20]} in a link", "", "head", is_sure=is_sure)
    return None


def _by_form(reading: Reading) -> Deed | None:
    for field in reading.fields:
        name = field.name.lower()
        if field.place != "body":
            continue
        if name in ACTION_NAMES and _is_verb(field.value) and not is_harmless(words_of(field.value)):
            return Deed(f"{field.name[:20]}={field.value[:20]} in its form", "", "body")
        if name in BUTTONS and field.value.strip().lower() not in _FALSE and len(field.value) <= 40:
            return Deed(f"the form's button {field.name[:20]}", "", "body")
    return None


def _is_verb(value: str) -> bool:
    return len(value) <= 40 and bool(_verb_in(words_of(value)[:1]))


@lru_cache(maxsize=1024)
def _verb_in(words: tuple[str, ...]) -> str:
    """The word that destroys, where it begins or ends a name; empty where there is none."""
    for word in words:
        if word in DESTROY:
            return word
        if word in _DESTROYS_WITH and not _DESTROYS_WITH[word].isdisjoint(map(singular, words)):
            return word
    return ""


@lru_cache(maxsize=1024)
def is_harmless(words: tuple[str, ...]) -> bool:
    """Whether it is about what one gets back with a click."""
    return any(singular(word) in HARMLESS for word in words)
