"""From a source to the answers of a draft."""

from __future__ import annotations

from dataclasses import dataclass

from fairwitness.policy.draft import DraftAnswers
from fairwitness.policy.importers.row import Source
from fairwitness.policy.importers.sort import Decision, Line, Sorted, sort_rows
from fairwitness.policy.known import NO_HOST, NO_NAME, NO_PAGE, RULE_NAMES


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What a source gives for a first policy."""

    answers: DraftAnswers
    scope: Sorted


def imported(
    source: Source,
    *,
    name: str | None = None,
    policy_url: str | None = None,
    include: tuple[str, ...] = (),
    headers: tuple[tuple[str, str], ...] = (),
) -> Imported:
    """The answers that a source gives; what the researcher says goes before it."""
    scope = sort_rows(source.rows)
    hosts = (*include, *(line.entry for line in scope.include if line.entry not in include))
    answers = DraftAnswers(
        name=name or source.name or NO_NAME,
        policy_url=policy_url or _page(source.policy_url) or NO_PAGE,
        include=hosts or (NO_HOST,),
        exclude=tuple(line.entry for line in scope.exclude),
        contact=source.contact,
        rewards=source.rewards,
        scope_says=source.scope_says,
        headers=headers or source.headers,
        user_agent_suffix=source.user_agent_suffix,
        rate=source.rate,
        rule_says=tuple(pair for pair in source.rule_says if pair[0] in RULE_NAMES),
        declare=source.declare,
        excluded=source.excluded,
        remarks=tuple((line.entry, _remark(line)) for line in (*scope.include, *scope.exclude)),
        undecided=tuple(map(_undecided, scope.decide)),
    )
    return Imported(answers=answers, scope=scope)


def _page(url: str | None) -> str | None:
    return url if url and url.startswith(("https://", "http://")) else None


def _remark(line: Line) -> str:
    return f"{line.where}: {line.note}" if line.note else line.where


def _undecided(decision: Decision) -> str:
    return f"{decision.where}: {decision.raw!r}: {decision.why}"
