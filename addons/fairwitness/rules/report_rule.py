"""A rule about what is reported, not about what is sent: it looks at a finding before it is given out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import ClassVar

from fairwitness.model.finding import Finding, Objection
from fairwitness.model.policy import Policy
from fairwitness.model.record import ExchangeRow
from fairwitness.model.verdict import Action
from fairwitness.rules.rule import line_of


class ReportRule:
    """What the program says of reports.

    Args:
        policy: The program's.
        site_of: The registered name above a host.
    """

    name: ClassVar[str]
    """As in policy.yaml and docs/rules.md; the file and the class share it."""
    summary: ClassVar[str]
    """What it objects to, one line."""
    advice: ClassVar[str]

    def __init__(self, policy: Policy, *, site_of: Callable[[str], str] = lambda host: host) -> None:
        self.policy = policy
        self.site_of = site_of

    def look(self, finding: Finding, rows: Sequence[ExchangeRow]) -> Iterator[str]:
        """One sentence for each thing that a triager would object to."""
        raise NotImplementedError


def objections_of(
    rules: Iterable[type[ReportRule]],
    policy: Policy,
    finding: Finding,
    rows: Sequence[ExchangeRow],
    *,
    site_of: Callable[[str], str] = lambda host: host,
) -> tuple[Objection, ...]:
    """What these rules object to; a rule whose line says `log` objects to nothing.

    Stricter actions than `warn` warn too: what to report is the researcher's decision.
    """
    found: list[Objection] = []
    for rule in rules:
        line = line_of(policy, rule.name)
        if line.action is not Action.ALLOW:
            said = rule(policy, site_of=site_of).look(finding, rows)
            found += (
                Objection(rule=rule.name, clause=line.clause, says=says, advice=rule.advice) for says in said
            )
    return tuple(found)
