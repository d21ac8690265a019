"""What could be guessed of a hidden secret from hashes and sizes."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from dataclasses import replace

import pytest

from fairwitness.export import EXPORTERS
from fairwitness.export.exporter import Exporter
from fairwitness.export.facts import facts_of
from fairwitness.export.passes import write_checked
from fairwitness.export.redact import Redaction
from fairwitness.export.testing import make_message, make_record, redacted
from fairwitness.model.record import ExchangeRecord
from fairwitness.proxy.dump_writer import DumpExporter

FORM = b"note=" + b"a" * 4000 + b"&username=alice&password=hunter2"
ANSWER = b'{"pin": "4711", "filler": "' + b"b" * 5000 + b'"}'
CODED = hashlib.sha256(b"as it came").hexdigest()
ETAG = base64.b64encode(hashlib.sha1(ANSWER).digest())
FORMATS = [*(each() for each in EXPORTERS), DumpExporter()]


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _logged(*, form: bytes = FORM, answer: bytes = ANSWER, **changed: object) -> ExchangeRecord:
    """As the log gives it, with all that it knows of bodies."""
    record = make_record(
        request=b"POST /login HTTP/1.1",
        request_headers=(
            (b"Content-Type", b"application/x-www-form-urlencoded"),
            (b"Content-Length", str(len(form)).encode()),
            (b"Content-MD5", base64.b64encode(hashlib.md5(form).digest())),
        ),
        request_body=form,
        response_headers=(
            (b"Content-Length", str(len(answer)).encode()),
            (b"ETag", b'W/"1399-' + ETAG + b'"'),
            (b"Content-Digest", b"sha-256=:" + base64.b64encode(hashlib.sha256(answer).digest()) + b":"),
        ),
        response_body=answer,
        meta=(
            ("body-announced", str(len(form))),
            ("body", f"{len(form)} {_digest(form)}"),
            ("status", f"200 {len(answer)} bytes"),
            ("body", f"{len(answer)} {_digest(answer)}"),
            ("coded-sha256", CODED),
        ),
        request_bytes=len(form),
        response_bytes=len(answer),
    )
    hashes = {"request_body_sha256": _digest(form), "response_body_sha256": _digest(answer)}
    return replace(record, **{**hashes, **changed})  # type: ignore[arg-type]


def _exported(exporter: Exporter, record: ExchangeRecord) -> bytes:
    out = io.BytesIO()
    write_checked(lambda: [record], exporter, Redaction(), out, where="x")
    return out.getvalue()


@pytest.mark.parametrize("exporter", FORMATS, ids=lambda each: each.name)
def test_no_hash_and_no_size_lets_a_hidden_secret_be_guessed(exporter: Exporter) -> None:
    """Who guesses the password can check it against nothing: SHA-256, MD5, ETag, length."""
    content = _exported(exporter, _logged())

    for body in (FORM, ANSWER):
        assert _digest(body).encode() not in content
        assert [] == re.findall(rb"(?<![0-9a-f.-])%d(?![0-9a-f])" % len(body), content)
        for algorithm in (hashlib.md5, hashlib.sha1, hashlib.sha256):
            assert base64.b64encode(algorithm(body).digest()) not in content
    assert CODED.encode() not in content


def test_the_hash_of_a_body_that_hides_nothing_stays() -> None:
    """Somebody can find it in a log of their own."""
    (shown,) = redacted(_logged(form=b"q=mug", answer=b"two mugs"))

    assert _digest(b"q=mug") == shown.record.request_body_sha256
    assert ("coded-sha256", CODED) in shown.record.meta
    assert ("body", f"8 {_digest(b'two mugs')}") in shown.record.meta
    assert ("Content-Length", b"5") == (shown.record.request_headers[1][0].decode(), b"5")
    assert 5 == shown.record.row.request_bytes
    assert () == shown.sizes_hidden


def test_a_body_that_nobody_looked_through_has_no_hash() -> None:
    """What is not stored, or only its beginning, may hold a secret as well; its size stays."""
    unread = _logged(request_body=None, response_body=ANSWER[-5000:-2])
    cut = replace(unread, meta=(*unread.meta, ("body-cut", "yes")))

    (shown,) = redacted(cut)

    assert shown.record.request_body_sha256 is None
    assert shown.record.response_body_sha256 is None
    assert len(FORM) == shown.record.row.request_bytes
    assert not any(_digest(each) in value for each in (FORM, ANSWER) for _, value in shown.record.meta)


def test_the_hash_of_a_message_goes_with_its_secret() -> None:
    """A message has a line of meta too: kept where all of it is shown."""
    secret, plain = b'{"password": "hunter2"}', b'{"say": "hello"}'
    lines = tuple(("body", f"{len(each)} {_digest(each)}") for each in (secret, plain))

    (shown,) = redacted(make_record(messages=(make_message(secret), make_message(plain)), meta=lines))

    assert ["<not shown>", lines[1][1]] == [value for key, value in shown.record.meta if key == "body"]


def test_people_are_told_why_there_is_no_hash() -> None:
    """Not silently."""
    (shown,) = redacted(_logged(answer=b"ok"))

    facts = dict(facts_of(shown))
    assert "not shown: something in it is hidden" == facts["request size, SHA-256"]
    assert _digest(b"ok") == facts["response SHA-256"]


@pytest.mark.parametrize(
    ("method", "status", "body"), [("GET", 304, b""), ("HEAD", 200, b""), ("GET", 200, None)]
)
def test_an_etag_of_a_body_that_is_not_here(method: str, status: int, body: bytes | None) -> None:
    """Many servers make it of the body's bytes, and browsers send it back."""
    tag = b'W/"1399-' + ETAG + b'"'
    record = make_record(
        method=method,
        status=status,
        request_headers=((b"If-None-Match", tag),),
        response_headers=((b"ETag", tag), (b"Content-Length", b"7")),
        response_body=body,
    )

    (shown,) = redacted(record)

    assert ((b"If-None-Match", b"<not shown>"),) == shown.record.request_headers
    assert ((b"ETag", b"<not shown>"), (b"Content-Length", b"7")) == shown.record.response_headers


def test_an_etag_of_a_body_that_is_shown_stays() -> None:
    """It tells nothing more."""
    record = make_record(response_headers=((b"ETag", b'"abc"'),))

    assert record.response_headers == redacted(record)[0].record.response_headers


@pytest.mark.parametrize("name", ["curl", "http"])
def test_what_is_not_shown_is_not_sent_again(name: str) -> None:
    """A server would take it for a value."""
    (exporter,) = (each for each in FORMATS if each.name == name)
    record = _logged(request_headers=((b"If-None-Match", b'"a"'), (b"Content-MD5", b"x"), (b"X-Kept", b"y")))

    content = _exported(exporter, record)

    assert b"not shown>" not in content.partition(b"its response")[0]
    assert b"X-Kept: y" in content
