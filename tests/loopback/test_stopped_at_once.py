"""What is released and still here when it is halted, or its host leaves the policy, does not leave."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from fairwitness.testing import Disconnected, Town
from fairwitness.testing.deaf import deaf

pytestmark = pytest.mark.gate

LEFT = (Disconnected, OSError, ssl.SSLError, ValueError)
MakeTown = Callable[..., Town]


def _halt(town: Town) -> None:
    assert 0 == town.proxy.command("halt", "--reason", "a test").returncode


def _narrow(town: Town) -> None:
    inside = town.inside.host_port
    excluded = f"  exclude: ['http://{inside}', 'https://{inside}']\n"
    town.proxy.policy_file.write_text(town.policy_text().replace("  exclude: []\n", excluded))
    town.proxy.wait_for(lambda told: told.kind == "policy" and told.text("state") == "in-force", "the change")


@pytest.mark.bypass(69)
@pytest.mark.parametrize("stop", [_halt, _narrow], ids=["halted", "removed"])
def test_a_request_whose_server_is_still_dialled_stops(
    make_town: MakeTown, stop: Callable[[Town], None]
) -> None:
    """The server answers the dial only after the stop: it gets nothing, and the record says so."""
    with make_town() as town, ThreadPoolExecutor() as pool, town.client() as client:

        def ask() -> None:
            with contextlib.suppress(*LEFT):
                client.request(town.inside.url("/late", scheme="http"), host=town.inside.host_port)

        with deaf(town.inside):
            asked = pool.submit(ask)
            town.proxy.wait_for_row(lambda row: row.url.endswith("/late"))
            stop(town)
        asked.result(30)
        row = town.proxy.wait_for_row(lambda row: row.url.endswith("/late") and row.outcome != "open")
        seen = town.inside.requests

    assert () == seen
    assert row.outcome.startswith("failed")
    assert frozenset() == town.strangers_asked_for
