"""Sorts the rows of a source: entries, what needs a decision, and what is no network at all.

Nothing is guessed wider than it was written: a row that is not clearly a host, a URL or a range is left to
the researcher, and hosts that an undecided exclusion names stay excluded until then.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from fairwitness.errors import PolicyError
from fairwitness.policy.entries import ParsedEntry, parse_entry
from fairwitness.policy.importers.row import Nature, Row, Side
from fairwitness.policy.suffixes import has_known_suffix

_NARROWS = re.compile(
    r"exclud|out[ -]of[ -]scope|not in[ -]scope|do not test|don't test|except|not eligible|ineligible"
    r"|only the|\bonly\b.{0,40}\bin scope",
    re.IGNORECASE,
)
_STORES = (
    "play.google.com",
    "apps.apple.com",
    "itunes.apple.com",
    "testflight.apple.com",
    "apps.microsoft.com",
    "chrome.google.com",
    "chromewebstore.google.com",
    "addons.mozilla.org",
    "microsoftedge.microsoft.com",
    "appgallery.huawei.com",
)
_SHARED = ("github.com", "gitlab.com", "bitbucket.org", "npmjs.com", "pypi.org", "hub.docker.com")
_REVERSED = re.compile(r"(?:com|org|net)(?:\.[A-Za-z0-9_]+){2,}")
_HOST_IN_PROSE = re.compile(
    r"(?<![\w@.*-])(?:\*\.)?(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,24}(?![\w-])", re.I
)
_RANGE = re.compile(r"([0-9.]+|[0-9a-fA-F:]+)\s*-\s*([0-9.]+|[0-9a-fA-F:]+)")
_NETWORK_BITS = re.compile(r"[0-9]{1,3}")  # behind the slash of 192.0.2.0/28
_MOST_NETWORKS = 64  # of one range that is written with a dash


@dataclass(frozen=True, slots=True)
class Decision:
    """A row that nobody but the researcher can place."""

    raw: str
    where: str
    why: str


@dataclass(frozen=True, slots=True)
class Line:
    """One entry for the policy, with the row that it is from."""

    entry: str
    where: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sorted:
    """All rows of a source, each in exactly one place."""

    include: tuple[Line, ...]
    exclude: tuple[Line, ...]
    decide: tuple[Decision, ...]
    read: int
    """Rows in all: those that became entries, those to decide, those that are no network."""
    became_entries: int
    not_network: int


@dataclass(slots=True)
class _Sorting:
    """As far as it has come.  Not frozen: it grows row by row."""

    lines: dict[Side, dict[str, Line]] = field(default_factory=lambda: {Side.IN: {}, Side.OUT: {}})
    decide: list[Decision] = field(default_factory=list)
    undecided_out: list[Row] = field(default_factory=list)
    became_entries: int = 0
    not_network: int = 0


def sort_rows(rows: Iterable[Row]) -> Sorted:
    """Each row to its place."""
    sorting, count = _Sorting(), 0
    # Exclusions first: a host that stands on both lists must not become an entry of include.
    for row in sorted(rows, key=lambda each: each.side is not Side.OUT):
        count += 1
        _place(sorting, row)
    included = sorting.lines[Side.IN]
    for row in sorting.undecided_out:
        for entry in _named_in(row):
            if entry not in included:
                note = "provisional: named by a line below that needs your decision"
                sorting.lines[Side.OUT].setdefault(entry, Line(entry, row.where, note))
    return Sorted(
        include=tuple(included.values()),
        exclude=tuple(sorting.lines[Side.OUT].values()),
        decide=tuple(sorting.decide),
        read=count,
        became_entries=sorting.became_entries,
        not_network=sorting.not_network,
    )


def _place(sorting: _Sorting, row: Row) -> None:
    if row.nature is Nature.NOT_NETWORK or _is_store(row.raw):
        sorting.not_network += 1
        return
    found = entries_in(row)
    if isinstance(found, str):
        sorting.decide.append(Decision(row.raw, row.where, found))
        if row.side is Side.OUT:
            sorting.undecided_out.append(row)
        return
    if row.side is Side.IN and any(entry in sorting.lines[Side.OUT] for entry in found):
        why = "it stands both in scope and out of scope; left out until you decide"
        sorting.decide.append(Decision(row.raw, row.where, why))
        return
    sorting.became_entries += 1
    for entry in found:
        sorting.lines[row.side].setdefault(entry, Line(entry, row.where, row.note))


def entries_in(row: Row) -> tuple[str, ...] | str:
    """The scope entries that a row clearly is, or why it is none."""
    if row.doubt:
        return row.doubt
    if row.nature is Nature.UNKNOWN:
        return "the source's word for what it is is not known here"
    if row.side is Side.UNSURE:
        return "the source does not say whether it is in scope"
    if row.side is Side.IN and _NARROWS.search(row.note):
        return f"its note may narrow it: {_short(row.note)}"
    pieces = row.raw.replace("\\.", ".").split() if row.raw else []
    pieces = [piece for each in pieces for piece in re.split(r"[,;]", each) if piece]
    if not pieces:
        return "it is empty"
    if _RANGE.fullmatch(row.raw.strip()):
        return _networks(row.raw.strip())
    entries: list[str] = []
    for piece in pieces:
        entry = _entry(piece, row)
        if isinstance(entry, str):
            return entry if len(pieces) == 1 else "it is a sentence, or more than hosts"
        entries += _widened(entry) if row.side is Side.OUT else [entry.text]
    return tuple(dict.fromkeys(entries))


def _entry(piece: str, row: Row) -> ParsedEntry | str:
    text = _as_entry(piece.strip("`'\""), row.side)
    try:
        parsed = parse_entry(text)
    except PolicyError as error:
        return f"{error.what}; {error.mend}"
    if parsed.preset is not None:
        return "it is no host"
    if parsed.network is not None:
        return _checked_network(parsed)
    host = (parsed.host or "").removeprefix("*.")
    if "." not in host or not has_known_suffix(host):
        return "it is no name that the internet knows"
    if row.nature is not Nature.NETWORK and _REVERSED.fullmatch(text):
        return "it may be the name of an app"
    if host in _SHARED and parsed.path:
        return "it is a page of somebody else's platform, perhaps source code"
    return parsed


def _as_entry(piece: str, side: Side) -> str:
    """The same place as policy.yaml writes it, never wider; for an exclusion never narrower."""
    piece = piece.partition("#")[0]  # never sent to a server
    if side is Side.OUT:
        piece = piece.partition("?")[0]
    scheme, mark, rest = piece.rpartition("://")
    host, slash, path = rest.partition("/")
    path = path.removesuffix("*").rstrip("/") if path == "*" or path.endswith("/*") else path.rstrip("/")
    if not slash or (not path and not mark):
        return f"{scheme}{mark}{host}"
    if _NETWORK_BITS.fullmatch(path) and not mark:
        return rest
    return f"{scheme or 'https'}://{host}/{path}".rstrip("/")


def _widened(entry: ParsedEntry) -> list[str]:
    """An exclusion holds for both schemes, whichever the source wrote."""
    if entry.scheme is None or entry.names_port:
        return [entry.text]
    bare = entry.text.partition("://")[2]
    return [bare] if entry.path is None else [f"https://{bare}", f"http://{bare}"]


def _checked_network(parsed: ParsedEntry) -> ParsedEntry | str:
    network = ipaddress.ip_network(parsed.network or "0.0.0.0/0")
    if not network.is_global:
        return "it is a private or reserved address: allowed only if you write it yourself"
    return parsed


def _networks(text: str) -> tuple[str, ...] | str:
    match = _RANGE.fullmatch(text)
    assert match
    try:
        first, last = ipaddress.ip_address(match[1]), ipaddress.ip_address(match[2])
        found = [str(each) for each in ipaddress.summarize_address_range(first, last)]
    except (ValueError, TypeError):
        return "it is no range of addresses"
    if len(found) > _MOST_NETWORKS:
        return "it is a long range: write it as networks"
    for each in found:
        if not ipaddress.ip_network(each).is_global:
            return "it is a private or reserved address: allowed only if you write it yourself"
        try:
            parse_entry(each)
        except PolicyError as error:
            return error.what
    return tuple(found)


def _is_store(raw: str) -> bool:
    match = re.match(r"(?:https?://)?([^/\s]+)/\S", raw.strip(), re.IGNORECASE)
    return bool(match and match[1].lower() in _STORES)


def _named_in(row: Row) -> Iterator[str]:
    """What is surely part of an undecided exclusion, and hosts that its prose or pattern names."""
    sure = entries_in(replace(row, raw=row.meanwhile, doubt="")) if row.meanwhile else ""
    if not isinstance(sure, str):
        yield from sure
    for match in _HOST_IN_PROSE.finditer(row.raw.replace(".*\\.", "*.").replace("\\.", ".")):
        try:
            parsed = parse_entry(match[0].lower())
        except PolicyError:
            continue
        if parsed.host and has_known_suffix(parsed.host.removeprefix("*.")):
            yield parsed.text


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 200 else line[:197] + "..."
