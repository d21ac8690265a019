"""Whether a path is one that nobody links and that scanners look for."""

from __future__ import annotations

from functools import cache, lru_cache
from importlib import resources
from typing import Any
from urllib.parse import unquote_to_bytes

import ahocorasick

_PATH_BYTES = 1024


@lru_cache(maxsize=2048)
def probe_in(path: bytes) -> str | None:
    """The known name in a path, such as ``/.git/config``; None where there is none."""
    plain = unquote_to_bytes(path[:_PATH_BYTES]).decode("latin-1").lower()
    best = ""
    for end, name in _names().iter(plain):
        start = end + 1 - len(name)
        begins = name[0] == "/" or start == 0 or plain[start - 1] == "/"
        ends = name[-1] == "/" or end + 1 == len(plain) or plain[end + 1] in "/?;.~"
        if begins and ends and len(name) > len(best):
            best = name
    return best or None


@cache
def _names() -> Any:
    automaton = ahocorasick.Automaton()
    text = resources.files("fairwitness.detect").joinpath("probe_paths.txt").read_text("utf-8")
    for line in text.splitlines():
        if line and not line.startswith("#"):
            automaton.add_word(line, line)
    automaton.make_automaton()
    return automaton
