"""Makes the scene: what was remembered, how the proxy is, and what is asked of the researcher."""

from __future__ import annotations

from collections.abc import Iterator

from fairwitness.cli.live.memory import Memory
from fairwitness.cli.live.scene import Ask, AskKind, Dialogue, Scene
from fairwitness.cli.session import Running
from fairwitness.model.event import Held
from fairwitness.model.policy import Policy
from fairwitness.policy import Suggestion, WantedHost, suggest_hosts

_MINUTE_US = 60_000_000


class Stage:
    """A class, because suggestions are worked out only when pages want something new.

    Args:
        memory: What was remembered.
        session: The session's number.
        note: The session's note.
        declare: Rules that no proxy can see.
    """

    def __init__(self, memory: Memory, *, session: int, note: str, declare: tuple[str, ...]) -> None:
        self._memory = memory
        self._session = session
        self._note = note
        self._declare = list(declare)
        self._suggested: tuple[Suggestion, ...] = ()
        self._suggested_for: tuple[int, str] = (0, "")

    @property
    def undeclared(self) -> tuple[str, ...]:
        """Declared rules that nobody has answered."""
        return tuple(self._declare)

    def declared(self, rule: str) -> bool:
        """It was answered.  Whether it was still open."""
        if rule not in self._declare:
            return False
        self._declare.remove(rule)
        return True

    def scene(self, running: Running, dialogue: Dialogue) -> Scene:
        """What the screen shows now."""
        status = running.witness.status()
        memory = self._memory
        waiting = memory.waiting_policy
        is_waiting = waiting is not None and waiting.sha256 == status.policy_waiting_sha256
        return Scene(
            program=status.program,
            listen=running.ready.listen,
            evidence=running.ready.evidence,
            session=self._session,
            note=self._note,
            minutes=(status.now_us - status.started_us) // _MINUTE_US,
            gate=status.gate,
            reason=status.reason,
            policy=status.policy_sha256,
            waiting_policy=status.policy_waiting_sha256 or "",
            waiting_summary=waiting.summary if waiting is not None and is_waiting else "",
            released=status.released,
            blocked=status.blocked,
            open_requests=status.open_requests,
            throttled=status.throttled,
            flags_open=status.flags_open,
            log=status.log,
            meters=status.meters,
            lines=memory.lines,
            flags=memory.flags,
            asks=tuple(self._asks(status.now_us)),
            wanted=self._wanted(running.policy()),
            remark=memory.remark,
            dialogue=dialogue,
        )

    def _asks(self, now_us: int) -> Iterator[Ask]:
        for held in self._memory.holds:
            yield _hold(held, now_us)
        for rule in self._declare:
            yield Ask(
                AskKind.DECLARE, rule, f"Do you keep to this rule, which no proxy can see: {rule}?", None
            )
        for seen in self._memory.accounts:
            yield Ask(
                AskKind.ACCOUNT,
                seen.identity,
                f"Is {seen.identity}, who signed in at {seen.host}, yours?",
                None,
            )

    def _wanted(self, policy: Policy) -> tuple[Suggestion, ...]:
        """What suits the wanted hosts.  Counts are those of when the last new host was wanted."""
        asked_for = (len(self._memory.wanted), policy.sha256)
        if asked_for != self._suggested_for:
            self._suggested_for = asked_for
            wanted = [WantedHost(host, page, count) for (host, page), count in self._memory.wanted.items()]
            self._suggested = suggest_hosts(wanted, policy)
        return self._suggested


def _hold(held: Held, now_us: int) -> Ask:
    request = held.request
    words = f"{held.hold} {request.method} {request.url[:200]}: {held.verdict.reason}"
    return Ask(AskKind.HOLD, held.hold, words, max(0, -(-(held.ends_us - now_us) // 1_000_000)))
