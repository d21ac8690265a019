"""Recordings that were made to harm: every reader ends, tells where, and gives what it could read."""

from __future__ import annotations

import io
import json
import random
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mitmproxy import http
from mitmproxy.io import FlowWriter
from mitmproxy.test import tflow
from tests.audit.conftest import BURP_HEAD, Read, burp_file, burp_item, exchanges

from fairwitness.audit import InOrder, Source
from fairwitness.audit.burp import BURP
from fairwitness.audit.har import HAR
from fairwitness.model.recording import CutOff, Item, Recorded, Skipped
from fairwitness.proxy.dump import read_dump
from fairwitness.rules.testing import make_policy
from fairwitness.witness.audit import audit

DUMP = Source("mitmproxy dump", lambda head: True, read_dump)


def _dump(count: int) -> bytes:
    out = io.BytesIO()
    for at in range(count):
        flow = tflow.tflow(resp=True)
        flow.request = http.Request.make("GET", f"https://shop.test/{at}", headers={"a": "b"})
        flow.request.timestamp_start = 1_700_000_000.0 + at
        flow.response = http.Response.make(200, b"x" * 500)
        flow.response.timestamp_start = flow.response.timestamp_end = 1_700_000_000.5 + at
        FlowWriter(out).add(flow)
    FlowWriter(out).add(tflow.twebsocketflow())
    FlowWriter(out).add(tflow.ttcpflow())
    return out.getvalue()


def _har(count: int) -> bytes:
    entries = [
        {
            "startedDateTime": f"2026-11-24T10:11:{at:02}.5+01:00",
            "time": 12.5,
            "request": {
                "method": "POST",
                "url": f"https://shop.test/{at}?q=1",
                "httpVersion": "h2",
                "headers": [{"name": ":authority", "value": "shop.test"}, {"name": "a", "value": "b"}],
                "postData": {"mimeType": "text/plain", "text": "hello"},
                "bodySize": 5,
            },
            "response": {
                "status": 200,
                "headers": [],
                "content": {"size": 3, "text": "YWJj", "encoding": "base64"},
            },
            "_webSocketMessages": [{"type": "send", "time": 1_795_000_000.5, "opcode": 1, "data": "hi"}],
        }
        for at in range(count)
    ]
    return json.dumps({"log": {"version": "1.2", "entries": entries}}).encode()


def _burp(count: int) -> bytes:
    request = b"GET / HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    return burp_file([burp_item(request, b"HTTP/1.1 200 OK\r\n\r\nok") for _ in range(count)])


FORMATS = {"HAR": (HAR, _har(12)), "Burp": (BURP, _burp(12)), "dump": (DUMP, _dump(12))}
each_format = pytest.mark.parametrize("name", FORMATS)


def _items(source: Source, raw: bytes) -> list[Item]:
    with tempfile.TemporaryFile() as file:
        file.write(raw)
        file.seek(0)
        return list(source.read(file))


def _judge(items: list[Item]) -> int:
    with InOrder("test") as order:
        for item in items:
            if isinstance(item, Recorded):
                order.add(item)
        return audit(order, make_policy()).exchanges


@each_format
def test_a_whole_recording_is_read_to_its_end(name: str) -> None:
    """What the tests below cut and change is sound at first."""
    items = _items(*FORMATS[name])

    assert not any(isinstance(each, CutOff) for each in items)
    assert 12 <= len(exchanges(items)) == _judge(items)


@each_format
def test_a_recording_may_end_anywhere(name: str) -> None:
    """What came before the cut is read, what is missing is told."""
    source, whole = FORMATS[name]
    counts = []
    for end in range(1, len(whole) - 1, 997):
        items = _items(source, whole[:end])
        counts.append(len(exchanges(items)))
        assert not any(isinstance(each, CutOff) for each in items[:-1])
        assert counts[-1] >= 12 or (items and isinstance(items[-1], CutOff)) or name == "dump"

    assert counts == sorted(counts)
    assert counts[-1] > 8


@each_format
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_change_of_bytes_makes_a_reader_fail(name: str, data: st.DataObject) -> None:
    """Bytes changed, taken out, doubled: every file is read, and what is left of it is judged."""
    source, whole = FORMATS[name]
    changed = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(changed) - 1))
        size = data.draw(st.integers(0, 40))
        changed[at : at + size] = data.draw(
            st.one_of(st.binary(max_size=12), st.sampled_from([b"1e999", b"null", b"{", b'"', b"-1", b"]]>"]))
        )

    _judge(_items(source, bytes(changed)))


