"""What large bodies needed goes back to the system, whatever small pieces stay between them."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

_BODIES = """
from fairwitness.proxy.memory import give_memory_back
from fairwitness.testing.soak.vitals import resident_bytes
import os

if {gives}:
    give_memory_back()
bytearray(20 << 20)  # from this one glibc would learn
bodies, kept = [], []
for _ in range(60):
    bodies.append(bytearray(500_000))
    kept.append(bytearray(20_000))
held = resident_bytes(os.getpid())
bodies.clear()
print(held - resident_bytes(os.getpid()))
"""


def _given_back(*, gives: bool) -> int:
    program = _BODIES.format(gives=gives)
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, timeout=60)
    return int(ran.stdout)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="another C library than glibc")
def test_bodies_that_are_gone_are_not_held() -> None:
    """Nearly all of 30 MB goes back at once; without that, nearly all of it is held."""
    assert _given_back(gives=True) > 25_000_000
    assert _given_back(gives=False) < 5_000_000
