"""Very many hosts, and very many blocks."""

from __future__ import annotations

from fairwitness.testing.client import RawClient
from fairwitness.testing.lookups import MANY, MANY_ADDRESS
from fairwitness.testing.town import Town


def many_listed(town: Town) -> tuple[str, ...]:
    """Entries that let every name below one wildcard through to the origin inside."""
    port = town.inside.port
    return f"http://*.{MANY}:{port}", f"{MANY_ADDRESS}:{port}"


def blocked_hosts(town: Town, count: int) -> None:
    """Requests to as many hosts that the policy does not list."""
    with town.client() as client:
        for number in range(count):
            host = f"h{number}.stranger.test"
            client.request(f"http://{host}/", host=host)


def blocked_again(town: Town, count: int) -> None:
    """The same blocked request over and over."""
    with town.client() as client:
        for _ in range(count):
            client.request("http://same.stranger.test/", host="same.stranger.test")


def listed_hosts(town: Town, count: int) -> None:
    """Requests to as many hosts below one wildcard, on one connection of the client."""
    with town.client() as client:
        ask_listed(town, client, count)


def ask_listed(town: Town, client: RawClient, count: int) -> None:
    """The same on a connection that stays open.

    Raises:
        RuntimeError: One was not answered.
    """
    for number in range(count):
        host = f"h{number}.{MANY}:{town.inside.port}"
        reply = client.request(f"http://{host}/many", host=host)
        if reply.status != 200:
            raise RuntimeError(f"{host} gave {reply.status}: {reply.body[:500]!r}")
