"""Which scope entries can speak of the same host."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from typing import TypeVar

from fairwitness.errors import PolicyError
from fairwitness.model.policy import ScopeEntry
from fairwitness.policy.patterns import HostPattern

MAX_COMPARED = 200_000  # pairs: one or two seconds
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_T = TypeVar("_T")


class Overlaps:
    """An index of entries by the fixed end of their host.

    Two names can only meet when the fixed end of one is an end of the other's, so a look-up costs as many
    steps as there are labels, plus what it finds.

    Args:
        entries: Those to be found.
    """

    def __init__(self, entries: Iterable[ScopeEntry]) -> None:
        self._by_end: dict[str, list[tuple[HostPattern, ScopeEntry]]] = {}
        self._below: dict[str, list[tuple[HostPattern, ScopeEntry]]] = {}
        self._networks: list[tuple[Network, ScopeEntry]] = []
        self._left = MAX_COMPARED
        for entry in entries:
            if entry.network is not None:
                self._networks.append((ipaddress.ip_network(entry.network), entry))
                continue
            assert entry.host is not None
            pattern = HostPattern.parse(entry.host)
            self._by_end.setdefault(pattern.fixed, []).append((pattern, entry))
            for end in _ends(pattern.fixed)[1:]:
                self._below.setdefault(end, []).append((pattern, entry))

    def meeting(self, entry: ScopeEntry, *, ports: bool = True) -> Iterator[ScopeEntry]:
        """Entries that can speak of a host that *entry* speaks of.

        Args:
            entry: Any entry, of this index or not.
            ports: Whether port, scheme and path must be able to agree too.

        Raises:
            PolicyError: So many entries share an end, over all look-ups, that to compare them takes too long.
        """
        for other in self._same_place(entry):
            if other is not entry and (not ports or traffic_meets(entry, other)):
                yield other

    def _same_place(self, entry: ScopeEntry) -> Iterator[ScopeEntry]:
        if entry.network is not None:
            network = ipaddress.ip_network(entry.network)
            near = self._spend(self._networks)
            yield from (other for known, other in near if _networks_meet(known, network))
            return
        assert entry.host is not None
        pattern = HostPattern.parse(entry.host)
        for end in _ends(pattern.fixed):
            near_end = self._spend(self._by_end.get(end, []))
            yield from (other for known, other in near_end if known.meets(pattern))
        if not pattern.is_exact:
            below = self._spend(self._below.get(pattern.fixed, []))
            yield from (other for known, other in below if known.meets(pattern))

    def _spend(self, compared: list[_T]) -> list[_T]:
        self._left -= len(compared)
        if self._left < 0:
            raise PolicyError(
                f"its entries overlap in more than {MAX_COMPARED:,} ways",
                where="scope",
                mend="Name fewer addresses, stars or paths below one host",
            )
        return compared


def traffic_meets(one: ScopeEntry, other: ScopeEntry) -> bool:
    """Whether some port, scheme and path is covered by both."""
    if one.scheme and other.scheme and _family(one.scheme) != _family(other.scheme):
        return False
    if one.ports is not None and other.ports is not None and not set(one.ports) & set(other.ports):
        return False
    if one.path is None or other.path is None:
        return True
    # Upper and lower case are one here: where both are written, each blocks what the other lets through.
    shorter, longer = sorted((one.path.lower(), other.path.lower()), key=len)
    return longer == shorter or longer.startswith(shorter + "/")


def place_contains(outer: ScopeEntry, inner: ScopeEntry) -> bool:
    """Whether every host of *inner* is one of *outer*; False when in doubt."""
    if outer.network is not None or inner.network is not None:
        if outer.network is None or inner.network is None:
            return False
        wide, narrow = ipaddress.ip_network(outer.network), ipaddress.ip_network(inner.network)
        return wide.version == narrow.version and _is_below(narrow, wide)
    assert outer.host is not None
    assert inner.host is not None
    return HostPattern.parse(outer.host).contains(HostPattern.parse(inner.host))


def traffic_contains(outer: ScopeEntry, inner: ScopeEntry) -> bool:
    """Whether every port, scheme and path of *inner* is one of *outer*."""
    if outer.scheme is not None and outer.scheme != inner.scheme:
        return False
    if outer.ports is not None and (inner.ports is None or not set(inner.ports) <= set(outer.ports)):
        return False
    if outer.path is None:
        return True
    return inner.path is not None and (inner.path == outer.path or inner.path.startswith(outer.path + "/"))


def _ends(host: str) -> list[str]:
    labels = host.split(".")
    return [".".join(labels[place:]) for place in range(len(labels))]


def _family(scheme: str) -> str:
    """A WebSocket begins as a request of the plain scheme."""
    return {"ws": "http", "wss": "https"}.get(scheme, scheme)


def _networks_meet(one: Network, other: Network) -> bool:
    return one.version == other.version and one.overlaps(other)


def _is_below(narrow: Network, wide: Network) -> bool:
    first, last = int(wide.network_address), int(wide.broadcast_address)
    return first <= int(narrow.network_address) and int(narrow.broadcast_address) <= last
