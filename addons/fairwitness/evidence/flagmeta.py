"""Flags and answers as meta lines, and back."""

from __future__ import annotations

from collections.abc import Sequence

from fairwitness.evidence.layout import DamagedError
from fairwitness.evidence.meta import Pairs, every, whole
from fairwitness.model.exchange import Initiator
from fairwitness.model.flag import Answer, AnswerAs, Flag, Pointer, Severity
from fairwitness.model.verdict import Action, Clause


def flag_pairs(flag: Flag) -> Pairs:
    """A flag, whole."""
    pairs: Pairs = [
        ("raised", flag.flag),
        ("rule", flag.rule),
        ("severity", flag.severity.word),
        ("action", flag.action.word),
        ("clause-id", flag.clause.id),
        ("clause-where", flag.clause.where),
        ("initiator", flag.initiator.value),
        ("says", flag.says),
        ("advice", flag.advice),
        ("reach", flag.reach),
        *(("shown-by", f"{at.exchange} {at.start} {at.end} {at.part}") for at in flag.shown_by),
    ]
    if flag.clause.says is not None:
        pairs.append(("clause-says", flag.clause.says))
    if flag.offence:
        pairs.append(("offence", flag.offence))
    if flag.blocks_until_us is not None:
        pairs.append(("blocks-until-us", str(flag.blocks_until_us)))
    return pairs


def flag_of(pairs: Sequence[tuple[str, str]], *, exchange: str, time_us: int) -> Flag:
    """The inverse of `flag_pairs`.

    Raises:
        DamagedError: The entry is no flag.
    """
    held = dict(pairs)
    try:
        return Flag(
            flag=held["raised"],
            rule=held["rule"],
            severity=Severity[held["severity"].upper()],
            action=Action[held["action"].upper()],
            clause=Clause(held["clause-id"], held.get("clause-says"), held["clause-where"]),
            initiator=Initiator(held["initiator"]),
            exchange=exchange,
            time_us=time_us,
            says=held["says"],
            advice=held["advice"],
            shown_by=tuple(_pointer(text) for text in every(pairs, "shown-by")),
            reach=held["reach"],
            blocks_until_us=whole(pairs, "blocks-until-us"),
            offence=held.get("offence", ""),
        )
    except (KeyError, ValueError):
        raise DamagedError("it is no readable flag") from None


def _pointer(text: str) -> Pointer:
    exchange, start, end, part = text.split(" ", 3)
    return Pointer(exchange, part, int(start), int(end))


def answer_pairs(answer: Answer) -> Pairs:
    """An answer, whole."""
    return [("answers", answer.flag), ("as", answer.answered_as.value), ("note", answer.note)]


def answer_of(pairs: Sequence[tuple[str, str]], *, time_us: int) -> Answer:
    """The inverse of `answer_pairs`.

    Raises:
        DamagedError: The entry is no answer.
    """
    held = dict(pairs)
    try:
        return Answer(
            flag=held["answers"],
            answered_as=AnswerAs(held["as"]),
            note=held["note"],
            time_us=time_us,
        )
    except (KeyError, ValueError):
        raise DamagedError("it is no readable answer") from None
