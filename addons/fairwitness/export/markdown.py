"""Markdown for a report: everything that was recorded stands in code blocks, so none of it is markup."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from fairwitness.export.facts import body_lines, facts_of, head_text, message_text, message_title
from fairwitness.export.parts import Side, sound
from fairwitness.model.disclosure import Shown
from fairwitness.model.printable import printable

_WORD = re.compile(r"[A-Za-z0-9]{1,20}")


class MarkdownExporter:
    """Writes a heading an exchange, its facts, its request and its response."""

    name = "markdown"

    def write(self, shown: Iterable[Shown], out: BinaryIO) -> None:
        """Write them, one at a time."""
        out.write(b"# Exchanges\n")
        for each in shown:
            for block in _blocks(each):
                out.write(b"\n" + block.encode("utf-8") + b"\n")


def _blocks(shown: Shown) -> Iterator[str]:
    record = shown.record
    row = record.row
    outcome = row.outcome.partition(":")[0] if row.status is None else str(row.status)
    words = [word for word in (row.method, outcome) if _WORD.fullmatch(word)]
    yield f"## {row.id}: {', '.join(words)}"
    facts = facts_of(shown)
    width = max(len(name) for name, _ in facts)
    yield fenced("\n".join(f"{name:<{width}}  {value}" for name, value in facts), "text")
    if record.request_line:
        yield "Request:"
        yield from _half(shown, Side.REQUEST)
    if record.response_line is not None:
        yield "Response:"
        yield from _half(shown, Side.RESPONSE)
    for message in record.messages:
        yield "Message:"
        yield fenced(f"{message_title(message)}\n\n{message_text(message)}", "text")


def _half(shown: Shown, side: Side) -> Iterator[str]:
    record = shown.record
    if side is Side.REQUEST:
        head = head_text(record.request_line, record.request_headers)
    else:
        head = head_text(record.response_line or b"", record.response_headers)
    body, note = body_lines(record, side)
    yield fenced(f"{head}\n\n{body}" if body else head, "http")
    if note:
        yield fenced(printable(sound(f"({note})")), "text")


def fenced(content: str, language: str) -> str:
    """A code block whose fence is longer than any run of back ticks in it."""
    longest = max((len(run) for run in re.findall(r"`+", content)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{content}\n{fence}"
