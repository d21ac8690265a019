"""One exchange, as raw HTTP."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fairwitness.cli.completing import exchange_ids
from fairwitness.cli.options import choices, command
from fairwitness.cli.place import find_place
from fairwitness.cli.text import machine, printable, printable_bytes, size
from fairwitness.control.policy_file import replace_bytes
from fairwitness.errors import EvidenceError
from fairwitness.export.forms import record_form
from fairwitness.model.clock import iso_us

if TYPE_CHECKING:
    from fairwitness.evidence import Reader
    from fairwitness.model.exchange import Headers
    from fairwitness.model.flag import Flag
    from fairwitness.model.record import ExchangeRecord

_LAST = re.compile(r"last(?::([0-9]{1,9}))?")
_SCREEN_BYTES = 16 << 10  # 16 KiB of a body on a terminal
_SCREENS = 2  # of lines of a body on a terminal


@command(
    name="show",
    examples=[
        "fairwitness show 12",
        "fairwitness show last",
        "fairwitness show 12 --body answer.json",
    ],
)
@click.argument("which", metavar="ID", shell_complete=exchange_ids)
@click.option(
    "--body",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Save the response's body (- is stdout).",
)
@click.option(
    "--request-body",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Save the request's body.",
)
@click.pass_context
def show(context: click.Context, which: str, body: Path | None, request_body: Path | None) -> None:
    """Show one exchange as raw HTTP.

    ID is the number that 'fairwitness log' shows, the 32 hex digits, last, or last:2 for the one before.
    Bytes that a terminal would obey are written as escapes, and a terminal gets the beginning of long bodies
    only; --body saves one as it is.
    """
    chosen = choices(context)
    place = find_place(chosen)
    for path in filter(None, (body, request_body)):
        _refuse_evidence(path, place.evidence)
    with place.reader() as reader:
        record = reader.exchange(_numbered(reader, which))
        flags = reader.flags_named(record.row.flags)
    if body or request_body:
        if request_body:
            _save_body(record, record.request_body, request_body, "--request-body")
        if body:
            _save_body(record, record.response_body, body, "--body")
    elif chosen.as_json:
        print(machine(record_form(record)))
    else:
        _print_record(record, flags)


def _numbered(reader: Reader, which: str) -> str:
    match = _LAST.fullmatch(which)
    return str(reader.newest_id() + 1 - int(match[1] or 1)) if match else which


def _refuse_evidence(path: Path, evidence: Path) -> None:
    """A body never replaces a part of the log, nor what a link that lies elsewhere leads to."""
    if path.resolve().is_relative_to(evidence.resolve()):
        raise EvidenceError(
            "the body cannot be saved: it would lie in the evidence folder",
            where=str(path),
            mend="Save it in another place",
        )


def _save_body(record: ExchangeRecord, content: bytes | None, path: Path, option: str) -> None:
    if content is None:
        raise EvidenceError(
            f"the body of exchange {record.row.id} is not stored",
            where=f"show {option}",
            mend="Bodies of blocked requests, load hosts and erased exchanges are not kept; its hash may be"
            " (fairwitness show ID)",
        )
    if str(path) == "-":
        sys.stdout.buffer.write(content)
        return
    replace_bytes(path, content)


def _print_record(record: ExchangeRecord, flags: Sequence[Flag]) -> None:
    row = record.row
    facts = [
        ("exchange", f"{row.id} {row.exchange}"),
        ("time", iso_us(row.time_us)),
        ("session", str(row.session)),
        (row.decision, row.reason),
        *((f"flag {flag.flag}", f"{flag.rule}: {flag.says}") for flag in flags),
        *record.meta,
    ]
    widest = min(24, max(len(printable(name)) for name, _ in facts))
    for name, value in facts:
        print(f"# {printable(name):<{widest}}  {printable(value)}")
    print()
    _print_half(record.request_line, record.request_headers)
    _print_body(record, record.request_body, is_request=True)
    _print_trailers(record.request_trailers)
    if record.response_line is not None:
        print()
        _print_half(record.response_line, record.response_headers)
        _print_body(record, record.response_body, is_request=False)
        _print_trailers(record.response_trailers)
    if (missing := _missing(record)) is not None:
        print(f"# {printable(missing)}")
    _print_messages(record)


def _missing(record: ExchangeRecord) -> str | None:
    """What was not observed, where something was not."""
    row = record.row
    if row.outcome == "blocked":
        return "no response: it was blocked and never sent"
    if row.method == "CONNECT":
        sent, received = size(row.request_bytes), size(row.response_bytes)
        return f"a tunnel: what passed in it was not observed ({sent} sent, {received} received)"
    if row.outcome == "open":
        return "no end yet: it is still open"
    if row.outcome == "unknown":
        return "outcome unknown: the recording was cut off before its end"
    if row.outcome.startswith("failed"):
        return row.outcome
    return None


def _print_messages(record: ExchangeRecord) -> None:
    if record.messages:
        print(f"\n# {len(record.messages)} messages" if len(record.messages) > 1 else "\n# 1 message")
    for message in record.messages:
        fact = f"{message.number:>4}  {message.direction.value:<8}  {iso_us(message.time_us)}  {message.kind}"
        print(printable(f"# {fact}, {size(len(message.content))}"))
        if message.content:
            print(printable_bytes(message.content, keep="\n\t"))


def _print_half(line: bytes, headers: Headers) -> None:
    print(printable_bytes(line))
    _print_headers(headers)
    print()


def _print_headers(headers: Headers) -> None:
    for name, value in headers:
        print(f"{printable_bytes(name)}: {printable_bytes(value)}")


def _print_trailers(trailers: Headers) -> None:
    if trailers:
        print("# trailers")
        _print_headers(trailers)


def _print_body(record: ExchangeRecord, content: bytes | None, *, is_request: bool) -> None:
    count = record.request_body_bytes if is_request else record.response_body_bytes
    sha256 = (record.request_body_sha256 if is_request else record.response_body_sha256) or "not known"
    if content is None:
        if count:
            shape = None if is_request else dict(record.meta).get("body-shape")
            why = ": pruned" if record.is_pruned and not is_request else ""
            why = ": kept as a shape, for the persons in it" if shape else why
            print(f"# body not stored{why}: {size(count)}, SHA-256 {sha256}")
            if shape:
                print(f"# shape: {printable(shape)}")
        return
    shown = _for_screen(content) if sys.stdout.isatty() else content
    if shown:
        print(printable_bytes(shown.replace(b"\r\n", b"\n"), keep="\n\t"))
    if len(shown) < len(content):
        option = "--request-body" if is_request else "--body"
        print(f"# {size(len(content))} in all; 'fairwitness show {record.row.id} {option} FILE' saves it")
    if count is not None and count > len(content):
        print(f"# cut: {size(count)} in all, SHA-256 {sha256}")


def _for_screen(content: bytes) -> bytes:
    """As much of a body as a person reads on a terminal."""
    lines = content[:_SCREEN_BYTES].split(b"\n")
    return b"\n".join(lines[: _SCREENS * shutil.get_terminal_size().lines])
