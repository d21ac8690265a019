"""The filters of ``log``, as they are written on the command line."""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Callable
from typing import Any, TypeVar

import click

from fairwitness.cli.completing import finding_names, flag_names
from fairwitness.model.clock import parse_iso_us
from fairwitness.model.exchange import Initiator
from fairwitness.model.record import LogFilter
from fairwitness.model.verdict import Action

F = TypeVar("F", bound=Callable[..., Any])
_UNITS_US = {"s": 1_000_000, "min": 60_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000}


def filters(function: F) -> F:
    """Give a command the filters; they arrive as one `LogFilter` named ``wanted``."""

    @functools.wraps(function)
    def gathered(**given: Any) -> object:
        first, last = given.pop("id_range") or (None, None)
        own = {name: given.pop(name) for name in LogFilter.__slots__ if name in given}
        return function(wanted=LogFilter(first_id=first, last_id=last, **own), **given)

    for option in reversed(_OPTIONS):
        gathered = option(gathered)
    return gathered  # type: ignore[return-value]


def read_moment(text: str, *, now_us: int) -> int:
    """A date, a time, or how long ago: ``2026-11-23``, ``2026-11-23T10:00``, ``15m``, ``2h``, ``3d``.

    Raises:
        ValueError: It is none of these.
    """
    ago = re.fullmatch(r"(\d{1,6})(s|min|m|h|d)", text, re.ASCII)
    if ago:
        return now_us - int(ago[1]) * _UNITS_US[ago[2]]
    return parse_iso_us(text)


def read_range(text: str) -> tuple[int, int]:
    """Both ends of ``12-40``, or twice 12 of ``12``.

    Raises:
        ValueError: It is no range of ids.
    """
    match = re.fullmatch(r"(\d{1,15})(?:-(\d{1,15}))?", text, re.ASCII)
    if not match:
        raise ValueError(text)
    first, last = int(match[1]), int(match[2] or match[1])
    if last < first:
        raise ValueError(text)
    return first, last


def _moment(_context: click.Context, _parameter: click.Parameter, value: str | None) -> int | None:
    try:
        return None if value is None else read_moment(value, now_us=time.time_ns() // 1000)
    except (ValueError, OverflowError) as error:
        raise click.BadParameter(
            f"{value!r} is no time such as 2026-11-23, 2026-11-23T10:00Z or 2h"
        ) from error


def _range(_context: click.Context, _parameter: click.Parameter, value: str | None) -> tuple[int, int] | None:
    try:
        return None if value is None else read_range(value)
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is no range of ids such as 12-40") from error


def _status(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and not re.fullmatch(r"[1-9]([0-9]{2}|xx)", value, re.ASCII):
        raise click.BadParameter(f"{value!r} is no status such as 404 or 5xx")
    return value


def _upper(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    return value.upper() if value is not None else None


def moment_option(name: str, parameter: str, *, help: str) -> Callable[[F], F]:  # noqa: A002 - as click names it
    """An option that takes a time."""
    return click.option(name, parameter, metavar="T", callback=_moment, help=help)


_OPTIONS = (
    click.option("--host", metavar="H", help="To this host."),
    click.option("--method", metavar="M", callback=_upper, help="With this method."),
    click.option("--status", metavar="5xx", callback=_status, help="Answered so."),
    click.option("--decision", type=click.Choice([action.word for action in Action]), help="Decided so."),
    click.option(
        "--flag",
        metavar="RULE",
        shell_complete=flag_names,
        help="Flagged by this rule, or part of this flag (f12).",
    ),
    click.option("--finding", metavar="NAME", shell_complete=finding_names, help="Marked for this finding."),
    click.option("--account", metavar="A", help="With this account's identity."),
    click.option("--label", metavar="L", help="From the tool with this label."),
    click.option("--initiator", type=click.Choice([each.value for each in Initiator]), help="Made by it."),
    click.option("--session", type=click.IntRange(min=1), metavar="S", help="In this session."),
    moment_option("--since", "since_us", help="From a time, or 2h ago, on."),
    moment_option("--until", "until_us", help="Before that time."),
    click.option("--id", "id_range", metavar="A-B", callback=_range, help="With these ids."),
    click.argument("words", nargs=-1, metavar="[WORD]..."),
)
