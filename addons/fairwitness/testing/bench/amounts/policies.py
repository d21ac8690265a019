"""A policy.yaml with very many entries, saved while the proxy runs."""

from __future__ import annotations

import threading
import time

from fairwitness.testing.bench.amounts import PATIENCE_S
from fairwitness.testing.proxy import Told
from fairwitness.testing.town import Town


def saved(town: Town, count: int) -> float:
    """Save one with so many entries more, confirm it, and save it with one less; requests go on meanwhile.

    Returns:
        The longest wait of a request beside, in seconds.
    """
    ended = threading.Event()
    waits_s = [0.0]
    asking = threading.Thread(target=_ask_beside, args=(town, ended, waits_s))
    asking.start()
    try:
        waiting = _save(town, count)
        told = len(town.proxy.told)
        town.proxy.command("confirm", waiting.text("sha256")[:12], timeout=PATIENCE_S)
        _policy_told(town, told, "in-force")
        narrower = _save(town, count - 1)
    finally:
        ended.set()
        asking.join()
    if (waiting.text("state"), narrower.text("state")) != ("waits-for-confirmation", "in-force"):
        raise RuntimeError(f"the policy was not taken: {waiting}, {narrower}")
    return max(waits_s)


def _save(town: Town, count: int) -> Told:
    told = len(town.proxy.told)
    text = town.policy_text(more_include=[f"h{each}.d{each % 100}.test" for each in range(count)])
    town.proxy.policy_file.write_text(text)
    return _policy_told(town, told)


def _policy_told(town: Town, after: int, state: str | None = None) -> Told:
    return town.proxy.wait_for(
        lambda told: told.kind == "policy" and state in (None, told.text("state")),
        "the policy",
        after=after,
        timeout=PATIENCE_S,
    )


def _ask_beside(town: Town, ended: threading.Event, waits_s: list[float]) -> None:
    with town.client() as client:
        client.be_patient(PATIENCE_S)
        while not ended.is_set():
            began_s = time.monotonic()
            client.request(town.inside.url("/beside", scheme="http"), host=town.inside.host_port)
            waits_s.append(time.monotonic() - began_s)
