"""mixed-report: several findings in one report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from fairwitness.detect import SURE, attacks_in
from fairwitness.model.finding import Finding
from fairwitness.model.record import ExchangeRow
from fairwitness.rules.endpoint import skeleton
from fairwitness.rules.fields import form_fields
from fairwitness.rules.report_rule import ReportRule

_LOOKED_AT = 500  # exchanges of a finding whose URLs are searched for payloads
_SHOWN = 5


class MixedReport(ReportRule):
    """Asks whether the exchanges of a finding have anything in common.

    Two sites have nothing, and neither have two places of one site at which different kinds of payloads were
    tried.  The steps of one finding (a sign-in, then an order, then another's order) do.
    """

    name = "mixed-report"
    summary = "several findings in one report"
    advice = "Make a finding of each, unless one needs the other: then say so in the steps."

    def look(self, finding: Finding, rows: Sequence[ExchangeRow]) -> Iterator[str]:  # noqa: ARG002
        """Compare sites, then what was tried where."""
        if not self.policy.report.one_finding_per_report:
            return
        sites = sorted({self.site_of(row.host) for row in rows if row.host})
        if len(sites) > 1:
            yield (
                f"its exchanges are of {len(sites)} sites ({', '.join(sites[:_SHOWN])});"
                " the program wants one finding a report: is this one finding?"
            )
        places = _tried(rows)
        for place, families in places.items():
            for other, others in places.items():
                if place < other and families.isdisjoint(others):
                    yield (
                        f"{'/'.join(sorted(families))} at {place[:100]} and {'/'.join(sorted(others))} at"
                        f" {other[:100]} have nothing in common: is this one finding?"
                    )
                    return


def _tried(rows: Sequence[ExchangeRow]) -> dict[str, set[str]]:
    """Which families of payloads the URLs hold, by host and path."""
    found: dict[str, set[str]] = {}
    for row in rows[:_LOOKED_AT]:
        try:
            parts = urlsplit(row.url)
        except ValueError:
            continue
        families = {
            attack.family
            for _, value in form_fields(parts.query.encode("utf-8", "replace"))
            for attack in attacks_in(value.encode("utf-8", "replace"))
            if attack.weight >= SURE
        }
        if families:
            path = skeleton(parts.path.encode("utf-8", "replace"))
            found.setdefault(f"{row.host}{path}", set()).update(families)
    return found
