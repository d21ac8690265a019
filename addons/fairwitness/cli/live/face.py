"""Watches a running proxy on one screen, and carries out what is asked for with keys."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from fairwitness.cli.live.dialogue import press, selected
from fairwitness.cli.live.keys import MAX_BYTES, SILENCE_S, Key, read_keys
from fairwitness.cli.live.memory import Memory
from fairwitness.cli.live.orders import Asked, Declared, Order, Registered, Stop, carry_out
from fairwitness.cli.live.scene import Dialogue, Mode, Scene
from fairwitness.cli.live.screen import Screen
from fairwitness.cli.live.stage import Stage
from fairwitness.cli.printer import Printer
from fairwitness.cli.session import Running
from fairwitness.cli.terminal import is_foreground
from fairwitness.cli.text import plural, printable
from fairwitness.errors import FairwitnessError
from fairwitness.model.event import Event

_FRAME_S = 0.25  # between two pictures, at least
_SLOWEST_FRAME_S = 2.0
_SHARE = 15  # a picture that took this long is followed by so many times as long without one
_IDLE_S = 1.0  # how often it looks whether something changed that no event tells of
_GLANCE_S = 0.4  # how long what a key answers or adds must have been on the screen before


class LiveFace:
    """A class, because what is on the screen, what was typed and what happened belong together.

    Args:
        session: The session's number.
        note: The session's note.
        declare: Rules that no proxy can see; each is asked for once.
    """

    def __init__(self, *, session: int, note: str, declare: tuple[str, ...]) -> None:
        self._memory = Memory()
        self._stage = Stage(self._memory, session=session, note=note, declare=declare)
        self._screen = Screen()
        self._dialogue = Dialogue()
        self._changed = asyncio.Event()
        self._keyed = asyncio.Event()
        self._painted: Scene | None = None
        self._is_stale = False
        self._selected: tuple[str, float] = ("", 0.0)
        self._named: dict[str, float] = {}
        """Since when the name of each wanted host stands on the screen."""
        self._burst = b""
        self._timer: asyncio.TimerHandle | None = None
        self._is_listening = False
        self._asking: set[asyncio.Future[str]] = set()
        self._running: Running | None = None
        self._last: Scene | None = None

    def tell(self, event: Event) -> None:
        """Remember the event, and paint soon."""
        self._memory.take(event)
        self._changed.set()

    def close(self) -> None:
        """Give the terminal back and say how the session went."""
        self._screen.leave()
        if self._last is not None:
            printer = Printer(sys.stdout, missed=lambda count: plural(count, "line"))
            for line in _summary(self._last):
                printer.line(printable(line))
            printer.close()
            self._last = None

    async def accompany(self, running: Running) -> int:
        """Show the session until it is asked to stop."""
        self._running = running
        pool = ThreadPoolExecutor(1, thread_name_prefix="screen")
        atexit.register(self._screen.leave)
        try:
            with self._signals():
                self._take_terminal()
                await self._show(running, pool)
        finally:
            self._listen_no_more()
            self._screen.leave()
            self._last = self._stage.scene(running, self._dialogue)
            for rule in self._stage.undeclared:
                running.note(f"declare {rule}: not asked")
            pool.shutdown()
            atexit.unregister(self._screen.leave)
        return 0

    async def _show(self, running: Running, pool: ThreadPoolExecutor) -> None:
        loop = asyncio.get_running_loop()
        stopping: asyncio.Future[Any] = asyncio.ensure_future(running.asked_to_stop.wait())
        try:
            while not stopping.done():
                self._changed.clear()
                if not self._is_listening and is_foreground():
                    self._take_terminal()
                began = loop.time()
                scene = self._stage.scene(running, self._dialogue)
                if self._is_listening and (self._is_stale or scene != self._painted):
                    self._is_stale = False
                    painting: asyncio.Future[frozenset[str]] = loop.run_in_executor(
                        pool, self._screen.paint, scene
                    )
                    await asyncio.wait({painting, stopping}, return_when=asyncio.FIRST_COMPLETED)
                    if not painting.done():
                        self._screen.leave()
                    # a fault of the picture ends the run, and is told as one
                    self._note_painted(scene, await painting)
                pause_s = min(_SLOWEST_FRAME_S, max(_FRAME_S, _SHARE * (loop.time() - began)))
                await _first_of(self._keyed, stopping, within_s=pause_s)
                self._keyed.clear()
                await _first_of(self._changed, stopping, within_s=_IDLE_S)
        finally:
            stopping.cancel()

    def _note_painted(self, scene: Scene, named: frozenset[str]) -> None:
        now_s = asyncio.get_running_loop().time()
        self._painted = scene
        self._named = {host: self._named.get(host, now_s) for host in named}
        ask = selected(scene)
        name = ask.name if ask else ""
        if name != self._selected[0]:
            self._selected = (name, now_s)

    # Keys

    def _take_terminal(self) -> None:
        if is_foreground() and not self._is_listening:
            self._screen.enter()
            self._painted = None
            asyncio.get_running_loop().add_reader(sys.stdin.fileno(), self._heard)
            self._is_listening = True

    def _listen_no_more(self) -> None:
        if self._is_listening:
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
            self._is_listening = False

    def _heard(self) -> None:
        if not is_foreground():
            self._listen_no_more()  # in the background a read would stop the whole proxy (SIGTTIN)
            return
        try:
            heard = os.read(sys.stdin.fileno(), MAX_BYTES)
        except OSError:
            heard = b""
        if not heard:
            self._listen_no_more()
            return
        self._burst = (self._burst + heard)[: 2 * MAX_BYTES]
        if self._timer:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(SILENCE_S, self._pressed)

    def _pressed(self) -> None:
        self._timer = None
        burst, self._burst = self._burst, b""
        if self._painted is None:
            return  # nobody has seen anything yet that could be answered
        for key in read_keys(burst):
            scene = replace(self._painted, dialogue=self._dialogue)
            after, order = press(scene, key, named=self._looked_at())
            if key in (Key("text", "y"), Key("text", "n")) and self._is_too_soon(scene):
                after, order = (
                    replace(self._dialogue, said="that came just now: look, then press again"),
                    None,
                )
            self._dialogue = after
            if order is not None:
                self._carry_out(order)
        self._changed.set()
        self._keyed.set()

    def _is_too_soon(self, scene: Scene) -> bool:
        """Whether the key may have been meant for what stood there a moment ago."""
        ask = selected(scene)
        if scene.dialogue.mode is not Mode.WATCH or ask is None:
            return False
        name, since_s = self._selected
        return ask.name != name or asyncio.get_running_loop().time() - since_s < _GLANCE_S

    def _looked_at(self) -> frozenset[str]:
        """The hosts whose names have been on the screen for long enough to be read."""
        until_s = asyncio.get_running_loop().time() - _GLANCE_S
        return frozenset(host for host, since_s in self._named.items() if since_s <= until_s)

    def _carry_out(self, order: Order) -> None:
        running = self._running
        assert running
        match order:
            case Asked():
                said = ""
                asking = asyncio.ensure_future(carry_out(order, running.ask))
                self._asking.add(asking)
                asking.add_done_callback(self._asked)
            case Declared(rule=rule, is_kept=is_kept):
                said = ""
                if self._stage.declared(rule):
                    word = "yes" if is_kept else "no"
                    running.note(f"declare {rule}: {word}, as stated by the researcher")
            case Registered():
                said = self._register(order, running)
            case Stop():
                said = "stopping"
                running.asked_to_stop.set()
        self._dialogue = replace(self._dialogue, said=said)

    def _asked(self, asking: asyncio.Future[str]) -> None:
        self._asking.discard(asking)
        if not asking.cancelled():
            self._dialogue = replace(self._dialogue, said=asking.result())
            self._changed.set()

    def _register(self, order: Registered, running: Running) -> str:
        self._memory.forget_account(order.identity)
        try:
            if order.name is None:
                running.witness.forget_account_question(order.identity)
                return f"{order.identity} is not yours: not asked again in this session"
            running.witness.register_account(order.name, order.identity)
        except FairwitnessError as error:
            return f"not done: {error}"
        return f"{order.identity} is your account {order.name}"

    # The terminal comes and goes

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGWINCH, self._resized)
        loop.add_signal_handler(signal.SIGTSTP, self._suspended)
        try:
            yield
        finally:
            loop.remove_signal_handler(signal.SIGWINCH)
            loop.remove_signal_handler(signal.SIGTSTP)

    def _resized(self) -> None:
        self._is_stale = True
        self._changed.set()

    def _suspended(self) -> None:
        self._listen_no_more()
        self._screen.leave()
        os.kill(os.getpid(), signal.SIGSTOP)
        self._take_terminal()  # goes on here after `fg`; after `bg` the next look does it when it is in front
        self._changed.set()


async def _first_of(event: asyncio.Event, stopping: asyncio.Future[Any], *, within_s: float) -> None:
    happening: asyncio.Future[Any] = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait({happening, stopping}, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        happening.cancel()


def _summary(scene: Scene) -> list[str]:
    return [
        f"fairwitness: {scene.program}, session {scene.session}: {plural(scene.released, 'exchange')},"
        f" {scene.blocked} blocked, {plural(scene.flags_open, 'open flag')}",
        f"  evidence  {scene.evidence}",
    ]
