"""The conduct report's sections about policy, sessions, gaps, and what nobody saw."""

from __future__ import annotations

from collections.abc import Iterable

from fairwitness.export.conduct_page import Line, Section, counted, lasting, moment, shown, table_of
from fairwitness.model.conduct import Conduct, ConductSession, PolicyChange, Remark
from fairwitness.model.printable import size

_MOST_ROWS = 100
_MOST_ENTRIES = 20  # of a change, named one by one
_GAPS = {
    "cut-off": "session cut off",
    "unknown": "outcome unknown",
    "gate": "gate closed",
    "clock": "clock",
    "standstill": "stood still",
    "fault": "fault",
    "cut-body": "body cut",
    "unreadable": "unreadable",
    "erased": "erased",
}


def policy_section(conduct: Conduct) -> Section:
    """Which policies were followed, and how they changed."""
    changes = _changes(conduct.policies)
    table = table_of(
        "Policies that came into force",
        ("time (UTC)", "session", "SHA-256", "why", "scope: added", "scope: removed"),
        [
            (
                moment(each.time_us),
                str(each.session),
                shown(each.sha256, 64),
                _why(each) + (f" (and at {again} later starts)" if again else ""),
                _entries(each.added) if each.digest else "not readable by this version",
                _entries(each.removed),
            )
            for each, again in changes
        ],
        most=_MOST_ROWS,
    )
    approvals = list(
        dict.fromkeys(text for each in conduct.policies if each.digest for text in each.digest.approvals)
    )
    lines = [
        Line(f"Approval, as stated by the researcher: {shown(text)}") for text in approvals[:_MOST_ENTRIES]
    ]
    lines += _more(len(approvals), "approvals")
    if not approvals:
        lines.append(Line("Approvals: none stated."))
    marks = list(
        dict.fromkeys(text for each in conduct.policies if each.digest for text in each.digest.identify)
    )
    if marks:
        lines.append(
            Line(f"Requests in scope are marked with: {'; '.join(map(shown, marks[:_MOST_ENTRIES]))}.")
        )
    reviewed = [each.reviewed for each in conduct.policies if each.reviewed]
    if reviewed:
        lines.append(
            Line(f"The researcher last read the program's page on {shown(reviewed[-1], 40)}, as stated.")
        )
    return Section(
        name="policy",
        title="Policy, changes, approvals",
        lines=tuple(lines),
        tables=(table,) if table.rows else (),
    )


def _changes(policies: Iterable[PolicyChange]) -> list[tuple[PolicyChange, int]]:
    """Each policy once for as long as it stays the same, with the number of later starts under it."""
    changes: list[tuple[PolicyChange, int]] = []
    for each in policies:
        if changes and each.why == "start" and changes[-1][0].sha256 == each.sha256:
            changes[-1] = (changes[-1][0], changes[-1][1] + 1)
        else:
            changes.append((each, 0))
    return changes


def _why(change: PolicyChange) -> str:
    return f"{shown(change.why)} (both were followed)" if change.is_waiting else shown(change.why)


def _entries(entries: tuple[tuple[str, str], ...]) -> str:
    words = [f"{scope_list} {shown(text, 80)}" for scope_list, text in entries[:_MOST_ENTRIES]]
    if len(entries) > _MOST_ENTRIES:
        words.append(f"and {len(entries) - _MOST_ENTRIES} more")
    return "; ".join(words) or "-"


def sessions_section(conduct: Conduct) -> Section | None:
    """The runs of the proxy with what was special about each."""
    if not conduct.sessions:
        return None
    table = table_of(
        "Sessions",
        ("session", "began (UTC)", "ended (UTC)", "on record", "fairwitness", "listened on", "note"),
        [_session_cells(each) for each in conduct.sessions],
        most=_MOST_ROWS,
        numbers=(0,),
    )
    return Section(
        name="sessions",
        title="Sessions",
        tables=(table,),
        notes=("Between sessions the proxy did not run: nothing passed it, and nothing is on record.",),
    )


