"""Scopes as other testers' tools keep them: Burp, ZAP, Caido.

All three match patterns; an entry of ours is written only where it covers no more than the pattern did, and
an exclusion only where it covers no less.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from fairwitness.errors import RecordingError
from fairwitness.policy.importers.fields import at, mapping, sequence, some, text
from fairwitness.policy.importers.row import Nature, Row, Side, Source

_LITERAL_HOST = re.compile(
    r"\^?((?:\.\*\\?\.|\(\.\*\\\.\)\?|\(\?:\.\*\\\.\)\?)?)((?:[A-Za-z0-9_-]|\\[.-]|\.)+)\$?"
)
_PORT = re.compile(r"\^?\(?(\d{1,5})\)?\$?")
_FOLDER = re.compile(r"\^?(/(?:[A-Za-z0-9/_-]|\\[^A-Za-z0-9])*?)(?:\.\*)?\$?")
_ZAP_URL = re.compile(r"\^?(https?)\??://(.+?)(/.*)?")
_BEGINS = "it also excludes paths that begin alike, which no entry can: write them out"
_OFF = "its context is not in scope in ZAP"
_REGEX = "its pattern is more than a host"


class BurpScope:
    """``target.scope`` of a Burp project or options file; HackerOne gives one for each program."""

    name = "Burp scope"

    def recognises(self, document: object) -> bool:
        """It has ``target.scope.include``."""
        return isinstance(at(document, "target", "scope", "include"), list)

    def read(self, document: object, *, file: str, program: str | None) -> Source:  # noqa: ARG002 - one program a file
        """Rules that are switched off are left out, as Burp leaves them out."""
        rows = []
        for side, key in ((Side.IN, "include"), (Side.OUT, "exclude")):
            for number, each in enumerate(sequence(at(document, "target", "scope", key))):
                rule = mapping(each)
                if rule.get("enabled") is not False:
                    rows.append(_burp_row(rule, f"{file}: target.scope.{key}[{number}]", side))
        return Source(rows=tuple(rows))


def _burp_row(rule: Mapping[str, object], where: str, side: Side) -> Row:
    if "prefix" in rule:
        prefix = text(rule.get("prefix"))
        places = [prefix]
        if rule.get("include_subdomains") is True:
            before, mark, rest = prefix.rpartition("://")
            places.append(f"{before}{mark}*.{rest}")
        path = prefix.rpartition("://")[2].partition("/")[2]
        return _row_of(places, where, side, prefix, is_less=bool(path) and not path.endswith("/"))
    host, port, path = (text(rule.get(key)) for key in ("host", "port", "file"))
    protocol = text(rule.get("protocol")).lower()
    shown = " ".join(
        f"{key}={text(rule.get(key))}" for key in ("protocol", "host", "port", "file") if rule.get(key)
    )
    names = host_patterns(host, side)
    scheme = _scheme(protocol, port)
    is_page = path.endswith("$") and not path.endswith(".*$")  # and not what lies below
    if not names or scheme is None or (path and not _folder(path)) or (is_page and side is Side.IN):
        return Row(raw=shown or "any host", where=where, side=side, doubt=_REGEX)
    folder = _folder(path) if path else ""
    is_less = bool(path) and not (path.startswith("^") and (is_page or _ends_at_a_slash(path)))
    return _row_of([_joined(scheme, name, folder) for name in names], where, side, shown, is_less=is_less)


def _row_of(places: list[str], where: str, side: Side, shown: str, *, is_less: bool) -> Row:
    """One row of the source, also where it names a host and its subdomains.

    Args:
        places: What it names, as far as entries can say it.
        where: Its place in the source.
        side: Its list.
        shown: It, as it stands in the source.
        is_less: Whether entries cover less of it than it does; an exclusion then needs a decision.
    """
    row = Row(raw=", ".join(places), where=where, side=side, nature=Nature.NETWORK)
    return replace(row, raw=shown, doubt=_BEGINS, meanwhile=row.raw) if is_less and side is Side.OUT else row


def _ends_at_a_slash(pattern: str) -> bool:
    """Whether it is a folder's, as entries are: ``/admin.*`` is also ``/administrator``."""
    return pattern.removesuffix("$").removesuffix(".*").endswith("/")


def _joined(scheme: str, name: str, folder: str) -> str:
    if not folder.strip("/"):
        return f"{scheme}://{name}" if scheme in ("http", "https") else f"{name}{scheme}"
    return (
        f"{scheme or 'https'}://{name}{folder}"
        if not scheme.startswith(":")
        else f"https://{name}{scheme}{folder}"
    )


