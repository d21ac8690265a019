"""One run of the proxy: puts the rooms together, keeps them running, and ends them in order."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from fairwitness.cli.faces import Face, ReadyFirst
from fairwitness.cli.folders import make_private
from fairwitness.cli.notices import check_notices, with_notices
from fairwitness.cli.plan import Plan, facts_of, settings_of, warnings_of
from fairwitness.cli.policy_home import remember_policy
from fairwitness.cli.starting import StartEndedError, asking_signals
from fairwitness.cli.watch import Watch
from fairwitness.control.accounts_file import AccountsFile
from fairwitness.control.desk import Desk, Joining
from fairwitness.control.folder import socket_path
from fairwitness.control.policy_file import PolicyFile
from fairwitness.control.server import Server
from fairwitness.control.wire import Question, Value
from fairwitness.errors import EvidenceError, StartError
from fairwitness.evidence import Log
from fairwitness.model.clock import SessionClock
from fairwitness.model.event import Ready, Stopped, StoreState
from fairwitness.model.policy import Policy, Posture
from fairwitness.policy import PolicyInForce, parse_override, site_of
from fairwitness.proxy.serve import ServeSettings, serve
from fairwitness.rules import Knowledge, Runner
from fairwitness.witness import Witness, replay

AGAIN = "Start it again; if it happens again, it is a bug of fairwitness that is worth a report"


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A proxy that accepts, as its companion sees it."""

    ready: Ready
    joining: Joining
    asked_to_stop: asyncio.Event
    note: Callable[[str], None]
    witness: Witness
    """Who conducts it."""
    ask: Callable[[Question], Awaitable[Value]]
    """What another terminal can ask of it."""
    policy: Callable[[], Policy]
    """The policy in force."""


Companion = Callable[[Running], Awaitable[int]]
"""What goes on while the proxy runs; the proxy ends with it, and its result is the exit code."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run of the proxy ended."""

    code: int
    """What its companion gave."""
    fault: EvidenceError | StartError | None
    """Why nothing passed in its last part; None where the gate was never closed."""


def keep(plan: Plan, *, make_face: Callable[[int], Face], companion: Companion) -> Ended:
    """Run a proxy as long as *companion* runs.

    Args:
        plan: What to run.
        make_face: Makes what shows the events, from the session's number.
        companion: What it runs for.

    Raises:
        PolicyError: The policy must not be used.
        EvidenceError: The evidence folder cannot be written, or another process writes it.
        StartError: The proxy could not start, or had to end.
    """
    check_notices(plan.options.notices)
    return asyncio.run(_keep(plan, make_face, companion))


async def _keep(plan: Plan, make_face: Callable[[int], Face], companion: Companion) -> Ended:
    clock = SessionClock()
    warnings = warnings_of(plan.policy, now_us=clock.now_us())
    settings = settings_of(plan)
    book = AccountsFile(plan.place.accounts_file(), make_private)
    book.load()  # what is broken is said before anything is written
    in_force = PolicyInForce(plan.policy, overrides=tuple(map(parse_override, plan.options.resolve)))
    log = Log.open(
        make_private(plan.place.evidence, refused=EvidenceError),
        program=plan.policy.program,
        now_us=clock.now_us(),
    )
    if plan.place.is_at_home(plan.policy.program) and plan.place.policy_file:
        remember_policy(plan.policy, plan.place.policy_file)
    face = ReadyFirst(with_notices(make_face(log.session), wanted=plan.options.notices))
    why = "it failed"
    until_closed = contextlib.ExitStack()
    try:
        runner = Runner(
            plan.policy,
            next_flag=log.next_flag_number(),
            now_us=clock.now_us(),
            known=Knowledge(book.load(), site_of=site_of),
        )
        witness = Witness(
            in_force,
            runner,
            log,
            clock=clock,
            tell=face.tell,
            unattended=plan.policy.posture is Posture.UNATTENDED,
            book=book,
        )
        forgotten = replay(log, runner, now_us=clock.now_us())
        warnings += [forgotten] if forgotten else []
        log.append_session(facts_of(plan, settings), time_us=clock.now_us())
        log.append_policy(plan.policy, time_us=clock.now_us(), why="start")
        _warn(warnings, face, clock)
        session = _Session(plan, settings, witness, in_force, log, face, clock, book)
        until_closed.enter_context(session.signals())
        code = await session.run(companion)
        why = session.why
    finally:
        try:
            log.close(time_us=clock.now_us())
        finally:
            face.tell(Stopped(time_us=clock.now_us(), reason=why))
            face.close()
            until_closed.close()
    return Ended(code, _closed(witness, log) if witness.is_closed else None)


def _warn(warnings: Iterable[str], face: Face, clock: SessionClock) -> None:
    for words in warnings:
        face.tell(StoreState(time_us=clock.now_us(), state="warning", reason=words))


