"""public-payload: a script stored where others will run it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fairwitness.detect import LOOKED_AT_BYTES, SURE, Attack, attacks_in
from fairwitness.model.exchange import Request
from fairwitness.model.flag import Severity, Sighting
from fairwitness.rules.deeds import calls_of
from fairwitness.rules.facets import CHANGES
from fairwitness.rules.fields import last_word
from fairwitness.rules.hints import Hint, hints_in
from fairwitness.rules.objects import place_of, singular, words_of
from fairwitness.rules.ownership import Standing
from fairwitness.rules.reading import Reading, Tried
from fairwitness.rules.rule import Rule
from fairwitness.rules.words import reach_of

_METHODS = frozenset(["POST", "PUT", "PATCH"])
_RUNS = frozenset(["xss"])  # families that work on who looks; the others work on the server
_SHOWN_HINTS = (
    b"about",
    b"bio",
    b"display",
    b"nick",
    b"signature",
    b"headline",
    b"tagline",
    b"public",
    b"screen",
)
_MARKS = (b"<", b"(", b"`", b"%", b"\\")  # without any of these, or an escape for it, no script is written
_PICTURE = re.compile(rb"data:image/(?:png|jpe?g|gif|webp|avif)\b", re.IGNORECASE)
_FRAME = re.compile(rb"<iframe\s[^<>]{0,1000}>(?:\s{0,9}</iframe>)?", re.IGNORECASE)
_BLOCK = re.compile(rb"\s{0,20}<(?:!--|p|div|blockquote|figure|h[1-6]|section|ul|ol|a)\b", re.IGNORECASE)
_WIDGET = re.compile(
    rb"<script(?:\s+(?:async|defer|charset|type|id|data-[\w-]{1,40})(?:=\"[^\"<>]{0,200}\")?){0,8}"
    rb"\s+src=\"https://[^\"<>]{1,300}\"[^<>]{0,300}>\s{0,9}</script>",
    re.IGNORECASE,
)
_ACTIVE = re.compile(rb"\bon\w{3,20}\s*=|srcdoc|script\s*:|data\s*:|&|%|\\", re.IGNORECASE)
_BEGINS = 4096  # bytes of a body in which the name of a field is looked for
_PUBLIC = frozenset(
    """
    announcement answer article blog blogpost board comment discussion forum guestbook listing messageboard
    post public question reply review statuse testimonial thread topic wall wiki wikipage
    """.split()  # noqa: SIM905 - one word after the other reads better
)
_SHOWN_NAMES = frozenset(
    [
        "about",
        "aboutme",
        "bio",
        "biography",
        "displayname",
        "headline",
        "nick",
        "nickname",
        "publicname",
        "screenname",
        "signature",
        "tagline",
    ]
)
_NOT_STORED = frozenset(
    [
        "auth",
        "autocomplete",
        "count",
        "draft",
        "export",
        "filter",
        "find",
        "list",
        "login",
        "preview",
        "query",
        "render",
        "search",
        "signin",
        "sort",
        "suggest",
        "validate",
    ]
)
_HIDDEN = frozenset(["draft", "hidden", "onlyme", "personal", "private", "secret", "unlisted", "unpublished"])
_VISIBILITY = frozenset(["access", "audience", "privacy", "scope", "state", "status", "visibility"])
_SAYS_PUBLIC = frozenset(["ispublic", "public", "published", "ispublished"])
_SAYS_PRIVATE = frozenset(["isprivate", "private", "draft", "isdraft"])
_TRUE = frozenset(["1", "on", "true", "yes"])
_FALSE = frozenset(["0", "off", "false", "no"])


class PublicPayload(Rule):
    """Looks for scripts in what is sent to places that everybody reads."""

    name = "public-payload"
    summary = "stores a script where others would run it"
    requests = CHANGES

    def on_request(self, request: Request) -> Iterator[Sighting]:
        """Look at where it goes, then at what it holds."""
        if request.method not in _METHODS or not request.body:
            return
        if not _may_hold_script(request):
            return
        reading = self.known.reading(request)
        where = self._where(reading)
        if where is None or self._is_hidden(reading):
            return
        place, names = where
        tried = next(self._scripts(reading, names), None)
        if tried is None:
            return
        yield Sighting(
            rule=self.name,
            severity=Severity.STOP,
            says=f"a script in {tried.name[:40] or 'the body'!r} of a {place[:30]}: others would run it",
            advice="Use a draft or a private object of your own, or a harmless mark such as <b>.",
            shown_by=(tried.shown_by,),
            reach=reach_of(request),
        )

    def _where(self, reading: Reading) -> tuple[str, frozenset[str] | None] | None:
        """What the request would publish, and in which fields (None: all); None where nothing."""
        request = reading.request
        place = place_of(request.raw_path)
        words = {singular(word) for word in place.words}
        if place.kind == "graphql":
            for call in calls_of(reading):
                said = {singular(word) for word in words_of(call)}
                if said & _PUBLIC and not said & _NOT_STORED:
                    return call, None
            words = set()
        elif words & _NOT_STORED:
            return None
        if words & _PUBLIC:
            above = place.objects[:-1] if place.names_last else place.objects
            is_private = any(
                singular(each.kind) not in _PUBLIC
                and self.known.ownership.of(request.host, each) is Standing.OWN
                for each in above
            )
            return None if is_private else (place.kind, None)
        shown = frozenset(
            field.name
            for field in reading.fields
            if field.place == "body" and last_word(field.name) in _SHOWN_NAMES
        )
        return ("public profile", shown) if shown else None

    def _is_hidden(self, reading: Reading) -> bool:
        """Whether the form itself says that nobody else is to see it."""
        for field in reading.fields:
            name, value = last_word(field.name), field.value.strip().lower()
            if name in _VISIBILITY and re.sub(r"[^a-z]", "", value[:20]) in _HIDDEN:
                return True
            if (name in _SAYS_PUBLIC and value in _FALSE) or (name in _SAYS_PRIVATE and value in _TRUE):
                return True
        return False

    def _scripts(self, reading: Reading, names: frozenset[str] | None) -> Iterator[Tried]:
        for tried in reading.attacks:
            is_there = tried.place == "body" and (names is None or tried.name in names)
            if is_there and _runs(tried.attack) and self._is_no_embed(reading, tried.name):
                yield tried

    def _is_no_embed(self, reading: Reading, name: str) -> bool:
        """Editors embed films and pictures that were pasted: what is left without them still runs."""
        values = [field.value for field in reading.fields if field.place == "body" and field.name == name]
        texts = [value.encode("utf-8", "surrogatepass") for value in values] or [reading.request.body]
        looked_at = (text[:LOOKED_AT_BYTES] for text in texts)
        return any(_runs(attack) for text in looked_at for attack in attacks_in(_without_embeds(text)))


def _may_hold_script(request: Request) -> bool:
    """Cheap looks first: most bodies are taken apart by nobody."""
    if not any(mark in request.body for mark in _MARKS):
        return False
    if Hint.PUBLISHES in hints_in(request.target):
        return True
    begins = request.body[:_BEGINS].lower()
    return any(name in begins for name in _SHOWN_HINTS)


def _runs(attack: Attack) -> bool:
    return attack.family in _RUNS and attack.weight >= SURE


def _without_embeds(text: bytes) -> bytes:
    text = _PICTURE.sub(b"", text)
    if _BLOCK.match(text):  # a post that quotes another site, with that site's own script
        text = _WIDGET.sub(b"", text)
    return _FRAME.sub(lambda found: found[0] if _ACTIVE.search(found[0]) else b"", text)
