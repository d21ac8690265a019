"""Readers of recordings, fed with real recordings that were changed inside."""

from __future__ import annotations

import base64
import copy
import io
import json
import re
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy.io import tnetstring
from tests.audit.conftest import burp_file, burp_item
from tests.audit.test_hostile import FORMATS
from tests.fuzz.mutate import VALUES, bounded, change_bytes, change_tree

from fairwitness.audit import InOrder, Source
from fairwitness.audit.burp import BURP
from fairwitness.audit.har import HAR
from fairwitness.model.recording import CutOff, Item, Recorded, Remark, Skipped
from fairwitness.proxy.dump import read_dump
from fairwitness.rules.testing import make_policy
from fairwitness.witness.audit import audit

DUMP = Source("mitmproxy dump", lambda head: True, read_dump)
SHARED = Path(__file__).parents[3] / "shared"
SMALL_BYTES = 60_000

WORDS = {
    "HAR": [b"null", b"[]", b"{", b'"', b"\\u0000", b"\\ud800", b"1e999", b"-0", b'"entries":', b","],
    "Burp": [b"<item>", b"</item>", b"<![CDATA[", b"]]>", b"&#0;", b"&amp;", b'base64="false"', b"<!--"],
    "dump": [b":", b"0:~", b"1:x,", b"4:true!", b"}", b"]", b"3:1.5^", b"20:99999999999999999999#"],
}
HTTP = [
    b"\r\n",
    b"\r\n\r\n",
    b"\n",
    b":",
    b"Transfer-Encoding: chunked\r\n",
    b"Content-Length: -1\r\n",
    b"0\r\n\r\n",
]
HTTP += [
    b"Content-Encoding: gzip, br, zstd\r\n",
    b"HTTP/2",
    b"\x1f\x8b",
    b"ffffffffffffffff\r\n",
    b"\0",
    b" ",
]

each_format = pytest.mark.parametrize("name", FORMATS)


def check_recording(name: str, raw: bytes) -> None:
    """Whatever the file is, nothing but items comes of it."""
    _read(FORMATS[name][0], raw)


def _read(source: Source, raw: bytes) -> list[Item]:
    """All items, judged; whatever the file is, they are items, and a cut is the last of them."""
    with tempfile.TemporaryFile() as file, InOrder("test") as order:
        file.write(raw)
        file.seek(0)
        items = list(source.read(file))
        assert all(isinstance(item, (Recorded, Skipped, Remark, CutOff)) for item in items)
        assert not any(isinstance(item, CutOff) for item in items[:-1])
        for item in items:
            if isinstance(item, Recorded):
                order.add(item)
        assert audit(order, make_policy()).exchanges == sum(isinstance(item, Recorded) for item in items)
    return items


@cache
def seeds(name: str) -> list[bytes]:
    """Small files of the shared recordings where they are at hand, and one of our own."""
    folders = {"dump": ("recordings", "*.mitm"), "HAR": ("corpora/har-examples", "**/*.har")}
    folder, pattern = folders.get(name, ("", ""))
    found = sorted((SHARED / folder).glob(pattern)) if pattern and (SHARED / folder).is_dir() else []
    return [FORMATS[name][1], *(each.read_bytes() for each in found if each.stat().st_size < SMALL_BYTES)][:8]


@each_format
@bounded
@given(data=st.data())
def test_no_change_of_bytes_makes_a_reader_fail(name: str, data: st.DataObject) -> None:
    """Bits, cuts, doubled stretches and words of the format, in real files."""
    raw = data.draw(st.sampled_from(seeds(name)))

    _read(FORMATS[name][0], change_bytes(data, raw, WORDS[name]))


@bounded
@given(data=st.data())
def test_a_dump_with_changed_values_loses_only_the_changed_flow(data: st.DataObject) -> None:
    """Any type in any field, lengths corrected: the flow is read or skipped, and those around it are read."""
    flows = _flows(data.draw(st.sampled_from(seeds("dump"))))[:6]
    at = data.draw(st.integers(0, len(flows) - 1))
    before = sum(isinstance(item, Recorded) for item in _read(DUMP, b"".join(map(tnetstring.dumps, flows))))
    changed = copy.deepcopy(flows)
    change_tree(data, changed[at], st.one_of(VALUES, st.binary(max_size=9), st.just([[b"a", b"b"], [b"c"]])))

    items = _read(DUMP, b"".join(map(tnetstring.dumps, changed)))

    assert len(flows) == len(items)
    assert before - 1 <= sum(isinstance(item, Recorded) for item in items) <= before + 1


@cache
def _flows(raw: bytes) -> list[Any]:
    flows, file = [], io.BytesIO(raw)
    while file.tell() < len(raw):
        flows.append(tnetstring.load(file))
    return flows


@bounded
@given(data=st.data())
def test_a_har_with_changed_values_is_read_to_its_end(data: st.DataObject) -> None:
    """Any type in any field of one entry: it is read or skipped, and the others are read as before."""
    whole = json.loads(data.draw(st.sampled_from(seeds("HAR"))))
    whole["log"]["entries"] = whole["log"]["entries"][:4]
    before = _read(HAR, json.dumps(whole).encode())
    change_tree(data, whole["log"]["entries"][0])

    items = _read(HAR, json.dumps(whole).encode("utf-8", "surrogatepass"))

    if not any(isinstance(item, CutOff) for item in items):  # numbers over 64 bits end the reading
        assert len(items) - len(before) in (-1, 0, 1)


REQUEST = b"POST /a?b=c HTTP/1.1\r\nHost: shop.test\r\nCookie: a=b; c=d\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n"
CHUNKED += b"3\r\nabc\r\n0\r\nT: 1\r\n\r\n"


@bounded
@given(data=st.data())
def test_burp_items_with_changed_messages_are_all_read(data: st.DataObject) -> None:
    """Raw requests and answers that are no HTTP any more, and fields of other kinds: read or skipped."""
    request = change_bytes(data, REQUEST, HTTP)
    answer = change_bytes(data, CHUNKED, HTTP)
    odd = burp_item(request, answer)
    if data.draw(st.booleans()):
        field = data.draw(
            st.sampled_from([b"time", b"url", b"port", b"protocol", b"method", b"path", b"status"])
        )
        put = data.draw(st.sampled_from([b"", b"-1", b"99999", b"x y", b"<b/>", b"&#xD;", b"9" * 400]))
        odd = re.sub(b"<%s>.*?</%s>" % (field, field), b"<%s>%s</%s>" % (field, put, field), odd)
    if data.draw(st.booleans()):
        odd = odd.replace(
            base64.b64encode(request), data.draw(st.sampled_from([b"===", b"a", b"\xff", b"YQ=="]))
        )
    plain = burp_item(REQUEST, CHUNKED)

    items = _read(BURP, burp_file([plain, odd, plain]))

    if not any(isinstance(item, CutOff) for item in items):
        assert sum(isinstance(item, Recorded) for item in items) in (2, 3)
