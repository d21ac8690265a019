"""Where a request goes, and what the rules say of it."""

from fairwitness.model.verdict import Action, ScopeList, Verdict
from fairwitness.rules import Judgement
from fairwitness.witness.combine import combine

LISTED = Verdict(action=Action.ALLOW, clauses=(), reason="it is listed", scope_list=ScopeList.INCLUDE)


def test_who_is_blocked_by_a_rule_is_told_how_to_undo_it() -> None:
    """By the answer that the client gets and by the event; what no answer lifts has no such line."""
    lasting = Judgement(action=Action.BLOCK, reason="it shouts", undo="answer f1")
    afresh = Judgement(action=Action.BLOCK, reason="too many")

    assert ("answer f1", None) == (combine(LISTED, lasting).mend, combine(LISTED, afresh).mend)
