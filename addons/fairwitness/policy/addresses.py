"""The resolved-address guard: no name leads to this machine, this network, or a cloud's metadata."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass

from fairwitness.errors import PolicyError
from fairwitness.model.policy import Policy, ScopeEntry
from fairwitness.model.verdict import ScopeList
from fairwitness.policy.hosts import canonical_host, is_address
from fairwitness.policy.networks import NetworkIndex

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# IANA's special-purpose registries (IPv4, IPv6), and the metadata services that clouds document.
# An own table, because ipaddress.is_private differs between the supported Pythons.
_SPECIAL: tuple[tuple[Network, str], ...] = tuple(
    (ipaddress.ip_network(network), what)
    for network, what in (
        ("169.254.169.254/32", "a cloud's metadata service"),
        ("169.254.170.2/32", "a cloud's metadata service"),
        ("100.100.100.200/32", "a cloud's metadata service"),
        ("168.63.129.16/32", "a cloud's metadata service"),
        ("192.0.0.192/32", "a cloud's metadata service"),
        ("fd00:ec2::/32", "a cloud's metadata service"),
        ("fd20:ce::254/128", "a cloud's metadata service"),
        ("0.0.0.0/8", "this machine"),
        ("127.0.0.0/8", "loopback"),
        ("10.0.0.0/8", "private"),
        ("172.16.0.0/12", "private"),
        ("192.168.0.0/16", "private"),
        ("100.64.0.0/10", "a carrier's private network"),
        ("169.254.0.0/16", "link-local"),
        ("192.0.0.0/24", "reserved for protocols"),
        ("192.0.2.0/24", "reserved for documentation"),
        ("198.51.100.0/24", "reserved for documentation"),
        ("203.0.113.0/24", "reserved for documentation"),
        ("198.18.0.0/15", "reserved for benchmarks"),
        ("192.88.99.0/24", "a retired relay"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
        ("::/128", "this machine"),
        ("::1/128", "loopback"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "private"),
        ("ff00::/8", "multicast"),
        ("100::/64", "discarded"),
        ("100:0:0:1::/64", "discarded"),
        ("2001:db8::/32", "reserved for documentation"),
        ("3fff::/20", "reserved for documentation"),
        ("2001:2::/48", "reserved for benchmarks"),
        ("2001:10::/28", "reserved"),
        ("5f00::/16", "reserved"),
    )
)

# Where an IPv6 address carries an IPv4 one: network, bits to the right of it, whether it is inverted.
_EMBEDDED: tuple[tuple[ipaddress.IPv6Network, int, bool], ...] = tuple(
    (ipaddress.IPv6Network(network), shift, inverted)
    for network, shift, inverted in (
        ("::ffff:0:0/96", 0, False),  # mapped
        ("::ffff:0:0:0/96", 0, False),  # translated (SIIT)
        ("::/96", 0, False),  # compatible
        ("64:ff9b::/96", 0, False),  # NAT64
        ("64:ff9b:1::/48", 0, False),  # local NAT64
        ("2002::/16", 80, False),  # 6to4
        ("2001::/32", 0, True),  # Teredo, the client
        ("2001::/32", 64, False),  # Teredo, the server
    )
)
_ISATAP = frozenset({0x00005EFE, 0x02005EFE})
_LABS = frozenset({"loopback", "private", "this machine"})
_BLOCKING = frozenset({ScopeList.EXCLUDE, ScopeList.NOISE})
_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")


@dataclass(frozen=True, slots=True)
class Override:
    """What `--resolve` says: this host and port lie at these addresses, whatever DNS answers."""

    host: str
    """Canonical."""
    port: int
    addresses: tuple[str, ...]


def parse_override(text: str) -> Override:
    """Read curl's ``HOST:PORT:ADDR[,ADDR]``; IPv6 in brackets.

    Raises:
        PolicyError: It is none.
    """
    found = re.fullmatch(r"(\[[^\]]*\]|[^:\[\]]+):([0-9]{1,5}):(\S+)", text) if len(text) <= 4096 else None
    if not found or not 1 <= int(found[2]) <= 65535:
        raise _bad_override(text, "is not HOST:PORT:ADDR")
    try:
        host = canonical_host(found[1])
        addresses = tuple(canonical_host(each) for each in found[3].split(","))
    except PolicyError as error:
        raise _bad_override(text, f"cannot be used: {error.what}") from None
    if not all(map(is_address, addresses)):
        raise _bad_override(text, "names something else than addresses behind its port")
    return Override(host, int(found[2]), addresses)


def _bad_override(text: str, why: str) -> PolicyError:
    return PolicyError(
        f"{text[:80]!r} {why}", where="--resolve", mend="Write it as api.example.com:443:192.0.2.7"
    )


class AddressGuard:
    """Refuses names that resolve to addresses which nobody on the internet can have meant.

    Args:
        policy: Its address entries say which such addresses are meant after all.
        overrides: What the researcher said with `--resolve`.
    """

    def __init__(self, policy: Policy, *, overrides: Sequence[Override] = ()) -> None:
        self._overrides = {(each.host, each.port): each.addresses for each in overrides}
        self._entries: NetworkIndex[list[ScopeEntry]] = NetworkIndex(list)
        for entry in policy.entries:
            if entry.network is not None:
                self._entries.at(entry.network).append(entry)

    def override(self, host: str, port: int) -> tuple[str, ...]:
        """The addresses that `--resolve` gives for a host and port; empty where it gives none."""
        try:
            return self._overrides.get((canonical_host(host), port), ())
        except PolicyError:
            return ()

    def refuse(
        self, host: str, port: int, scope_list: ScopeList | None, addresses: Sequence[str]
    ) -> str | None:
        """Why a connection must not be made to *any* of the addresses; None where it may.

        Args:
            host: The name that was dialled.
            port: The port that was dialled.
            scope_list: The list that lets the host through.
            addresses: All answers for the name; one that is refused refuses all.
        """
        if not addresses:
            return f"{host} has no address"
        meant = {ipaddress.ip_address(each) for each in self.override(host, port)}
        for text in addresses:
            why = self._refuse_one(scope_list, text, meant)
            if why:
                mend = _mend(host, port, scope_list, text) if why in _LABS else ""
                return f"{host} resolves to {text}, which is {why}{mend}"
        return None

    def _refuse_one(self, scope_list: ScopeList | None, text: str, meant: set[Address]) -> str | None:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return "no address"
        if address in meant:
            return None
        for inner in _inner_addresses(address) if isinstance(address, ipaddress.IPv6Address) else ():
            excluded = self._entry_for(inner)  # a gateway would carry it there
            if excluded is not None and excluded.scope_list in _BLOCKING:
                return f"{inner}, on scope.{excluded.scope_list} ({excluded.clause.where})"
        entry = self._entry_for(address)
        if entry is not None:
            if entry.scope_list in _BLOCKING:
                return f"on scope.{entry.scope_list} ({entry.clause.where})"
            if entry.scope_list is scope_list:
                return None
        return special_address(address)

    def _entry_for(self, address: Address) -> ScopeEntry | None:
        """The most specific address entry; one that blocks before one that allows."""
        inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if address in _MAPPED else address
        for alike in self._entries.holding(inner):
            return min(alike, key=lambda entry: entry.scope_list not in _BLOCKING)
        return None


def _mend(host: str, port: int, scope_list: ScopeList | None, address: str) -> str:
    """What to do where the address is meant after all."""
    where = f"[{address}]" if ":" in address else address
    entry = f"list {where} under scope.{scope_list} too, or " if scope_list else ""
    return f"; in a lab of your own, {entry}start with --resolve {host}:{port}:{where}"


def special_address(address: Address) -> str | None:
    """What is special about an address, looking through every way to wrap IPv4 in IPv6; None: nothing."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            return "link-local"
        for inner in _inner_addresses(address):
            why = special_address(inner)
            if why:
                return f"{why} (as {inner})"
    for network, what in _SPECIAL:
        if address in network:
            return what
    return None


def _inner_addresses(address: ipaddress.IPv6Address) -> list[ipaddress.IPv4Address]:
    number = int(address)
    found = [
        ipaddress.IPv4Address((number >> shift & 0xFFFFFFFF) ^ (0xFFFFFFFF if inverted else 0))
        for network, shift, inverted in _EMBEDDED
        if address in network and number > 1  # ::1 and :: are no IPv4
    ]
    if number >> 32 & 0xFFFFFFFF in _ISATAP:
        found.append(ipaddress.IPv4Address(number & 0xFFFFFFFF))
    return found
