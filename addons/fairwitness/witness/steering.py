"""What the researcher does to a running session: look, halt, answer, change the policy."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import Protocol

from fairwitness.errors import PolicyError
from fairwitness.evidence import Log
from fairwitness.model.account import Account
from fairwitness.model.clock import SessionClock
from fairwitness.model.event import AccountSeen, Event, FlagAnswered, Held, PolicyChanged
from fairwitness.model.flag import Answer, AnswerAs
from fairwitness.model.policy import Policy
from fairwitness.model.remark import Remark
from fairwitness.policy import Change, PolicyInForce
from fairwitness.rules import Runner, SignIn
from fairwitness.witness.crowd import Crowd
from fairwitness.witness.dialling import Dialling
from fairwitness.witness.keeper import Keeper
from fairwitness.witness.messages import Messages
from fairwitness.witness.patience import Patience, held_event
from fairwitness.witness.redirects import Redirects
from fairwitness.witness.status import EvidenceStatus, MeterStatus, Status


class AccountBook(Protocol):
    """Where the researcher's accounts are kept."""

    def load(self) -> tuple[Account, ...]:
        """All of them."""

    def add(self, name: str, identities: tuple[str, ...]) -> tuple[Account, ...]:
        """Give an account more identities, be it a new one; all accounts then."""

    def remove(self, name: str) -> tuple[Account, ...]:
        """Take an account out; those that are left."""


