"""Address ranges, found by address without a walk over all of them."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

_T = TypeVar("_T")
_BITS = {4: 32, 6: 128}


class NetworkIndex(Generic[_T]):
    """One value per range; a look-up costs one step per prefix length in use.

    Args:
        make: Gives the value of a range that is new.
    """

    def __init__(self, make: Callable[[], _T]) -> None:
        self._make = make
        self._by_length: dict[int, dict[int, dict[int, _T]]] = {4: {}, 6: {}}

    def at(self, network: str) -> _T:
        """The value of a range, made when it is new."""
        parsed = ipaddress.ip_network(network)
        lengths = self._by_length[parsed.version]
        if parsed.prefixlen not in lengths:
            lengths[parsed.prefixlen] = {}
            # Longest first, so that look-ups meet the most specific range first.
            self._by_length[parsed.version] = dict(sorted(lengths.items(), reverse=True))
        shift = _BITS[parsed.version] - parsed.prefixlen
        found = self._by_length[parsed.version][parsed.prefixlen]
        key = int(parsed.network_address) >> shift
        if key not in found:
            found[key] = self._make()
        return found[key]

    def holding(self, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> Iterator[_T]:
        """The values of all ranges that hold an address, the narrowest first."""
        bits = _BITS[address.version]
        number = int(address)
        for length, found in self._by_length[address.version].items():
            value = found.get(number >> (bits - length))
            if value is not None:
                yield value
