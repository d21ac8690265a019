"""What pages in scope asked for and did not get, and the list that suits each host."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from fairwitness.errors import PolicyError
from fairwitness.model.policy import Policy, ScopeEntry
from fairwitness.model.verdict import Clause, ScopeList
from fairwitness.policy.hosts import canonical_host, is_address
from fairwitness.policy.index import ScopeIndex, on_port
from fairwitness.policy.presets import Preset, presets
from fairwitness.policy.suffixes import is_public_suffix, registrable

MAX_PER_PAGE = 100  # hosts: a page that wants more wants something else
_HTTPS = 443
_STANDARD = (80, 443)
_KINDS = ("sign-in", "captcha", "payment", "CDN", "fonts", "other", "analytics", "browser")


@dataclass(frozen=True, slots=True)
class WantedHost:
    """A host that a page asked for and did not get."""

    host: str
    """With its port where that is neither 80 nor 443."""
    page: str
    """URL of the page, or its host."""
    count: int


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A host with the list that suits it."""

    host: str
    """Canonical, with its port where that is neither 80 nor 443: as an entry is written."""
    page_host: str
    scope_list: ScopeList
    """Never include."""
    kind: str
    """A preset's kind, or ``other``."""
    preset: str | None
    why: str
    count: int


def suggest_hosts(wanted: Iterable[WantedHost], policy: Policy) -> tuple[Suggestion, ...]:
    """Suggestions by page, most useful kinds first.

    Left out: hosts that the policy lists already, and literal addresses and names without a dot, since a page
    that wants those wants something of the researcher's own network.
    """
    listed = ScopeIndex(policy.entries)
    counts: Counter[tuple[str, str]] = Counter()
    for each in wanted:
        name, port = _name_and_port(each.host)
        host = _usable(name)
        if host and not any(on_port(listed.shelves(host), port)):
            counts[_page_host(each.page), host if port in _STANDARD else f"{host}:{port}"] += each.count
    kinds = _PresetIndex()
    scope_names = _scope_names(policy)
    pages: dict[str, list[Suggestion]] = {}
    for (page, host), count in counts.most_common():
        found = pages.setdefault(page, [])
        if len(found) < MAX_PER_PAGE:
            found.append(_suggest(host, page, count, kinds.preset(host), scope_names))
    return tuple(
        suggestion
        for page in sorted(pages)
        for suggestion in sorted(pages[page], key=lambda each: (_KINDS.index(each.kind), each.host))
    )


def _name_and_port(raw: str) -> tuple[str, int]:
    name, colon, port = raw.rpartition(":")
    if re.fullmatch("[0-9]{1,5}", port) and colon and ":" not in name and 1 <= int(port) <= 65535:
        return name, int(port)
    return raw, _HTTPS  # what is left of a port makes it no host


def _usable(raw: str) -> str | None:
    try:
        host = canonical_host(raw)
    except PolicyError:
        return None
    return None if is_address(host) or is_public_suffix(host) else host


def _page_host(page: str) -> str:
    try:
        return urlsplit(page).hostname or page
    except ValueError:
        return page


def _suggest(
    host: str, page: str, count: int, preset: Preset | None, scope_names: frozenset[str]
) -> Suggestion:
    if preset:
        return Suggestion(host, page, preset.scope_list, preset.kind, preset.name, preset.about, count)
    if registrable(_name_and_port(host)[0]) in scope_names:
        why = "a host of the program itself, which its scope does not list: to be loaded, not tested"
    else:
        why = "no preset knows it"
    return Suggestion(host, page, ScopeList.LOAD, "other", None, why, count)


def _scope_names(policy: Policy) -> frozenset[str]:
    """The registered names of all hosts in scope."""
    hosts = (
        entry.host.replace("*.", "")
        for entry in policy.entries
        if entry.scope_list is ScopeList.INCLUDE and entry.host
    )
    return frozenset(name for name in map(registrable, hosts) if name)


class _PresetIndex:
    """Which preset knows a host."""

    def __init__(self) -> None:
        self._presets = presets()
        self._index = ScopeIndex(_entry for preset in self._presets.values() for _entry in _entries(preset))

    def preset(self, host: str) -> Preset | None:
        name, port = _name_and_port(host)
        found = max(on_port(self._index.shelves(name), port), key=lambda each: each.rank, default=None)
        return self._presets[found.entry.preset or ""] if found else None


def _entries(preset: Preset) -> Iterable[ScopeEntry]:
    clause = Clause(f"preset:{preset.name}", None, "-")
    return (entry.on(preset.scope_list, clause, preset=preset.name) for entry in preset.entries)
