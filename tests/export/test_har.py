from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from jsonschema import Draft6Validator
from mitmproxy import http
from mitmproxy.io import FlowReader
from referencing import Registry, Resource

from fairwitness.export.har import HarExporter
from fairwitness.export.testing import make_message, make_record, shown, written
from fairwitness.model.record import ExchangeRecord

SCHEMAS = Path(__file__).parent / "har-schema"


def _har(*records: ExchangeRecord) -> dict[str, Any]:
    form = json.loads(written(HarExporter(), map(shown, records)))
    assert isinstance(form, dict)
    return form


def _entry(record: ExchangeRecord) -> dict[str, Any]:
    (entry,) = _har(record)["log"]["entries"]
    return entry


@pytest.fixture(scope="module")
def validator() -> Draft6Validator:
    """The HAR 1.2 schema of the npm package har-schema."""
    forms = [json.loads(path.read_text()) for path in SCHEMAS.glob("*.json")]
    registry = Registry().with_resources(
        (form["$id"].rstrip("#"), Resource.from_contents(form)) for form in forms
    )
    top = next(form for form in forms if form["$id"] == "har.json#")
    return Draft6Validator(top, registry=registry, format_checker=Draft6Validator.FORMAT_CHECKER)


BINARY = make_record(
    2,
    request=b"POST /upload HTTP/1.1",
    url="https://shop.example.com/upload",
    method="POST",
    request_headers=((b"Content-Type", b"application/octet-stream"),),
    request_body=b"\x00\xff\x80",
    response_headers=((b"Content-Type", b"image/png"),),
    response_body=b"\x89PNG\x00",
    response_bytes=5,
)
MANY = (
    make_record(),
    BINARY,
    make_record(3, response=None, response_body=None, status=None, outcome="failed: reset", duration_us=None),
    make_record(
        4,
        response=None,
        response_body=None,
        request_body=None,
        status=None,
        outcome="blocked",
        decision="block",
        reason="not listed",
    ),
    make_record(5, url="wss://shop.example.com/ws", messages=(make_message(b"hi"),)),
)


def test_it_is_valid_by_the_schema_of_others(validator: Draft6Validator) -> None:
    """Each kind of exchange fits HAR 1.2 as the npm package har-schema has it."""
    assert [] == [error.message for error in validator.iter_errors(_har(*MANY))]


def test_the_schema_refuses_what_is_wrong(validator: Draft6Validator) -> None:
    """The test above can fail: references between the schemas are followed."""
    form = _har(make_record())
    del form["log"]["entries"][0]["timings"]["wait"]

    assert not validator.is_valid(form)


def test_no_exchanges_make_a_valid_file(validator: Draft6Validator) -> None:
    """An empty selection is a log with no entries."""
    assert validator.is_valid(_har())


def test_mitmproxy_reads_it(tmp_path: Path) -> None:
    """mitmproxy's reader finds as many flows, with the same URLs, status and bodies."""
    path = tmp_path / "a.har"
    path.write_bytes(written(HarExporter(), map(shown, MANY)))
    with path.open("rb") as file:
        flows = [flow for flow in FlowReader(file).stream() if isinstance(flow, http.HTTPFlow)]

    assert [urlsplit(record.row.url)[1:3] for record in MANY] == [
        (flow.request.host, flow.request.path.split("?")[0]) for flow in flows
    ]
    assert [200, 200, 0, 0, 200] == [flow.response.status_code for flow in flows if flow.response]
    assert flows[1].response is not None
    assert b"\x89PNG\x00" == flows[1].response.content


def test_binary_bodies_are_base64() -> None:
    """A request's in fields with an underscore, a response's as HAR has it."""
    entry = _entry(BINARY)

    assert b"\x00\xff\x80" == base64.b64decode(entry["request"]["postData"]["_base64"])
    assert ("base64", b"\x89PNG\x00") == (
        entry["response"]["content"]["encoding"],
        base64.b64decode(entry["response"]["content"]["text"]),
    )


