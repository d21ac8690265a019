"""May it go out?  The decision on every name that a request carries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fairwitness.errors import PolicyError
from fairwitness.model.exchange import STANDARD_PORTS, Destination
from fairwitness.model.policy import Policy, ScopeEntry
from fairwitness.model.verdict import Action, ScopeList, Verdict
from fairwitness.policy.hosts import canonical_host
from fairwitness.policy.index import (
    ALLOWING,
    Ranked,
    ScopeIndex,
    Shelf,
    allowing_paths,
    has_paths,
    on_path,
    on_port,
)
from fairwitness.policy.paths import canonical_path, dotted_path, is_ambiguous, loose_path, relative_path
from fairwitness.policy.source import quoted

_SECURE = {"http": "ws", "https": "wss"}
_DIALLED = ("dial", "connect")
_WEB_SCHEMES = ("https", "http", "wss", "ws")

# Of destinations on different lists, the strictest treatment counts.
_TREATMENT = (ScopeList.TUNNEL, ScopeList.LOAD, ScopeList.MINE, ScopeList.INCLUDE)


class Scope:
    """The scope lists of a policy, ready to decide.

    A class, because the index is built once.

    Args:
        policy: Whose entries count.
    """

    def __init__(self, policy: Policy) -> None:
        self._index = ScopeIndex(policy.entries)

    def decide(self, destinations: Sequence[Destination]) -> Verdict:
        """What happens to a request that names these places.

        Every one of them must be allowed.  A tunnel is one only if all of them are; of load, mine and
        include, the strictest treatment counts.  A path that is not known yet (a dial, a CONNECT) passes
        when some path of the host may.

        Args:
            destinations: Every name that could decide where the request goes, the dialled one first.
        """
        if not destinations:
            raise ValueError("a request without any destination")
        verdicts = [self._decide_one(destination) for destination in destinations]
        host = verdicts[0].host
        blocked = next((each for each in verdicts if not each.is_released), None)
        if blocked is None:
            return _strictest(verdicts, destinations)
        return _with_host(blocked, host)

    def _decide_one(self, destination: Destination) -> Verdict:
        try:
            host = canonical_host(destination.host)
        except PolicyError as error:
            return Verdict(
                action=Action.BLOCK,
                clauses=(),
                reason=f"{error.what}, so nobody can say where it leads ({destination.named_by})",
            )
        if destination.named_by in _DIALLED and not destination.host.isascii():
            named = _resolver_name(destination.host)
            if named != host:
                return _blocked(host, f"{quoted(destination.host)} is {host} to a browser and {named} to DNS")
        shelves = self._index.shelves(host)
        if destination.scheme == "tcp":
            return _decide_tcp(shelves, host, destination)
        if destination.scheme not in _WEB_SCHEMES:
            return _blocked(
                host, f"scheme {quoted(destination.scheme)} is none of {', '.join(_WEB_SCHEMES)}, tcp"
            )
        if destination.path is None:
            return _decide_dial(shelves, host, destination)
        return _decide_path(shelves, host, destination)


def _decide_tcp(shelves: list[Shelf], host: str, destination: Destination) -> Verdict:
    place = f"{_bracketed(host)}:{destination.port}"
    winner = _most_specific(each for each in on_port(shelves, destination.port) if each.entry.scheme is None)
    if winner is None or (winner.scope_list in ALLOWING and not opens_tcp(winner)):
        return _blocked(
            host,
            f"{place} is raw TCP, and no scope entry names both this host and this port",
            mend=f"If the program lists it, write {place!r} into scope.include",
        )
    if winner.scope_list is ScopeList.TUNNEL:
        return _blocked(host, f"{place} is raw TCP, and a tunnel carries TLS only", winner)
    return _by_entry(host, winner, place)


def opens_tcp(entry: ScopeEntry) -> bool:
    """Whether an entry names host and port, so that raw TCP may go there."""
    single = entry.network is None or entry.network.endswith("/128" if ":" in entry.network else "/32")
    return (
        single
        and entry.names_port
        and entry.scheme is None
        and entry.path is None
        and "*" not in (entry.host or "")
    )


def _decide_dial(shelves: list[Shelf], host: str, destination: Destination) -> Verdict:
    """No path yet, and a CONNECT does not say which scheme it will carry either."""
    port = destination.port
    found = list(on_port(shelves, port))
    first = None
    for scheme in (destination.scheme, *_WEB_SCHEMES):
        winner = _most_specific(each for each in found if _fits(each.entry, scheme))
        if winner is not None and winner.scope_list in ALLOWING:
            return _by_entry(host, winner, _bracketed(host))
        first = first or winner
    scoped = allowing_paths(shelves, port)
    if scoped:
        entry = min(scoped, key=lambda each: _TREATMENT.index(each.scope_list))
        return _by_entry(host, entry, f"some path of {_bracketed(host)}")
    return _by_entry(host, first, _bracketed(host)) if first else _unlisted(host, destination)


def _decide_path(shelves: list[Shelf], host: str, destination: Destination) -> Verdict:
    assert destination.path is not None
    scheme, port = destination.scheme, destination.port
    whole = [each for each in on_port(shelves, port) if _fits(each.entry, scheme)]
    if not has_paths(shelves, port):
        return _by_path_entry(host, _most_specific(whole), destination)
    octets = destination.path.encode("utf-8", "surrogatepass")
    readings = [
        _most_specific([*whole, *_fitting(on_path(shelves, port, path, loose=loose), scheme)])
        for path, loose in (
            (canonical_path(octets), False),
            (loose_path(octets), True),
            (dotted_path(octets), True),
            (loose_path(relative_path(octets)), True),
        )
    ]
    strict = readings[0]
    if is_ambiguous(destination.path) or len({_list_of(each) for each in readings}) > 1:
        return _blocked(
            host,
            f"servers read the path {quoted(destination.path)} differently, and {host} is allowed by path",
            next(filter(None, readings), None),
            mend="Write the path plainly: ASCII, in its case, no encoded slash, .., //, ; or double encoding",
        )
    return _by_path_entry(host, strict, destination, by_path=True)


def _by_path_entry(
    host: str, winner: ScopeEntry | None, destination: Destination, *, by_path: bool = False
) -> Verdict:
    if winner is None:
        return _unlisted(host, destination, by_path=by_path)
    if winner.scope_list is ScopeList.TUNNEL and destination.scheme in ("http", "ws"):
        return _blocked(host, f"{host} is a tunnel, and a tunnel carries TLS only", winner)
    return _by_entry(host, winner, _bracketed(host))


def _fits(entry: ScopeEntry, scheme: str) -> bool:
    """A page's scheme takes in its WebSockets; the reverse would widen what is written."""
    return entry.scheme is None or entry.scheme == scheme or _SECURE.get(entry.scheme) == scheme


