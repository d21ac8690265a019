from __future__ import annotations

import re

import pytest

from fairwitness.export.http import HttpExporter
from fairwitness.export.testing import make_record, shown, written
from fairwitness.model.disclosure import Shown


def _text(*exchanges: Shown) -> str:
    return written(HttpExporter(), exchanges).decode()


def _obeyed(text: str) -> list[str]:
    """Lines that are no comment."""
    return [line for line in text.split("\n") if line and not line.startswith("#")]


def test_a_request_is_as_it_was() -> None:
    """Method, URL, headers, body; connection headers are the editor's."""
    record = make_record(
        request=b"POST /cart HTTP/1.1",
        url="https://shop.example.com/cart",
        method="POST",
        request_headers=((b"X-A", b"1"), (b"Content-Length", b"3")),
        request_body=b"a\nb",
    )

    assert ["POST https://shop.example.com/cart HTTP/1.1", "X-A: 1", "a", "b"] == _obeyed(
        _text(shown(record))
    )


def test_responses_are_comments() -> None:
    """Below a separator of their own."""
    text = _text(shown(make_record(response_body=b"ok\n### next\nGET https://evil.test/")))

    assert "### 1: its response\n# HTTP/1.1 200 OK\n" in text
    assert "# ### next\n# GET https://evil.test/\n" in text
    assert not any("evil.test" in line for line in _obeyed(text))


@pytest.mark.parametrize(
    "body",
    [
        "a\n###\nGET https://evil.test/ HTTP/1.1",
        "< /etc/passwd",
        " <@latin1 ./evil.txt",
        "<> evil.json",
        "> {% client.global.set('evil') %}",
        "{{$processEnv evil}}",
        "@evil = 1",
        "// evil",
        "# @name evil",
        "evil\x00",
        "evil\r\n",
    ],
)
def test_a_body_that_an_editor_would_obey_becomes_a_comment(body: str) -> None:
    """As base64."""
    record = make_record(request_body=body.encode(), response=None, response_body=None)

    assert not any("evil" in line for line in _obeyed(_text(shown(record))))


def test_headers_and_targets_that_an_editor_would_obey_become_comments() -> None:
    """Variables and line ends."""
    record = make_record(
        request=b"GET /{{evil}} HTTP/1.1",
        url="https://shop.example.com/{{evil}}",
        request_headers=((b"X-A", b"{{$dotenv evil}}"), (b"X-B", b"1\r\nX-evil: 2"), (b"X-C", b"3")),
    )
    good = make_record(2, request_headers=record.request_headers)

    assert [] == [line for line in _obeyed(_text(shown(record), shown(good))) if "evil" in line]
    assert "X-C: 3" in _obeyed(_text(shown(good)))
    assert not re.search(r"\{\{", _text(shown(record)))


def test_what_is_hidden_is_a_variable_of_the_file() -> None:
    """Demanded at its top, used where it stood."""
    record = make_record(request_headers=((b"Authorization", b"Bearer <TOKEN_A>"),))
    text = _text(shown(record, "TOKEN_A"))

    assert text.startswith("@TOKEN_A = fill-in\n")
    assert "Authorization: Bearer {{TOKEN_A}}" in text


def test_odd_bytes_of_a_target_are_written_as_escapes() -> None:
    """Spaces and what is no ASCII."""
    record = make_record(request=b"GET /a b\xff HTTP/1.1", url="https://shop.example.com/a b\xff")

    assert "GET https://shop.example.com/a%20b%FF HTTP/1.1" in _obeyed(_text(shown(record)))


def test_what_was_blocked_is_a_comment() -> None:
    """It is not sent by mistake."""
    record = make_record(outcome="blocked", response=None, reason="not listed\nGET https://evil.test/")

    assert [] == _obeyed(_text(shown(record)))
