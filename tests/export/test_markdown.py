from __future__ import annotations

from dataclasses import replace

import pytest
from markdown_it import MarkdownIt

from fairwitness.export.markdown import MarkdownExporter, fenced
from fairwitness.export.testing import make_message, make_record, shown, written
from fairwitness.model.record import ExchangeRecord

HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>",
    "[a](javascript:alert(1)) ![b](https://evil.test/b.png) <https://evil.test/>",
    "```\n# out\n<b>x</b>\n```",
    "``````````\n<img src=x>\n~~~~\n",
    "\n\n---\n# heading\n| a | b |\n|---|---|\n",
    "`` ` ``` <a href='javascript:x'>y</a>",
    "\r\n```\r\n![x](http://evil.test/)",
    "\u2028```\u2029<i>\x00</i>",
    "https://evil.test/ www.evil.test a@evil.test",
]


def hostile_record(text: str) -> ExchangeRecord:
    """A record that says *text* wherever something of the network can stand."""
    raw = text.encode()
    record = make_record(
        request=b"GET /" + raw + b" HTTP/1.1",
        request_headers=((b"User-Agent", raw), (raw, b"x")),
        request_body=raw,
        response=b"HTTP/1.1 200 " + raw,
        response_headers=((b"Content-Type", raw),),
        response_body=raw,
        messages=(make_message(raw), make_message(raw, kind=text)),
        meta=(("note", text), ("body-cut", "yes")),
        method=text,
        url=f"https://shop.example.com/{text}",
        reason=text,
        page=text,
        label=text,
        account=text,
        outcome=f"failed: {text}",
        clause=text,
    )
    return replace(record, response_body_sha256=text, request_body_sha256=text)


def _rendered(*records: ExchangeRecord) -> str:
    text = written(MarkdownExporter(), map(shown, records)).decode()
    return "".join(MarkdownIt(kind, {"html": True}).render(text) for kind in ("commonmark", "default"))


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_nothing_that_was_recorded_is_markup(text: str) -> None:
    """A renderer with HTML and tables switched on makes only what the format itself writes."""
    page = _rendered(hostile_record(text))
    tags = {part.split(">")[0].split(" ")[0] for part in page.split("<")[1:]}

    assert {"h1", "/h1", "h2", "/h2", "p", "/p", "pre", "/pre", "code", "/code"} >= tags
    assert (2, 2) == (page.count("<h1>"), page.count("<h2>"))


def test_a_plain_exchange_reads_well() -> None:
    """Heading by number, facts, request, response."""
    text = written(MarkdownExporter(), [shown(make_record())]).decode()

    assert "## 1: GET, 200\n" in text
    assert "\nGET /cart?id=7 HTTP/1.1\nHost: shop.example.com\nUser-Agent: test/1\n```" in text
    assert "\nHTTP/1.1 200 OK\nContent-Type: text/plain\n\nok\n```" in text


def test_what_is_missing_is_told() -> None:
    """Below the half that lacks it."""
    record = make_record(response_body=None, meta=(("body-stored", "no: load host"),))

    assert "(the body is not stored: size not known)" in written(MarkdownExporter(), [shown(record)]).decode()


def test_a_fence_is_longer_than_what_it_holds() -> None:
    """Whatever runs of back ticks there are."""
    assert "`````text\n````\n`````" == fenced("````", "text")


def test_long_bodies_are_cut_and_say_so() -> None:
    """Nobody reads a megabyte."""
    text = written(MarkdownExporter(), [shown(make_record(response_body=b"x" * 100_000))]).decode()

    assert "the first 65536 of 100000 bytes are shown" in text
    assert len(text) < 70_000
