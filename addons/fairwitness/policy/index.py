"""Finding the scope entries that speak of a destination, at a cost that does not grow with the policy."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from fairwitness.model.policy import ScopeEntry
from fairwitness.model.verdict import ScopeList
from fairwitness.policy.hosts import is_address
from fairwitness.policy.networks import NetworkIndex
from fairwitness.policy.paths import loose_path, prefixes, segment_count
from fairwitness.policy.patterns import HostPattern

# Of entries that are equally specific, the first of these lists wins.
PRECEDENCE = (
    ScopeList.EXCLUDE,
    ScopeList.NOISE,
    ScopeList.TUNNEL,
    ScopeList.LOAD,
    ScopeList.MINE,
    ScopeList.INCLUDE,
)
ALLOWING = frozenset({ScopeList.INCLUDE, ScopeList.LOAD, ScopeList.TUNNEL, ScopeList.MINE})
_EXACT, _GLOBBED, _TREE, _ADDRESS = 3, 2, 1, 0


@dataclass(frozen=True, slots=True)
class Ranked:
    """An entry with how specific it is; the greatest rank wins."""

    entry: ScopeEntry
    rank: tuple[int, int, int, int, int]


def rank_of(entry: ScopeEntry) -> tuple[int, int, int, int, int]:
    """Host and path (longer first), exact host, star within a label, wildcard (longer first), address;
    then what it names of port and scheme; then its list."""
    if entry.network is not None:
        kind, length = _ADDRESS, ipaddress.ip_network(entry.network).prefixlen
    else:
        assert entry.host is not None
        pattern = HostPattern.parse(entry.host)
        kind = _EXACT if pattern.is_exact else _TREE if pattern.is_tree else _GLOBBED
        length = 0 if pattern.is_exact else len(entry.host.replace("*", ""))
    named = entry.names_port + (entry.scheme is not None)
    return len(entry.path or ""), kind, length, named, -PRECEDENCE.index(entry.scope_list)


@dataclass(slots=True)
class Shelf:
    """All entries of one host pattern or range, by port and path."""

    whole: dict[int | None, list[Ranked]] = field(default_factory=dict)
    paths: dict[tuple[int | None, str], list[Ranked]] = field(default_factory=dict)
    loose_paths: dict[tuple[int | None, str], list[Ranked]] = field(default_factory=dict)
    lists: dict[int | None, dict[ScopeList, ScopeEntry]] = field(default_factory=dict)
    """For each list that has paths: one of its entries, by port."""
    depth: dict[int | None, int] = field(default_factory=dict)
    """Segments of the longest path, by port."""

    def add(self, ranked: Ranked) -> None:
        """Take an entry in."""
        entry = ranked.entry
        for port in entry.ports if entry.ports is not None else (None,):
            if entry.path is None:
                _keep(self.whole.setdefault(port, []), ranked)
                continue
            loose = loose_path(entry.path.encode()).rstrip("/")
            self.lists.setdefault(port, {}).setdefault(entry.scope_list, entry)
            _keep(self.paths.setdefault((port, entry.path), []), ranked)
            _keep(self.loose_paths.setdefault((port, loose), []), ranked)
            self.depth[port] = max(self.depth.get(port, 0), segment_count(entry.path), segment_count(loose))


def _keep(kept: list[Ranked], ranked: Ranked) -> None:
    """Of entries that differ in nothing but their list, only the winner can ever decide."""
    for place, other in enumerate(kept):
        same = other.entry.scheme == ranked.entry.scheme and other.entry.names_port == ranked.entry.names_port
        if same:
            kept[place] = max(other, ranked, key=lambda each: each.rank)
            return
    kept.append(ranked)


class ScopeIndex:
    """Scope entries by the labels of their host.

    Args:
        entries: All entries of a policy.
    """

    def __init__(self, entries: Iterable[ScopeEntry]) -> None:
        self._exact: dict[str, Shelf] = {}
        self._trees: dict[str, Shelf] = {}
        self._globs: dict[str, _Globs] = {}
        self._networks: NetworkIndex[Shelf] = NetworkIndex(Shelf)
        for entry in entries:
            self._shelf(entry).add(Ranked(entry, rank_of(entry)))

    def _shelf(self, entry: ScopeEntry) -> Shelf:
        if entry.network is not None:
            return self._networks.at(entry.network)
        assert entry.host is not None
        pattern = HostPattern.parse(entry.host)
        if pattern.is_exact:
            return self._exact.setdefault(entry.host, Shelf())
        if not pattern.is_globbed:
            return self._trees.setdefault(pattern.fixed, Shelf())
        return self._globs.setdefault(pattern.fixed, _Globs(pattern.fixed)).at(pattern)

    def shelves(self, host: str) -> list[Shelf]:
        """The shelves of every pattern or range that covers a canonical host."""
        if is_address(host):
            return list(self._networks.holding(ipaddress.ip_address(host)))
        found = [self._exact[host]] if host in self._exact else []
        end = host
        while "." in end:
            end = end.partition(".")[2]
            if end in self._trees:
                found.append(self._trees[end])
            if end in self._globs:
                found.extend(self._globs[end].holding(host))
        return found


class _Globs:
    """Patterns with stars within labels that share their fixed end.

    By what stands before and behind the stars of the label next to that end: thousands of ``img1*`` and
    ``img2*`` are then found by a few look-ups, one for each pair of lengths in use.
    """

    def __init__(self, fixed: str) -> None:
        self._near = -fixed.count(".") - 2
        """Where the label next to the fixed end stands."""
        self._by_form: dict[tuple[int, int], dict[tuple[str, str], dict[str, tuple[HostPattern, Shelf]]]] = {}

    def at(self, pattern: HostPattern) -> Shelf:
        label = pattern.labels[self._near]
        head, tail = label[: label.index("*")], label[label.rindex("*") + 1 :]
        form = self._by_form.setdefault((len(head), len(tail)), {})
        return form.setdefault((head, tail), {}).setdefault(pattern.text, (pattern, Shelf()))[1]

    def holding(self, host: str) -> Iterator[Shelf]:
        label = host.split(".")[self._near]
        for (head, tail), form in self._by_form.items():
            if len(label) >= head + tail:
                near = form.get((label[:head], label[len(label) - tail :]), {})
                yield from (shelf for pattern, shelf in near.values() if pattern.matches(host))


def on_port(shelves: Iterable[Shelf], port: int) -> Iterator[Ranked]:
    """The entries without a path for a port."""
    for shelf in shelves:
        yield from shelf.whole.get(port, ())
        yield from shelf.whole.get(None, ())


def on_path(shelves: Iterable[Shelf], port: int, path: str, *, loose: bool) -> Iterator[Ranked]:
    """The entries whose path covers a canonical (or loose) path, for a port."""
    for shelf in shelves:
        depth = max(shelf.depth.get(port, 0), shelf.depth.get(None, 0))
        known = shelf.loose_paths if loose else shelf.paths
        for prefix in prefixes(path, depth):
            yield from known.get((port, prefix), ())
            yield from known.get((None, prefix), ())


def has_paths(shelves: Iterable[Shelf], port: int) -> bool:
    """Whether some entry of a host has a path, for a port."""
    return any(port in shelf.depth or None in shelf.depth for shelf in shelves)


def allowing_paths(shelves: Iterable[Shelf], port: int) -> list[ScopeEntry]:
    """For each list that allows some path of a host on a port: one of its entries."""
    found: dict[ScopeList, ScopeEntry] = {}
    for shelf in shelves:
        for at in (port, None):
            found |= shelf.lists.get(at, {})
    return [entry for scope_list, entry in found.items() if scope_list in ALLOWING]
