"""The evidence log, open for writing: what happened, in the order in which it happened.

::

    log = Log.open(folder, program=policy.program, now_us=clock.now_us())
    number = log.append_request(request, verdict=verdict, released_us=clock.now_us(), keep=Keep.WHOLE)
    await log.commit()  # now it may leave
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

from fairwitness.evidence.answers import newest_answers, next_flag_number
from fairwitness.evidence.blocks import BlockFold, Folded, key_of, written
from fairwitness.evidence.bodyrow import KeptBody
from fairwitness.evidence.entry import PIECED_BYTES
from fairwitness.evidence.flagmeta import answer_pairs, flag_pairs
from fairwitness.evidence.heads import add_request_head, add_response_head
from fairwitness.evidence.journal import Journal
from fairwitness.evidence.keep import Hide, Keep, hide_for_block, hide_for_load_host, hide_nothing
from fairwitness.evidence.layout import Draft
from fairwitness.evidence.lock import Lock
from fairwitness.evidence.meta import (
    Pairs,
    connection_pairs,
    message_pairs,
    meta_lines,
    policy_pairs,
    request_pairs,
    response_pairs,
)
from fairwitness.evidence.opening import open_journal, settle
from fairwitness.evidence.streaming import BodyWriter
from fairwitness.evidence.upkeep import Upkeep
from fairwitness.model.exchange import NO_EXCHANGE, Connection, Direction, Exchange, Message, Request
from fairwitness.model.flag import Answer, Flag
from fairwitness.model.policy import Policy, Program
from fairwitness.model.verdict import ScopeList, Verdict

QUOTA_BYTES = 20 << 30  # 20 GiB: what an evidence folder may take before it warns
_FOLDED_EVERY = 5  # full commits between two writings of folded counts
_OWN_LISTS = (ScopeList.INCLUDE, ScopeList.MINE)


class Log:
    """The log of one evidence folder, held by this process alone.

    A class, because the lock, the tree and the open transaction last from entry to entry.  Every method
    belongs to the thread of the event loop.
    """

    def __init__(
        self, folder: Path, lock: Lock, journal: Journal, *, recovered: Sequence[str], quota: int
    ) -> None:
        """Use `open`."""
        self.folder = folder
        self.recovered = tuple(recovered)
        """What was found of a run that ended without closing the log, a sentence each."""
        self._lock = lock
        self._journal = journal
        self._session = journal.position.session + 1
        self._blocks = BlockFold()
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

    @property
    def warnings(self) -> tuple[str, ...]:
        """What should be told now, a sentence each: the disk that fills, a view that cannot be written."""
        return self._upkeep.warnings

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

    def append_connection(self, connection: Connection, *, verdict: Verdict) -> None:
        """A server is about to be dialled; tunnels and raw streams are lines of their own in lists."""
        number = None if connection.purpose == "http" else self._journal.position.number + 1
        self._add(
            "connection",
            connection_pairs(connection, verdict),
            time_us=connection.dialled_us,
            exchange=connection.connection,
            number=number,
        )

    def append_connection_end(self, connection: Connection) -> None:
        """A dialled connection closed or failed."""
        time_us = connection.closed_us or connection.connected_us or connection.dialled_us
        pairs = connection_pairs(connection, None)
        self._add("connection", pairs, time_us=time_us, exchange=connection.connection)

    def append_request(self, request: Request, *, verdict: Verdict, released_us: int, keep: Keep) -> int:
        """A request is about to be released; gives its exchange's whole number.

        A body that is cut follows through `open_body` and `append_body`.
        """
        number = self._journal.position.number + 1
        pairs = request_pairs(request, verdict)
        body = None
        if request.body_is_cut:
            announced = "unknown" if request.body_bytes is None else str(request.body_bytes)
            pairs += [("body-follows", "yes"), ("body-announced", announced)]
        elif request.body:
            body = self._journal.bodies.keep(request.body, keep)
            pairs += body.pairs
        draft = Draft.of_meta(meta_lines(pairs))
        add_request_head(draft, request, hide=_hide(keep), hide_query=keep is Keep.HEAD)
        exchange = bytes.fromhex(request.exchange)
        self._journal.add("request", draft, time_us=released_us, exchange=exchange, body=body, number=number)
        return number

    def append_blocked(self, request: Request, *, verdict: Verdict, time_us: int) -> int | None:
        """A request was answered locally; gives its number, None where it was folded into an identical one.

        Its body is not stored, nor are credentials that were meant for hosts outside the program.
        """
        self._journal.store.check()
        key = key_of(request, verdict)
        if self._blocks.is_folded(key, time_us):
            return None
        exchange = bytes.fromhex(request.exchange)
        for folded in self._blocks.begin(key, exchange, time_us, verdict.flags):
            self._append_folded(folded)
        number = self._journal.position.number + 1
        pairs = request_pairs(request, verdict)
        if request.body_bytes:
            pairs += [("body-announced", str(request.body_bytes)), ("body-stored", "no: blocked")]
        draft = Draft.of_meta(meta_lines(pairs))
        hide = hide_nothing if verdict.scope_list in _OWN_LISTS else hide_for_block
        add_request_head(draft, request, hide=hide, hide_query=False)
        self._journal.add("blocked", draft, time_us=time_us, exchange=exchange, number=number)
        return number

    def append_response(
        self,
        exchange: Exchange,
        *,
        body: BodyWriter | None,
        keep: Keep,
        coded_sha256: str | None = None,
        flags: Sequence[str] = (),
    ) -> None:
        """An exchange ended, with a response or without.

        Args:
            exchange: With `Exchange.response` None or partial where it failed.
            body: The decoded body as it streamed; None: `Response.body` is all of it.
            keep: How much of it may be stored.
            coded_sha256: Hash of the body as it came, where a content coding was removed.
            flags: Flags that the response raised or continued.
        """
        response = exchange.response
        pairs = response_pairs(exchange)
        kept = None
        if body is not None:
            kept = body.kept()
        elif response is not None and response.body:
            kept = self._journal.bodies.keep(response.body, keep)
            if response.body_is_cut:
                pairs.append(("body-cut", "yes"))
        if kept is not None:
            pairs += kept.pairs
        if coded_sha256 is not None:
            pairs.append(("coded-sha256", coded_sha256))
        pairs += [("flag", flag) for flag in flags]
        draft = Draft.of_meta(meta_lines(pairs))
        if response is not None:
            add_response_head(draft, response, hide=_hide(keep))
        name = bytes.fromhex(exchange.request.exchange)
        self._journal.add("response", draft, time_us=exchange.ended_us, exchange=name, body=kept)

    def open_body(self, exchange: str, direction: Direction, *, keep: Keep) -> BodyWriter:
        """Where the chunks of a body go that streams."""
        self._journal.store.check()
        return BodyWriter(self._journal.bodies, exchange=exchange, direction=direction, keep=keep)

    def append_body(self, exchange: str, body: BodyWriter, *, time_us: int, failure: str | None) -> None:
        """A streamed upload ended; *failure* says why it is not whole."""
        kept = body.kept()
        pairs: Pairs = [("direction", Direction.SENT.value), *kept.pairs]
        if failure is not None:
            pairs.append(("failure", failure))
        self._add("body", pairs, time_us=time_us, exchange=exchange, body=kept)

    def append_message(self, message: Message, *, keep: Keep, flags: Sequence[str] = ()) -> None:
        """A WebSocket or TCP message; at most 1 MiB of it is stored."""
        kept = self._journal.bodies.keep(message.content, keep, most=PIECED_BYTES)
        pairs = [*message_pairs(message), *kept.pairs, *(("flag", flag) for flag in flags)]
        self._add("message", pairs, time_us=message.time_us, exchange=message.exchange, body=kept)

    def append_flag(self, flag: Flag) -> None:
        """A rule of engagement was, or was about to be, broken."""
        self._add("flag", flag_pairs(flag), time_us=flag.time_us, exchange=flag.exchange)

    def append_answer(self, answer: Answer) -> None:
        """The researcher answered a flag."""
        self._add("answer", answer_pairs(answer), time_us=answer.time_us)

    def next_flag_number(self) -> int:
        """The number of the next flag that is raised."""
        self._journal.commit_now()
        return next_flag_number(self._journal.store.connection)

    def open_answers(self) -> tuple[Answer, ...]:
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
        self._upkeep.tick()

    async def checkpoint(self) -> None:
        """As `checkpoint_full`, while the loop goes on: the disk is waited for in a thread.

        Raises:
            EvidenceError: It is not durable.
        """
        self._before_full_commit()
        await self._journal.sync_in_thread()
        self._upkeep.tick()

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

    def _append_counts(self) -> None:
        for folded in self._blocks.counts():
            self._append_folded(folded)
            written(folded)

    def _append_folded(self, folded: Folded) -> None:
        pairs = [
            ("folded", str(folded.count)),
            ("first-us", str(folded.first_us)),
            ("last-us", str(folded.last_us)),
            *(("flag", flag) for flag in folded.flags),
        ]
        self._add("blocked", pairs, time_us=folded.last_us, exchange=folded.exchange.hex())

    def _add(
        self,
        kind: str,
        pairs: Pairs,
        *,
        time_us: int,
        exchange: str = NO_EXCHANGE,
        body: KeptBody | None = None,
        number: int | None = None,
    ) -> None:
        draft = Draft.of_meta(meta_lines(pairs))
        self._journal.add(
            kind, draft, time_us=time_us, exchange=bytes.fromhex(exchange), body=body, number=number
        )


def _hide(keep: Keep) -> Hide:
    return hide_for_load_host if keep is Keep.HEAD else hide_nothing
