"""What came of asking for a request, and what the log keeps of it."""

from __future__ import annotations

from dataclasses import dataclass

from fairwitness.evidence import Keep
from fairwitness.model.exchange import Request
from fairwitness.model.verdict import ScopeList, Verdict


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of asking for a request."""

    request: Request
    """With initiator, page and meter filled in."""
    verdict: Verdict
    id: int | None
    """Its number in the log; identical blocks share one.  None where it could not be kept."""
    released_us: int
    is_released: bool = False
    """Whether it leaves; also true of a hold that the researcher has released."""


def keep_of(verdict: Verdict) -> Keep:
    """Bodies of hosts that pages load from are not kept."""
    return Keep.HEAD if verdict.scope_list is ScopeList.LOAD else Keep.WHOLE
