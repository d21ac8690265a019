"""What a conduct report says of the facts, at its head and in its sections."""

from __future__ import annotations

from collections.abc import Callable

from fairwitness.export.conduct_history import (
    gaps_section,
    log_section,
    policy_section,
    sessions_section,
    unseen_section,
)
from fairwitness.export.conduct_page import Line, Page, Section, counted, lasting, moment, shown
from fairwitness.export.conduct_sections import (
    blocked_section,
    flags_section,
    hosts_section,
    rate_words,
    rates_section,
    strays_section,
)
from fairwitness.model.conduct import DELETED, MADE, Conduct, TopRate
from fairwitness.model.printable import size

_SECTIONS: tuple[Callable[[Conduct], Section | None], ...] = (
    strays_section,
    hosts_section,
    rates_section,
    blocked_section,
    flags_section,
    policy_section,
    sessions_section,
    gaps_section,
    unseen_section,
    log_section,
)

_MOST_VALUES = 20
_LEFT = 10  # objects that are named


def page_of(conduct: Conduct) -> Page:
    """The report, to be rendered."""
    sections = [_head(conduct), *(section(conduct) for section in _SECTIONS)]
    return Page(
        title=f"Conduct report: {shown(conduct.program, 120)}",
        subtitle=shown(conduct.policy_url),
        sections=tuple(each for each in sections if each is not None),
    )


def _head(conduct: Conduct) -> Section:
    lines = [Line(period_of(conduct)), *_scope(conduct), *_blocked(conduct), *_rates(conduct)]
    lines += [_flags(conduct), _persons(conduct), *_left_behind(conduct), _gaps(conduct), *_lifted(conduct)]
    return Section(name="summary", title="In short", lines=tuple(lines))


def period_of(conduct: Conduct) -> str:
    """Period, sessions, hours: the first line."""
    if not conduct.sessions:
        return "No session lies in this period: nothing is on record."
    begin = min(each.started_us for each in conduct.sessions)
    end = max(each.last_us for each in conduct.sessions)
    if conduct.span.since_us is not None:
        begin = max(begin, conduct.span.since_us)
    if conduct.span.until_us is not None:
        end = min(end, conduct.span.until_us)
    hours = sum(each.recorded_us for each in conduct.sessions)
    sessions = counted(len(conduct.sessions), "session")
    return f"{moment(begin)} to {moment(end)} UTC: {sessions}, {lasting(hours)} on record."


def _scope(conduct: Conduct) -> list[Line]:
    include, mine = conduct.amount("include"), conduct.amount("mine")
    load, tunnel = conduct.amount("load"), conduct.amount("tunnel")
    lines = [
        Line(
            f"Requests that left for hosts not in scope: {conduct.stray_count:,}.",
            is_red=conduct.stray_count > 0,
        )
    ]
    if conduct.stray_dials:
        lines.append(Line(f"Connections to hosts not in scope: {len(conduct.stray_dials):,}.", is_red=True))
    lines.append(
        Line(
            f"Requests that left for hosts in scope: {include.requests:,}"
            f" (bodies: {size(include.sent_bytes)} sent, {size(include.received_bytes)} received)"
            + (f"; to the researcher's own server: {mine.requests:,}." if mine.requests else ".")
        )
    )
    lines.append(
        Line(
            "Allowed for pages, not tested: "
            f"load {load.requests:,} ({size(load.received_bytes)} received), "
            f"tunnel {tunnel.requests:,} (content not observed; {size(tunnel.sent_bytes)} sent,"
            f" {size(tunnel.received_bytes)} received)."
        )
    )
    return lines


def _blocked(conduct: Conduct) -> list[Line]:
    each = conduct.blocked
    lines = [
        Line(
            f"Was blocked before it left: {each.total:,}"
            f" (by page {each.page:,}, person {each.person:,}, tool {each.tool:,})."
        )
    ]
    if conduct.held_back:
        why = "its address was refused, or a halt came between"
        lines.append(Line(f"Was let go and then not sent, since {why}: {conduct.held_back:,}."))
    return lines


