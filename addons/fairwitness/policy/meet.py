"""The stricter of two policies in every respect, and whether a change only removes or lowers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from fairwitness.errors import PolicyError
from fairwitness.model.policy import (
    Approval,
    Identify,
    Limits,
    Meter,
    MeterSet,
    Policy,
    Posture,
    Program,
    Rate,
    Report,
    RuleLine,
    ScopeEntry,
    Window,
)
from fairwitness.model.verdict import Clause
from fairwitness.policy.index import ALLOWING
from fairwitness.policy.overlap import Overlaps, place_contains, traffic_contains
from fairwitness.policy.scope import opens_tcp

MAX_NEW_ENTRIES = 500  # new entries that are compared one by one; more of them need a look anyway
_SECOND = 1_000_000
_NO_CLAUSE = Clause("", None, "-")
_STRICTNESS = (Posture.TOOLS, Posture.MANUAL, Posture.UNATTENDED)


def meet(in_force: Policy, offered: Policy) -> Policy:
    """What both policies permit; the text, its hash and identification stay those *in_force*.

    Its entries are a lower bound for whoever looks at them; what may go out is asked of both policies.
    """
    return replace(
        in_force,
        program=_meet_programs(in_force.program, offered.program),
        posture=max(in_force.posture, offered.posture, key=_STRICTNESS.index),
        entries=_meet_entries(in_force.entries, offered.entries),
        limits=_meet_limits(in_force.limits, offered.limits),
        window=_meet_windows(in_force.window, offered.window),
        rules=tuple(map(_meet_rules, in_force.rules, offered.rules)),
        approvals=_meet_approvals(in_force.approvals, offered.approvals),
        declare=tuple(dict.fromkeys((*in_force.declare, *offered.declare))),
        report=_meet_reports(in_force.report, offered.report),
    )


def only_narrows(in_force: Policy, offered: Policy) -> bool:
    """Whether *offered* permits nothing that *in_force* does not, so that nobody needs to confirm it."""
    return _settings(meet(in_force, offered)) == _settings(offered) and _entries_narrow(
        in_force.entries, offered.entries
    )


def key_of(entry: ScopeEntry) -> tuple[object, ...]:
    """What an entry decides, without where it stands."""
    return (
        entry.scope_list,
        entry.host,
        entry.network,
        entry.ports,
        entry.names_port,
        entry.scheme,
        entry.path,
    )


def _settings(policy: Policy) -> tuple[object, ...]:
    """All but the entries, without lines, sentences and what changes nothing."""
    identify: Identify = replace(policy.identify, clause=_NO_CLAUSE)
    limits = replace(policy.limits, clause=_NO_CLAUSE)
    return (
        policy.program.review_every_days,
        policy.posture,
        identify,
        tuple(_plain_meter(meter) for kind in (limits.testing, limits.browsing) for meter in _meters(kind)),
        (limits.request_body_bytes, limits.on_exceed, policy.limits.is_courtesy),
        (policy.window.from_us, policy.window.until_us) if policy.window else None,
        tuple((line.rule, line.action, line.options) for line in policy.rules),
        tuple(replace(each, clause=_NO_CLAUSE) for each in policy.approvals),
        frozenset(policy.declare),
        policy.report,
    )


def _meters(kind: MeterSet) -> tuple[Meter, Meter, Meter]:
    return kind.per_host, kind.per_endpoint, kind.total


def _plain_meter(meter: Meter) -> Meter:
    return replace(meter, burst=_burst(meter), by_default=())


def _meet_programs(in_force: Program, offered: Program) -> Program:
    """Contact, rewards and the day of reading are facts that permit nothing: the newer ones count."""
    return replace(offered, review_every_days=min(in_force.review_every_days, offered.review_every_days))


def _meet_entries(one: Iterable[ScopeEntry], other: Iterable[ScopeEntry]) -> tuple[ScopeEntry, ...]:
    first, second = list(one), list(other)
    shared = {key_of(entry) for entry in first} & {key_of(entry) for entry in second}
    kept = {
        key_of(entry): entry
        for entry in (*first, *second)
        if entry.scope_list not in ALLOWING or key_of(entry) in shared
    }
    return tuple(kept.values())


def _meet_limits(one: Limits, other: Limits) -> Limits:
    return Limits(
        testing=_meet_sets(one.testing, other.testing),
        browsing=_meet_sets(one.browsing, other.browsing),
        request_body_bytes=min(one.request_body_bytes, other.request_body_bytes),
        on_exceed=max(one.on_exceed, other.on_exceed),
        clause=one.clause if one.clause.says or not other.clause.says else other.clause,
    )


def _meet_sets(one: MeterSet, other: MeterSet) -> MeterSet:
    return MeterSet(
        per_host=_meet_meters(one.per_host, other.per_host),
        per_endpoint=_meet_meters(one.per_endpoint, other.per_endpoint),
        total=_meet_meters(one.total, other.total),
    )


def _meet_meters(one: Meter, other: Meter) -> Meter:
    return Meter(
        rate=_slower(one.rate, other.rate),
        burst=_least(_burst(one), _burst(other)),
        concurrent=_least(one.concurrent, other.concurrent),
        requests=_smaller_budget(one.requests, other.requests),
        by_default=tuple(name for name in one.by_default if name in other.by_default),
    )


def _burst(meter: Meter) -> int | None:
    """How many at once, with one second's worth where that is meant."""
    if meter.burst is not None or meter.rate is None:
        return meter.burst
    return max(1, meter.rate.count * _SECOND // meter.rate.per_us)


def _least(one: int | None, other: int | None) -> int | None:
    found = [each for each in (one, other) if each is not None]
    return min(found) if found else None


def _slower(one: Rate | None, other: Rate | None) -> Rate | None:
    if one is None or other is None:
        return one or other
    return one if one.count * other.per_us <= other.count * one.per_us else other


def _smaller_budget(one: Rate | None, other: Rate | None) -> Rate | None:
    """Fewer requests in the longer time: within both budgets whatever the traffic."""
    if one is None or other is None:
        return one or other
    return Rate(min(one.count, other.count), max(one.per_us, other.per_us))


def _meet_windows(one: Window | None, other: Window | None) -> Window | None:
    if one is None or other is None:
        return one or other
    starts = [each.from_us for each in (one, other) if each.from_us is not None]
    ends = [each.until_us for each in (one, other) if each.until_us is not None]
    return Window(max(starts, default=None), min(ends, default=None), one.clause)


def _meet_rules(one: RuleLine, other: RuleLine) -> RuleLine:
    options = dict(other.options) | dict(one.options)
    if "shape" in dict(other.options).values():
        options["bodies"] = "shape"  # the one option there is: storing less is the stricter value
    stricter = one if one.action >= other.action else other
    return replace(stricter, options=tuple(options.items()))


def _meet_reports(one: Report, other: Report) -> Report:
    return Report(
        fields=tuple(dict.fromkeys((*other.fields, *one.fields))),
        one_finding_per_report=one.one_finding_per_report or other.one_finding_per_report,
        excluded=tuple(dict.fromkeys((*other.excluded, *one.excluded))),
        confidential=one.confidential or other.confidential,
    )


def _meet_approvals(one: tuple[Approval, ...], other: tuple[Approval, ...]) -> tuple[Approval, ...]:
    known = {replace(each, clause=_NO_CLAUSE) for each in one}
    return tuple(each for each in other if replace(each, clause=_NO_CLAUSE) in known)


def _entries_narrow(in_force: tuple[ScopeEntry, ...], offered: tuple[ScopeEntry, ...]) -> bool:
    before, after = {key_of(entry) for entry in in_force}, {key_of(entry) for entry in offered}
    added = [entry for entry in offered if key_of(entry) not in before and entry.scope_list in ALLOWING]
    removed = [entry for entry in in_force if key_of(entry) not in after]
    if len(added) > MAX_NEW_ENTRIES:
        return False
    try:
        return _all_are_parts(added, in_force, offered) and not _some_uncover(removed, offered)
    except PolicyError:
        return False  # too many of them overlap: they need a look


def _all_are_parts(
    added: list[ScopeEntry], in_force: tuple[ScopeEntry, ...], offered: tuple[ScopeEntry, ...]
) -> bool:
    if not added:
        return True
    known, either = Overlaps(in_force), Overlaps((*in_force, *offered))
    return all(_is_part(entry, known, either) for entry in added)


def _some_uncover(removed: list[ScopeEntry], offered: tuple[ScopeEntry, ...]) -> bool:
    lists = {entry.scope_list for entry in removed}
    has_path = any(entry.path is not None for entry in removed)
    remaining = Overlaps(
        entry
        for entry in offered
        if entry.scope_list in ALLOWING and (has_path or lists - {entry.scope_list})  # else it cannot uncover
    )
    return any(_uncovers(entry, remaining) for entry in removed)


def _is_part(entry: ScopeEntry, known: Overlaps, either: Overlaps) -> bool:
    """Whether a new entry only repeats a part of one that is in force, and overrules no other list."""
    if any(other.scope_list is not entry.scope_list for other in either.meeting(entry)):
        return False
    return any(
        place_contains(other, entry)
        and traffic_contains(other, entry)
        and (opens_tcp(other) or not opens_tcp(entry))
        for other in known.meeting(entry)
    )


def _uncovers(entry: ScopeEntry, remaining: Overlaps) -> bool:
    """Whether what a removed entry held back is let through, or treated otherwise, by one that remains."""
    if entry.network is not None and entry.scope_list not in ALLOWING:
        return True  # names that resolve to it were refused too
    return any(
        other.scope_list is not entry.scope_list or entry.path is not None
        for other in remaining.meeting(entry)
    )
