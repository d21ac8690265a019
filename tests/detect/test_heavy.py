"""Tests of fairwitness.detect.heavy: what is out of proportion, and what is not."""

from __future__ import annotations

import gzip
import io
import json
import zipfile

import brotli
import pytest
import zstandard

from fairwitness.detect import heavy

LOL = b"<!DOCTYPE l [<!ENTITY a 'lol'>" + b"".join(
    b"<!ENTITY a%d '&a%d;&a%d;'>" % (i, i - 1, i - 1) for i in range(1, 9)
)


def _zip(size: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", b"\0" * size)
    return out.getvalue()


@pytest.mark.parametrize(
    ("seen", "is_heavy"),
    [
        (heavy.expanding_entities(LOL), True),
        (heavy.expanding_entities(b"<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/hosts'>]><a>&x;</a>"), False),
        (heavy.deep_nesting(b"[" * 1000), True),
        (heavy.deep_nesting(json.dumps([{"a": [i]} for i in range(1000)]).encode()), False),
        (heavy.costly_query(b"{" + b"a{" * 20 + b"}" * 21), True),
        (heavy.costly_query(b"{" + b" ".join(b"a%d: me {id}" % i for i in range(60)) + b"}"), True),
        (heavy.costly_query(b"fragment a on T {...b} fragment b on T {...a} query {...a}"), True),
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
        (heavy.repeated_pattern(b"(a+" * 40 + b"$"), True),
        (heavy.repeated_pattern(b"a sentence of words, and another one" * 20), False),
        (heavy.bomb(gzip.compress(b"\0" * (20 << 20)), "gzip"), True),
        (heavy.bomb(gzip.compress(b"some text " * 1000), "gzip"), False),
        (heavy.bomb(zstandard.compress(b"\0" * (20 << 20)), "zstd"), True),
        (heavy.bomb(brotli.compress(b"\0" * (20 << 20), quality=1), "br"), True),
        (heavy.bomb(_zip(300 << 20), ""), True),
        (heavy.bomb(_zip(1 << 20), ""), False),
        (heavy.bomb(b"\xff" * 100, "gzip"), False),
    ],
)
def test_only_what_is_out_of_proportion_is_heavy(seen: str | None, is_heavy: bool):
    """Each detector knows its bomb, and a harmless thing that looks like it."""
    assert (seen is not None) is is_heavy


@pytest.mark.parametrize(
    "piece", [b"(a+", b"[", b"{", b'"\\', b"a:b ", b"fragment a on b {", b"PK\x03\x04PK\x01\x02"]
)
def test_hostile_text_is_looked_at_without_error(piece: bytes):
    """A megabyte of what each detector looks for."""
    text = piece * (200_000 // len(piece))
    seen = [
        heavy.expanding_entities(text),
        heavy.deep_nesting(text),
        heavy.costly_query(text),
        heavy.long_delay(text),
        heavy.repeated_pattern(text),
        heavy.bomb(text, ""),
        heavy.bomb(text, "gzip"),
    ]

    assert all(each is None or len(each) < 100 for each in seen)
