"""Tests of fairwitness.detect.heavy: what is out of proportion, and what is not."""

from __future__ import annotations

import json
import random

import pytest

from fairwitness.detect import heavy


@pytest.mark.parametrize(
    ("seen", "is_heavy"),
    [
        (heavy.deep_nesting(b"[" * 1000), True),
        (heavy.deep_nesting(json.dumps([{"a": [i]} for i in range(1000)]).encode()), False),
        (heavy.deep_nesting(json.dumps({"text": "[" * 1000}).encode()), False),
        (heavy.costly_query(b"{" + b"a{" * 20 + b"}" * 21), True),
        (heavy.costly_query(b"{" + b" ".join(b"a%d: me {id}" % i for i in range(60)) + b"}"), True),
        (heavy.costly_query(b"fragment a on T {...b} fragment b on T {...a} query {...a}"), True),
        (
            heavy.costly_query(
                b"fragment a on T {x {...b}} fragment b on T {...c} fragment c on T {...a} {...a}"
            ),
            True,
        ),
        (heavy.costly_query(b"fragment a on T {...b ... on U {x}} fragment b on T {y} {...a ...b}"), False),
        (
            heavy.costly_query(b"query($id: ID!) { user(id: $id) { name orders { id items { sku } } } }"),
            False,
        ),
        (heavy.many_ranges("bytes=" + ",".join(["0-1"] * 30)), True),
        (heavy.many_ranges("bytes=0-"), False),
        (heavy.many_names(b"&".join([b"a=1"] * 2000)), True),
        (heavy.many_names(b"a=1&b=2"), False),
        (heavy.long_delay(b"1 AND SLEEP(60)"), True),
        (heavy.long_delay(b"1; WAITFOR DELAY '0:1:00'--"), True),
        (heavy.long_delay(b"BENCHMARK(50000000,MD5(1))"), True),
        (heavy.long_delay(b"1 AND SLEEP(5)"), False),
        (heavy.long_delay(b"try { Thread.sleep(1000); } finally {}"), False),
        (heavy.long_delay(b"await sleep(5000)"), False),
        (heavy.long_delay(b"'a'.repeat(1000000)"), False),
        (heavy.repeated_pattern(b"(a+" * 40 + b"$"), True),
        (heavy.repeated_pattern(b"(" + b"a+" * 40 + b")+$"), True),
        (heavy.repeated_pattern(b"<a>" * 400), True),
        (heavy.repeated_pattern(b"<br>" * 40), False),
        (heavy.repeated_pattern(b"+" * 80), False),
        (heavy.repeated_pattern(b"+---" * 40), False),
        (heavy.repeated_pattern(b"a sentence of words, and another one" * 20), False),
    ],
)
def test_only_what_is_out_of_proportion_is_heavy(seen: str | None, is_heavy: bool):
    """Each detector knows its bomb, and a harmless thing that looks like it."""
    assert (seen is not None) is is_heavy


@pytest.mark.parametrize(
    "piece", [b"(a+", b"[", b"{", b'"\\', b"a:b ", b"fragment a on b {", b"fragment a on b ", b"sleep(1)"]
)
def test_hostile_text_is_looked_at_without_error(piece: bytes):
    """A megabyte of what each detector looks for."""
    text = piece * (200_000 // len(piece))
    fragments = b"".join(b"fragment f%d on T{...f%d} " % (i, i + 1) for i in range(4000))
    seen = [
        heavy.deep_nesting(text),
        heavy.costly_query(text),
        heavy.costly_query(fragments + text),
        heavy.long_delay(text),
        heavy.repeated_pattern(text),
    ]

    assert all(each is None or len(each) < 100 for each in seen)


def test_files_are_no_nested_json():
    """A picture or a program has brackets that nobody closes; they mean nothing."""
    chance = random.Random(1)

    assert {None} == {heavy.deep_nesting(chance.randbytes(1 << 20)) for _ in range(40)}
