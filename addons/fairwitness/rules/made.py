"""What a request made, by the answer to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from fairwitness.model.exchange import Exchange, Response
from fairwitness.rules.fields import Field, form_fields, json_of
from fairwitness.rules.objects import Object, is_id, kind_of_call, objects_in, place_of
from fairwitness.rules.sign_in import form_identities
from fairwitness.rules.slugs import made_of_title, path_object

_MOST = 20  # objects of one answer that are believed to be new
_BODY_BYTES = 64 << 10
_SLUG = 200  # characters
_CREATED = 201
_GIVEN = frozenset([201, 202, 301, 302, 303])  # answers whose Location may be what was made
_LEADS_ON = frozenset([302, 303])
_STORED = frozenset([200, 204])
_FILES = frozenset(["COPY", "MKCOL", "MOVE", "PUT"])
_WRAPPERS = ("data", "result", "item", "object", "response", "payload", "resource")
_FORMS = ("json", "form", "xml")  # a PUT of these changes what may be anybody's
_IDS = ("id", "_id", "uuid", "guid", "pk")
_OF_CREATION = (
    "create",
    "add",
    "new",
    "insert",
    "make",
    "open",
    "post",
    "submit",
    "start",
    "upload",
    "publish",
    "save",
)


def made_by(exchange: Exchange, *, is_new: Callable[[Object], bool]) -> tuple[Object, ...]:
    """The objects that an answer says were made, each also by its path.

    An id counts where the request did not name it and no answer had shown it (*is_new*); 201 says "created"
    of itself.
    """
    request, response = exchange.request, exchange.response
    if response is None or request.method not in {"POST", *_FILES}:
        return ()
    if request.method in {"COPY", "MOVE"}:
        target = request.header("destination") or ""
        return (path_object(_path_of(target)),) if response.status in {201, 204} and target else ()
    if request.method == "POST" and form_identities(request):
        return ()
    sent = request.target + b" " + request.body[:_BODY_BYTES]
    found: list[Object] = []
    for each in _told(exchange, response):
        is_fresh = each.name.encode("utf-8", "replace") not in sent and is_new(each)
        if is_fresh or response.status == _CREATED:
            found.append(each)
        if len(found) >= _MOST:
            break
    if response.status == _CREATED and not found and request.method != "POST":
        found.append(path_object(request.raw_path))
    elif request.method == "PUT" and response.status in _STORED and not response.body:
        kind = (request.header("content-type") or "").lower()
        file = path_object(request.raw_path)
        if not any(form in kind for form in _FORMS) and is_new(file):  # as object stores take files
            found.append(file)
    return tuple(dict.fromkeys(found))


def _told(exchange: Exchange, response: Response) -> Iterator[Object]:
    path = exchange.request.raw_path
    place = place_of(path)
    if response.status in _GIVEN:
        yield from _in_location(exchange, response, place.kind)
    if response.status >= 300 or "json" not in (response.header("content-type") or ""):
        return
    form = json_of(response.body, most_bytes=_BODY_BYTES)
    if place.kind == "graphql":
        yield from _in_graphql(form, exchange)
        return
    for entry in _entries(form, place.kind):
        for key in (*_IDS, f"{place.kind}_id", f"{place.kind}Id"):
            name = entry.get(key)
            if isinstance(name, str | int) and not isinstance(name, bool) and is_id(str(name)):
                yield Object(place.kind, str(name))
                break
        slug = entry.get("slug")
        if isinstance(slug, str) and 0 < len(slug) <= _SLUG and "/" not in slug:
            yield path_object(path.rstrip(b"/") + b"/" + slug.encode("utf-8", "replace"))


def _in_location(exchange: Exchange, response: Response, kind: str) -> Iterator[Object]:
    location = response.header("location") or ""
    if not 0 < len(location) <= 2048:
        return
    path = _path_of(location)
    place = place_of(path)
    if place.objects:
        yield place.objects[-1]
        if kind and kind != place.objects[-1].kind:
            yield Object(kind, place.objects[-1].name)
    elif response.status == _CREATED:
        yield path_object(path)
    else:
        if response.status in _LEADS_ON:
            yield from made_of_title(exchange.request, path)
        query = location.partition("?")[2].partition("#")[0].encode("latin-1", "replace")
        fields = tuple(Field("query", name, value) for name, value in form_fields(query))
        yield from objects_in(fields, kind)


def _in_graphql(form: object, exchange: Exchange) -> Iterator[Object]:
    if b"mutation" not in exchange.request.body[:_BODY_BYTES]:
        return
    data = form.get("data") if isinstance(form, dict) else None
    if not isinstance(data, dict):
        return
    for call, value in data.items():
        if not str(call).lower().startswith(_OF_CREATION) or not isinstance(value, dict):
            continue
        kind = kind_of_call(str(call))
        for entry in (value, *(each for each in value.values() if isinstance(each, dict))):
            name = entry.get("id") or entry.get("_id")
            if isinstance(name, str | int) and not isinstance(name, bool):
                yield Object(kind, str(name)[:200])
                break


def _entries(form: object, kind: str) -> Iterator[dict[str, object]]:
    if isinstance(form, dict):
        yield form
        for key in (*_WRAPPERS, kind):
            yield from _entries_of(form.get(key))
    else:
        yield from _entries_of(form)


def _entries_of(value: object) -> Iterator[dict[str, object]]:
    if isinstance(value, dict):
        yield value
    elif isinstance(value, list):
        yield from (each for each in value[:_MOST] if isinstance(each, dict))


def _path_of(url: str) -> bytes:
    try:
        return urlsplit(url).path.encode("latin-1", "replace")
    except ValueError:
        return b""
