"""Reading the log."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fairwitness.cli.completing import exchange_ids
from fairwitness.cli.filters import filters
from fairwitness.cli.forms import exchange_form
from fairwitness.cli.options import choices, command
from fairwitness.cli.place import find_place
from fairwitness.cli.text import machine, moment, printable, printable_bytes, size
from fairwitness.control.policy_file import replace_bytes
from fairwitness.errors import EvidenceError
from fairwitness.export.forms import record_form
from fairwitness.model.clock import iso_us

if TYPE_CHECKING:
    from fairwitness.model.exchange import Headers
    from fairwitness.model.record import ExchangeRecord, ExchangeRow, LogFilter


@command(
    name="log",
    examples=[
        "fairwitness log --since 2h --decision block",
        "fairwitness log --host api.example.com --status 5xx --json",
        "fairwitness log password reset",
    ],
)
@filters
@click.pass_context
def log(context: click.Context, wanted: LogFilter) -> None:
    """List exchanges, blocked attempts too.

    WORDs must all occur in URL, headers or bodies.  Times are UTC.
    """
    chosen = choices(context)
    with find_place(chosen).reader() as reader:
        if not chosen.as_json:
            print(_COLUMNS.format("id", "time", "verdict", "status", "by", "size", "method", "url"))
        for row in reader.exchanges(wanted):
            print(machine(exchange_form(row)) if chosen.as_json else _row_line(row))


_COLUMNS = "{:>6}  {:<19}  {:<8}  {:<7}  {:<6}  {:>9}  {:<7} {}"


def _row_line(row: ExchangeRow) -> str:
    outcome = str(row.status) if row.status is not None else row.outcome.partition(":")[0]
    cells = (
        str(row.id),
        moment(row.time_us),
        row.decision,
        "-" if row.outcome == "blocked" else outcome,
        row.initiator,
        size(row.response_bytes),
        row.method,
        row.url + (f"  [{' '.join(row.flags)}]" if row.flags else ""),
    )
    return _COLUMNS.format(*(printable(cell) for cell in cells))


@command(name="show", examples=["fairwitness show 12", "fairwitness show 12 --body answer.json"])
@click.argument("which", metavar="ID", shell_complete=exchange_ids)
@click.option(
    "--body", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Save its body."
)
@click.pass_context
def show(context: click.Context, which: str, body: Path | None) -> None:
    """Show one exchange as raw HTTP.

    ID is the number that 'fairwitness log' shows, or the 32 hex digits.  Bytes that a terminal would obey are
    written as escapes; --body saves the response's body as it is (- is stdout).
    """
    chosen = choices(context)
    with find_place(chosen).reader() as reader:
        record = reader.exchange(which)
    if body:
        _save_body(record, body)
    elif chosen.as_json:
        print(machine(record_form(record)))
    else:
        _print_record(record)


def _save_body(record: ExchangeRecord, path: Path) -> None:
    content = record.response_body
    if content is None:
        raise EvidenceError(
            f"the body of exchange {record.row.id} is not stored",
            where="show --body",
            mend="Bodies of blocked requests, load hosts and erased exchanges are not kept; its hash may be"
            " (fairwitness show ID)",
        )
    if str(path) == "-":
        sys.stdout.buffer.write(content)
        return
    replace_bytes(path, content)


def _print_record(record: ExchangeRecord) -> None:
    row = record.row
    print(printable(f"# {row.id} {row.exchange}  {iso_us(row.time_us)}  session {row.session}"))
    print(printable(f"# {row.decision}: {row.reason}"))
    for name, value in record.meta:
        print(printable(f"# {name}: {value}"))
    _print_half(record.request_line, record.request_headers)
    _print_body(record.request_body, record.request_body_bytes, record.request_body_sha256)
    if record.response_line is not None:
        print()
        _print_half(record.response_line, record.response_headers)
        _print_body(
            record.response_body,
            record.response_body_bytes,
            record.response_body_sha256,
            why=": pruned" if record.is_pruned else "",
        )
    for message in record.messages:
        print(
            printable(
                f"# {message.direction.value} {message.kind} {message.number}, {iso_us(message.time_us)}"
            )
        )
        print(printable_bytes(message.content, keep="\n\t"))


def _print_half(line: bytes, headers: Headers) -> None:
    print(printable_bytes(line))
    for name, value in headers:
        print(f"{printable_bytes(name)}: {printable_bytes(value)}")
    print()


def _print_body(content: bytes | None, count: int | None, sha256: str | None, *, why: str = "") -> None:
    if content is None:
        if count:
            print(f"# body not stored{why}: {size(count)}, SHA-256 {sha256 or 'not known'}")
        return
    if content:
        print(printable_bytes(content.replace(b"\r\n", b"\n"), keep="\n\t"))
    if count is not None and count > len(content):
        print(f"# cut: {size(count)} in all, SHA-256 {sha256 or 'not known'}")
