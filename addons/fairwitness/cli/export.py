"""Giving exchanges out in a format that other tools read."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fairwitness.cli.beside import beside, told
from fairwitness.cli.filters import filters
from fairwitness.cli.findings_shown import missing_fields, objection_forms, objection_lines, objections_to
from fairwitness.cli.options import choices, command
from fairwitness.cli.place import Place, find_place
from fairwitness.cli.progress import Progress
from fairwitness.cli.text import machine, plural, printable, size
from fairwitness.cli.writing import record
from fairwitness.model.disclosure import Exported, Redactor
from fairwitness.model.record import LogFilter

if TYPE_CHECKING:
    from fairwitness.evidence import Reader
    from fairwitness.evidence.snapshot import Snapshot
    from fairwitness.export import Exporter
    from fairwitness.model.finding import Objection
    from fairwitness.model.record import ExchangeRecord, ExchangeRow

FORMATS = ("har", "jsonl", "csv", "markdown", "html", "curl", "http", "mitm")
_OF_TRAFFIC = frozenset({"har", "curl", "http", "mitm"})
_CARRIERS = ("CONNECT", "TCP")
_NOT_RELEASED = ("block", "halt", "hold")


@command(
    name="export",
    examples=[
        "fairwitness export --since 2h --format har -o shop.har",
        "fairwitness export --finding idor --format curl -o idor.sh",
        "fairwitness export --id 12-14 --format markdown -o -",
    ],
)
@filters
@click.option("--format", "format_", type=click.Choice(FORMATS), required=True, help="Which format.")
@click.option(
    "-o",
    "--output",
    "out",
    type=click.Path(path_type=Path),
    metavar="OUT",
    required=True,
    help="The file; - is stdout.",
)
@click.option("--unredacted", is_flag=True, help="Hide nothing: passwords, cookies and keys are in it.")
@click.pass_context
def export(context: click.Context, wanted: LogFilter, format_: str, out: Path, unredacted: bool) -> None:
    """Give exchanges out, with their secrets hidden.

    Nothing appears under the name OUT before it is finished and was searched for secrets once more.  That it
    was made is an entry of the log.  har, curl, http and mitm hold what was sent; with --decision block what
    was blocked.
    """
    from fairwitness.export.passes import write_checked
    from fairwitness.export.target import opened

    chosen = choices(context)
    place = find_place(chosen)
    with place.reader() as reader, opened(out, stdout=sys.stdout.buffer, forbidden=place.evidence) as target:
        left_out = _Count()
        snapshot = reader.snapshot(wanted, _chooser(format_, wanted, left_out))
        warned = _warned(place, reader, wanted)
        searched = beside(reader, snapshot)
        with _progress(snapshot) as records:
            written = write_checked(
                records,
                _exporter(format_),
                _redactor(unredacted),
                target.file,
                where=str(out),
                beside=searched.records,
            )
        made = Exported(
            format=format_,
            file=out.name,
            sha256=written.sha256,
            size=written.bytes,
            exchanges=written.count,
            is_redacted=not unredacted,
            about=(*_typed(wanted), ("hidden", str(written.hidden))),
        )
        record(place, made)
        target.finish()
    _say(made, left_out.count, written.hidden, told(searched), warned, as_json=chosen.as_json)


@dataclass(frozen=True, slots=True)
class _Warned:
    """What is to be thought of before the finding is reported."""

    objections: tuple[Objection, ...] = ()
    missing: tuple[str, ...] = ()


def _warned(place: Place, reader: Reader, wanted: LogFilter) -> _Warned:
    """What the program's rules of reports say of the finding that is given out; nothing without one."""
    found = reader.finding(wanted.finding) if wanted.finding else None
    if found is None:
        return _Warned()
    policy = place.policy()
    rows = reader.rows(each.id for each in found.exchanges)
    return _Warned(objections_to(found, rows, policy), missing_fields(found, policy.report))


class _Count:
    """Counts in a callback."""

    def __init__(self) -> None:
        self.count = 0


def _chooser(format_: str, wanted: LogFilter, left_out: _Count) -> Callable[[ExchangeRow], bool]:
    """Which rows a format takes: those that hold what was sent, unless others are asked for."""

    def takes(row: ExchangeRow) -> bool:
        is_sent = row.outcome != "blocked" and row.method not in _CARRIERS
        is_asked_for = wanted.decision in _NOT_RELEASED and row.outcome == "blocked"
        if format_ not in _OF_TRAFFIC or is_sent or is_asked_for:
            return True
        left_out.count += 1
        return False

    return takes


def _exporter(format_: str) -> Exporter:
    from fairwitness.export import EXPORTERS

    if format_ == "mitm":
        from fairwitness.proxy.dump_writer import DumpExporter

        return DumpExporter()
    return next(each for each in EXPORTERS if each.name == format_)()


def _redactor(unredacted: bool) -> Redactor:
    from fairwitness.export.passes import Unredacted
    from fairwitness.export.redact import Redaction

    return Unredacted() if unredacted else Redaction()


@contextmanager
def _progress(snapshot: Snapshot) -> Iterator[Callable[[], Iterator[ExchangeRecord]]]:
    """The records; on a terminal says how far it is."""
    names = iter(("reading", "writing"))
    with Progress() as progress:

        def records() -> Iterator[ExchangeRecord]:
            name = next(names)
            for number, each in enumerate(snapshot.records(), start=1):
                progress.tell(f"{name} {number} of {len(snapshot)}")
                yield each

        yield records


def _typed(wanted: LogFilter) -> tuple[tuple[str, str], ...]:
    """The filters, for the log: ``("filter", "host shop.example.com")``."""
    told = []
    for name in LogFilter.__slots__:
        value = getattr(wanted, name)
        if value is not None and value != ():
            told.append(("filter", f"{name} {' '.join(value) if isinstance(value, tuple) else value}"))
    return tuple(told)


def _say(
    made: Exported, left_out: int, hidden: int, unsearched: str | None, warned: _Warned, *, as_json: bool
) -> None:
    """What was made; on stderr where the file itself went to stdout."""
    form = {
        "file": made.file,
        "format": made.format,
        "exchanges": made.exchanges,
        "left_out": left_out,
        "bytes": made.size,
        "sha256": made.sha256,
        "redacted": made.is_redacted,
        "hidden": hidden,
        "warnings": objection_forms(warned.objections),
        "missing": list(warned.missing),
    }
    words = f"{made.file}: {plural(made.exchanges, 'exchange')}, {size(made.size)}, SHA-256 {made.sha256}"
    if left_out:
        words += f"\n{left_out} left out: blocked or tunnels; --decision block exports what was blocked"
    if made.is_redacted:
        words += f"\n{plural(hidden, 'value')} hidden" + (f"\n{unsearched}" if unsearched else "")
    else:
        words += "\nNothing is hidden in it: passwords, cookies and keys are in it as they were sent."
    for line in objection_lines(warned.objections):
        words += f"\n{line}"
    if warned.missing:
        words += f"\nnot written yet: {', '.join(warned.missing)} (fairwitness finding edit NAME)"
    click.echo(machine(form) if as_json else printable(words, keep="\n"), err=made.file == "-")