def test_forms_are_taken_apart() -> None:
    """postData has text and params."""
    entry = _entry(
        make_record(
            request=b"POST / HTTP/1.1",
            request_headers=((b"Content-Type", b"application/x-www-form-urlencoded; charset=utf-8"),),
            request_body="a=1&b=%20x&c=ü".encode(),
        )
    )

    assert "a=1&b=%20x&c=ü" == entry["request"]["postData"]["text"]
    assert [("a", "1"), ("b", " x"), ("c", "ü")] == [
        (each["name"], each["value"]) for each in entry["request"]["postData"]["params"]
    ]


def test_cookies_are_parsed() -> None:
    """Those sent by name and value, those set with all their attributes."""
    entry = _entry(
        make_record(
            request_headers=((b"Cookie", b"sid=a=b; theme=dark"),),
            response_headers=(
                (
                    b"Set-Cookie",
                    b"sid=x; Path=/; Domain=shop.example.com; Expires=Wed, 21 Oct 2026 07:28:00 GMT;"
                    b" HttpOnly; Secure; SameSite=Lax",
                ),
                (b"Set-Cookie", b"odd; Expires=never; Max-Age=5"),
            ),
        )
    )

    assert [{"name": "sid", "value": "a=b"}, {"name": "theme", "value": "dark"}] == entry["request"][
        "cookies"
    ]
    assert {
        "name": "sid",
        "value": "x",
        "path": "/",
        "domain": "shop.example.com",
        "expires": "2026-10-21T07:28:00+00:00",
        "httpOnly": True,
        "secure": True,
        "sameSite": "Lax",
    } == entry["response"]["cookies"][0]
    assert "Expires could not be read: never" == entry["response"]["cookies"][1]["comment"]


def test_timings_add_up_and_are_never_negative() -> None:
    """What fairwitness took is `blocked`; a clock that ran backwards makes nothing negative."""
    entry = _entry(make_record())
    odd = _entry(make_record(meta=(), duration_us=0))

    assert {
        "blocked": 0.3,
        "dns": -1,
        "connect": -1,
        "ssl": -1,
        "send": 0,
        "wait": 2.0,
        "receive": 0.5,
    } == entry["timings"]
    assert 2.8 == pytest.approx(entry["time"])
    assert all(value >= -1 for value in odd["timings"].values())
    assert 0 == odd["timings"]["receive"]


def test_pages_group_what_they_asked_for() -> None:
    """What a person went to begins a page; what it asked for belongs to it."""
    page = "https://shop.example.com/cart"
    log = _har(
        make_record(1, url=page, initiator="person"),
        make_record(2, url="https://shop.example.com/a.js", initiator="page", page=page),
        make_record(3),
    )["log"]

    assert ["page_1", "page_1", None] == [entry.get("pageref") for entry in log["entries"]]
    assert [(page, "page_1")] == [(each["title"], each["id"]) for each in log["pages"]]


def test_what_was_blocked_is_marked() -> None:
    """Status 0, why, and that it never left."""
    entry = _entry(MANY[3])

    assert (0, "block") == (entry["response"]["status"], entry["_fairwitness"]["decision"])
    assert "blocked by fairwitness, never left: not listed" == entry["comment"]


def test_what_is_missing_is_marked() -> None:
    """A body that was not stored is told in comment and fields."""
    record = make_record(response_body=None, meta=(("body-stored", "no: load host"),))
    entry = _entry(record)

    assert ["response"] == [side for side in entry["_fairwitness"]["truncated"] if side == "response"]
    assert "the body is not stored" in entry["comment"]
    assert "text" not in entry["response"]["content"]


def test_messages_are_as_chromium_writes_them() -> None:
    """Text as text, the rest base64, times in seconds."""
    entry = _entry(
        make_record(
            messages=(make_message("hü".encode()), make_message(b"\x00\xff", kind="binary", sent=False))
        )
    )

    assert [("send", 1, "hü"), ("receive", 2, "AP8=")] == [
        (each["type"], each["opcode"], each["data"]) for each in entry["_webSocketMessages"]
    ]


def test_sizes_are_those_of_the_wire() -> None:
    """bodySize is what came, size what it became, compression the difference."""
    record = make_record(response_body=b"x" * 100, response_bytes=20)
    entry = _entry(record)

    assert (20, 100, 80) == (
        entry["response"]["bodySize"],
        entry["response"]["content"]["size"],
        entry["response"]["content"]["compression"],
    )