def _rates(conduct: Conduct) -> list[Line]:
    hosts = [each for each in conduct.rates if each.host != "*"]
    if not hosts:
        return [Line("Top rate: no testing request left.")]
    above = [each for each in conduct.rates if each.is_above]
    lines = [Line(f"Top rate to one host: {rate_words(hosts[0])}, {shown(hosts[0].host)}.")]
    lines += [Line(f"{_whose(each)}: {rate_words(each)}.", is_red=not each.is_courtesy) for each in above[:3]]
    return lines


def _whose(rate: TopRate) -> str:
    host = "all hosts together" if rate.host == "*" else shown(rate.host)
    return f"More than the {'courtesy limit' if rate.is_courtesy else 'limit'} lets through, {host}"


def _flags(conduct: Conduct) -> Line:
    waiting = [each for each in conduct.flags if each.answered_as is None]
    words = {word: sum(each.severity == word for each in waiting) for word in ("stop", "check", "info")}
    kinds = ", ".join(f"{count} {word}" for word, count in words.items() if count)
    answered = len(conduct.flags) - len(waiting)
    open_words = f"{len(waiting):,} ({kinds})" if waiting else "0"
    return Line(f"Open flags: {open_words}; answered: {answered:,}.", is_red=words["stop"] > 0)


def _persons(conduct: Conduct) -> Line:
    flags = [each for each in conduct.flags if each.rule == "personal-data"]
    if not flags:
        return Line("Persons seen and kept: personal-data noted none other than the researcher.")
    answers, names = sum(each.exchanges for each in flags), ", ".join(each.flag for each in flags)
    return Line(f"Persons seen and kept: other persons in {counted(answers, 'answer')} ({names}).")


def _left_behind(conduct: Conduct) -> tuple[Line, ...]:
    """What was made and not deleted again, as far as the log shows."""
    said = [each.says for each in conduct.flags if each.rule == "left-behind"]
    gone = {each.removeprefix(DELETED) for each in said if each.startswith(DELETED)}
    left = [each.removeprefix(MADE) for each in said if each.startswith(MADE)]
    left = [each for each in dict.fromkeys(left) if each not in gone]
    if not left:
        return (Line("Everything that was made was deleted again."),) if said else ()
    more = f" and {len(left) - _LEFT:,} more" if len(left) > _LEFT else ""
    listed = ", ".join(shown(each, 80) for each in left[:_LEFT])
    return (Line(f"Made and still there: {counted(len(left), 'object')} ({listed}{more})."),)


def _gaps(conduct: Conduct) -> Line:
    return Line(f"Recording gaps: {len(conduct.gaps):,}." if conduct.gaps else "Recording gaps: none noted.")


_LIFTED = {
    "resolve": "--resolve was in use: these addresses stood in place of what DNS says",
    "upstream-ca": "--upstream-ca was in use: roots beside the shipped Mozilla ones were trusted",
    "set": "--set was in use: options of mitmproxy were changed",
    "allow-remote": "--allow-remote was in use: clients of other machines were let in, with a password",
}


def _lifted(conduct: Conduct) -> list[Line]:
    """What lifted a guard: a line an option, with the sessions in which it stood."""
    lines = []
    for option, words in _LIFTED.items():
        values: dict[str, list[str]] = {}
        for session in conduct.sessions:
            for value in dict.fromkeys(value for key, value in session.facts if key == option):
                # A path says who the researcher is at home; name and hash are what a reader needs.
                value = value.rpartition("/")[2] if option == "upstream-ca" else value
                values.setdefault(value, []).append(str(session.session))
        told = [f"{shown(value)} (session {', '.join(numbers)})" for value, numbers in values.items()]
        if told:
            more = [f"and {len(told) - _MOST_VALUES} more"] if len(told) > _MOST_VALUES else []
            lines.append(Line(f"{words}: {'; '.join(told[:_MOST_VALUES] + more)}.", is_red=True))
    return lines
