"""The conduct report's sections about traffic and flags."""

from __future__ import annotations

from collections.abc import Sequence

from fairwitness.export.conduct_page import (
    Line,
    Section,
    Table,
    clock,
    counted,
    lasting,
    moment,
    shown,
    table_of,
)
from fairwitness.model.conduct import Conduct, ConductFlag, HostDay, Stray, TopRate
from fairwitness.model.printable import size

MOST_ROWS = 100  # of a table; --json has all
_LISTS = {
    "include": "in scope",
    "mine": "the researcher's own",
    "load": "needed by pages",
    "tunnel": "sign-in and payment, not decrypted",
    "noise": "noise",
    "exclude": "excluded",
    "none": "on no list",
}
_SEVERITIES = {"stop": 0, "check": 1, "info": 2}


def list_words(scope_list: str) -> str:
    """What a list of the policy is, for people."""
    return _LISTS.get(scope_list, shown(scope_list))


def strays_section(conduct: Conduct) -> Section | None:
    """What left though it was not in scope; no section where nothing did."""
    strays = (*conduct.strays, *conduct.stray_dials)
    if not strays:
        return None
    table = table_of(
        "What left for hosts not in scope",
        ("id", "time (UTC)", "what", "host", "list", "verdict"),
        [_stray_cells(each) for each in strays],
        most=MOST_ROWS,
        red_rows=range(len(strays)),
    )
    text = "The list is the one that the policy gave at that time. Each of these needs an explanation."
    return Section(
        name="strays", title="Left for hosts not in scope", lines=(Line(text, is_red=True),), tables=(table,)
    )


def _stray_cells(stray: Stray) -> tuple[str, ...]:
    name = str(stray.id) if stray.id is not None else f"dial {stray.connection}"
    return (
        name,
        moment(stray.time_us),
        shown(stray.method, 20),
        shown(stray.host),
        list_words(stray.scope_list),
        shown(stray.decision, 20),
    )


def hosts_section(conduct: Conduct) -> Section:
    """Per host and day."""
    tested = [day for day in conduct.host_days if day.scope_list in ("include", "mine")]
    helpers = [day for day in conduct.host_days if day.scope_list not in ("include", "mine")]
    tables = [
        table_of(
            "Hosts in scope, and the researcher's own, by day",
            ("day", "host", "requests", "first", "last", "ids", "2xx", "3xx", "4xx", "5xx", "no status"),
            [_day_cells(day) for day in tested],
            most=MOST_ROWS,
            numbers=(2, 6, 7, 8, 9, 10),
        ),
        _look_up(tested),
        table_of(
            "Hosts that pages needed, by day",
            ("day", "host", "what it is", "requests", "first", "last", "received"),
            [_helper_cells(day) for day in helpers],
            most=MOST_ROWS,
            numbers=(3, 6),
        ),
    ]
    notes = (
        "Times are UTC and this machine's own clock. A request's time is the moment before it was let go. "
        "'ids' are numbers of the log. 'no status': tunnels, failures, and what was still open.",
        "Egress address: not recorded in this version. Server addresses are those that were dialled.",
    )
    lines = () if tables[0].rows else (Line("No request left for a host in scope."),)
    return Section(
        name="hosts",
        title="Per host and day",
        lines=lines,
        tables=tuple(each for each in tables if each.rows),
        notes=notes,
    )


def _day_cells(day: HostDay) -> tuple[str, ...]:
    informational, *answers = day.by_status
    return (
        day.day,
        shown(day.host),
        f"{day.requests:,}",
        clock(day.first_us),
        clock(day.last_us),
        _ids(day.first_id, day.last_id),
        *(f"{count:,}" for count in answers),
        f"{day.unanswered:,}" if not informational else f"{day.unanswered:,} and {informational:,} 1xx",
    )


def _look_up(days: Sequence[HostDay]) -> Table:
    """What helps to find the requests in the server's own logs; days that look alike share a row."""
    alike: dict[tuple[object, ...], list[HostDay]] = {}
    for day in days:
        alike.setdefault((day.host, day.marks, day.labels, day.addresses), []).append(day)
    return table_of(
        "To find them in the server's logs",
        ("days", "host", "made by", "tools", "marked with (first and last request)", "server addresses"),
        [_look_up_cells(same) for same in alike.values()],
        most=MOST_ROWS,
    )


def _look_up_cells(days: Sequence[HostDay]) -> tuple[str, ...]:
    first, last = days[0], days[-1]
    page, person, tool = (sum(day.by_initiator[at] for day in days) for at in range(3))
    marks = "not looked up" if first.marks is None else "; ".join(map(shown, first.marks)) or "none"
    return (
        first.day if first is last else f"{len(days)} days, {first.day} to {last.day}",
        shown(first.host),
        f"page {page:,}, person {person:,}, tool {tool:,}",
        ", ".join(shown(label, 60) for label in first.labels) or "-",
        marks,
        ", ".join(map(shown, first.addresses)) or "not recorded",
    )