@each_format
@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=400))
def test_no_bytes_at_all_make_a_reader_fail(name: str, raw: bytes) -> None:
    """Nonsense is read as nothing."""
    _items(FORMATS[name][0], raw)


def _values() -> st.SearchStrategy[object]:
    plain = st.one_of(
        st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False), st.text()
    )
    return st.recursive(
        plain,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)
        ),
        max_leaves=5,
    )


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_har_may_have_any_type_anywhere(data: st.DataObject) -> None:
    """A field of another type counts as absent; the entry is read or skipped, and the next one follows."""
    whole = json.loads(_har(2))
    entry = whole["log"]["entries"][0]
    places = [entry, entry["request"], entry["response"], entry["response"]["content"]]
    if data.draw(st.booleans()):
        entry["request"]["headers"] = data.draw(_values())
    at = data.draw(st.sampled_from(places))
    at[data.draw(st.sampled_from(sorted(at)))] = data.draw(_values())

    items = _items(HAR, json.dumps(whole).encode("utf-8", "surrogatepass"))

    if not any(isinstance(each, CutOff) for each in items):  # a number over 64 bits ends it
        assert 2 == len(items)
        assert isinstance(items[1], Recorded)
    _judge(items)


def test_deep_nesting_ends_a_har_at_once() -> None:
    """A million arrays in each other are refused after 64."""
    for bomb in (b"[" * 1_000_000, b'{"a":' * 1_000_000):
        items = _items(HAR, b'{"log":{"entries":[' + bomb)
        assert "nested deeper" in next(each.why for each in items if isinstance(each, CutOff))


def test_a_har_is_bounded_in_text_numbers_and_values(read: Read) -> None:
    """A text over 64 MiB, a number of a megabyte, an entry of millions of values: told, not kept."""
    before = b'{"log":{"entries":[{"request":'
    whys = []
    for bomb in (b'"' + b"\\u0041\\\\" * (9 << 20), b"1" * (1 << 20), b"[" + b"[]," * 2_000_000):
        last = read(HAR, before + bomb)[-1]
        assert isinstance(last, CutOff)
        whys.append(last.why)

    assert [
        "a text is longer than 64 MiB",
        "a number is too long",
        "an entry has more than 1000000 values",
    ] == whys


def test_odd_json_is_read_as_far_as_it_is_json() -> None:
    """A byte order mark, bytes that are no UTF-8, doubled keys and NaN."""
    whole = _har(3)
    marked = _items(HAR, b"\xef\xbb\xbf" + whole)
    spoilt = _items(HAR, whole.replace(b"hello", b"h\xff\xfello", 1))
    doubled = _items(HAR, whole.replace(b'"method"', b'"method": "PUT", "method"', 1))
    not_a_number = _items(HAR, whole.replace(b"12.5", b"NaN", 1))

    assert [3, 3, 3] == [len(exchanges(each)) for each in (marked, spoilt, doubled)]
    assert "h��llo".encode() == exchanges(spoilt)[0].request.body
    assert [CutOff] == [type(each) for each in not_a_number]


