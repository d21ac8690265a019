"""What expressions need: nothing that they match is ever left out."""

from __future__ import annotations

import random

import pytest
import re2

from fairwitness.detect.needs import needs_of, signs_of
from fairwitness.detect.secret import compiled
from fairwitness.detect.signatures import Signatures, lines_of
from fairwitness.testing.bench.truth import shared_folder
from fairwitness.testing.rule_set import cases_of

_FILES = ("attacks.txt", "destruction.txt")
_EXPRESSIONS = [f"(?is){source}".encode() for name in _FILES for _, _, source in lines_of(name)]
_SIGNS = b"'\"`;|&()[]{}<>=/\\#-+*%$@.,: \n\r\t\0"
_WORDS = b"""
    select union or and from where 1 0x41 script on error = alert( .. etc passwd cat id http:// 127.0.0.1
    drop table delete from users rm -rf / reboot %2e ${jndi: {{ }} <? php /* */ -- waitfor sleep(
    \xc0\xae \xac\xed
"""


def _texts() -> list[bytes]:
    """Made of what signatures are made of, and a public set of attacks where that is at hand."""
    chance = random.Random(7)
    pieces = [bytes([each]) for each in _SIGNS] + _WORDS.split()
    pieces += [b"; drop table a", b"'; delete from a", b"; rm -rf /"]
    made = [b"".join(chance.choices(pieces, k=chance.randint(1, 14))) for _ in range(2000)]
    folder = shared_folder() / "corpora" / "crs-tests"
    cases = [case for family in ("932", "933", "941", "942", "944") for case in cases_of(folder, family)]
    return made + [each.request.target for each in cases] + [each.request.body for each in cases]


@pytest.mark.parametrize("name", _FILES)
def test_what_matches_is_never_left_out(name: str) -> None:
    """All that expressions find by themselves is found in the few that are searched."""
    signatures = Signatures(name)
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    alone = [
        (family, int(weight), re2.compile(f"(?is){source}".encode(), options))
        for family, weight, source in lines_of(name)
    ]
    seen = 0
    for text in _texts():
        expected = sorted((family, weight) for family, weight, each in alone if each.search(text))
        seen += len(expected)
        assert expected == sorted((family, weight) for family, weight, _ in signatures.matching(text)), text
    assert seen > 20


def test_ordinary_text_fulfils_no_needs() -> None:
    """Addresses, names and sentences are not searched at all, or hardly."""
    needs = [each for source in _EXPRESSIONS for each in needs_of(source)]
    for text in (b"/static/img/logo-2.png", b"hello there, how are you", b"shop.acme.test", b"12.50"):
        held = signs_of(text)
        may = [
            each
            for each in needs
            if not each.signs & ~held and any(word in text for word in each.words or [b""])
        ]
        assert len(may) <= len(needs) // 20, text


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (rb"a|b\s*'", b"a"),
        (rb"(?:select|union)\s+x", b"UNION\nX"),
        (rb"[^a-z]{2}\d", b"''1"),
        (rb"x(?:y'){0,3}z", b"xz"),
        (rb"\W\bor\b", b";or"),
        (rb"[\s'/]{1,2}on\w+=", b"\x0conload="),
    ],
)
def test_needs_are_fulfilled_by_what_matches(expression: bytes, text: bytes) -> None:
    """Choices, classes, repeats and cases of letters are understood."""
    held = signs_of(text)

    assert compiled(b"(?is)" + expression).search(text)
    assert any(
        not each.signs & ~held and (not each.words or any(word in text.lower() for word in each.words))
        for each in needs_of(expression)
    )
