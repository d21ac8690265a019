"""What a request says, read once for all rules."""

from __future__ import annotations

from functools import cached_property

from fairwitness.model.exchange import Request
from fairwitness.rules.endpoint import endpoint_of, host_of
from fairwitness.rules.fields import Field, fields_of, json_of


class Reading:
    """One request, taken apart.

    A class with lazy parts: most requests are of interest to few rules, and no rule pays for a part that
    another has read already.
    """

    def __init__(self, request: Request) -> None:
        self.request = request

    @cached_property
    def endpoint(self) -> str:
        """As `endpoint_of`: what counts as the same kind of request."""
        return endpoint_of(self.request)

    @cached_property
    def host(self) -> str:
        """The host by which requests are counted."""
        return host_of(self.request)

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        """What its query and body give, bounded."""
        return tuple(fields_of(self.request))

    @cached_property
    def json(self) -> object:
        """Its body as JSON; None where it is none, or longer than a form."""
        return json_of(self.request.body) if self.request.body else None
