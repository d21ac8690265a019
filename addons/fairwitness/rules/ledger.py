"""Flags and the blocks that outlast their request: identical offences are one flag."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b

from fairwitness.model.exchange import Initiator
from fairwitness.model.flag import Answer, AnswerAs, Flag, PastFlag, Severity, Sighting
from fairwitness.model.verdict import Action, Clause
from fairwitness.rules.bounded import Recent
from fairwitness.rules.subject import Subject

BLOCK_US = 15 * 60_000_000  # a block ends by itself after this, so that nobody stays locked out unawares
RUN_US = 15 * 60_000_000  # after such a pause the same offence is a new one
_GROUPS = 4096
_BLOCKS = 4096
_FLAGS = 10_000
_UNSAID = "f0"  # of a sighting that is seen again and was no flag then

_Offence = tuple[str, str, bool]
"""Rule, `Flag.offence`, whether a page made it."""
_Let = tuple[str, str, bool]
"""Rule, reach, whether a page made it: what one yes to a held request covers."""
_Group = tuple[_Offence, Severity, Action, str]
_Place = tuple[str, str, bool]
"""Actor, endpoint, whether only what pages ask for is blocked there."""


@dataclass(slots=True)
class _Run:
    flag: Flag
    last_us: int


class Ledger:
    """The flags of a session.

    A class, because a run of offences, a block and an answer are remembered from exchange to exchange.
    """

    def __init__(self, next_flag: int) -> None:
        self._next = next_flag
        self._runs: Recent[_Group, _Run] = Recent(_GROUPS)
        self._groups: Recent[str, tuple[_Group, list[_Place]]] = Recent(_GROUPS)
        self._blocks: Recent[_Place, tuple[Flag, int]] = Recent(_BLOCKS)
        self._dismissed: Recent[_Offence, tuple[Flag, Severity]] = Recent(_GROUPS)
        self._flags: deque[Flag] = deque(maxlen=_FLAGS)
        self._is_replaying = False
        self._held: Recent[str, list[tuple[_Let, Flag]]] = Recent(_GROUPS)
        self._let: Recent[_Let, Flag] = Recent(_GROUPS)

    @property
    def flags(self) -> tuple[Flag, ...]:
        """All flags of the session, the oldest first; beyond 10,000 the oldest are in the log only."""
        return tuple(self._flags)

    def dismissed(self, rule: str, sighting: Sighting, subject: Subject) -> Flag | None:
        """The flag that was answered "false alarm" or "authorised" and covers this sighting too."""
        found = self._dismissed.get(_offence(rule, sighting, subject))
        if found is None or _severity(sighting, subject) > found[1]:
            return None
        return found[0]

    def record(
        self,
        rule: str,
        sighting: Sighting,
        subject: Subject,
        *,
        action: Action,
        clause: Clause,
        says: str,
        stands: bool,
    ) -> tuple[Flag, bool]:
        """The flag of this sighting, and whether it is new.

        Args:
            stands: Whether it blocks what comes later, too.
        """
        group = (_offence(rule, sighting, subject), _severity(sighting, subject), action, clause.id)
        run = self._runs.get(group)
        if run is not None and (self._is_replaying or subject.time_us - run.last_us <= RUN_US):
            run.last_us = max(run.last_us, subject.time_us)
            return run.flag, False
        flag = _flag(
            _UNSAID if self._is_replaying else f"f{self._next}",
            rule,
            sighting,
            subject,
            action=action,
            clause=clause,
            says=says,
            stands=stands,
        )
        if self._is_replaying:
            return flag, False
        self._next += 1
        self._begin(group, flag, subject.time_us)
        self._flags.append(flag)
        return flag, True

    def _begin(self, group: _Group, flag: Flag, time_us: int) -> None:
        self._runs.put(group, _Run(flag, time_us))
        self._groups.put(flag.flag, (group, []))

    def begin_replay(self, past: Iterable[PastFlag]) -> None:
        """From now on nothing is new: runs and answers are as the log tells them."""
        self._is_replaying = True
        for each in past:
            flag = each.flag
            is_page_made = flag.initiator is Initiator.PAGE
            offence = flag.rule, flag.offence or offence_name(flag.reach), is_page_made
            self._begin((offence, flag.severity, flag.action, flag.clause.id), flag, each.last_us)
            if each.was_let_go:
                self._let.put((flag.rule, flag.reach, is_page_made), flag)
            if each.answer is not None:
                self.answer(each.answer)

    def blocked_again(self, name: str, subject: Subject) -> None:
        """On replay: the flag of this name has blocked this."""
        found = self._groups.get(name)
        run = self._runs.get(found[0]) if found is not None else None
        if run is None or run.flag.flag != name or run.flag.blocks_until_us is None:
            return
        if self.standing_block(subject) is None:
            self.block(run.flag, subject)

    def end_replay(self) -> None:
        """From now on flags are raised."""
        self._is_replaying = False

    def let(self, rule: str, sighting: Sighting, subject: Subject) -> Flag | None:
        """The flag of a held request that the researcher let go, where that yes covers this one too."""
        return (
            None if sighting.asks_each_time else self._let.get((rule, sighting.reach, subject.is_page_made))
        )

    def hold(self, flag: Flag, sighting: Sighting, subject: Subject) -> None:
        """A request waits because of this flag; `released` if it may go after all."""
        held = self._held.get_or_make(subject.exchange, list)
        held.append(((flag.rule, sighting.reach, subject.is_page_made), flag))

    def released(self, exchange: str) -> None:
        """A request leaves: whoever let it go is not asked again about the same at the same place."""
        for what, flag in self._held.pop(exchange) or ():
            self._let.put(what, flag)

    def block(self, flag: Flag, subject: Subject) -> None:
        """Block this actor at this endpoint for 15 minutes from now, or until the flag is answered."""
        if flag.flag == _UNSAID:
            return
        place = (subject.actor, subject.endpoint, subject.is_page_made)
        self._blocks.put(place, (flag, subject.time_us + BLOCK_US))
        found = self._groups.get(flag.flag)
        if found is not None and place not in found[1]:
            found[1].append(place)
            del found[1][:-_BLOCKS]

    @property
    def has_blocks(self) -> bool:
        """Whether anybody may be blocked anywhere."""
        return bool(len(self._blocks))

    def standing_block(self, subject: Subject) -> Flag | None:
        """The flag that blocks this actor at this endpoint at this moment.

        A block that a page brought about covers only what pages ask for: no page may lock its visitor out.
        """
        for page_made in (False, True) if subject.is_page_made else (False,):
            place = (subject.actor, subject.endpoint, page_made)
            found = self._blocks.get(place)
            if found is None:
                continue
            flag, until_us = found
            if subject.time_us < until_us:
                return flag
            self._blocks.pop(place)
        return None

    def answer(self, answer: Answer) -> None:
        """Take the researcher's answer: the flag's blocks end, and its run is over.

        "False alarm" and "authorised" also let the same offence, up to the same severity, pass for the
        rest of the session; it stays on record under the answered flag.
        """
        found = self._groups.pop(answer.flag)
        if found is None:
            return
        group, places = found
        for place in places:
            blocked = self._blocks.get(place)
            if blocked is not None and blocked[0].flag == answer.flag:
                self._blocks.pop(place)
        run = self._runs.pop(group)
        if run is not None and answer.answered_as is not AnswerAs.ACCIDENT:
            offence, severity, *_ = group
            self._dismissed.put(offence, (run.flag, severity))


def _flag(
    name: str,
    rule: str,
    sighting: Sighting,
    subject: Subject,
    *,
    action: Action,
    clause: Clause,
    says: str,
    stands: bool,
) -> Flag:
    return Flag(
        flag=name,
        rule=rule,
        severity=_severity(sighting, subject),
        action=action,
        clause=clause,
        initiator=subject.initiator,
        exchange=subject.exchange,
        time_us=subject.time_us,
        says=says,
        advice=sighting.advice,
        shown_by=sighting.shown_by,
        reach=sighting.reach,
        blocks_until_us=subject.time_us + BLOCK_US if stands else None,
        offence=offence_name(sighting.group or sighting.reach),
    )


def offence_name(group: str) -> str:
    """What is kept of a group, which may name persons and is compared only."""
    return blake2b(group.encode("utf-8", "surrogateescape"), digest_size=12).hexdigest()


def _severity(sighting: Sighting, subject: Subject) -> Severity:
    return Severity.INFO if subject.is_page_made else sighting.severity


def _offence(rule: str, sighting: Sighting, subject: Subject) -> _Offence:
    return rule, offence_name(sighting.group or sighting.reach), subject.is_page_made
