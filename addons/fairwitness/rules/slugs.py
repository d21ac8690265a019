"""Objects that go by words: ``/notes/my-first-note``, made of what was sent as a title."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from unicodedata import normalize

from fairwitness.model.exchange import Request
from fairwitness.rules.fields import body_fields
from fairwitness.rules.objects import Object, words_of
from fairwitness.rules.vocabulary import VERBS

_CREATES = frozenset(["add", "create", "insert", "make", "new", "publish", "submit"])
_FIELDS = 50  # of a form in which a title is looked for
_TITLE = 300  # characters
_SLUG = re.compile(r"[0-9A-Za-z](?:[0-9A-Za-z_-]{0,198}[0-9A-Za-z])?")
_AFTER = re.compile(r"-[0-9a-z]{1,12}")  # what tells it from an older one with the same title
_SHORTEST_CUT = 8  # characters of a slug that may be the beginning of a title


def path_object(path: bytes) -> Object:
    """A file, a page, whatever a path names as a whole."""
    return Object("path", path[:1024].rstrip(b"/").decode("latin-1"))


def acted_on(path: bytes) -> tuple[Object, ...]:
    """What a path may name as a whole: itself, and what a verb at its end acts on."""
    rest, _, last = path[:1024].rstrip(b"/").rpartition(b"/")
    words = words_of(last.decode("latin-1"))
    has_verb = bool(rest and words and VERBS.issuperset(words))
    return (path_object(path), path_object(rest)) if has_verb else (path_object(path),)


def made_of_title(request: Request, path: bytes) -> Iterator[Object]:
    """The page to which the answer to a form led, if it stands below it and has a sent title's words."""
    above, _, last = path[:1024].rstrip(b"/").decode("latin-1").rpartition("/")
    home, _, verb = request.raw_path[:1024].rstrip(b"/").decode("latin-1").rpartition("/")
    if not _SLUG.fullmatch(last) or above not in {f"{home}/{verb}", home if verb in _CREATES else ""}:
        return
    given = body_fields(request.header("content-type") or "", request.body)
    if any(_is_slug_of(last, value) for _, value in islice(given, _FIELDS)):
        yield path_object(path)


def _is_slug_of(slug: str, title: str) -> bool:
    plain, said = _plain(slug), _plain(title)
    if not said or len(title) > _TITLE:
        return False
    is_cut = len(plain) >= _SHORTEST_CUT and said.startswith(plain)
    return is_cut or plain == said or bool(plain.startswith(said) and _AFTER.fullmatch(plain, len(said)))


def _plain(text: str) -> str:
    bare = normalize("NFKD", text[: _TITLE + 1]).encode("ascii", "ignore").decode()
    return "-".join(re.findall("[a-z0-9]+", bare.lower()))
