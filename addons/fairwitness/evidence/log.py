"""The evidence log, open for writing: what happened, in the order in which it happened.

::

    log = Log.open(folder, program=policy.program, now_us=clock.now_us())
    number = log.append_request(request, verdict=verdict, released_us=clock.now_us(), keep=Keep.WHOLE)
    await log.commit()  # now it may leave
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fairwitness.evidence.answers import flags_of, newest_answers, next_flag_number
from fairwitness.evidence.findingmeta import remark_pairs
from fairwitness.evidence.flagmeta import answer_pairs, flag_pairs
from fairwitness.evidence.journal import Journal
from fairwitness.evidence.keep import Keep
from fairwitness.evidence.lock import Lock
from fairwitness.evidence.meta import (
    policy_pairs,
)
from fairwitness.evidence.opening import open_journal, settle
from fairwitness.evidence.prune import drop_bodies, remove_strays
from fairwitness.evidence.traffic import Traffic
from fairwitness.evidence.upkeep import Upkeep
from fairwitness.model.disclosure import Exported
from fairwitness.model.exchange import NO_EXCHANGE
from fairwitness.model.flag import Answer, Flag
from fairwitness.model.policy import Policy, Program
from fairwitness.model.pruning import Drop
from fairwitness.model.remark import Remark

QUOTA_BYTES = 20 << 30  # 20 GiB: what an evidence folder may take before it warns
_FOLDED_EVERY = 5  # full commits between two writings of folded counts
_PORTIONS_AT_ONCE = 4  # of upkeep in `checkpoint_full`: about 12 ms in which nothing else happens
_WORD_PORTIONS = 20  # of the full-text index in `checkpoint`, each about 15 ms in a thread
_PORTIONS = 40  # of upkeep in `checkpoint`, which lets the loop go on between them


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """How far a log has come."""

    entries: int
    stored_bytes: int
    """On the disk; bodies in files of their own as last counted, which happens twice a minute."""
    waiting: int
    """Entries that are not committed yet."""
    not_durable: int
    """Entries that a power cut could still take."""


class Log(Traffic):
    """The log of one evidence folder, held by this process alone.

    A class, because the lock, the tree and the open transaction last from entry to entry.  Every method
    belongs to the thread of the event loop.
    """

    def __init__(
        self, folder: Path, lock: Lock, journal: Journal, *, recovered: Sequence[str], quota: int
    ) -> None:
        """Use `open`."""
        super().__init__(journal)
        self.folder = folder
        self.recovered = tuple(recovered)
        """What was found of a run that ended without closing the log, a sentence each."""
        self._lock = lock
        self._session = journal.position.session + 1
        self._upkeep = Upkeep(folder, journal, quota)
        self._full_commits = 0
        self._is_closed = False

    @classmethod
    def open(cls, folder: Path, *, program: Program, now_us: int, quota_bytes: int = QUOTA_BYTES) -> Log:
        """Open a folder's log for writing, making both where they are missing.

        Args:
            folder: The evidence folder; made with mode 0700.
            program: Whose log it is.
            now_us: Now.
            quota_bytes: How large the folder may become before `warnings` says so.

        Raises:
            EvidenceError: Another process writes it, it is another program's, or it cannot be used.
        """
        with contextlib.ExitStack() as undo:
            lock, journal, recovered = open_journal(folder, program=program, now_us=now_us, undo=undo)
            log = cls(folder, lock, journal, recovered=recovered, quota=quota_bytes)
            undo.pop_all()
        return log

    @property
    def session(self) -> int:
        """The number of this run, from 1."""
        return self._session

    @property
    def failure(self) -> str | None:
        """Why nothing is accepted any more; None while all is well."""
        return self._journal.store.failure

    def check(self) -> None:
        """Refuse to go on after a failure.

        Raises:
            EvidenceError: Nothing is accepted any more, and why.
        """
        self._journal.store.check()

    @property
    def warnings(self) -> tuple[str, ...]:
        """What should be told now, a sentence each: the disk that fills, a view that cannot be written."""
        return self._upkeep.warnings

    @property
    def growth(self) -> Growth:
        """How far it has come; counters only, so that it may be asked often."""
        journal = self._journal
        return Growth(
            entries=journal.position.size,
            stored_bytes=journal.store.bytes() + self._upkeep.file_bytes,
            waiting=len(journal.store.entries),
            not_durable=journal.position.size - journal.durable,
        )

    def set_socket(self, path: str) -> None:
        """Tell in the lock file where the control socket lies."""
        self._lock.tell_socket(path)

    def append_session(self, facts: Sequence[tuple[str, str]], *, time_us: int) -> None:
        """The run begins; later calls add facts to it.

        Args:
            facts: What should be known of the run: versions, options, note.
            time_us: Now.
        """
        is_begun = self._journal.position.session == self._session
        pairs = [("state", "told" if is_begun else "begun"), *facts]
        self._add("session", pairs, time_us=time_us, number=None if is_begun else self._session)

    def append_policy(self, policy: Policy, *, time_us: int, why: str) -> None:
        """A policy is in force from now on."""
        body = self._journal.bodies.keep(policy.text, Keep.WHOLE)
        self._add("policy", [*policy_pairs(policy, why), *body.pairs], time_us=time_us, body=body)

    def append_note(self, text: str, *, time_us: int, exchange: str = NO_EXCHANGE) -> None:
        """A remark of the researcher or of the proxy."""
        self._add("note", [("note", text)], time_us=time_us, exchange=exchange)

    def append_flag(self, flag: Flag) -> None:
        """A rule of engagement was, or was about to be, broken."""
        self._add("flag", flag_pairs(flag), time_us=flag.time_us, exchange=flag.exchange)

    def append_answer(self, answer: Answer) -> None:
        """The researcher answered a flag."""
        self._add("answer", answer_pairs(answer), time_us=answer.time_us)

    def append_remark(self, remark: Remark, *, time_us: int) -> None:
        """What a command of the researcher did: a finding changed, something was exported."""
        kind = "export" if isinstance(remark, Exported) else "finding"
        self._add(kind, remark_pairs(remark), time_us=time_us)

    def prune(self, drops: Sequence[Drop], *, time_us: int) -> tuple[tuple[Drop, ...], bool]:
        """Drop bodies and give their room back to the disk.

        Gives those that were dropped (none that changed meanwhile), and whether the disk had the room that it
        takes to make the database smaller.

        Raises:
            EvidenceError: It could not be written.
        """
        done = drop_bodies(self._journal, self.folder, drops, time_us=time_us)
        remove_strays(self._journal.store.connection, self.folder)
        return done, self._journal.store.compact()

    def next_flag_number(self) -> int:
        """The number of the next flag that is raised."""
        self._journal.commit_now()
        return next_flag_number(self._journal.store.connection)

    def flags(self) -> tuple[Flag, ...]:
        """The flags that were raised, oldest first."""
        self._journal.commit_now()
        return tuple(flags_of(self._journal.store.connection))

    def answers(self) -> tuple[Answer, ...]:
        """The newest answer to each flag that was answered."""
        self._journal.commit_now()
        return tuple(newest_answers(self._journal.store.connection).values())

    async def commit(self) -> None:
        """Return when everything appended so far survives the death of this process.

        All who wait in one turn of the loop share a commit.  A power cut may still lose what came after the
        last `checkpoint_full`.

        Raises:
            EvidenceError: It is not committed: the disk is full, the database was deleted or replaced.
        """
        await self._journal.commit()

    def commit_now(self) -> None:
        """As `commit`, at once.

        Raises:
            EvidenceError: It is not committed.
        """
        self._journal.commit_now()

    def checkpoint_full(self) -> None:
        """Return when everything appended so far survives a power cut; to be called every second.

        Raises:
            EvidenceError: It is not durable.
        """
        self._before_full_commit()
        self._journal.sync()
        for _ in self._upkeep.work(_PORTIONS_AT_ONCE):
            pass
        if self._upkeep.has_view_to_settle():
            self._upkeep.settle_view()
        if self._upkeep.has_words_to_fill():
            self._upkeep.fill_words()

    async def checkpoint(self) -> None:
        """As `checkpoint_full`, while the loop goes on: the disk is waited for in a thread.

        Raises:
            EvidenceError: It is not durable.
        """
        self._before_full_commit()
        await self._journal.sync_in_thread()
        for _ in self._upkeep.work(_PORTIONS):
            await asyncio.sleep(0)
        if self._upkeep.has_view_to_settle():
            await asyncio.to_thread(self._upkeep.settle_view)
        size = self._journal.position.size
        for _ in range(_WORD_PORTIONS):
            if not self._upkeep.has_words_to_fill():
                return
            await asyncio.to_thread(self._upkeep.fill_words)
            if self._journal.position.size != size:
                return

    def close(self, *, time_us: int) -> None:
        """End the run: what is still open becomes unknown, and the lock is given up.

        Raises:
            EvidenceError: The last entries could not be committed.
        """
        if self._is_closed:
            return
        self._is_closed = True
        try:
            if self.failure is None:
                self._append_counts()
                settle(self._journal, why="the run ended while it was open", time_us=time_us)
                if self._journal.position.session == self._session:
                    self._add("session", [("state", "ended")], time_us=time_us)
                self._journal.sync()
        except OSError as error:  # of the parts of bodies: the folder itself went
            raise self._journal.store.fail(error) from error
        finally:
            self._upkeep.close()
            self._journal.close()
            self._lock.release()

    def _before_full_commit(self) -> None:
        self._journal.store.check()
        if not self._lock.is_in_place():
            raise self._journal.store.fail(OSError("its lock file was deleted or replaced"))
        self._full_commits += 1
        if self._full_commits % _FOLDED_EVERY == 0:
            self._append_counts()
