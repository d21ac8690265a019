"""Many expressions at once: nothing hides behind noise, and noise is not dear."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import pytest

from fairwitness.detect import attacks_in
from fairwitness.detect.secret import compiled
from fairwitness.detect.signatures import Signatures, lines_of

_PRINTABLE = bytes(range(0x21, 0x7F))
_SHARED_WORK = 6  # times: all expressions at once against each by itself; one automaton of all took 20


def _noise(seed: int, length: int = 2048) -> bytes:
    return bytes(random.Random(seed).choices(_PRINTABLE, k=length))


def _least_cpu_s(work: Callable[[bytes], object], seeds: range) -> float:
    """Of the processor, for text that is new each time; the least, since others use the machine too."""
    lasted_s = []
    for seed in seeds:
        text = _noise(seed)
        started_s = time.process_time()
        work(text)
        lasted_s.append(time.process_time() - started_s)
    return min(lasted_s)


@pytest.mark.parametrize(
    ("payload", "family"),
    [
        (b" ' or 1=1 -- ", "sql"),
        (b" 1 union select null,null ", "sql"),
        (b" <svg onload=alert(1)> ", "xss"),
        (b" ../../../etc/passwd ", "lfi"),
        (b" ;cat /etc/passwd; ", "rce"),
        (b" ${jndi:ldap://x.test/a} ", "java"),
        (b" {{7*7}} ", "template"),
    ],
)
def test_noise_does_not_hide_what_follows(payload: bytes, family: str):
    """However many states 256 KiB of noise made, an attack behind it is still found."""
    found = Signatures("attacks.txt").matching(_noise(1, 256 << 10) + payload)
    assert family in {each[0] for each in found}


def test_noise_costs_little_more_than_each_expression_by_itself():
    """New text does not blow up the automata, which would hold up all traffic."""
    together = Signatures("attacks.txt")
    alone = [compiled(f"(?is){source}".encode()) for _, _, source in lines_of("attacks.txt")]
    for work in (together.matching, lambda text: [each.search(text) for each in alone]):
        list(work(_noise(1)))
    all_s = _least_cpu_s(lambda text: list(together.matching(text)), range(2, 8))
    each_s = _least_cpu_s(lambda text: [each.search(text) for each in alone], range(2, 8))
    assert all_s < _SHARED_WORK * each_s


def test_plain_value_costs_the_same_however_many_expressions_there_are(monkeypatch: pytest.MonkeyPatch):
    """Words, numbers and identifiers are never searched for expressions."""

    def asked() -> Signatures:
        raise AssertionError("expressions were asked")

    monkeypatch.setattr("fairwitness.detect.attacks._signatures", asked)
    for value in (b"mug", b"A-1041", b"0f8fad5b-d9cb-469f-a165-70867128", b"first.last", b"1,2,3"):
        assert attacks_in(value) == ()
