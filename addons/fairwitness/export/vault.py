"""All secrets of an export: which value has which placeholder, and where any of them stands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import sha256

import ahocorasick

from fairwitness.detect import Secret, spreads, without_escapes
from fairwitness.errors import ExportError
from fairwitness.export.spans import Span, merged
from fairwitness.model.disclosure import Placeholder

MOST_VALUES = (
    200_000  # a week of testing has some thousands; above, something is taken for a secret that is none
)
_MOST_LITERAL_BYTES = 8 << 20  # of values looked for everywhere: 32 bytes of automaton each, so 256 MiB
_SLICE_BYTES = 1024  # longer values are looked for in slices, so that a piece of a file may cut them
_LONGEST_BYTES = 65536  # of one value that is looked for elsewhere
_PREFIXES = {
    "basic": "CREDENTIALS",
    "code": "CODE",
    "cookie": "COOKIE",
    "key": "KEY",
    "password": "PASSWORD",
    "signature": "SIGNATURE",
    "token": "TOKEN",
}
_OURS = re.compile(rb"[A-Z]{3,12}_[A-Z]{1,8}")


class Vault:
    """Takes values until the first question, then answers only."""

    def __init__(self) -> None:
        self._kinds: dict[bytes, str] = {}
        self._literals: dict[bytes, bytes] = {}
        self._literal_bytes = 0
        self._taken: set[str] = set()
        self._public: set[bytes] = set()
        self._placeholders: dict[bytes, Placeholder] = {}
        self._automaton: ahocorasick.Automaton | None = None

    def add(self, secret: Secret) -> None:
        """Remember a value under the kind that it was first found as.

        Raises:
            ExportError: There are too many.
        """
        key = _key(secret.value)
        if key not in self._kinds:
            if len(self._kinds) >= MOST_VALUES:
                raise _too_many(f"more than {MOST_VALUES:,} different values would have to be hidden")
            self._kinds[key] = secret.kind
        if key not in self._literals and spreads(secret.value, secret.kind):
            for literal in _spellings(secret.value):
                self._add_literal(literal, key)

    def _add_literal(self, literal: bytes, key: bytes) -> None:
        if literal not in self._literals:
            self._literals[literal] = key
            self._literal_bytes += len(literal)
            if self._literal_bytes > _MOST_LITERAL_BYTES:
                raise _too_many(
                    f"the values to hide are longer than {_MOST_LITERAL_BYTES >> 20} MiB together"
                )

    @property
    def is_half_full(self) -> bool:
        """Whether only half of what it can take is left, for what must be hidden at all events."""
        return len(self._kinds) > MOST_VALUES // 2 or self._literal_bytes > _MOST_LITERAL_BYTES // 2

    def avoid(self, text: bytes) -> None:
        """Never give a placeholder a name that stands in *text*: it would be taken for ours."""
        if b"_" in text:
            self._taken.update(match.decode() for match in _OURS.findall(text))

    def publish(self, host: bytes) -> None:
        """Look nowhere for what is part of this host, which the export itself must tell."""
        self._public.add(host)

    def placeholder(self, value: bytes) -> Placeholder:
        """What stands in place of a value.

        Raises:
            ValueError: It was never added.
        """
        self._seal()
        found = self._placeholders.get(_key(value))
        if found is None:
            raise ValueError("the record holds something to hide that was never learned")
        return found

    def literals_in(self, text: bytes) -> list[Span]:
        """Where in *text* any value stands that is looked for everywhere; merged."""
        self._seal()
        if self._automaton is None:
            return []
        return merged(
            (start, end, self._placeholders[key]) for start, end, key in _hits(self._automaton, text)
        )

    def _seal(self) -> None:
        if self._placeholders or not self._kinds:
            return
        counts: dict[str, int] = {}
        for key, kind in self._kinds.items():
            self._placeholders[key] = Placeholder(name=self._next_name(_PREFIXES[kind], counts), kind=kind)
        public = b"\n".join(sorted(self._public))
        automaton = ahocorasick.Automaton()
        for literal, key in self._literals.items():
            if literal not in public:
                automaton.add_word(literal.decode("latin-1"), (len(literal), key))
        if len(automaton):
            automaton.make_automaton()
            self._automaton = automaton
        self._literals.clear()

    def _next_name(self, prefix: str, counts: dict[str, int]) -> str:
        while True:
            counts[prefix] = counts.get(prefix, 0) + 1
            name = f"{prefix}_{_letters(counts[prefix])}"
            if name not in self._taken:
                return name


def _hits(automaton: ahocorasick.Automaton, text: bytes) -> Iterator[tuple[int, int, bytes]]:
    """All matches, unless a hostile nest of values has more of them than the text has words."""
    characters = text.decode("latin-1")
    limit = len(text) // 4 + 4096
    found = []
    for last, (length, key) in automaton.iter(characters):
        found.append((last + 1 - length, last + 1, key))
        if len(found) > limit:
            matches = automaton.iter_long(characters)
            return iter([(last + 1 - length, last + 1, key) for last, (length, key) in matches])
    return iter(found)


def _key(value: bytes) -> bytes:
    return value if len(value) <= _SLICE_BYTES else sha256(value).digest() + b" long"


def _spellings(value: bytes) -> Iterator[bytes]:
    """As other places write it without escapes: + for blanks, no padding, other character sets."""
    forms = {value, value.replace(b" ", b"+"), value.rstrip(b"="), *without_escapes(value)}
    if not value.isascii():
        forms.add(value.decode("latin-1").encode())
        for codec in ("latin-1", "utf-16-le", "utf-16-be"):
            try:
                forms.add(value.decode().encode(codec))
            except UnicodeError:
                continue
    for form in sorted(forms):
        if len(form) >= 8:
            yield from _slices(form[:_LONGEST_BYTES])


def _slices(value: bytes) -> Iterator[bytes]:
    """Of at least half the length, so that no slice is short enough to stand elsewhere by chance."""
    whole = max(1, len(value) // _SLICE_BYTES)
    for number in range(whole):
        last = number == whole - 1
        yield value[number * _SLICE_BYTES : None if last else (number + 1) * _SLICE_BYTES]


def _letters(number: int) -> str:
    """A to Z, AA, AB, ...: 1 is A."""
    letters = ""
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def _too_many(what: str) -> ExportError:
    return ExportError(
        what, where="export", mend="Export less at once: narrow it with --host, --since or --id"
    )
