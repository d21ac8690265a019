"""What the platforms' own interfaces give for one program.

Sources:
    HackerOne ``/v1/hackers/programs/<handle>/structured_scopes``; YesWeHack ``/programs/<slug>``; Intigriti
    ``/external/researcher/v1/programs/<id>``; Bugcrowd ``/engagements/<slug>/changelog/<id>.json``.
"""

from __future__ import annotations

from collections.abc import Mapping

from fairwitness.policy.importers.fields import at, mapping, sequence, some, text
from fairwitness.policy.importers.hackerone_csv import nature_of, side_of
from fairwitness.policy.importers.row import Row, Side, Source, nature_by

_YESWEHACK = frozenset({"web-application", "api", "wildcard", "ip-address"})
_YESWEHACK_ANYTHING = frozenset({"other", "application", ""})
_INTIGRITI = frozenset({"url", "wildcard", "iprange"})
_BUGCROWD = frozenset({"website", "api", "network", "ip_address"})


class HackeroneApi:
    """JSON:API items of type ``structured-scope``."""

    name = "HackerOne API"

    def recognises(self, document: object) -> bool:
        """``data`` is a list of structured scopes."""
        found = sequence(at(document, "data"))
        return bool(found) and at(found[0], "type") == "structured-scope"

    def read(self, document: object, *, file: str, program: str | None) -> Source:  # noqa: ARG002 - one program a file
        """A row an item."""
        rows = []
        for number, item in enumerate(sequence(at(document, "data"))):
            asset = mapping(at(item, "attributes"))
            rows.append(
                Row(
                    raw=text(asset.get("asset_identifier")),
                    where=f"{file}: data[{number}]",
                    side=side_of(asset.get("eligible_for_submission")),
                    nature=nature_of(text(asset.get("asset_type"))),
                    note=text(asset.get("instruction")),
                )
            )
        return Source(rows=tuple(rows))


class YeswehackApi:
    """``scopes`` are objects, ``out_of_scope`` are sentences."""

    name = "YesWeHack API"

    def recognises(self, document: object) -> bool:
        """Scopes with a ``scope`` and its type."""
        found = sequence(at(document, "scopes"))
        return bool(found) and "scope_type" in mapping(found[0])

    def read(self, document: object, *, file: str, program: str | None) -> Source:  # noqa: ARG002 - one program a file
        """The rows, and the User-Agent that the program asks for."""
        form = mapping(document)
        rows = [
            Row(
                raw=text(at(each, "scope")),
                where=f"{file}: scopes[{number}]",
                side=Side.IN,
                nature=nature_by(
                    text(at(each, "scope_type")), network=_YESWEHACK, anything=_YESWEHACK_ANYTHING
                ),
            )
            for number, each in enumerate(sequence(form.get("scopes")))
        ]
        rows += [
            Row(raw=text(each), where=f"{file}: out_of_scope[{number}]", side=Side.OUT)
            for number, each in enumerate(sequence(form.get("out_of_scope")))
        ]
        return Source(
            rows=tuple(rows),
            name=some(form.get("title")) or some(form.get("name")),
            user_agent_suffix=some(form.get("user_agent")),
            excluded=tuple(filter(None, map(text, sequence(form.get("non_qualifying_vulnerability"))))),
        )


class IntigritiApi:
    """``domains`` with tiers, and rules of engagement with a header and a rate."""

    name = "Intigriti API"

    def recognises(self, document: object) -> bool:
        """It has domains."""
        return isinstance(at(document, "domains", "content"), list)

    def read(self, document: object, *, file: str, program: str | None) -> Source:  # noqa: ARG002 - one program a file
        """The rows, and what the program asks testers to send."""
        rows = []
        for number, each in enumerate(sequence(at(document, "domains", "content"))):
            tier = text(at(each, "tier", "value")).lower()
            kind = text(at(each, "type", "value")).lower().replace(" ", "")
            rows.append(
                Row(
                    raw=text(at(each, "endpoint")),
                    where=f"{file}: domains[{number}]",
                    side=Side.UNSURE if not tier else Side.OUT if tier == "out of scope" else Side.IN,
                    nature=nature_by(kind, network=_INTIGRITI),
                    note=text(at(each, "description")),
                )
            )
        asks = mapping(at(document, "rulesOfEngagement", "content", "testingRequirements"))
        rate = asks.get("automatedTooling")
        return Source(
            rows=tuple(rows),
            name=some(at(document, "name")),
            headers=_header(text(asks.get("requestHeader"))),
            user_agent_suffix=some(asks.get("userAgent")),
            rate=f"{rate}/s" if isinstance(rate, int) and not isinstance(rate, bool) and rate > 0 else None,
        )


class BugcrowdBrief:
    """A brief with groups of targets."""

    name = "Bugcrowd brief"

    def recognises(self, document: object) -> bool:
        """``data.scope`` is a list of groups."""
        found = sequence(at(document, "data", "scope"))
        return bool(found) and "targets" in mapping(found[0])

    def read(self, document: object, *, file: str, program: str | None) -> Source:  # noqa: ARG002 - one program a file
        """The rows of all groups."""
        rows = []
        for group_number, group in enumerate(sequence(at(document, "data", "scope"))):
            said = at(group, "inScope")
            side = Side.IN if said is True else Side.OUT if said is False else Side.UNSURE
            for number, target in enumerate(sequence(at(group, "targets"))):
                rows.append(
                    _bugcrowd_row(mapping(target), f"{file}: scope[{group_number}].targets[{number}]", side)
                )
        return Source(rows=tuple(rows), name=some(at(document, "data", "brief", "name")))


def _bugcrowd_row(target: Mapping[str, object], where: str, side: Side) -> Row:
    kind = text(target.get("category")).lower()
    return Row(
        raw=text(target.get("uri")) or text(target.get("name")) or text(target.get("ipAddress")),
        where=where,
        side=side,
        nature=nature_by(kind, network=_BUGCROWD),
    )


def _header(written: str) -> tuple[tuple[str, str], ...]:
    name, colon, value = written.partition(":")
    return ((name.strip(), value.strip()),) if colon and name.strip() and value.strip() else ()
