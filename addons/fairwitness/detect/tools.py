"""Which program a request's headers name: a scanner, a crawler or an HTTP library."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache
from importlib import resources
from typing import Any

import ahocorasick

_AGENT_BYTES = 1024  # of a header that is looked at
_TOOL_HEADERS = {  # set by scanners, whatever the User-Agent says
    b"acunetix-aspect": "acunetix",
    b"acunetix-aspect-password": "acunetix",
    b"acunetix-aspect-queries": "acunetix",
    b"acunetix-product": "acunetix",
    b"x-scan-memo": "acunetix",
    b"x-scanner": "scanner",
    b"x-wipp": "wipp",
    b"x-wvs-id": "acunetix",
    b"x-wvs-security-key": "acunetix",
    b"x-ratproxy-loop": "ratproxy",
    b"x-request-memo": "netsparker",
    b"x-requestmanager-memo": "netsparker",
    b"x-arachni-scan-seed": "arachni",
    b"x-skipfish": "skipfish",
    b"x-schemathesis-testcaseid": "schemathesis",
    b"x-zap-scan-id": "zap",
    b"x-bugreporter": "scanner",
}


class ToolKind(StrEnum):
    """What a program is for."""

    SCANNER = "scanner"
    """It looks for weaknesses, or breaks in, by itself."""
    CRAWLER = "crawler"
    """It follows links by itself."""
    LIBRARY = "library"
    """A person or a script says what it asks for: curl, python-requests."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A program that names itself."""

    name: str
    kind: ToolKind
    header: str
    """The header that names it, lower case."""


def tool_in(headers: Iterable[tuple[bytes, bytes]]) -> Tool | None:
    """The program that a request's headers name; None for a browser and for what says nothing."""
    found: Tool | None = None
    for name, value in headers:
        lower = name.lower()
        if lower == b"user-agent" and value:
            found = _by_agent(value[:_AGENT_BYTES]) or found
        elif lower in _TOOL_HEADERS:
            return Tool(_TOOL_HEADERS[lower], ToolKind.SCANNER, lower.decode())
    return found


def tool_of(headers: Mapping[bytes, bytes]) -> Tool | None:
    """The same of headers that are there once each, by their lower-case names."""
    if not _TOOL_HEADERS.keys().isdisjoint(headers):
        return tool_in(headers.items())
    agent = headers.get(b"user-agent")
    return _by_agent(agent[:_AGENT_BYTES]) if agent else None


@lru_cache(maxsize=1024)
def _by_agent(agent: bytes) -> Tool | None:
    rank = list(ToolKind)
    best: tuple[int, int, str] | None = None
    for _, (kind, word) in _words().iter(agent.decode("latin-1").lower()):
        candidate = (rank.index(kind), -len(word), word)
        if best is None or candidate < best:
            best = candidate
    return Tool(best[2].strip("/ ("), rank[best[0]], "user-agent") if best else None


@cache
def _words() -> Any:
    automaton = ahocorasick.Automaton()
    for kind, name in (
        (ToolKind.CRAWLER, "crawlers.txt"),
        (ToolKind.LIBRARY, "libraries.txt"),
        (ToolKind.SCANNER, "scanners.txt"),
    ):
        text = resources.files("fairwitness.detect").joinpath(name).read_text("utf-8")
        for line in text.splitlines():
            if line and not line.startswith("#"):
                automaton.add_word(line, (kind, line))
    automaton.make_automaton()
    return automaton
