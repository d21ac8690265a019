"""Lists of programs with their targets, a shape that several platforms' data share.

Source:
    Keys as in github.com/arkadiyt/bounty-targets-data: HackerOne, Bugcrowd, Intigriti, YesWeHack, Federacy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fairwitness.errors import RecordingError
from fairwitness.policy.importers.fields import at, mapping, sequence, some, text
from fairwitness.policy.importers.hackerone_csv import nature_of, side_of
from fairwitness.policy.importers.row import Row, Side, Source, nature_by

_NETWORK = {
    "url", "wildcard", "iprange", "website", "api", "network", "ip_address", "ip-address", "web-application",
}  # fmt: skip
_ANYTHING = {"other", "application", ""}
_MOST_NAMED = 8  # programs that an error names


class Targets:
    """One program with ``targets``, or a list of such, of which one is chosen by name or handle."""

    name = "bounty-targets data"

    def recognises(self, document: object) -> bool:
        """A program, or a list whose first item is one."""
        first = sequence(document)[0] if sequence(document) else document
        return isinstance(at(first, "targets", "in_scope"), list)

    def read(self, document: object, *, file: str, program: str | None) -> Source:
        """The rows of the chosen program."""
        listed = [mapping(each) for each in sequence(document)] or [mapping(document)]
        chosen = _choose(listed, file, program)
        return Source(
            rows=tuple(_rows(chosen, file)),
            name=some(chosen.get("name")),
            policy_url=some(chosen.get("url")),
        )


def _choose(listed: list[Mapping[str, object]], file: str, wanted: str | None) -> Mapping[str, object]:
    if len(listed) == 1 and not wanted:
        return listed[0]
    names = [_names(each) for each in listed]
    fitting = [each for each, its in zip(listed, names, strict=True) if wanted and wanted.lower() in its]
    if len(fitting) == 1:
        return fitting[0]
    if len(listed) == 1 and not fitting:
        return listed[0]  # the file has one program, and --name calls it something else
    shown = ", ".join(text(each.get("name")) for each in (fitting or listed)[:_MOST_NAMED])
    what = (
        f"it holds {len(listed)} programs" if not wanted else f"{len(fitting)} programs are called {wanted!r}"
    )
    raise RecordingError(what, where=file, mend=f"Choose one with --name, such as {shown}")


def _names(program: Mapping[str, object]) -> set[str]:
    found = (text(program.get(key)).lower() for key in ("name", "handle", "id", "url", "company_handle"))
    return {each for each in found if each}


def _rows(program: Mapping[str, object], file: str) -> Iterator[Row]:
    for side, key in ((Side.IN, "in_scope"), (Side.OUT, "out_of_scope")):
        for number, target in enumerate(sequence(at(program, "targets", key))):
            yield _row(mapping(target), f"{file}: targets.{key}[{number}]", side)


def _row(target: Mapping[str, object], where: str, side: Side) -> Row:
    if "asset_identifier" in target:
        eligible = target.get("eligible_for_submission")
        listed = side if eligible is None else side_of(eligible)
        return Row(
            raw=text(target.get("asset_identifier")),
            where=where,
            side=listed if listed is side else Side.UNSURE,
            nature=nature_of(text(target.get("asset_type"))),
            note=text(target.get("instruction")),
        )
    kind = text(target.get("type")).lower()
    raw = text(target.get("endpoint")) or text(target.get("target")) or text(target.get("name"))
    if "impact" in target:
        side = _intigriti_side(text(target.get("impact")), side)
    return Row(
        raw=raw,
        where=where,
        side=side,
        nature=nature_by(kind, network=_NETWORK, anything=_ANYTHING),
        note=text(target.get("description")),
    )


def _intigriti_side(impact: str, side: Side) -> Side:
    """Intigriti's impact decides; the scraper files what has none under in scope."""
    if not impact:
        return Side.UNSURE
    said = Side.OUT if impact.lower() == "out of scope" else Side.IN
    return said if said is side else Side.UNSURE
