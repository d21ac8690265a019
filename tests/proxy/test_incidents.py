"""What mitmproxy writes to its log while a proxy runs, and after it has ended."""

from __future__ import annotations

import asyncio
import logging
from types import SimpleNamespace
from typing import Any

from fairwitness.proxy.incidents import Incidents

LOGGER = logging.getLogger("mitmproxy.proxy.server")


def test_a_warning_that_comes_after_the_end_is_not_printed() -> None:
    """Connections that are slow to end tell of failed handshakes when nobody listens; errors stay."""
    told: list[str] = []
    witness: Any = SimpleNamespace(incident=told.append)

    async def run() -> None:
        with Incidents(witness).watching():
            LOGGER.error("crashed")
            await asyncio.sleep(0)
        await asyncio.sleep(0)

    asyncio.run(run())

    assert 1 == len(told)
    assert not LOGGER.isEnabledFor(logging.WARNING)
    assert LOGGER.isEnabledFor(logging.ERROR)
