"""What an origin has seen: the numbers that the ring's assertions stand on."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from fairwitness.model.message import Direction
from fairwitness.model.record import ExchangeRecord
from fairwitness.testing.hello import Hello

Headers = tuple[tuple[bytes, bytes], ...]
PATIENCE_S = 60.0  # how long a wait may take before it is a failure; far above what a loaded machine needs


def sent_in(record: ExchangeRecord) -> list[bytes]:
    """What the log has of a client's messages: an echo of one that it lacks is no proof of that one."""
    return [each.content for each in record.messages if each.direction is Direction.SENT]


class Counts(NamedTuple):
    """How often an origin was touched, from the lowest layer up."""

    accepts: int
    hellos: int
    requests: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenRequest:
    """One request as the origin read it from the wire."""

    number: int
    """Position among the requests of this origin, from 1."""
    connection: int
    arrived_s: float
    """Monotonic seconds when its head was complete."""
    method: str
    target: bytes
    """Exactly as it stood in the request line or ``:path``."""
    headers: Headers
    """With their spelling; of HTTP/2 with the pseudo-headers."""
    http_version: str
    body: bytes = b""
    """The first `KEPT_BYTES` of it."""
    body_bytes: int = 0
    body_sha256: str | None = None
    """None while the body has not ended."""
    trailers: Headers = ()

    def header(self, name: str) -> str | None:
        """The first value of a header, None where it is absent."""
        wanted = name.lower().encode()
        return next((value.decode("latin-1") for key, value in self.headers if key.lower() == wanted), None)

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.split(b"?", 1)[0].decode("latin-1")


@dataclass(frozen=True, slots=True)
class SeenMessage:
    """One WebSocket frame, or some raw bytes, that an origin received."""

    connection: int
    kind: str
    """``text`` | ``binary`` | ``ping`` | ``pong`` | ``close`` | ``tcp``."""
    content: bytes


KEPT_BYTES = 1 << 16  # enough of a body for any assertion that is not about its size


class Tally:
    """Counts of one origin, written in its thread and read in the test's.

    A class, because both threads share one lock and wait on one condition.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()  # on an RLock, so a predicate may read
        self._accepts = 0
        self._hellos: list[Hello] = []
        self._requests: list[SeenRequest] = []
        self._messages: list[SeenMessage] = []

    def accept(self) -> int:
        """Note a TCP connection; gives its number."""
        with self._changed:
            self._accepts += 1
            self._changed.notify_all()
            return self._accepts

    def hello(self, hello: Hello) -> None:
        """Note a ClientHello."""
        with self._changed:
            self._hellos.append(hello)
            self._changed.notify_all()

    def request(
        self, *, connection: int, method: str, target: bytes, headers: Headers, http_version: str
    ) -> SeenRequest:
        """Note the head of a request."""
        with self._changed:
            seen = SeenRequest(
                number=len(self._requests) + 1,
                connection=connection,
                arrived_s=time.monotonic(),
                method=method,
                target=target,
                headers=headers,
                http_version=http_version,
            )
            self._requests.append(seen)
            self._changed.notify_all()
            return seen

    def request_ended(
        self, seen: SeenRequest, *, body: bytes, body_bytes: int, sha256: str, trailers: Headers = ()
    ) -> SeenRequest:
        """Note the end of a request's body."""
        with self._changed:
            ended = dataclasses.replace(
                seen, body=body, body_bytes=body_bytes, body_sha256=sha256, trailers=trailers
            )
            self._requests[seen.number - 1] = ended
            self._changed.notify_all()
            return ended

    def message(self, message: SeenMessage) -> None:
        """Note a WebSocket frame or raw bytes."""
        with self._changed:
            self._messages.append(message)
            self._changed.notify_all()

    @property
    def counts(self) -> Counts:
        """All three at one moment."""
        with self._changed:
            return Counts(self._accepts, len(self._hellos), len(self._requests))

    @property
    def hellos(self) -> tuple[Hello, ...]:
        """In order of arrival."""
        with self._changed:
            return tuple(self._hellos)

    @property
    def requests(self) -> tuple[SeenRequest, ...]:
        """In order of arrival."""
        with self._changed:
            return tuple(self._requests)

    @property
    def messages(self) -> tuple[SeenMessage, ...]:
        """In order of arrival."""
        with self._changed:
            return tuple(self._messages)

    def wait_for(self, is_so: Callable[[], bool], what: str, *, timeout: float = PATIENCE_S) -> None:
        """Wait until *is_so* holds; it is asked again whenever something arrived.

        Raises:
            TimeoutError: It did not come to hold; the message names *what* and the counts.
        """
        with self._changed:
            if not self._changed.wait_for(is_so, timeout):
                raise TimeoutError(f"origin never saw {what}; it saw {self.counts}")