class Steering:
    """The half of the conductor that the terminal and the control socket use.

    Args:
        policy: The policy in force.
        runner: The rules of engagement.
        log: The evidence log, opened for writing.
        clock: The session's time.
        tell: Takes every event, at once and without raising.
        unattended: Whether nobody is there to answer a hold, which makes it a block.
        book: Where accounts are kept; None: none is known, and none can be registered.
    """

    def __init__(
        self,
        policy: PolicyInForce,
        runner: Runner,
        log: Log,
        *,
        clock: SessionClock,
        tell: Callable[[Event], None],
        unattended: bool,
        book: AccountBook | None = None,
    ) -> None:
        self._policy = policy
        self._runner = runner
        self._log = log
        self._keeper = Keeper(log, clock=clock, tell=tell)
        self._gate = self._keeper.gate
        self._patience = Patience(self._keeper, runner, clock=clock, unattended=unattended)
        self.dialling = Dialling(policy, runner, self._keeper)
        self.messages = Messages(runner, self._keeper)
        self._book = book
        self._accounts = runner.known.accounts
        self._started_us = clock.now_us()
        self._answered: set[str] = set()
        self._crowd: Crowd | None = None
        self._redirects = Redirects()
        self._released = self._blocked = self._open = 0

    def status(self) -> Status:
        """How it is doing."""
        now_us = self._keeper.now_us()
        waiting = self._policy.waiting
        return Status(
            gate=self._gate.state.value,
            reason=self._gate.reason,
            program=self._policy.policy.program.name,
            policy_sha256=self._policy.policy.sha256,
            policy_waiting_sha256=waiting.sha256 if waiting else None,
            session=self._log.session,
            started_us=self._started_us,
            now_us=now_us,
            released=self._released,
            blocked=self._blocked,
            flags=len(self._runner.flags),
            flags_open=sum(each.flag not in self._answered for each in self._runner.flags),
            held=len(self._patience.holds.waiting),
            throttled=self._patience.slots.waiting,
            open_requests=self._open,
            log=self._log_status(),
            meters=tuple(
                MeterStatus(each.name, each.host, each.metered, each.used, each.limit, each.per, each.waiting)
                for each in self._runner.meters(now_us)
            ),
        )

    def _log_status(self) -> EvidenceStatus:
        growth = self._log.growth
        return EvidenceStatus(
            entries=growth.entries,
            bytes=growth.stored_bytes,
            waiting=growth.waiting,
            not_durable=growth.not_durable,
        )

    def halt(self, reason: str) -> None:
        """Block everything until `resume`."""
        self._gate.halt(reason or "no reason given")
        self._patience.holds.deny_all()
        self._keeper.note(f"halted: {self._gate.reason}")
        self._keeper.warn("halted", self._gate.reason)

    def resume(self, reason: str) -> None:
        """End a halt.

        Raises:
            PolicyError: Nothing is halted, or no reason is given.
        """
        if not reason.strip():
            raise PolicyError("a reason is needed", where="resume", mend="Say it with --reason TEXT")
        if not self._gate.resume():
            raise PolicyError("nothing is halted", where="resume", mend="See 'fairwitness status'")
        self._keeper.note(f"resumed: {reason}")
        self._keeper.warn("resumed", reason)

    def pending(self) -> tuple[Held, ...]:
        """What waits for the researcher."""
        now_us = self._keeper.now_us()
        return tuple(held_event(each, "waiting", now_us=now_us) for each in self._patience.holds.waiting)

    def release(self, hold: str) -> None:
        """Let a held request go.

        Raises:
            PolicyError: Nothing of that name waits.
        """
        self._patience.holds.answer(hold, release=True)

    def deny(self, hold: str) -> None:
        """Refuse a held request.

        Raises:
            PolicyError: Nothing of that name waits.
        """
        self._patience.holds.answer(hold, release=False)

    def confirm(self, sha256_prefix: str) -> Policy:
        """Put the waiting policy in force.

        Raises:
            PolicyError: Nothing waits, or another one.
            EvidenceError: It could not be recorded; the gate is closed.
        """
        policy = self._policy.confirm(sha256_prefix)
        self._adopt("confirmed", policy, "in-force", "confirmed by the researcher")
        return policy

    async def offer_policy(self, text: bytes, *, is_wanted: Callable[[], bool]) -> Change | None:
        """Take a changed policy file, which may be very long: it is read beside the traffic, and counts then.

        Args:
            text: The file's bytes.
            is_wanted: Asked when it was read; None is given where it was not.

        Raises:
            PolicyError: It is broken; the policy in force stays.
            EvidenceError: It could not be recorded; the gate is closed.
        """
        with self._noting_refusals():
            considered = await asyncio.to_thread(self._policy.consider, text, path=self._policy.policy.path)
        if not is_wanted():
            return None
        with self._noting_refusals():
            change = self._policy.take(considered)
        if change.state != "same":
            self._adopt("changed", change.policy, change.state, change.summary)
        return change

    @contextlib.contextmanager
    def _noting_refusals(self) -> Iterator[None]:
        try:
            yield
        except PolicyError as error:
            self._keeper.note(f"a broken policy file was refused: {error}")
            raise

    def _adopt(self, why: str, policy: Policy, state: str, summary: str) -> None:
        self._runner.adopt(self._policy.policy)
        if self._crowd is not None:
            self._crowd.stop_refused()
        now_us = self._keeper.now_us()
        self._keeper.record_now(
            lambda: self._log.append_policy(policy, time_us=now_us, why=f"{why}: {state}: {summary}")
        )
        self._keeper.tell(PolicyChanged(time_us=now_us, state=state, sha256=policy.sha256, summary=summary))

    def answer(self, flag: str, answered_as: AnswerAs, note: str) -> None:
        """Record the researcher's answer to a flag, and let it take effect.

        Raises:
            EvidenceError: It could not be recorded; the gate is closed.
        """
        answer = Answer(flag=flag, answered_as=answered_as, note=note, time_us=self._keeper.now_us())
        self._keeper.record_now(lambda: self._log.append_answer(answer))
        self._runner.answer(answer)
        self._answered.add(flag)
        self._keeper.tell(FlagAnswered(time_us=answer.time_us, answer=answer))

    def remark(self, remark: Remark) -> None:
        """Record what another command did, and return when it is committed.

        Raises:
            EvidenceError: It could not be recorded; the gate is closed.
        """
        now_us = self._keeper.now_us()
        self._keeper.record_now(lambda: self._log.append_remark(remark, time_us=now_us))

    def accounts(self) -> tuple[Account, ...]:
        """The researcher's own accounts."""
        return self._accounts.registered

    def register_account(self, name: str, *identities: str) -> None:
        """Take identities for an account of the researcher's own, from now on and in later sessions.

        Raises:
            PolicyError: They cannot be used, or cannot be kept.
        """
        self._accounts.adopt(self._kept().add(name, identities))

    def adopt_accounts(self, accounts: tuple[Account, ...]) -> None:
        """Take what somebody wrote into the file by hand, from now on."""
        self._accounts.adopt(accounts)

    def remove_account(self, name: str) -> None:
        """Forget an account.

        Raises:
            PolicyError: There is none of that name, or it cannot be written.
        """
        self._accounts.adopt(self._kept().remove(name))

    def forget_account_question(self, identity: str) -> None:
        """It is no account of the researcher's own: not asked again in this session."""
        self._accounts.decline(identity)

    def _kept(self) -> AccountBook:
        if self._book is None:
            raise PolicyError(
                "this proxy keeps no accounts", where="accounts", mend="Start it with 'fairwitness run'"
            )
        return self._book

    def _ask_about(self, sign_in: SignIn) -> None:
        self._keeper.tell(
            AccountSeen(
                time_us=self._keeper.now_us(),
                identity=sign_in.identity,
                host=sign_in.host,
                exchange=sign_in.exchange,
            )
        )

    def note(self, text: str) -> None:
        """Record a note."""
        self._keeper.note(text)
