"""Judging what other tools recorded."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeVar

import click

from fairwitness.cli.accounts import accounts_of
from fairwitness.cli.forms import Form, flag_form
from fairwitness.cli.options import EXIT_LOOK, choices, command
from fairwitness.cli.place import find_policy_file
from fairwitness.cli.progress import Progress
from fairwitness.cli.table import print_table
from fairwitness.cli.text import machine, moment, plural, printable
from fairwitness.errors import RecordingError
from fairwitness.model.clock import iso_us
from fairwitness.model.recording import CutOff, Recorded, Skipped

if TYPE_CHECKING:
    from fairwitness.model.account import Account
    from fairwitness.model.policy import Policy
    from fairwitness.model.record import FlagRow
    from fairwitness.model.recording import Item
    from fairwitness.witness.audit import Audited

_HOSTS = 10  # hosts out of scope that people are shown
_SAID_AFTER_S = 0.2
_T = TypeVar("_T")
_DUMP = re.compile(rb"\d{1,12}:")


@dataclass(frozen=True, slots=True)
class Report:
    """One file, judged."""

    file: str
    format: str
    audited: Audited
    skipped: tuple[tuple[str, int], ...]
    """What is not among the exchanges, and how often; remarks too."""
    cut_off: CutOff | None
    is_whole: bool
    """Whether whatever may have been a request was judged."""

    @property
    def asks_for_a_look(self) -> bool:
        """A recording of which not all could be read asks for one as well."""
        return self.audited.asks_for_a_look or not self.is_whole


@command(
    name="audit",
    examples=["fairwitness audit session.har", "fairwitness audit --policy policy.yaml --json *.mitm"],
)
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.pass_context
def audit(context: click.Context, files: tuple[Path, ...]) -> int:
    """Judge recordings as live traffic is judged.

    FILE is a HAR, a mitmproxy dump or items that Burp saved as XML.  Exits with 0 when there is nothing to
    look at, with 1 when there is.
    """
    from fairwitness.policy import load_policy

    chosen = choices(context)
    policy = load_policy(find_policy_file(chosen) or Path("policy.yaml"))
    accounts = accounts_of(chosen, policy)
    code, unread = 0, None
    for path in files:
        try:
            report = _report(path, policy, accounts)
        except RecordingError as error:  # the others are judged all the same
            if unread is not None:
                click.echo(printable(f"fairwitness: {unread}"), err=True)
            unread = error
            continue
        if chosen.as_json:
            print(machine(_form(report)), flush=True)
        else:
            _print(report)
        code = EXIT_LOOK if report.asks_for_a_look else code
    if unread is not None:
        raise unread
    return code


def _report(path: Path, policy: Policy, accounts: tuple[Account, ...]) -> Report:
    from fairwitness.audit import SOURCES, InOrder, Source, open_recording, source_of
    from fairwitness.witness.audit import Audit

    skipped: Counter[str] = Counter()
    cut_off, is_whole = None, True
    sources = (*SOURCES, Source("mitmproxy dump", lambda head: bool(_DUMP.match(head)), _read_dump))
    with open_recording(path) as file, InOrder(str(path)) as order:
        source = source_of(file, sources, name=str(path))
        size = os.fstat(file.fileno()).st_size or 1
        for item in _progress(source.read(file), lambda: file.tell() / size, f"reading {path.name}"):
            if isinstance(item, Recorded):
                order.add(item)
            elif isinstance(item, CutOff):
                cut_off = item
            else:
                is_whole &= not isinstance(item, Skipped) or item.is_local
                skipped[str(getattr(item, "why", "") or getattr(item, "what", ""))] += 1
        if cut_off is not None and not order.count:
            raise RecordingError(
                f"nothing in it can be read as {source.name}: {cut_off.why} ({cut_off.where})",
                where=str(path),
                mend="Save the recording again",
            )
        judge = Audit(policy, accounts)
        for each in _progress(order, lambda: judge.count / (order.count or 1), f"judging {path.name}"):
            judge.judge(each)
        audited = judge.result()
    return Report(
        str(path), source.name, audited, tuple(skipped.most_common()), cut_off, is_whole and cut_off is None
    )


def _progress(items: Iterable[_T], share: Callable[[], float], doing: str) -> Iterator[_T]:
    """The items; on a terminal says what is being done, and how much of it is."""
    with Progress(after_s=_SAID_AFTER_S) as progress:
        for item in items:
            progress.tell(f"{doing}: {min(share(), 1):.0%}")
            yield item


def _read_dump(file: BinaryIO) -> Iterator[Item]:
    from fairwitness.proxy.dump import read_dump  # mitmproxy costs half a second

    return read_dump(file)


def _form(report: Report) -> Form:
    audited, cut_off = report.audited, report.cut_off
    return {
        "file": report.file,
        "format": report.format,
        "exchanges": audited.exchanges,
        "first_time": None if audited.first_us is None else iso_us(audited.first_us),
        "last_time": None if audited.last_us is None else iso_us(audited.last_us),
        "decisions": dict(audited.decisions),
        "refused": audited.refused,
        "out_of_scope": dict(audited.strangers),
        "flags": [_flag_form(row) for row in audited.flags],
        "skipped": dict(report.skipped),
        "cut_off": None if cut_off is None else {"where": cut_off.where, "why": cut_off.why},
        "failures": list(audited.failures),
    }


def _flag_form(row: FlagRow) -> Form:
    form = flag_form(row)
    for pointer in form["shown_by"]:  # type: ignore[union-attr]
        pointer["exchange"] = int(pointer["exchange"]) if pointer["exchange"] else None  # type: ignore[index, call-overload, arg-type]
    return {**form, "says": row.flag.says, "first_exchange": row.first}


def _print(report: Report) -> None:
    audited = report.audited
    print(printable(f"{report.file} ({report.format}): {plural(audited.exchanges, 'exchange')}"))
    if audited.first_us is not None and audited.last_us is not None:
        print(f"  {moment(audited.first_us)} to {moment(audited.last_us)} UTC")
    decided = ", ".join(f"{count} {word}" for word, count in audited.decisions if count)
    print(f"  decided as if live: {decided or 'none'}")
    if audited.refused:
        print(f"  {plural(audited.refused, 'request')} that scope or head would have refused")
    for host, count in audited.strangers[:_HOSTS]:
        print(printable(f"  out of scope: {host} x{count}"))
    if len(audited.strangers) > _HOSTS:
        print(f"  out of scope: {plural(len(audited.strangers) - _HOSTS, 'more host')}")
    if audited.flags:
        _print_flags(audited.flags)
    else:
        print("  no flags")
    for why, count in report.skipped:
        print(printable(f"  not judged: {why} x{count}"))
    for failure in audited.failures:
        print(printable(f"  not judged whole: {failure}"))
    if report.cut_off is not None:
        print(printable(f"  cut off {report.cut_off.where}: {report.cut_off.why}; what came before counts"))
    print(flush=True)


def _print_flags(flags: tuple[FlagRow, ...]) -> None:
    from fairwitness.witness.audit import loudest

    print()
    print_table(["flag", "rule", "severity", "by", "count", "first"], map(_cells, loudest(flags)))
    for row in loudest(flags):
        print(printable(f"{row.flag.flag}: {row.flag.says}"))
        for text in filter(None, row.shown_by_text):
            print(printable(f"  shown by: {text.splitlines()[0][:160] if text.splitlines() else text[:160]}"))


def _cells(row: FlagRow) -> list[str]:
    flag = row.flag
    return [flag.flag, flag.rule, flag.severity.word, flag.initiator.value, str(row.count), str(row.first)]