def _helper_cells(day: HostDay) -> tuple[str, ...]:
    return (
        day.day,
        shown(day.host),
        list_words(day.scope_list),
        f"{day.requests:,}",
        clock(day.first_us),
        clock(day.last_us),
        size(day.received_bytes),
    )


def rate_words(rate: TopRate) -> str:
    """A top rate against its limit."""
    most = f"{counted(rate.most, 'request')} in {lasting(rate.window_us)}"
    if rate.limit is None:
        return f"{most}; no limit was set"
    kind = "courtesy limit" if rate.is_courtesy else "limit"
    return f"{most}; {kind} {rate.limit}, which with its burst lets {rate.allowed:,} through"


def rates_section(conduct: Conduct) -> Section | None:
    """The top rate of each host."""
    if not conduct.rates:
        return None
    table = table_of(
        "Most testing requests within one window, by host",
        ("host", "most", "window", "limit", "lets through", "at (UTC)", "id"),
        [
            (
                "all hosts together" if each.host == "*" else shown(each.host),
                f"{each.most:,}",
                lasting(each.window_us),
                _limit_words(each),
                "-" if each.allowed is None else f"{each.allowed:,}",
                moment(each.at_us),
                str(each.id),
            )
            for each in conduct.rates
        ],
        most=MOST_ROWS,
        numbers=(1, 4, 6),
        red_rows=[row for row, each in enumerate(conduct.rates) if each.is_above and not each.is_courtesy],
    )
    note = (
        "Requests of tools and people to hosts in scope, by the moment they were let go; what pages ask for "
        "by themselves counts on a meter of its own. 'lets through' is the rate within the window and the "
        "burst. "
        "A courtesy limit is one that the program did not ask for."
    )
    return Section(name="rates", title="Rates and limits", tables=(table,), notes=(note,))


def _limit_words(rate: TopRate) -> str:
    if rate.limit is None:
        return "none set"
    return f"courtesy, {rate.limit}" if rate.is_courtesy else rate.limit


def blocked_section(conduct: Conduct) -> Section | None:
    """What was blocked, by host."""
    if not conduct.blocked_hosts:
        return None
    table = table_of(
        "Was blocked, by host",
        ("host", "list", "verdict", "times", "page", "person", "tool", "first (UTC)", "id"),
        [
            (
                shown(each.host) or "no name",
                list_words(each.scope_list),
                shown(each.decision, 20),
                f"{each.blocked.total:,}",
                f"{each.blocked.page:,}",
                f"{each.blocked.person:,}",
                f"{each.blocked.tool:,}",
                moment(each.first_us),
                str(each.first_id),
            )
            for each in conduct.blocked_hosts
        ],
        most=MOST_ROWS,
        numbers=(3, 4, 5, 6, 8),
    )
    note = "Nothing of these reached the host: they were answered on the researcher's machine."
    return Section(name="blocked", title="Was blocked", tables=(table,), notes=(note,))


def flags_section(conduct: Conduct) -> Section:
    """Flags by rule, those with open ones first."""
    if not conduct.flags:
        return Section(name="flags", title="Flags and answers", lines=(Line("No flag was raised."),))
    by_rule: dict[str, list[ConductFlag]] = {}
    for each in sorted(conduct.flags, key=_flag_order):
        by_rule.setdefault(each.rule, []).append(each)
    tables = tuple(_flag_table(rule, flags) for rule, flags in by_rule.items())
    note = (
        "info: a hint, or made by a page. check: near a limit, or worth a look. "
        "stop: a rule was broken, or would have been."
    )
    return Section(name="flags", title="Flags and answers", tables=tables, notes=(note,))


def _flag_order(flag: ConductFlag) -> tuple[bool, int, int]:
    return flag.answered_as is not None, _SEVERITIES.get(flag.severity, 3), flag.time_us


def _flag_table(rule: str, flags: Sequence[ConductFlag]) -> Table:
    clause = flags[0]
    sentence = f"“{shown(clause.sentence)}”" if clause.sentence else "no sentence of the program"
    return table_of(
        f"{shown(rule, 60)}: {sentence}, {shown(clause.where, 80)} ({shown(clause.clause, 80)})",
        ("flag", "severity", "action", "what was seen", "by", "count", "first", "ids", "answer"),
        [
            (
                shown(each.flag, 20),
                each.severity,
                each.action,
                shown(each.says),
                each.initiator,
                f"{each.count:,} in {counted(each.exchanges, 'exchange')}"
                if each.exchanges
                else f"{each.count:,}",
                moment(each.time_us),
                "-" if each.first_id is None else _ids(each.first_id, each.last_id or each.first_id),
                _answer_words(each),
            )
            for each in flags
        ],
        most=MOST_ROWS,
        red_rows=[
            row for row, each in enumerate(flags) if each.severity == "stop" and each.answered_as is None
        ],
    )


def _answer_words(flag: ConductFlag) -> str:
    if flag.answered_as is None:
        return "open"
    return f"{flag.answered_as}: {shown(flag.answer_note or '')}"


def _ids(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"
