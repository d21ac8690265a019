"""Public suffixes: names under which anybody can register one of their own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path

from fairwitness.policy.hosts import canonical_host


@dataclass(frozen=True, slots=True)
class _Suffixes:
    rules: frozenset[str]
    """As the list writes them: ``co.uk``, ``*.ck``, ``!www.ck``."""
    above: frozenset[str]
    """All names that have a public suffix somewhere below them."""


@cache
def _suffixes() -> _Suffixes:
    rules = frozenset(map(_canonical_rule, _listed()))
    above: set[str] = set()
    for rule in rules:
        parent = rule
        while not rule.startswith("!") and "." in parent:
            parent = parent.partition(".")[2]
            above.add(parent)
    return _Suffixes(rules, frozenset(above))


def _listed() -> Iterator[str]:
    """The snapshot that comes with tldextract, with private suffixes.

    Its file alone is read: the package imports an HTTP client that is never used, for a quarter of the time
    of every command.
    """
    found = find_spec("tldextract")
    assert found is not None
    assert found.submodule_search_locations
    text = Path(found.submodule_search_locations[0], ".tld_set_snapshot").read_text("utf-8")
    return (line.split()[0] for line in text.splitlines() if line.strip() and not line.startswith("//"))


def _canonical_rule(rule: str) -> str:
    mark = rule[: len(rule) - len(rule.lstrip("!*."))]
    return rule if rule.isascii() else mark + canonical_host(rule[len(mark) :])


def covers_public_suffix(base: str) -> bool:
    """Whether "everything below *base*" would take in names that strangers can register.

    True for ``co.uk`` and ``github.io``, for every bare top-level name, listed or not, and for
    ``fastly.net``, which is none itself but has public suffixes below it.
    """
    known = _suffixes()
    if "." not in base or base in known.rules or base in known.above:
        return True
    return f"!{base}" not in known.rules and f"*.{base.partition('.')[2]}" in known.rules


def is_public_suffix(host: str) -> bool:
    """Whether *host* itself is a suffix under which strangers register."""
    known = _suffixes()
    if "." not in host or host in known.rules:
        return True
    return f"!{host}" not in known.rules and f"*.{host.partition('.')[2]}" in known.rules


_RESERVED = frozenset({"test", "example"})  # RFC 6761: names for trying things out, which nobody can register


def has_known_suffix(host: str) -> bool:
    """Whether the internet's root, or a reservation for tests, has the last label of *host*."""
    top = host.rpartition(".")[2]
    return top in _RESERVED or top in _suffixes().rules or f"*.{top}" in _suffixes().rules


def registrable(host: str) -> str | None:
    """The name that was registered: one label more than its public suffix; None for a suffix itself."""
    labels = host.split(".")
    for place in range(1, len(labels)):
        if is_public_suffix(".".join(labels[place:])):
            return ".".join(labels[place - 1 :]) if not is_public_suffix(host) else None
    return None


@lru_cache(maxsize=2048)
def site_of(host: str) -> str:
    """The name to which a host belongs: the registered one above it, else the host itself."""
    lower = host.lower().rstrip(".")
    if ":" in lower or lower.rpartition(".")[2].isdecimal():
        return lower  # an address
    return registrable(lower) or lower
