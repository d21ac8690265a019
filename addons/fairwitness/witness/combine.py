"""The verdict on where a request goes, and what the rules say of it: one verdict."""

from __future__ import annotations

from dataclasses import replace

from fairwitness.model.verdict import Verdict
from fairwitness.rules import Judgement


def combine(verdict: Verdict, judgement: Judgement) -> Verdict:
    """The stricter of both speaks."""
    if judgement.action <= verdict.action and not judgement.flags:
        return verdict
    if judgement.action <= verdict.action:
        return replace(verdict, flags=judgement.flags)
    return replace(
        verdict,
        action=judgement.action,
        clauses=judgement.clauses + verdict.clauses,
        reason=judgement.reason,
        flags=judgement.flags,
        delay_us=judgement.delay_us,
        retry_after_us=judgement.retry_after_us,
        mend=judgement.undo or None,
    )
