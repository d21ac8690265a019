"""missing-identification: a request without what the program asks its researchers to send."""

from __future__ import annotations

from collections.abc import Iterator

from fairwitness.model.exchange import Request
from fairwitness.model.flag import Severity, Sighting
from fairwitness.model.policy import Identify, Policy
from fairwitness.rules.rule import Rule
from fairwitness.rules.words import head_of, reach_of


class MissingIdentification(Rule):
    """Warns once a session for each header that is wanted and was not sent."""

    name = "missing-identification"
    summary = "request without the header or User-Agent that the program asks for"

    def __init__(self, policy: Policy) -> None:
        super().__init__(policy)
        self._said: set[str] = set()

    @classmethod
    def for_policy(cls, policy: Policy) -> MissingIdentification | None:
        """None where the program asks for nothing."""
        return cls(policy) if policy.identify.is_wanted else None

    def adopt(self, policy: Policy) -> None:
        """Follow a policy."""
        super().adopt(policy)
        self._wanted = _wanted(policy.identify)

    def on_request(self, request: Request) -> Iterator[Sighting]:
        """Compare the headers as they will be sent with those that are wanted."""
        if not request.target:
            return  # a tunnel or a raw stream, which carry no header of ours
        sent = request.first_values
        if len(sent) != len(request.headers):  # of one that is there twice the last counts
            sent = {name.lower(): value for name, value in request.headers}
        for name, (is_suffix, value) in self._wanted.items():
            found = sent.get(name)
            if found is None:
                says = f"no {name.decode()} header, which the program asks for"
            elif (is_suffix and not found.endswith(value)) or (not is_suffix and value not in {b"", found}):
                says = f"the {name.decode()} header is not the one that the program asks for"
            else:
                continue
            if says in self._said:
                continue
            self._said.add(says)
            yield Sighting(
                rule=self.name,
                severity=Severity.CHECK,
                says=says,
                advice="See what takes the header away: another add-on, or an edited request.",
                shown_by=head_of(request),
                reach=reach_of(request),
                group=says,
            )


def _wanted(identify: Identify) -> dict[bytes, tuple[bool, bytes]]:
    """Lower-case header name to (whether only the end counts, what is wanted; empty: anything)."""
    wanted = {name.lower().encode(): (False, value.encode()) for name, value in identify.headers}
    if identify.user_agent_suffix:
        wanted[b"user-agent"] = (True, identify.user_agent_suffix.encode())
    if identify.nonce_header:
        wanted[identify.nonce_header.lower().encode()] = (False, b"")
    return wanted
