from __future__ import annotations

import csv
import io
import json
import re
import subprocess
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from mitmproxy.io import FlowReader

from fairwitness.export import EXPORTERS
from fairwitness.export.testing import make_message, make_record, shown, written
from fairwitness.model.record import ExchangeRecord
from fairwitness.proxy.dump_writer import DumpExporter

BY_NAME = {each.name: each() for each in (*EXPORTERS, DumpExporter)}
ODD = st.sampled_from(
    [
        b"```",
        b"<script>",
        b"]]>",
        b"{{",
        b"%}",
        b"'",
        b'"',
        b"\r\n",
        b"\0",
        b"\xff",
        b"=1",
        b"$(x)",
        b"\n###\n",
        b"-->",
    ]
)
RAW = st.lists(st.one_of(st.binary(max_size=12), ODD), max_size=5).map(b"".join)
TEXT = st.one_of(RAW.map(lambda raw: raw.decode("utf-8", "surrogateescape")), st.text(max_size=20))
HEADERS = st.lists(st.tuples(RAW, RAW), max_size=4).map(tuple)
MESSAGES = st.lists(
    st.builds(make_message, RAW, kind=st.sampled_from(["text", "binary", "ping", "close", "odd"])), max_size=3
).map(tuple)


@st.composite
def records(draw: st.DrawFn, number: int) -> ExchangeRecord:
    """Anything that the network or a damaged log could give."""
    record = make_record(
        number,
        request=draw(st.one_of(st.just(b"GET / HTTP/1.1"), RAW)),
        request_headers=draw(HEADERS),
        request_body=draw(st.none() | RAW),
        response=draw(st.none() | st.just(b"HTTP/1.1 200 OK") | RAW),
        response_headers=draw(HEADERS),
        response_body=draw(st.none() | RAW),
        messages=draw(MESSAGES),
        meta=draw(
            st.lists(st.tuples(st.sampled_from(["client", "peer", "started-us", "body-cut"]), TEXT)).map(
                tuple
            )
        ),
    )
    row = replace(
        record.row,
        method=draw(st.sampled_from(["GET", "POST", "HEAD"]) | TEXT),
        url=draw(
            st.just("https://shop.example.com/") | TEXT.map("https://shop.example.com/{}".format) | TEXT
        ),
        status=draw(st.none() | st.integers(0, 999)),
        duration_us=draw(st.none() | st.integers(0, 10**9)),
        label=draw(st.none() | TEXT),
        page=draw(st.none() | TEXT),
        reason=draw(TEXT),
        outcome=draw(st.sampled_from(["complete", "blocked", "open", "unknown"]) | TEXT),
        initiator=draw(st.sampled_from(["person", "page", "tool"])),
    )
    return replace(record, row=row)


THREE = st.tuples(records(1), records(2), records(3))
CAREFUL = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def _count(name: str, content: bytes) -> int:
    match name:
        case "har":
            return len(json.loads(content)["log"]["entries"])
        case "jsonl":
            return len([json.loads(line) for line in content.decode("ascii").splitlines()])
        case "csv":
            rows = csv.reader(io.StringIO(content.decode(), newline=""), strict=True)
            return len(list(rows)) - 1
        case "markdown":
            return MarkdownIt("commonmark", {"html": True}).render(content.decode()).count("<h2>")
        case "html":
            return content.decode().count("<details ")
        case "curl":
            return len(re.findall(rb"^# \d+(?: is left out: .*)?$", content, re.MULTILINE))
        case "http":
            return len(re.findall(rb"^### \d+: (?!its response)", content, re.MULTILINE))
    raise ValueError(name)


@pytest.mark.parametrize("name", [name for name in BY_NAME if name != "mitm"])
@CAREFUL
@given(given_records=THREE)
def test_every_format_writes_every_record(
    name: str, given_records: tuple[ExchangeRecord, ExchangeRecord, ExchangeRecord]
) -> None:
    """Whatever they hold, as many come back as went in."""
    assert 3 == _count(name, written(BY_NAME[name], map(shown, given_records)))


@CAREFUL
@given(given_records=THREE)
def test_a_dump_holds_what_has_a_request(
    given_records: tuple[ExchangeRecord, ExchangeRecord, ExchangeRecord],
) -> None:
    """mitmproxy reads as many flows as there were requests."""
    content = written(BY_NAME["mitm"], map(shown, given_records))
    wanted = [
        record
        for record in given_records
        if record.request_line and record.row.method not in ("CONNECT", "TCP")
    ]

    assert len(wanted) == len(list(FlowReader(io.BytesIO(content)).stream()))


@settings(max_examples=10, deadline=None)
@given(given_records=THREE)
def test_bash_reads_every_script(
    given_records: tuple[ExchangeRecord, ExchangeRecord, ExchangeRecord],
) -> None:
    """Its syntax is sound, and it holds no zero byte."""
    script = written(BY_NAME["curl"], map(shown, given_records))
    done = subprocess.run(["bash", "-n"], input=script, capture_output=True, check=False)

    assert (0, b"") == (done.returncode, done.stderr)
    assert b"\0" not in script
