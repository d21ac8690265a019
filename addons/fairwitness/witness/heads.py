"""What is refused wherever it goes: heads that can be read in two ways, protocols without record."""

from __future__ import annotations

import re
from collections.abc import Sequence

from fairwitness.model.verdict import Action, ScopeList, Verdict

_LINE_ENDS = (b"\r", b"\n", b"\0")
_SPACE = re.compile(rb"[\t-\r ]")
_RECORDED_UPGRADES = ("", "websocket")


def head_verdict(verdict: Verdict, head: Sequence[bytes], *, upgrade: str, is_legible: bool) -> Verdict:
    """The verdict on a released request, once its head was looked at.

    Args:
        verdict: That on its destinations.
        head: Method, target, names, headers, as they are on the wire.
        upgrade: The protocol that it asks to go on with, in lower case; empty for none.
        is_legible: Whether it is not encrypted, as nothing for a tunnel host may be.
    """
    if verdict.scope_list is ScopeList.TUNNEL and is_legible:
        return refused(verdict, "a tunnel host passes undecrypted only, by CONNECT with its own name as SNI")
    joined = b"\t".join(head)
    if any(end in joined for end in _LINE_ENDS):  # a name behind it is unchecked
        return refused(verdict, "a line end inside its head could be read as another header")
    if _SPACE.search(head[0]):  # HTTP/2 carries it, and in a request line another target could stand there
        return refused(verdict, "a method with a space in it could be read as another request")
    if upgrade not in _RECORDED_UPGRADES:
        return refused(verdict, f"an upgrade to {upgrade[:40]!r} would leave the record")
    if upgrade and head[0] != b"GET":  # else a server that lists its WebSockets alone would take it as it is
        return refused(verdict, "only GET opens a WebSocket")
    return verdict


def refused(verdict: Verdict, reason: str) -> Verdict:
    """A refusal that stands beside what the policy says of the destination."""
    if not verdict.is_released:
        return verdict
    return Verdict(
        action=Action.BLOCK,
        clauses=verdict.clauses,
        reason=reason,
        scope_list=verdict.scope_list,
        host=verdict.host,
    )