def _scheme(protocol: str, port: str) -> str | None:
    """``https``, ``http``, ``:8443`` or nothing; None where the port is a pattern of its own."""
    if not port:
        return protocol if protocol in ("http", "https") else ""
    match = _PORT.fullmatch(port)
    if not match:
        return "" if port in ("^(80|443)$", "(80|443)", "^(443|80)$") else None
    if match[1] in ("443", "80"):
        scheme = "https" if match[1] == "443" else "http"
        return scheme if protocol in (scheme, "any", "") else f":{match[1]}"
    return f":{match[1]}"


def _folder(pattern: str) -> str:
    match = _FOLDER.fullmatch(pattern)
    return match[1].replace("\\", "") if match else ""


def host_patterns(pattern: str, side: Side) -> tuple[str, ...]:
    """What a host's regular expression covers, as our patterns; none where it is more than that.

    For an exclusion an expression without its anchors covers more than the name that it shows.
    """
    match = _LITERAL_HOST.fullmatch(pattern)
    if not match:
        return ()
    is_anchored = pattern.startswith("^") and pattern.endswith("$")
    if side is Side.OUT and not is_anchored:
        return ()
    name = match[2].replace("\\", "").lstrip(".")
    if not match[1]:
        return (name,)
    return (name, f"*.{name}") if match[1].startswith("(") else (f"*.{name}",)


class ZapContext:
    """The regular expressions of a ZAP context, each over a whole URL."""

    name = "ZAP context"

    def recognises(self, document: object) -> bool:
        """XML with a context in it."""
        return isinstance(document, str) and "<configuration" in document[:4096] and "<context>" in document

    def read(self, document: object, *, file: str, program: str | None) -> Source:  # noqa: ARG002 - one program a file
        """Expressions that are a host and a folder become rows, all others need a decision."""
        from defusedxml import DefusedXmlException
        from defusedxml.ElementTree import ParseError, fromstring

        try:
            root = fromstring(str(document), forbid_dtd=True)
        except (ParseError, DefusedXmlException, ValueError) as error:
            raise RecordingError(
                "the context is no XML that can be read safely", where=file, mend="Export it from ZAP again"
            ) from error
        rows = []
        for side, tag in ((Side.IN, "incregexes"), (Side.OUT, "excregexes")):
            for number, element in enumerate(root.iter(tag)):
                rows.append(_zap_row((element.text or "").strip(), f"{file}: {tag}[{number}]", side))
        if (root.findtext(".//context/inscope") or "").strip().lower() == "false":
            rows = [replace(row, doubt=_OFF) if row.side is Side.IN else row for row in rows]
        return Source(rows=tuple(rows), name=some(root.findtext(".//context/name")))


def _zap_row(pattern: str, where: str, side: Side) -> Row:
    match = _ZAP_URL.fullmatch(pattern.removeprefix("\\Q").replace("\\E", ""))
    doubt = Row(raw=pattern, where=where, side=side, doubt=_REGEX)
    if not match:
        return doubt
    scheme, host, path = match[1], match[2], match[3] or ""
    names = host_patterns(f"^{host}$", side)
    tail = "" if path in ("", "/", "/.*", "/?.*") else path
    folder = _folder(tail) if tail else ""
    # A pattern ends where it ends: without .* behind it, it is one page and not what lies below.
    if not names or (tail and not folder) or (tail and side is Side.IN and not tail.endswith(".*")):
        return doubt
    is_less = tail.endswith(".*") and not _ends_at_a_slash(tail)
    return _row_of([f"{scheme}://{name}{folder}" for name in names], where, side, pattern, is_less=is_less)


class CaidoScope:
    """Caido's lists of globs."""

    name = "Caido scope"

    def recognises(self, document: object) -> bool:
        """It has an allow list."""
        first = sequence(document)[0] if sequence(document) else document
        return isinstance(at(first, "allowlist"), list)

    def read(self, document: object, *, file: str, program: str | None) -> Source:
        """A row a glob; ``*name`` also matches strangers whose names end so, and needs a decision."""
        listed = [mapping(each) for each in sequence(document)] or [mapping(document)]
        chosen = next((each for each in listed if program and each.get("name") == program), listed[0])
        rows = []
        for side, key in ((Side.IN, "allowlist"), (Side.OUT, "denylist")):
            for number, each in enumerate(sequence(chosen.get(key))):
                rows.append(_caido_row(text(each), f"{file}: {key}[{number}]", side))
        return Source(rows=tuple(rows), name=some(chosen.get("name")))


def _caido_row(glob: str, where: str, side: Side) -> Row:
    doubt = meanwhile = ""
    if "?" in glob:
        doubt = "a question mark stands for any character; write the names"
        meanwhile = glob.replace("?", "*")
    elif re.match(r"\*[^.]", glob):
        doubt = f"it covers {glob[1:]} and *.{glob[1:]}, and strangers whose names end so"
        meanwhile = f"{glob[1:]}, *.{glob[1:]}"
    return Row(raw=glob, where=where, side=side, nature=Nature.NETWORK, doubt=doubt, meanwhile=meanwhile)