def _closed(witness: Witness, log: Log) -> EvidenceError | StartError:
    """A run that let nothing out for its last part must not look like one that went well."""
    if log.failure is not None:
        return EvidenceError(
            f"the log failed while it ran, and nothing passed since: {log.failure}",
            where=witness.evidence,
            mend="Mend that, then start again",
        )
    return StartError(
        f"the gate was closed while it ran, and nothing passed since: {witness.gate_reason}",
        where="fairwitness",
        mend=AGAIN,
    )


class _Session:
    """The proxy and what runs beside it, in one loop."""

    def __init__(
        self,
        plan: Plan,
        settings: ServeSettings,
        witness: Witness,
        in_force: PolicyInForce,
        log: Log,
        face: Face,
        clock: SessionClock,
        book: AccountsFile,
    ) -> None:
        self._plan = plan
        self._settings = settings
        self._witness = witness
        self._in_force = in_force
        self._log = log
        self._face = face
        self._clock = clock
        self._book = book
        self._ready: asyncio.Future[Ready] = asyncio.get_running_loop().create_future()
        self._stop = asyncio.Event()
        self._asked_to_stop = asyncio.Event()
        self._asked_by: signal.Signals | None = None
        self.why = "the command ended"
        """Why the proxy stopped."""

    async def run(self, companion: Companion) -> int:
        """Serve until the companion ends."""
        with _private_files() as since_ready:
            serving = asyncio.create_task(
                serve(self._settings, self._witness, ready=self._ready.set_result, stop=self._stop)
            )
            try:
                started: set[asyncio.Future[Any]] = {serving, self._ready}
                await asyncio.wait(started, return_when=asyncio.FIRST_COMPLETED)
                if not self._ready.done():
                    await serving  # raises why it could not start
                since_ready.close()
                if self._asked_by:
                    raise StartEndedError(self._asked_by)
                return await self._accompany(companion, serving)
            finally:
                self._stop.set()
                await serving

    async def _accompany(self, companion: Companion, serving: asyncio.Task[None]) -> int:
        ready = self._ready.result()
        joining = Joining(
            listen=ready.listen,
            ca=ready.ca,
            mode=self._settings.mode,
            password=self._settings.proxy_password,
            evidence=ready.evidence,
            note=self._plan.options.note,
        )
        assert self._plan.place.policy_file
        policy_file = PolicyFile(self._plan.place.policy_file, self._witness, self._plan.policy.text)
        desk = Desk(
            self._witness,
            policy_file,
            joining,
            policy_sha256=self._policy_sha256,
            commit=self._log.commit_now,
        )
        server = Server(socket_path(self._plan.place.evidence), desk.answer)
        await server.start()
        watch = Watch(policy_file, self._book, self._witness, self._face, self._clock, server, self._log)
        beside: list[asyncio.Future[Any]] = [watch.start()]
        try:
            self._log.set_socket(str(server.path))
            self._face.tell(ready)
            running = Running(
                ready=ready,
                joining=joining,
                asked_to_stop=self._asked_to_stop,
                note=self._witness.note,
                witness=self._witness,
                ask=desk.answer,
                policy=lambda: self._in_force.policy,
            )
            working = asyncio.ensure_future(companion(running))
            beside.append(working)
            await asyncio.wait({working, serving}, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                await serving
            code = await working
            if self._plan.serves_one_command and not self._asked_to_stop.is_set():
                await _first(server.wait_alone(), self._asked_to_stop.wait())
            return code
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            await server.close()

    def _policy_sha256(self) -> str:
        """The policy to join by; none while a changed one waits, since then neither file is followed."""
        return "" if self._in_force.waiting else self._in_force.policy.sha256

    @contextlib.contextmanager
    def signals(self) -> Iterator[None]:
        """End in good order when asked to, as often as anybody asks."""
        loop = asyncio.get_running_loop()
        handled = [signal.SIGINT, *asking_signals()]
        for each in handled:
            loop.add_signal_handler(each, self._signalled, each)
        try:
            yield
        finally:
            for each in handled:
                loop.remove_signal_handler(each)

    def _signalled(self, number: signal.Signals) -> None:
        if number == signal.SIGINT and self._plan.serves_one_command:
            return  # the terminal sent it to the command too, which knows what it means
        self.why = number.name
        self._asked_by = number
        self._asked_to_stop.set()


@contextlib.contextmanager
def _private_files() -> Iterator[contextlib.ExitStack]:
    """New files are 0600, until the given stack is closed: the files of a command are its own affair."""
    before = os.umask(0o077)
    with contextlib.ExitStack() as stack:
        stack.callback(os.umask, before)
        yield stack


async def _first(*waits: Awaitable[object]) -> None:
    tasks = [asyncio.ensure_future(each) for each in waits]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
