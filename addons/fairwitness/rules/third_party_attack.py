"""third-party-attack: an attack on a system that is not the program's."""

from __future__ import annotations

from collections.abc import Iterator

from fairwitness.detect import SURE, probe_in
from fairwitness.model.exchange import Initiator, Request
from fairwitness.model.flag import Pointer, Severity, Sighting
from fairwitness.model.policy import Policy
from fairwitness.model.verdict import Action, ScopeList
from fairwitness.rules.rule import Rule, Where
from fairwitness.rules.words import head_of, reach_of

_QUOTED = frozenset({"referer", "origin"})  # where the request came from, not what is tried


class ThirdPartyAttack(Rule):
    """Looks at requests to hosts that may be loaded and not tested.

    What a page sends by itself is left alone: it quotes its own address, with what the researcher tried
    there, to everybody whom it tells about its visitors.
    """

    name = "third-party-attack"
    summary = "an attack on a host that may only be loaded, or on somebody else's sign-in"
    where = Where.ELSEWHERE

    def adopt(self, policy: Policy) -> None:
        """Follow a policy."""
        super().adopt(policy)
        mine = [each.host for each in policy.entries if each.scope_list is ScopeList.MINE and each.host]
        self._mine = frozenset(mine)
        self._below_mine = tuple(host.removeprefix("*") for host in mine if host.startswith("*"))

    def on_request(self, request: Request) -> Iterator[Sighting]:
        """Look at its values, its path, and where a sign-in is told to go."""
        if request.initiator is Initiator.PAGE or self._is_mine(request.host):
            return
        tried = [
            each
            for each in self.known.reading(request).attacks
            if each.attack.weight >= SURE and each.name.lower() not in _QUOTED
        ]
        probe = probe_in(request.raw_path)
        if tried:
            first = tried[0]
            where = f"{first.place} {first.name[:40]!r}" if first.name else first.place
            families = ", ".join(sorted({each.attack.family for each in tried}))
            says = f"{families} in the {where} for {request.host}, which is not in scope: like an attack"
            yield self._sighting(request, says, tuple(each.shown_by for each in tried[:3]))
        elif probe:
            says = f"asks {request.host}, which is not in scope, for {probe}, which scanners look for"
            yield self._sighting(request, says, head_of(request))
        yield from self._told_elsewhere(request)

    def _told_elsewhere(self, request: Request) -> Iterator[Sighting]:
        """A sign-in that a host in scope has begun, and that is told to end somewhere else."""
        fields = {field.name: field.value for field in self.known.reading(request).fields}
        client, goes_to = fields.get("client_id"), fields.get("redirect_uri")
        if client is None or goes_to is None:
            return
        handed_out = self.known.redirects_of(request.host, client)
        if handed_out and goes_to not in handed_out:
            yield Sighting(
                rule=self.name,
                severity=Severity.STOP,
                calls_for=Action.HOLD,
                says=f"the redirect_uri at {request.host} is not the one that the host in scope handed out",
                advice="Change it only if the program's page allows to test this provider.",
                shown_by=head_of(request),
                reach=reach_of(request),
            )

    def _sighting(self, request: Request, says: str, shown_by: tuple[Pointer, ...]) -> Sighting:
        return Sighting(
            rule=self.name,
            severity=Severity.STOP,
            says=says,
            advice="Test hosts in scope only; what you find on this one belongs to its own owner's program.",
            shown_by=shown_by,
            reach=reach_of(request),
        )

    def _is_mine(self, host: str) -> bool:
        return host in self._mine or host.endswith(self._below_mine)
