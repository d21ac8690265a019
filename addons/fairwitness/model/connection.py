"""Connections: those of clients, and those that are dialled for them."""

from __future__ import annotations

from dataclasses import dataclass

from fairwitness.model.exchange import Client


@dataclass(frozen=True, slots=True, kw_only=True)
class Callers:
    """The connections of one client address at a moment; live only, a recording has none."""

    address: str
    open: int
    silent: int
    """Those that said nothing whole for `SILENT_US`: no request, or one that does not come to its end."""
    time_us: int


SILENT_US = 10_000_000  # how long a connection may take for a request


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A dial: the attempt to connect to a server, with what was asked and what came of it."""

    connection: str
    """32 hex digits; stands in for the exchange in its entries."""
    client: Client
    dialled_us: int
    host: str
    port: int
    purpose: str
    """``http`` | ``tunnel`` | ``tcp``."""
    scope_list: str
    """Which list of the policy let it through."""
    sni: str | None = None
    resolved_by: str = "dns"
    """``dns`` | ``literal`` | ``override`` (--resolve)."""
    addresses: tuple[str, ...] = ()
    peer: str | None = None
    """Address and port that answered."""
    connected_us: int | None = None
    tls_version: str | None = None
    alpn: str | None = None
    certificate_sha256: str | None = None
    closed_us: int | None = None
    bytes_sent: int | None = None
    """On the wire, so ciphertext under TLS; None where not counted."""
    bytes_received: int | None = None
    failure: str | None = None
