"""What is odd in a policy that can be used: remarks for whoever wrote it."""

from __future__ import annotations

import ipaddress
import os
import shlex
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import combinations

from fairwitness.errors import PolicyError
from fairwitness.model.policy import Policy, Posture, RuleLine, ScopeEntry
from fairwitness.model.verdict import Clause, ScopeList
from fairwitness.policy.addresses import special_address
from fairwitness.policy.index import ALLOWING, rank_of
from fairwitness.policy.known import ACTS_WITHOUT_SENTENCE, NO_NAME, NO_PAGE
from fairwitness.policy.overlap import Overlaps
from fairwitness.policy.patterns import HostPattern
from fairwitness.policy.units import day_of_us

MAX_CONFLICTS = 200
_NARROW_V4 = 24  # prefix length: a wider range is worth a second look
_NARROW_V6 = 48
_PLACEHOLDERS = frozenset({"your-handle", "<your-handle>", "handle", "changeme", "todo"})


@dataclass(frozen=True, slots=True)
class Remark:
    """Something to know about a policy."""

    severity: str
    """``error`` | ``warning`` | ``info``."""
    where: str
    what: str
    mend: str


def check_policy(policy: Policy, *, now_us: int) -> tuple[Remark, ...]:
    """All remarks, the grave ones first; what makes a policy unusable is an error of `read_policy` instead.

    Args:
        policy: The policy.
        now_us: Now, for reviews, windows and approvals.
    """
    today = day_of_us(now_us)
    remarks = [
        *_unnamed(policy),
        *_open_to_others(policy),
        *_review(policy, today),
        *_window(policy, now_us),
        *_wide(policy.entries),
        *_special_addresses(policy.entries),
        *_rules(policy),
        *_approvals(policy, now_us),
        *_identification(policy),
        *_conflicts(policy.entries),
        *_repeated(policy.entries),
    ]
    return tuple(sorted(remarks, key=lambda each: ("error", "warning", "info").index(each.severity)))


def _unnamed(policy: Policy) -> Iterator[Remark]:
    if policy.program.name == NO_NAME or policy.program.policy_url == NO_PAGE:
        yield Remark(
            "warning",
            policy.path,
            "program.name or program.policy_url is still what init wrote",
            "Give both: they name the evidence folder, which two programs would share",
        )


def _open_to_others(policy: Policy) -> Iterator[Remark]:
    """Whoever can write the file decides where the next start may send."""
    try:
        found = os.stat(policy.path)
    except (OSError, ValueError):
        return  # a text that came from elsewhere
    own = {str(os.getuid()), "0", os.environ.get("SUDO_UID")}
    if str(found.st_uid) not in own:
        what = f"the file belongs to another user (uid {found.st_uid}), who can change what is in scope"
        yield Remark("warning", policy.path, what, "Read it, copy it and use your own copy")
    elif found.st_mode & stat.S_IWOTH:
        what = "every user of this machine can write the file, and so change what is in scope"
        yield Remark("warning", policy.path, what, f"chmod o-w {shlex.quote(policy.path)}")


def _review(policy: Policy, today: date) -> Iterator[Remark]:
    program = policy.program
    mend = f"Read {program.policy_url} and set program.reviewed to today"
    if program.reviewed is None:
        yield Remark("warning", policy.path, "program.reviewed does not say when you read the policy", mend)
        return
    age = (today - date.fromisoformat(program.reviewed)).days
    if age < 0:
        yield Remark(
            "warning", policy.path, f"program.reviewed lies in the future ({program.reviewed})", mend
        )
    elif age > program.review_every_days:
        yield Remark(
            "warning",
            policy.path,
            f"the policy was last read {age} days ago, and you wanted to every {program.review_every_days}",
            mend,
        )


def _window(policy: Policy, now_us: int) -> Iterator[Remark]:
    window = policy.window
    if window is None:
        return
    mend = "Everything is blocked outside of it; ask the program for new dates"
    if window.until_us is not None and now_us >= window.until_us:
        yield Remark("warning", window.clause.where, "the window is over", mend)
    elif window.from_us is not None and now_us < window.from_us:
        yield Remark("info", window.clause.where, "the window has not begun yet", mend)


def _wide(entries: tuple[ScopeEntry, ...]) -> Iterator[Remark]:
    hosts = {entry.host for entry in entries}
    for entry in entries:
        if entry.scope_list not in ALLOWING or entry.preset:
            continue
        where = entry.clause.where
        if entry.network:
            network = ipaddress.ip_network(entry.network)
            if network.prefixlen < (_NARROW_V4 if network.version == 4 else _NARROW_V6):
                yield Remark(
                    "warning",
                    where,
                    f"{entry.text!r} covers many networks",
                    "List those that the program names",
                )
        elif entry.host and HostPattern.parse(entry.host).is_tree and entry.host[2:] not in hosts:
            apex = entry.host.removeprefix("*.")
            what = f"{entry.text!r} covers every name below {apex}, and not {apex} itself"
            yield Remark("info", where, what, "If the program means both, list both")
        if entry.ports is None:
            yield Remark(
                "warning", where, f"{entry.text!r} covers every port", "List the ports that are meant"
            )


