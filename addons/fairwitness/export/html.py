"""One page that works offline: no script, nothing loaded, everything recorded is escaped text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import BinaryIO

from fairwitness.export.facts import body_lines, facts_of, head_text, message_text, message_title
from fairwitness.export.parts import Side, sound
from fairwitness.model.clock import iso_us
from fairwitness.model.disclosure import Shown
from fairwitness.model.printable import printable

TEMPLATE = "exchanges.html.j2"


@dataclass(frozen=True, slots=True)
class _Half:
    title: str
    head: str
    body: str
    note: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Card:
    """What the template shows of an exchange: text only."""

    id: int
    time: str
    method: str
    url: str
    outcome: str
    kind: str
    """``good`` | ``poor`` | ``blocked``: how it is coloured."""
    facts: list[tuple[str, str]]
    halves: list[_Half]
    messages: list[tuple[str, str]]


class HtmlExporter:
    """Writes a page with an entry to unfold for each exchange."""

    name = "html"

    def write(self, shown: Iterable[Shown], out: BinaryIO) -> None:
        """Write it piece by piece."""
        from jinja2 import Environment

        environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
        template = environment.from_string(files("fairwitness.export").joinpath(TEMPLATE).read_text("utf-8"))
        for piece in template.generate(cards=map(_card, shown)):
            out.write(piece.encode("utf-8"))


def _card(shown: Shown) -> _Card:
    row = shown.record.row
    outcome = str(row.status) if row.status is not None else row.outcome.partition(":")[0]
    is_good = row.status is not None and row.status < 400
    return _Card(
        id=row.id,
        time=iso_us(row.time_us),
        method=printable(sound(row.method)),
        url=printable(sound(row.url)),
        outcome=printable(sound(outcome)),
        kind="blocked" if row.outcome == "blocked" else "good" if is_good else "poor",
        facts=facts_of(shown),
        halves=list(_halves(shown)),
        messages=[(message_title(each), message_text(each)) for each in shown.record.messages],
    )


def _halves(shown: Shown) -> Iterator[_Half]:
    record = shown.record
    if record.request_line:
        head = head_text(record.request_line, record.request_headers)
        yield _Half("Request", head, *body_lines(record, Side.REQUEST))
    if record.response_line is not None:
        head = head_text(record.response_line, record.response_headers)
        yield _Half("Response", head, *body_lines(record, Side.RESPONSE))
