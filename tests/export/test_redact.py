"""What an export hides, and what it leaves."""

from __future__ import annotations

import base64
import json

import pytest

from fairwitness.export.redact import Redaction
from fairwitness.export.testing import make_message, make_record, redacted, texts_of

SESSION = b"f3Kd9a0Lx8Qm2Zp7"
COOKIE = ((b"Cookie", b"sid=" + SESSION),)


def test_the_same_value_has_the_same_placeholder_everywhere() -> None:
    """Cookie, body, URL and message of two exchanges show one name for one value."""
    sent = make_record(request_headers=COOKIE)
    other = make_record(
        2,
        request=b"GET /a?ref=" + SESSION + b" HTTP/1.1",
        url=f"https://shop.example.com/a?ref={SESSION.decode()}",
        response_body=b"id " + SESSION,
        messages=(make_message(b"hi " + SESSION),),
    )

    first, second = redacted(sent, other)

    assert b"sid=<COOKIE_A>" == first.record.request_headers[0][1]
    assert b"GET /a?ref=<COOKIE_A> HTTP/1.1" == second.record.request_line
    assert "https://shop.example.com/a?ref=<COOKIE_A>" == second.record.row.url
    assert b"id <COOKIE_A>" == second.record.response_body
    assert b"hi <COOKIE_A>" == second.record.messages[0].content
    assert first.hidden == second.hidden


def test_different_values_have_different_placeholders() -> None:
    """Two sessions can be told apart."""
    one = make_record(request_headers=COOKIE)
    two = make_record(request_headers=((b"Cookie", b"sid=" + SESSION[::-1]),))

    shown = redacted(one, two)

    assert ["COOKIE_A", "COOKIE_B"] == [each.hidden[0].name for each in shown]


@pytest.mark.parametrize(
    "spelling",
    [
        base64.b64encode(b"x" + SESSION + b"yy"),
        base64.b64encode(b"xx" + SESSION),
        base64.urlsafe_b64encode(SESSION).rstrip(b"="),
        SESSION.hex().encode(),
        SESSION.hex().upper().encode(),
        b"%66" + SESSION[1:],
        b"%2566" + SESSION[1:],
        b"\\u0066" + SESSION[1:],
        b"&#102;" + SESSION[1:],
        SESSION.decode().encode("utf-16-le"),
        base64.b64encode(base64.b64encode(b"a" + SESSION)),
        json.dumps({"a": json.dumps({"b": "é" + SESSION.decode()})}).encode(),
    ],
)
def test_a_value_is_found_in_every_spelling(spelling: bytes) -> None:
    """Escapes, base64 at each alignment, hex and UTF-16 hide nothing from the redaction."""
    sent = make_record(request_headers=COOKIE)
    echoed = make_record(response_body=b"it is " + spelling + b" there")

    _, shown = redacted(sent, echoed)

    assert b"<COOKIE_A>" in (shown.record.response_body or b"")
    assert ["COOKIE_A"] == [each.name for each in shown.hidden]


def test_a_short_value_is_hidden_only_where_it_was_found() -> None:
    """A theme of four letters does not eat the words of a page."""
    record = make_record(request_headers=((b"Cookie", b"theme=dark"),), response_body=b"a dark night")

    (shown,) = redacted(record)

    assert b"theme=<COOKIE_A>" == shown.record.request_headers[0][1]
    assert b"a dark night" == shown.record.response_body


def test_nothing_of_what_was_recorded_is_left_in_the_texts() -> None:
    """A password is hidden in the basic header, the form, and the page that echoes it."""
    password = b"correct horse!9"
    basic = b"Basic " + base64.b64encode(b"alice:" + password)
    record = make_record(
        request_headers=((b"Authorization", basic),),
        request_body=b"user=alice&password=correct+horse%219",
        response_body=b'{"echo": "correct horse!9"}',
    )

    (shown,) = redacted(record)

    assert b"user=alice&password=<PASSWORD_A>" == shown.record.request_body
    assert [] == [text for text in texts_of(shown.record) if b"horse" in text]


def test_a_placeholder_in_the_traffic_is_not_taken_for_ours() -> None:
    """A page that says <COOKIE_A> makes the first cookie COOKIE_B."""
    record = make_record(request_headers=COOKIE, response_body=b"<COOKIE_A>")

    (shown,) = redacted(record)

    assert b"<COOKIE_A>" == shown.record.response_body
    assert ["COOKIE_B"] == [each.name for each in shown.hidden]


def test_what_was_never_learned_is_not_shown() -> None:
    """A record that came between the passes stops the export."""
    redaction = Redaction()
    redaction.learn(make_record())

    with pytest.raises(ValueError, match="never learned"):
        redaction.show(make_record(request_headers=COOKIE))


def test_the_finished_file_is_looked_through_again() -> None:
    """A value that a format took from elsewhere is found, also across two pieces and in base64."""
    redaction = Redaction()
    record = make_record(request_headers=COOKIE)
    redaction.learn(record)
    shown = redaction.show(record)
    encoded = base64.b64encode(b"abc" + SESSION)

    assert redaction.check([b"%r" % (texts_of(shown.record),)]) is None
    assert "cookie" == redaction.check([b"x" * 100 + encoded[:9], encoded[9:]])
