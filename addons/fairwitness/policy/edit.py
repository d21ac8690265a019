"""Adding to a policy file without touching a comment."""

from __future__ import annotations

from collections.abc import Sequence

from fairwitness.errors import PolicyError
from fairwitness.model.policy import Policy
from fairwitness.model.verdict import ScopeList
from fairwitness.policy.change import plain
from fairwitness.policy.entries import parse_entry
from fairwitness.policy.insert import Item, insert_items
from fairwitness.policy.meet import key_of
from fairwitness.policy.reader import read_policy

_PATH = "policy.yaml"
_BY_HAND = "Add the line by hand"


def add_hosts(text: bytes, additions: Sequence[tuple[ScopeList, str]]) -> bytes:
    """The policy's text with entries added to its lists; what stands there already is left as it is.

    Args:
        text: The policy file.
        additions: List and entry (a host, ``preset:NAME``, ...).

    Raises:
        PolicyError: The list is include, the entry is none, or the policy would not be usable.
    """
    if any(scope_list is ScopeList.INCLUDE for scope_list, _ in additions):
        raise PolicyError(
            "a host is never added to scope.include without the program's own sentence",
            where="allow",
            mend='Use: fairwitness scope add HOST --says "its sentence"',
        )
    before = read_policy(text, path=_PATH)
    new: dict[ScopeList, dict[str, Item]] = {}
    for scope_list, entry in additions:
        if not _is_listed(before, scope_list, entry):
            new.setdefault(scope_list, {})[entry] = Item(entry)
    edited = text
    for scope_list, items in new.items():
        edited = insert_items(edited, scope_list.value, tuple(items.values()))
    return checked_edit(before, edited, additions)


def add_scope(text: bytes, host: str, *, says: str) -> bytes:
    """The policy's text with a host added to include, with the program's sentence beside it.

    Raises:
        PolicyError: The host is no entry, the sentence is empty, or the policy would not be usable.
    """
    sentence = " ".join(says.split())
    if not sentence:
        raise PolicyError(
            "the program's sentence is empty", where="scope add", mend="Copy it from the program's page"
        )
    before = read_policy(text, path=_PATH)
    edited = text
    if not _is_listed(before, ScopeList.INCLUDE, host):
        edited = insert_items(text, ScopeList.INCLUDE.value, (Item(host, sentence),))
    return checked_edit(before, edited, [(ScopeList.INCLUDE, host)])


def _is_listed(policy: Policy, scope_list: ScopeList, text: str) -> bool:
    """Whether the entry stands on the list.  On another list too: then nobody can say which is meant."""
    parsed = parse_entry(text)
    for entry in policy.entries:
        same_preset = parsed.preset is not None and entry.preset == parsed.preset
        here = (entry.host, entry.network, entry.ports, entry.names_port, entry.scheme, entry.path)
        wanted = (parsed.host, parsed.network, parsed.ports, parsed.names_port, parsed.scheme, parsed.path)
        if not same_preset and (entry.preset is not None or here != wanted):
            continue
        if entry.scope_list is scope_list:
            return True
        raise PolicyError(
            f"{text!r} stands on scope.{entry.scope_list} already ({entry.clause.where})",
            where="policy",
            mend="Take it out there first, if the program allows it",
        )
    return False


def checked_edit(before: Policy, text: bytes, additions: Sequence[tuple[ScopeList, str]]) -> bytes:
    """The edited text, if it says what it said before plus the additions, and nothing else.

    Raises:
        PolicyError: It says something else too.
    """
    after = read_policy(text, path=_PATH)
    known = {key_of(entry) for entry in before.entries}
    wanted = {
        (scope_list, parse_entry(entry).preset or parse_entry(entry).text) for scope_list, entry in additions
    }
    new = [entry for entry in after.entries if key_of(entry) not in known]
    others_kept = len(after.entries) - len(new) == len(before.entries)
    as_wanted = all((entry.scope_list, entry.preset or entry.text) in wanted for entry in new)
    if not (others_kept and as_wanted and plain(before) == plain(after)):
        raise PolicyError(
            "the file is written in a way that cannot be edited without changing more",
            where=_PATH,
            mend=_BY_HAND,
        )
    return text