@pytest.fixture
def counted() -> Iterator[Callable[[], int]]:
    """A listener on loopback; tells its port first, and how many connections it got."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)

        def count() -> int:
            got = 0
            while True:
                try:
                    server.accept()[0].close()
                except BlockingIOError:
                    return got
                got += 1

        count.port = server.getsockname()[1]  # type: ignore[attr-defined]
        yield count


def test_no_entity_is_expanded_and_nothing_is_fetched(read: Read, counted: Callable[[], int]) -> None:
    """A billion laughs, files, addresses: refused at their declaration, and nobody is asked."""
    url = f"http://127.0.0.1:{counted.port}/x"  # type: ignore[attr-defined]
    item = burp_item(b"GET / HTTP/1.1\r\n\r\n")
    laughs = b"".join(b'<!ENTITY l%d "%s">' % (at, b"&l%d;" % (at - 1) * 10) for at in range(1, 10))
    declared = [
        b'<!ENTITY l0 "lol">' + laughs,
        b'<!ENTITY x SYSTEM "file:///etc/passwd">',
        f'<!ENTITY x SYSTEM "{url}">'.encode(),
        f'<!ENTITY % x SYSTEM "{url}"> %x;'.encode(),
    ]
    for each in declared:
        items = read(BURP, b"<!DOCTYPE items [" + each + b"]><items>&x;&l9;" + item + b"</items>")
        assert ["it declares an entity, which no saved items do"] == [
            each.why for each in items if isinstance(each, CutOff)
        ]
    outside = f'<!DOCTYPE items SYSTEM "{url}"><items>'.encode() + item + b"</items>"
    assert 1 == len(exchanges(read(BURP, outside)))
    included = f'<items xmlns:i="http://www.w3.org/2001/XInclude"><i:include href="{url}"/>'.encode()
    assert 1 == len(exchanges(read(BURP, included + item + b"</items>")))

    assert 0 == counted()


def test_xml_is_bounded_in_depth_elements_and_bytes(read: Read) -> None:
    """Nesting, a flood of elements and an endless item end the reading."""
    item = burp_item(b"GET / HTTP/1.1\r\n\r\n")
    bombs = [b"<a>" * 1_000_000, b"<item>" + b"<a/>" * 1_000_000, b"<item><time>" + b"A" * (97 << 20)]
    whys = []
    for bomb in bombs:
        items = read(BURP, BURP_HEAD + item + bomb)
        assert 1 == len(exchanges(items))
        whys += [each.why for each in items if isinstance(each, CutOff)]

    assert ["it holds more than saved items do"] * 2 + ["an item is longer than 96 MiB"] == whys


def test_a_dump_is_bounded_by_its_own_size(read: Read) -> None:
    """Lengths that the file does not hold are not believed, and nested values do no harm."""
    good = _dump(1)
    for bomb in (b"999999999999:", b"99999999999999999999:x", b"12", b"x", b":", b"-5:aaaaa,"):
        last = read(DUMP, good + bomb)[-1]
        assert isinstance(last, CutOff)
        assert last.where == f"after exchange 3, at byte {len(good)}"
    nested = b"0:~"
    for _ in range(20_000):
        nested = b"%d:%s]" % (len(nested), nested)
    odd = [b"0:}", b"3:abc,", nested, b"4:true!"]
    items = read(DUMP, b"".join(odd) + good)

    assert [Skipped("damaged flow")] * 4 == items[:4]
    assert 3 == len(exchanges(items))


_MEASURE = """
import random, resource, sys
from pathlib import Path
from fairwitness.audit import InOrder, open_recording
from fairwitness.audit.har import HAR
from fairwitness.model.recording import Recorded
from fairwitness.rules.testing import make_policy
from fairwitness.witness.audit import audit
with open_recording(Path(sys.argv[1])) as file, InOrder("x") as order:
    for item in HAR.read(file):
        assert isinstance(item, Recorded), item
        order.add(item)
    audited = audit(order, make_policy())
print(audited.exchanges, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def _write_har(path: Path, megabytes: int) -> int:
    """Random text, which no compression makes small, in the reverse order of its times."""
    pick, count = random.Random(1), megabytes * 10
    template = json.loads(_har(1))["log"]["entries"][0]
    with path.open("w") as file:
        file.write('{"log":{"entries":[')
        for at in range(count, 0, -1):
            template["startedDateTime"] = f"2026-11-24T10:{at // 60 % 60:02}:{at % 60:02}Z"
            template["response"]["content"] = {"size": 100_000, "text": pick.randbytes(50_000).hex()}
            file.write(json.dumps(template) + ("," if at > 1 else "]}}"))
    return count


def test_a_har_of_any_size_takes_the_same_memory(tmp_path: Path) -> None:
    """Thirty megabytes, unsorted, take no more than three, within a few."""
    peaks = {}
    for megabytes in (3, 30):
        path = tmp_path / f"{megabytes}.har"
        count = _write_har(path, megabytes)
        done = subprocess.run(
            [sys.executable, "-c", _MEASURE, path], capture_output=True, text=True, check=True
        )
        seen, peak_kib = done.stdout.split()
        assert str(count) == seen
        peaks[megabytes] = int(peak_kib)

    assert peaks[30] < peaks[3] * 1.25 + 4_096
