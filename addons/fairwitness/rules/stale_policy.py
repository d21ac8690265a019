"""stale-policy: the program's page was not read lately."""

from __future__ import annotations

from collections.abc import Iterator

from fairwitness.model.clock import parse_iso_us
from fairwitness.model.flag import Severity, Sighting
from fairwitness.rules.rule import Rule

_DAY_US = 86_400_000_000


class StalePolicy(Rule):
    """Says at start how long ago the policy was compared with the program's page."""

    name = "stale-policy"
    summary = "the program's policy was not reviewed lately"

    def at_start(self, now_us: int) -> Iterator[Sighting]:
        """Compare ``program.reviewed`` with today."""
        program = self.policy.program
        said = _age(program.reviewed, program.review_every_days, now_us=now_us)
        if said is not None:
            yield Sighting(
                rule=self.name,
                severity=Severity.CHECK,
                says=said,
                advice=f"Read {program.policy_url} again and write today's date into program.reviewed.",
                shown_by=(),
                reach="nothing",
            )


def _age(reviewed: str | None, every_days: int, *, now_us: int) -> str | None:
    """What is wrong with the day of the last review; None where it is recent enough."""
    if reviewed is None:
        return "the policy does not say when it was last compared with the program's page"
    try:
        day_us = parse_iso_us(reviewed)
    except ValueError:
        return "program.reviewed is no date"
    days = (now_us - day_us) // _DAY_US
    if days < -1:  # -1: a researcher east of Greenwich may already write tomorrow's date
        return f"the policy's last review, {reviewed}, lies in the future"
    if days > every_days:
        return f"the policy was last reviewed {days} days ago, on {reviewed}; due every {every_days} days"
    return None
