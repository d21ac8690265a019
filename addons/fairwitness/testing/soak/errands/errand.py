"""What an errand knows, and what it may tell."""

from __future__ import annotations

import hashlib
import random
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field

import h2.exceptions
import h11
from wsproto.utilities import ProtocolError

from fairwitness.testing.client import Disconnected, RawClient, Reply
from fairwitness.testing.soak.ledger import Ledger
from fairwitness.testing.town import Town

LEFT = (Disconnected, OSError, ssl.SSLError, h2.exceptions.H2Error, h11.ProtocolError, ProtocolError)
"""How an errand may end that did not get what it wanted."""


@dataclass(frozen=True, slots=True)
class Errand:
    """One errand: where, with which luck, and under which mark."""

    town: Town
    luck: random.Random
    ledger: Ledger
    mark: str
    """Stands in everything that this errand sends, and nowhere else."""
    asked: list[str] = field(default_factory=list)
    """Paths so far."""

    @property
    def host(self) -> str:
        """The host and port that most errands go to."""
        return self.town.inside.host_port

    def target(self, path: str, number: int = 0) -> str:
        """A target that no other request has."""
        self.asked.append(path)
        return f"{path}?soak={self.mark}.{number}"

    def url(self, path: str, number: int = 0) -> str:
        """The same as an absolute URL, for a request to the proxy itself."""
        return f"http://{self.host}{self.target(path, number)}"

    def got(self, path: str, reply: Reply, number: int = 0) -> None:
        """Note a whole answer, so that it can be compared with the log's."""
        sha256 = hashlib.sha256(reply.body).hexdigest()
        self.ledger.got(f"{path}?soak={self.mark}.{number}", reply.status, sha256)

    def ask(
        self, client: RawClient, path: str, number: int = 0, *, is_inside: bool, body: bytes = b""
    ) -> Reply:
        """A request on a connection that is (or is not) inside TLS, with its whole answer noted."""
        target = self.target(path, number) if is_inside else self.url(path, number)
        reply = client.request(target, host=self.host, method="POST" if body else "GET", body=body)
        self.got(path, reply, number)
        return reply


Kind = Callable[[Errand], None]
"""Does one errand.  What it raises of `LEFT` is a way to end; a TimeoutError means that nobody answered."""
