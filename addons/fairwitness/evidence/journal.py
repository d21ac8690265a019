"""Entries on their way into the store: sealed at once, committed together once a loop turn."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from fairwitness.errors import EvidenceError
from fairwitness.evidence.bodies import Bodies
from fairwitness.evidence.bodyrow import KeptBody, no_body
from fairwitness.evidence.entry import entry_text, leaf_of
from fairwitness.evidence.layout import DamagedError, Draft, pack
from fairwitness.evidence.position import Position, read_position
from fairwitness.evidence.store import Store, sync_files
from fairwitness.evidence.stored import StoredHashes, stored_size
from fairwitness.evidence.tree import Tree

_MOST_WAITING = 256  # entries; an answer that nobody waits for is committed at the latest then
_MOST_WAITING_BYTES = 4 << 20  # 4 MiB of bodies
_MARK_EVERY = 4096  # entries read again after a crash, at most, when nobody calls for full commits


class Journal:
    """The writing end of a log.

    A class, because the tree grows with each entry and the commit is shared.
    """

    def __init__(self, folder: Path, store: Store) -> None:
        """Go on where the stored log ends.

        Raises:
            EvidenceError: The stored log is damaged where it must be read.
        """
        self.store = store
        self.bodies = Bodies(folder, store)
        self.position: Position = read_position(store.connection)
        size = stored_size(store.connection)
        try:
            self._tree = Tree.load(StoredHashes(store.connection), size)
        except DamagedError as error:
            raise EvidenceError(
                f"the log is damaged: {error}",
                where=str(store.path),
                mend="Move the evidence folder away to keep it, and start a new one",
            ) from error
        self._marked = self.position.size
        self.durable = self.position.size
        """Entries that survive a power cut."""
        self._waiting_bytes = 0
        self._done_with: list[Path] = []
        self._waiters: list[asyncio.Future[None]] = []

    def add(
        self,
        kind: str,
        draft: Draft,
        *,
        time_us: int,
        exchange: bytes,
        body: KeptBody | None = None,
        number: int | None = None,
    ) -> None:
        """Seal an entry and let it wait for the next commit.

        Raises:
            EvidenceError: The log has failed, now or before.
        """
        store = self.store
        store.check()
        if body is None:
            body = no_body()
        text = entry_text(
            kind,
            time_us=time_us,
            exchange=exchange,
            key=body.key,
            meta=draft.meta,
            head=draft.head,
            body=body.digests,
            trail=draft.trail,
        )
        leaf = leaf_of(text)
        data, checksum = pack(draft, body.inline)
        is_whole = False
        try:
            index = self._tree.size
            for node in self._tree.append(leaf):
                store.nodes.append((node.level, node.number, node.hash))
            store.entries.append((index, kind, time_us, exchange, None, number, leaf))
            store.openings.append((index, body.key, data, checksum, body.address, body.rest))
            self.position.move(kind, exchange, number)
            if body.address is not None:
                self._await_body(body)
            is_whole = True
        finally:
            if not is_whole:
                store.fail_halfway("an entry")
        self._done_with += body.done_with
        if len(store.entries) >= _MOST_WAITING or self._waiting_bytes >= _MOST_WAITING_BYTES:
            self.commit_now()

    def _await_body(self, body: KeptBody) -> None:
        row = body.row
        # Two bodies that streamed at the same time may hold the same content.
        if row is None or self.bodies.is_known(row.sha256):
            return
        self.bodies.await_commit(row)
        self.store.bodies.append((row.sha256, row.size, row.coding, row.data, row.stored, row.checksum))
        self._waiting_bytes += len(row.data or b"")

    async def commit(self) -> None:
        """Return when everything added so far is committed; all who wait in this loop turn share one commit.

        Raises:
            EvidenceError: It could not be committed.
        """
        self.store.check()
        if not self.store.is_waiting:
            return
        loop = asyncio.get_running_loop()
        # One future each: cancelling a waiter cancels its own alone.
        waiter: asyncio.Future[None] = loop.create_future()
        self._waiters.append(waiter)
        if len(self._waiters) == 1:
            loop.call_soon(self._commit_for_waiters)
        await waiter

    def _commit_for_waiters(self) -> None:
        waiters, self._waiters = self._waiters, []
        is_committed = False
        failure: EvidenceError | None = None
        try:
            self.commit_now()
            is_committed = True
        except EvidenceError as error:
            failure = error
        finally:
            for waiter in waiters:
                if waiter.done():
                    continue
                if is_committed:
                    waiter.set_result(None)
                else:
                    waiter.set_exception(failure or self.store.fail_halfway("a commit"))

    def commit_now(self) -> None:
        """Commit everything added so far.

        Raises:
            EvidenceError: It could not be committed.
        """
        if self.position.size - self._marked >= _MARK_EVERY:
            self.mark()
        self.store.commit()
        self._waiting_bytes = 0
        self.bodies.committed()
        if self._done_with:
            self._remove_parts()

    def _remove_parts(self) -> None:
        done, self._done_with = self._done_with, []
        for path in done:
            with contextlib.suppress(OSError):  # what stays is removed at the next start
                path.unlink()

    def mark(self) -> None:
        """Let recovery begin here, once this is committed."""
        if self._marked != self.position.size:
            self._marked = self.position.size
            self.store.mark = self.position.mark()

    def sync(self) -> None:
        """Commit, and return when what was committed is durable.

        Raises:
            EvidenceError: It could not be made durable.
        """
        self.mark()
        self.commit_now()
        files, self.bodies.unsynced = self.bodies.unsynced, []
        try:
            sync_files(self.store.wal_descriptor(), files)
        except OSError as error:
            raise self.store.fail(error) from error
        self.durable = self._marked

    async def sync_in_thread(self) -> None:
        """As `sync`, while the loop goes on.

        Raises:
            EvidenceError: It could not be made durable.
        """
        self.mark()
        self.commit_now()
        committed = self._marked
        files, self.bodies.unsynced = self.bodies.unsynced, []
        try:
            await asyncio.to_thread(sync_files, self.store.wal_descriptor(), files)
        except OSError as error:
            raise self.store.fail(error) from error
        self.durable = max(self.durable, committed)

    def close(self) -> None:
        """Leave everything as it is on the disk."""
        self.bodies.close()
        self.store.close()
