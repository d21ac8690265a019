"""Shipped lists of hosts that many sites need: sign-in, captcha, payment, fonts, CDN, analytics, browser.

Each is a data file in ``shipped/``: facts with their source.  A new file is found by itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources

from fairwitness.errors import PolicyError
from fairwitness.model.verdict import ScopeList
from fairwitness.policy.entries import ParsedEntry, parse_entry

KIND_LISTS = {
    "sign-in": ScopeList.TUNNEL,
    "captcha": ScopeList.TUNNEL,
    "payment": ScopeList.TUNNEL,
    "CDN": ScopeList.LOAD,
    "fonts": ScopeList.LOAD,
    "analytics": ScopeList.NOISE,
    "browser": ScopeList.NOISE,
}
"""The list that suits each kind of preset."""

_HEAD = re.compile(r"# (kind|about|source|licence): (.+)")


@dataclass(frozen=True, slots=True)
class Preset:
    """A shipped list."""

    name: str
    kind: str
    """``sign-in`` | ``captcha`` | ``payment`` | ``CDN`` | ``fonts`` | ``analytics`` | ``browser``."""
    about: str
    sources: tuple[str, ...]
    licence: str
    entries: tuple[ParsedEntry, ...]

    @property
    def scope_list(self) -> ScopeList:
        """The list that suits it."""
        return KIND_LISTS[self.kind]


@cache
def presets() -> dict[str, Preset]:
    """All shipped presets by name."""
    folder = resources.files("fairwitness.policy").joinpath("shipped")
    files = [each for each in folder.iterdir() if each.name.endswith(".txt")]
    found = (read_preset(each.name.removesuffix(".txt"), each.read_text("utf-8")) for each in files)
    return {preset.name: preset for preset in sorted(found, key=lambda preset: preset.name)}


def read_preset(name: str, text: str) -> Preset:
    """Read a data file: ``# kind:``, ``# about:``, ``# source:``, ``# licence:``, then a host a line.

    Raises:
        PolicyError: It does not say where it is from, or an entry is none.
    """
    head: dict[str, list[str]] = {"kind": [], "about": [], "source": [], "licence": []}
    entries = []
    for line in text.splitlines():
        said = _HEAD.fullmatch(line)
        if said:
            head[said[1]].append(said[2].strip())
        elif line.strip() and not line.startswith("#"):
            entries.append(parse_entry(line.partition("#")[0].strip()))
    missing = [key for key, values in head.items() if not values]
    if missing or head["kind"][0] not in KIND_LISTS or not entries:
        raise PolicyError(
            f"preset {name!r} has no usable {', '.join(missing) or 'kind or entries'}",
            where=f"shipped/{name}.txt",
            mend="Begin the file with '# kind:', '# about:', '# source:' and '# licence:' lines",
        )
    return Preset(
        name,
        head["kind"][0],
        head["about"][0],
        tuple(head["source"]),
        head["licence"][0],
        tuple(entries),
    )
