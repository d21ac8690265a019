"""The workers: errands without end, each with a luck of its own, until they are told to rest."""

from __future__ import annotations

import random
import threading
import time
from types import TracebackType
from typing import Self

from fairwitness.testing.soak.errands import KINDS, LEFT, Errand
from fairwitness.testing.soak.ledger import Ledger
from fairwitness.testing.soak.stage import Stage
from fairwitness.testing.tally import PATIENCE_S

_NO_PROXY_S = 0.3  # a start takes longer than that


class Crowd:
    """Threads that do errands while the crowd is entered.

    A class, because they are paused and resumed together.

    Args:
        stage: Where.
        ledger: Who is told.
        seed: Of everybody's luck.
        workers: How many at once.
        per_s: How many errands a second at most, all together.
    """

    def __init__(self, stage: Stage, ledger: Ledger, *, seed: int, workers: int, per_s: float) -> None:
        self._stage = stage
        self._ledger = ledger
        self._seed = seed
        self._pause_s = workers / per_s
        self._changed = threading.Condition()
        self._is_resting = False
        self._has_ended = False
        self._busy = 0
        self._threads = [
            threading.Thread(target=self._work, args=(number,), daemon=True) for number in range(workers)
        ]
        self.bugs: list[BaseException] = []
        """What an errand raised that is no way to end one."""

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._has_ended = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(2 * PATIENCE_S)

    def rest(self) -> None:
        """Begin no new errand, and wait until all have ended."""
        with self._changed:
            self._is_resting = True
            self._changed.wait_for(lambda: self._busy == 0, 4 * PATIENCE_S)

    def go_on(self) -> None:
        """Work again."""
        with self._changed:
            self._is_resting = False
            self._changed.notify_all()

    def _work(self, worker: int) -> None:
        luck = random.Random(f"{self._seed} {worker}")  # noqa: S311 - no secret
        for number in range(1 << 30):
            with self._changed:
                self._changed.wait_for(lambda: self._has_ended or not self._is_resting)
                if self._has_ended:
                    return
                self._busy += 1
            began_s = time.monotonic()
            try:
                self._do(Errand(self._stage.town, luck, self._ledger, f"w{worker}n{number}"))
            except BaseException as error:  # noqa: BLE001 - told at the end; a thread would die silently
                self.bugs.append(error)
            finally:
                with self._changed:
                    self._busy -= 1
                    self._changed.notify_all()
            time.sleep(max(0.0, self._pause_s - (time.monotonic() - began_s)))

    def _do(self, errand: Errand) -> None:
        kind = errand.luck.choice(KINDS)
        name = f"{kind.__module__.rpartition('.')[2]}.{kind.__name__}"
        try:
            kind(errand)
        except ConnectionRefusedError:
            self._ledger.ended(name, "without proxy")
            time.sleep(_NO_PROXY_S)
        except TimeoutError:
            self._ledger.hung(name, f"{errand.mark} {errand.asked[-1:]} at {time.strftime('%X')}")
        except LEFT:
            self._ledger.ended(name, "broken")
        else:
            self._ledger.ended(name, "whole")
