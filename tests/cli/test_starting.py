"""Tests of fairwitness.cli.starting."""

from __future__ import annotations

import signal
import subprocess
import sys

from fairwitness.testing.tally import PATIENCE_S

IN_A_CALLBACK = """
import os, signal, weakref
from fairwitness.cli.starting import say_who_ends_the_start

class Module:
    pass

say_who_ends_the_start()
module = Module()
watched = weakref.ref(module, lambda _: os.kill(os.getpid(), signal.SIGTERM))
del module
signal.pause()
"""


def test_a_signal_in_a_callback_ends_the_start_too() -> None:
    """Python ignores what is raised there; the start would go on, and print a traceback."""
    done = subprocess.run(
        [sys.executable, "-c", IN_A_CALLBACK], capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )

    assert (128 + signal.SIGTERM, "") == (done.returncode, done.stderr)
