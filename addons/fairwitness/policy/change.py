"""What a changed policy changes, in one line."""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass, replace

from fairwitness.model.policy import Policy, ScopeEntry
from fairwitness.model.verdict import Clause

MAX_NAMED = 8  # entries named before "and N more"
_NO_CLAUSE = Clause("", None, "-")
_SETTINGS = ("program", "posture", "identify", "limits", "window", "rules", "approvals", "declare", "report")


@dataclass(frozen=True, slots=True)
class Change:
    """What became of an offered policy."""

    state: str
    """``same`` | ``in-force`` | ``waits-for-confirmation``."""
    policy: Policy
    """The offered one."""
    summary: str
    """What it changes, one line."""


def summarise(old: Policy, new: Policy) -> str:
    """``+ include staging.example.com; - load cdn.example.net; limits``; ``wording only`` where nothing acts
    differently."""
    before, after = _lines(old.entries), _lines(new.entries)
    entries = [f"+ {line}" for line in after if line not in before]
    entries += [f"- {line}" for line in before if line not in after]
    if len(entries) > MAX_NAMED:
        entries = [*entries[:MAX_NAMED], f"and {len(entries) - MAX_NAMED} more"]
    was, becomes = plain(old), plain(new)
    changed = [name for name in _SETTINGS if was[name] != becomes[name]]
    return "; ".join([*entries, *changed]) or "wording only"


def plain(policy: Policy) -> dict[str, object]:
    """All that a policy says beside its scope lists, without the lines that it stands on."""
    return {name: _plain(getattr(policy, name)) for name in _SETTINGS}


def _lines(entries: tuple[ScopeEntry, ...]) -> dict[str, None]:
    """Entries by name, a preset once."""
    return dict.fromkeys(
        f"{entry.scope_list} {f'preset:{entry.preset}' if entry.preset else entry.text}" for entry in entries
    )


def _plain(value: object) -> object:
    """A setting without the lines that it stands on."""
    if isinstance(value, tuple):
        return tuple(map(_plain, value))
    if is_dataclass(value) and not isinstance(value, type):
        named = {field.name for field in fields(value)}
        return replace(value, clause=_NO_CLAUSE) if "clause" in named else value
    return value
