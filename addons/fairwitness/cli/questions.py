"""What the plain terminal asks while the proxy runs: one question after the other; traffic never waits."""

from __future__ import annotations

import asyncio
import os
import sys
import termios
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from fairwitness.cli.faces import Face
from fairwitness.cli.terminal import is_foreground
from fairwitness.cli.text import printable
from fairwitness.errors import FairwitnessError
from fairwitness.model.account import MAX_ACCOUNT_NAME
from fairwitness.model.event import AccountSeen, Event

MAX_WAITING = 100
_YES_AND_NO = {"y": "yes", "yes": "yes", "n": "no", "no": "no"}


class Questions:
    """A class, because the terminal can hear one answer at a time, whoever asks."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[str, Callable[[str], bool]]] = deque()
        self._can_ask = False

    def begin(self) -> bool:
        """Whether somebody sits there who can be asked."""
        self._can_ask = sys.stdin.isatty() and sys.stdout.isatty() and is_foreground()
        return self._can_ask

    def ask(self, words: str, heard: Callable[[str], bool]) -> bool:
        """Ask when those before are answered; *heard* says whether a line was an answer.

        Returns:
            Whether it is asked at all.
        """
        if not self._can_ask or len(self._waiting) >= MAX_WAITING:
            return False
        self._waiting.append((words, heard))
        if len(self._waiting) == 1:
            asyncio.get_running_loop().add_reader(sys.stdin.fileno(), self._hear)
            self._say()
        return True

    def end(self) -> None:
        """Ask nothing any more."""
        self._can_ask = False
        if self._waiting:
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
            self._waiting.clear()

    def _say(self) -> None:
        with suppress(termios.error):
            # What was typed before the question stood there is no answer to it.
            termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)
        print(printable(self._waiting[0][0]), flush=True)

    def _hear(self) -> None:
        if not is_foreground():
            self.end()  # in the background a read would stop the whole proxy (SIGTTIN)
            return
        raw = os.read(sys.stdin.fileno(), 4096)
        if not raw:
            self.end()
            return
        _, heard = self._waiting[0]
        if heard(raw.decode(errors="replace").strip()):
            self._waiting.popleft()
        if self._waiting:
            self._say()
        else:
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())


class Declaration:
    """Asks once a session for the rules that no proxy can see, where somebody sits at a terminal.

    Args:
        rules: Their names.
        note: Records a sentence in the log.
    """

    def __init__(self, rules: tuple[str, ...], note: Callable[[str], None]) -> None:
        self._left = list(rules)
        self._note = note

    def begin(self, questions: Questions) -> None:
        """Ask for each, or record at once that none was asked."""
        for rule in tuple(self._left):
            words = f"Do you keep to this rule, which the proxy cannot see: {rule}? [y/n]"
            if not questions.ask(words, lambda line, rule=rule: self._heard(rule, line)):  # type: ignore[misc]
                self.end()
                return

    def end(self) -> None:
        """Record what was not answered."""
        for rule in self._left:
            self._note(f"declare {rule}: not asked")
        self._left.clear()

    def _heard(self, rule: str, line: str) -> bool:
        words = _YES_AND_NO.get(line.lower())
        if words is None:
            return False
        self._left.remove(rule)
        self._note(f"declare {rule}: {words}, as stated by the researcher")
        return True


class AccountKeeper(Protocol):
    """Who takes the answer to a question about an account."""

    def register_account(self, name: str, *identities: str) -> None:
        """It is the researcher's own."""

    def forget_account_question(self, identity: str) -> None:
        """It is not."""


class AskingFace:
    """Turns a sign-in under an unknown name into a question, and shows all else.

    Args:
        face: Who shows it.
        questions: The terminal's.
    """

    def __init__(self, face: Face, questions: Questions) -> None:
        self._face = face
        self._questions = questions
        self.keeper: AccountKeeper | None = None
        """Set once the proxy runs; nobody is asked before."""

    def tell(self, event: Event) -> None:
        """Show the event, or ask."""
        if not isinstance(event, AccountSeen) or not self._ask(event):
            self._face.tell(event)

    def close(self) -> None:
        """Show what waits."""
        self._face.close()

    def _ask(self, seen: AccountSeen) -> bool:
        keeper = self.keeper
        if keeper is None:
            return False

        def heard(line: str) -> bool:
            if not line or line.lower() in {"n", "no"}:
                keeper.forget_account_question(seen.identity)
                return True
            name = seen.identity[:MAX_ACCOUNT_NAME] if line.lower() in {"y", "yes"} else line
            try:
                keeper.register_account(name, seen.identity)
            except FairwitnessError as error:
                print(printable(f"Not registered: {error}"), flush=True)
            return True

        words = f"{seen.identity} signed in at {seen.host}: is it your own account? Name it [Enter = no]"
        return self._questions.ask(words, heard)
