"""Trailers: headers that come behind a body, and are told and hidden like those before it."""

from __future__ import annotations

import pytest

from fairwitness.export import EXPORTERS
from fairwitness.export.testing import make_record, redacted, shown, written
from fairwitness.proxy.dump_writer import DumpExporter

SECRET = b"s3cr3t-V4lue-of-41-bytes-that-nobody-knows"
FORMATS = [each() for each in EXPORTERS if each.name not in {"csv", "curl"}] + [DumpExporter()]


def trailed(value: bytes):
    """An exchange with a trailer on both sides."""
    return make_record(
        request=b"POST /up HTTP/1.1",
        request_body=b"abc",
        request_trailers=((b"X-Sum", value),),
        response_trailers=((b"X-Total", value),),
        method="POST",
    )


@pytest.mark.parametrize("exporter", FORMATS, ids=lambda each: each.name)
def test_every_format_that_shows_bodies_shows_trailers(exporter):
    """Two formats cannot: CSV shows sizes only, and curl sends no trailers."""
    assert b"zebra-17" in written(exporter, [shown(trailed(b"zebra-17"))])


@pytest.mark.parametrize("exporter", FORMATS, ids=lambda each: each.name)
def test_a_secret_in_a_trailer_is_hidden(exporter):
    """Learned from a cookie, found behind a body."""
    cookie = make_record(request_headers=((b"Host", b"shop.example.com"), (b"Cookie", b"session=" + SECRET)))
    assert SECRET not in written(exporter, redacted(cookie, trailed(SECRET)))


@pytest.mark.parametrize("exporter", FORMATS, ids=lambda each: each.name)
def test_a_trailer_that_is_a_secret_by_its_name_is_hidden(exporter):
    """As it would be in front of the body."""
    record = make_record(response_trailers=((b"Set-Cookie", b"session=" + SECRET + b"; Path=/"),))
    assert SECRET not in written(exporter, redacted(record))


@pytest.mark.parametrize("exporter", FORMATS, ids=lambda each: each.name)
def test_the_hash_of_a_body_that_hides_something_is_hidden(exporter):
    """A short password could be guessed from it."""
    record = make_record(
        response_body=b'{"password": "' + SECRET + b'"}',
        response_headers=((b"Content-Type", b"application/json"),),
        response_trailers=((b"Digest", b"sha-256=q1MKE+RZFJgrefm34+uplM/R8/si9xzqGvvwK0YMbR0="),),
    )
    assert b"q1MKE" not in written(exporter, redacted(record))
