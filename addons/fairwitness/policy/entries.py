"""Scope entries: one line of a scope list, read."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from fairwitness.errors import PolicyError
from fairwitness.model.exchange import STANDARD_PORTS
from fairwitness.model.policy import ScopeEntry
from fairwitness.model.verdict import Clause, ScopeList
from fairwitness.policy.hosts import canonical_host, is_address
from fairwitness.policy.paths import canonical_path, is_ambiguous
from fairwitness.policy.patterns import MAX_STARS
from fairwitness.policy.suffixes import covers_public_suffix

MAX_TEXT = 2048  # characters of one entry
_WIDEST_V4 = 8  # prefix length: wider than any one organisation's network
_WIDEST_V6 = 16
_EXAMPLES = (
    "Write a host (api.example.com), an address, a URL prefix (https://example.com/app/) or preset:NAME"
)
_STARRED_LABEL = re.compile(r"[a-z0-9_*-]+")
_NETWORK = re.compile(r"\[?[0-9a-fA-F.:]+(?:%\w+)?\]?/[0-9]{1,3}\]?(?::(?:[0-9]+|\*))?")
_PRESET = re.compile(r"[a-z0-9][a-z0-9-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedEntry:
    """What one entry says, before it is known on which list it stands."""

    text: str
    host: str | None = None
    network: str | None = None
    ports: tuple[int, ...] | None = None
    names_port: bool = False
    scheme: str | None = None
    path: str | None = None
    preset: str | None = None

    def on(self, scope_list: ScopeList, clause: Clause, *, preset: str | None = None) -> ScopeEntry:
        """The entry as a line of the policy."""
        return ScopeEntry(
            scope_list=scope_list,
            text=self.text,
            clause=clause,
            host=self.host,
            network=self.network,
            ports=self.ports,
            names_port=self.names_port,
            scheme=self.scheme,
            path=self.path,
            preset=preset,
        )


def parse_entry(text: str) -> ParsedEntry:
    """Read one scope entry.

    Raises:
        PolicyError: It is none, or covers more than anybody can have allowed.
    """
    if len(text) > MAX_TEXT:
        raise bad_entry(text, f"is longer than {MAX_TEXT} characters", _EXAMPLES)
    if text and text.split() != [text]:
        raise bad_entry(text, "has a blank", "Take the blank out, or write it as %20 in a path")
    if text.startswith("preset:"):
        name = text.removeprefix("preset:")
        if not _PRESET.fullmatch(name):
            raise bad_entry(text, "names no preset", "Write preset: and a name, such as preset:captcha")
        return ParsedEntry(text=text, preset=name)
    scheme, rest = _split_scheme(text)
    rest, path = _split_path(text, rest, scheme)
    host_text, port_text = _split_port(text, rest)
    ports, names_port = _read_ports(text, port_text, scheme)
    host, network = _read_place(text, host_text)
    return ParsedEntry(
        text=text,
        host=host,
        network=network,
        ports=ports,
        names_port=names_port,
        scheme=scheme,
        path=path,
    )


def bad_entry(text: str, why: str, mend: str) -> PolicyError:
    """An error about a scope entry."""
    shown = repr(text if len(text) <= 80 else text[:77] + "...")
    return PolicyError(f"scope entry {shown} {why}", where="scope entry", mend=mend)


def _split_scheme(text: str) -> tuple[str | None, str]:
    scheme, mark, rest = text.partition("://")
    if not mark:
        return None, text
    if scheme.lower() not in STANDARD_PORTS:
        raise bad_entry(text, "has a scheme that is none of http, https, ws, wss", _EXAMPLES)
    return scheme.lower(), rest


def _split_path(text: str, rest: str, scheme: str | None) -> tuple[str, str | None]:
    if "?" in rest or "#" in rest:
        raise bad_entry(text, "has a query or fragment", "Leave out everything from the first ? or # on")
    if "@" in rest.partition("/")[0]:
        raise bad_entry(text, "names a user", "Leave out everything up to the @")
    place, slash, tail = rest.partition("/")
    if not slash:
        return rest, None
    if scheme is None:
        if _NETWORK.fullmatch(rest):
            return rest, None
        prefix = f"https://{place}/{tail.rstrip('*')}".rstrip("/")
        raise bad_entry(text, "has a path and no scheme", f"Write {prefix} or {place}")
    return place, _read_path(text, "/" + tail)


def _read_path(text: str, raw: str) -> str | None:
    if "*" in raw:
        raise bad_entry(
            text, "has a star in its path", "Leave the star out: a path covers all that is below it"
        )
    if is_ambiguous(raw.encode("ascii", "ignore").decode()) or "//" in raw or ";" in raw or "%25" in raw:
        raise bad_entry(
            text,
            "has a path that servers read differently",
            "Write the path plainly: no //, no ;, no encoded slash or percent sign",
        )
    return canonical_path(raw.encode("utf-8", "surrogatepass")).rstrip("/") or None


def _split_port(text: str, rest: str) -> tuple[str, str | None]:
    if rest.startswith("["):
        inside, mark, behind = rest[1:].partition("]")
        if behind.startswith("/"):
            raise bad_entry(text, "has a range outside its brackets", f"Write {inside}{behind}")
        if not mark or (behind and not behind.startswith(":")):
            raise bad_entry(
                text, "has a bracket out of place", "Write IPv6 as [2001:db8::1] or [2001:db8::1]:8443"
            )
        return inside, behind[1:] if behind else None
    if rest.count(":") > 1:
        return rest, None  # IPv6 without brackets: it cannot name a port
    host, mark, port = rest.partition(":")
    return host, port if mark else None


def _read_ports(text: str, port: str | None, scheme: str | None) -> tuple[tuple[int, ...] | None, bool]:
    if port is None:
        return (STANDARD_PORTS[scheme],) if scheme else (80, 443), False
    if port == "*":
        return None, False
    if not re.fullmatch("[0-9]{1,5}", port) or not 1 <= int(port) <= 65535:
        raise bad_entry(text, f"has the port {port[:20]!r}", "Write a port from 1 to 65535, or :* for any")
    return (int(port),), True


def _read_place(text: str, host: str) -> tuple[str | None, str | None]:
    """Canonical host or network; exactly one of them."""
    if "/" in host:
        return None, _read_network(text, host)
    if "*" in host:
        return _read_pattern(text, host), None
    try:
        name = canonical_host(host)
    except PolicyError as error:
        raise bad_entry(text, f"cannot be used: {error.what}", _EXAMPLES) from None
    if not is_address(name):
        return name, None
    if "." in name and name != host:
        # Browsers take any number for an address; in a list of hosts it is more likely an id.
        raise bad_entry(text, f"means the address {name}", f"Write {name}, if that is meant")
    return None, f"{name}/{128 if ':' in name else 32}"


def _read_network(text: str, host: str) -> str:
    try:
        network = ipaddress.ip_network(host, strict=False)
        exact = ipaddress.ip_network(host, strict=True) if "%" not in host else None
    except ValueError:
        try:
            fixed = ipaddress.ip_network(host, strict=False)
        except ValueError:
            raise bad_entry(text, "is no address range", "Write it as 192.0.2.0/28") from None
        raise bad_entry(text, "starts within its range", f"Write {fixed}, or the single address") from None
    if exact is None:
        raise bad_entry(text, "has a zone id", "Leave out the percent sign and what follows")
    if network.prefixlen < (_WIDEST_V4 if network.version == 4 else _WIDEST_V6):
        raise bad_entry(
            text, "covers a large part of the internet", "List the networks that the program names"
        )
    return str(network)


def _read_pattern(text: str, host: str) -> str:
    name = host.lower().removesuffix(".")
    is_tree = name.startswith("*.")
    labels = name.removeprefix("*.").split(".")
    starred = [place for place, label in enumerate(labels) if "*" in label]
    cut = starred[-1] + 1 if starred else 0
    base = ".".join(labels[cut:])
    for label in labels[:cut]:
        if not _STARRED_LABEL.fullmatch(label) or label.count("*") > MAX_STARS or "**" in label:
            raise bad_entry(
                text,
                f"has the label {label[:40]!r}",
                f"Beside a star, write a-z, 0-9, - and at most {MAX_STARS} stars a label",
            )
    try:
        base = canonical_host(base) if base else ""
    except PolicyError as error:
        raise bad_entry(text, f"cannot be used: {error.what}", _EXAMPLES) from None
    if not base or is_address(base) or covers_public_suffix(base):
        raise bad_entry(
            text,
            f"covers names that anybody can register (public suffix {base or '*'!r})",
            "List the hosts that the program names, or a wildcard below a registered name (*.example.com)",
        )
    return ("*." if is_tree else "") + ".".join([*labels[:cut], base])