def _special_addresses(entries: tuple[ScopeEntry, ...]) -> Iterator[Remark]:
    for entry in entries:
        if entry.network is None or entry.scope_list not in ALLOWING:
            continue
        why = special_address(ipaddress.ip_network(entry.network).network_address)
        if why:
            yield Remark(
                "warning",
                entry.clause.where,
                f"{entry.text!r} is {why}, and names on scope.{entry.scope_list} may now resolve to it",
                "Keep it only for a lab of your own",
            )


def _rules(policy: Policy) -> Iterator[Remark]:
    for line in policy.rules:
        if line.wanted is not None and line.wanted > line.action:
            yield Remark(
                "warning",
                line.clause.where,
                f"rule {line.rule} asks to {line.wanted.word} without the program's own sentence, "
                f"so it only {_third_person(line)}",
                "Copy the sentence into says, or write action: warn",
            )
    unwritten = [
        line.rule for line in policy.rules if line.wanted is None and line.rule not in ACTS_WITHOUT_SENTENCE
    ]
    if unwritten:
        what = f"{len(unwritten)} rules are not written out and at most warn: {', '.join(unwritten)}"
        yield Remark("info", policy.path, what, "Write them out with the program's sentences")
    if policy.posture is Posture.TOOLS and not policy.approvals:
        yield Remark(
            "info",
            policy.path,
            "posture is tools, and no approval names a tool",
            "Write down who approved what",
        )


def _third_person(line: RuleLine) -> str:
    return {"allow": "logs", "warn": "warns"}[line.action.word]


def _approvals(policy: Policy, now_us: int) -> Iterator[Remark]:
    for approval in policy.approvals:
        if approval.until_us is not None and now_us >= approval.until_us:
            yield Remark(
                "warning",
                approval.clause.where,
                f"the approval for {approval.rule} has ended",
                "Ask for a new one, or take it out",
            )


def _identification(policy: Policy) -> Iterator[Remark]:
    for name, value in policy.identify.headers:
        if value.lower() in _PLACEHOLDERS:
            yield Remark(
                "warning",
                policy.identify.clause.where,
                f"header {name} still has its placeholder",
                "Write the handle that the program knows you by",
            )


def _conflicts(entries: tuple[ScopeEntry, ...]) -> Iterator[Remark]:
    """Entries of different lists that speak of the same host, and which of the two decides."""
    try:
        yield from _compared(entries)
    except PolicyError as error:
        yield Remark("warning", "-", f"{error.what}; the conflicts behind these are not listed", error.mend)


def _compared(entries: tuple[ScopeEntry, ...]) -> Iterator[Remark]:
    said: set[tuple[Clause, Clause]] = set()
    for one, other in _meeting_pairs(entries):
        if (one.clause, other.clause) in said:
            continue
        if len(said) == MAX_CONFLICTS:
            what = f"there are more than {MAX_CONFLICTS} conflicts; the rest is left out"
            yield Remark("info", "-", what, "Mend these, then check again")
            return
        said.add((one.clause, other.clause))
        yield _conflict(one, other)


def _meeting_pairs(entries: tuple[ScopeEntry, ...]) -> Iterator[tuple[ScopeEntry, ScopeEntry]]:
    for one_list, other_list in combinations(ScopeList, 2):
        known = Overlaps(entry for entry in entries if entry.scope_list is other_list)
        for entry in entries:
            if entry.scope_list is one_list:
                yield from ((entry, other) for other in known.meeting(entry))


def _conflict(one: ScopeEntry, other: ScopeEntry) -> Remark:
    winner, loser = sorted((one, other), key=rank_of, reverse=True)
    opposed = (winner.scope_list in ALLOWING) is not (loser.scope_list in ALLOWING)
    widens = opposed and winner.scope_list in ALLOWING
    return Remark(
        "warning" if widens else "info",
        winner.clause.where,
        f"{_named(winner)} and {_named(loser)} ({loser.clause.where}) speak of the same host; "
        f"where both do, {winner.scope_list} wins",
        "Ask the program which is meant" if widens else "Nothing to do, if that is meant",
    )


def _named(entry: ScopeEntry) -> str:
    through = f" (preset:{entry.preset})" if entry.preset else ""
    return f"scope.{entry.scope_list} {entry.text!r}{through}"


def _repeated(entries: tuple[ScopeEntry, ...]) -> Iterator[Remark]:
    seen: dict[tuple[ScopeList, str], ScopeEntry] = {}
    for entry in entries:
        first = seen.setdefault((entry.scope_list, entry.text), entry)
        if first is not entry and not entry.preset:
            yield Remark(
                "info",
                entry.clause.where,
                f"{entry.text!r} stands on scope.{entry.scope_list} twice ({first.clause.where})",
                "Keep one",
            )