def _session_cells(session: ConductSession) -> tuple[str, ...]:
    facts = dict(session.facts)
    ended = (
        moment(session.ended_us)
        if session.ended_us is not None
        else f"cut off after {moment(session.last_us)}"
    )
    return (
        str(session.session),
        moment(session.started_us),
        "still runs" if session.is_running else ended,
        lasting(session.recorded_us),
        shown(facts.get("fairwitness", "not recorded"), 40),
        shown(facts.get("listen", "not recorded"), 80),
        shown(facts.get("note", "-")),
    )


def gaps_section(conduct: Conduct) -> Section:
    """Where the record has holes, and halts."""
    tables = [
        table_of(
            "Recording gaps",
            ("kind", "time (UTC)", "session", "what"),
            [(_GAPS.get(each.kind, each.kind), *_remark_cells(each)) for each in conduct.gaps],
            most=_MOST_ROWS,
        ),
        table_of(
            "Halts, released holds and notes",
            ("kind", "time (UTC)", "session", "what"),
            [(each.kind, *_remark_cells(each)) for each in conduct.remarks if each.kind != "declare"],
            most=_MOST_ROWS,
        ),
    ]
    lines = () if conduct.gaps else (Line("No gap was noted."),)
    return Section(
        name="gaps",
        title="Recording gaps and notes",
        lines=lines,
        tables=tuple(each for each in tables if each.rows),
    )


def _remark_cells(remark: Remark) -> tuple[str, str, str]:
    if remark.time_us is None:
        return "-", "-", shown(remark.says)
    return moment(remark.time_us), str(remark.session), shown(remark.says)


def unseen_section(conduct: Conduct) -> Section:
    """What no proxy sees, and what this one did not judge."""
    load, tunnel = conduct.amount("load"), conduct.amount("tunnel")
    lines = [
        Line(
            "Traffic that did not go through the proxy: another browser or machine, a tool that ignores it."
        ),
        Line("Who sat at the keyboard, and whether this machine's clock was right."),
        Line(f"What passed in tunnels ({tunnel.requests:,}): times and bytes only."),
        Line(f"Bodies and credentials of what pages needed ({counted(load.requests, 'request')}): not kept."),
    ]
    not_judged = list(
        dict.fromkeys(rule for each in conduct.policies if each.digest for rule in each.digest.not_judged)
    )
    if not_judged:
        lines.append(
            Line(f"Rules that the policy names and this version does not judge: {', '.join(not_judged)}.")
        )
    declared = [each.says for each in conduct.remarks if each.kind == "declare"]
    answers: dict[str, int] = {}
    for says in declared:
        words = says.removeprefix("declare ")
        answers[words] = answers.get(words, 0) + 1
    for words, times in list(answers.items())[:_MOST_ENTRIES]:
        lines.append(Line(f"Declared: {shown(words)}" + (f" ({times} times)" if times > 1 else "")))
    lines += _more(len(answers), "declarations")
    return Section(name="unseen", title="What was not observed", lines=tuple(lines))


def log_section(conduct: Conduct) -> Section:
    """Where the numbers come from."""
    log = conduct.log
    lists = ", ".join(f"{name} {count:,}" for name, count in conduct.dials.by_list) or "none"
    return Section(
        name="log",
        title="Where these numbers come from",
        lines=(
            Line(
                f"fairwitness {shown(conduct.version, 40)} made this report on {moment(conduct.made_us)} UTC."
            ),
            Line(f"The log: {log.entries:,} entries, {size(log.bytes)}; root of its tree {log.root}."),
            Line("The log is not signed in this version: the numbers are as honest as who kept it."),
            Line(
                f"Connections: {conduct.dials.total:,} ({lists}); {conduct.dials.overridden:,} by --resolve."
            ),
            Line(f"Exports made of this evidence in the period: {conduct.exports:,}."),
            Line("No body was read for this report, and URLs are not shown in it."),
        ),
    )


def _more(count: int, noun: str, most: int = _MOST_ENTRIES) -> list[Line]:
    return [Line(f"And {count - most:,} more {noun}: --json lists all.")] if count > most else []