def _fitting(found: Iterable[Ranked], scheme: str) -> list[Ranked]:
    return [each for each in found if _fits(each.entry, scheme)]


def _most_specific(found: Iterable[Ranked]) -> ScopeEntry | None:
    winner = max(found, key=lambda each: each.rank, default=None)
    return winner.entry if winner else None


def _list_of(entry: ScopeEntry | None) -> ScopeList | None:
    return entry.scope_list if entry else None


def _strictest(verdicts: list[Verdict], destinations: Sequence[Destination]) -> Verdict:
    lists = {verdict.scope_list for verdict in verdicts}
    host = verdicts[0].host
    if ScopeList.TUNNEL in lists and len(lists) > 1:
        names = ", ".join(
            f"{each.named_by} {quoted(each.host)} is on {verdict.scope_list}"
            for each, verdict in zip(destinations, verdicts, strict=True)
        )
        return _blocked(host, f"its names disagree on whether it is a tunnel: {names}")
    strictest = min(verdicts, key=lambda each: _TREATMENT.index(each.scope_list or ScopeList.INCLUDE))
    return _with_host(strictest, host)


def stricter(one: Verdict, other: Verdict) -> Verdict:
    """Of two policies' verdicts on one request, the one that lets less through."""
    if not (one.is_released and other.is_released):
        return other if one.is_released else one
    lists = (one.scope_list or ScopeList.INCLUDE, other.scope_list or ScopeList.INCLUDE)
    if ScopeList.TUNNEL in lists and lists[0] is not lists[1]:
        return _blocked(one.host, f"{one.host} is on {lists[0]} in one policy and on {lists[1]} in the other")
    return min((one, other), key=lambda each: _TREATMENT.index(each.scope_list or ScopeList.INCLUDE))


def _with_host(verdict: Verdict, host: str) -> Verdict:
    return Verdict(
        action=verdict.action,
        clauses=verdict.clauses,
        reason=verdict.reason,
        scope_list=verdict.scope_list,
        mend=verdict.mend,
        host=host,
    )


def _by_entry(host: str, entry: ScopeEntry, place: str) -> Verdict:
    allowed = entry.scope_list in ALLOWING
    through = f" through preset:{entry.preset}" if entry.preset else ""
    return Verdict(
        action=Action.ALLOW if allowed else Action.BLOCK,
        clauses=(entry.clause,),
        reason=f"{place} is on scope.{entry.scope_list}{through} as {entry.text!r} ({entry.clause.where})",
        scope_list=entry.scope_list,
        host=host,
        mend=None if allowed else f"Only if the program allows it after all, change {entry.clause.where}",
    )


def _blocked(host: str, reason: str, entry: ScopeEntry | None = None, *, mend: str | None = None) -> Verdict:
    return Verdict(
        action=Action.BLOCK,
        clauses=(entry.clause,) if entry else (),
        reason=reason,
        scope_list=entry.scope_list if entry else None,
        host=host,
        mend=mend,
    )


def _unlisted(host: str, destination: Destination, *, by_path: bool = False) -> Verdict:
    standard = STANDARD_PORTS[destination.scheme]
    place = _bracketed(host) if destination.port == standard else f"{_bracketed(host)}:{destination.port}"
    if by_path:
        place = f"{destination.scheme}://{place}{quoted(destination.path or '')[1:-1]}"
    return _blocked(
        host,
        f"{place} is not listed in the policy",
        mend=f"If the program lists it: fairwitness scope add {place} --says 'its sentence'; "
        f"if a page in scope only needs it: fairwitness allow {place}",
    )


def _resolver_name(host: str) -> str | None:
    """What Python's getaddrinfo asks DNS for: IDNA 2003, where browsers have moved on."""
    try:
        return host.encode("idna").decode("ascii").lower().removesuffix(".")
    except UnicodeError:
        return None


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
