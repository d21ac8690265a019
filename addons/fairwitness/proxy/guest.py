"""Our gates in a mitmproxy that somebody else started: ``mitmdump -s``.

Source:
    Tried on 11.0.2 and 12.2.3: what hangs under the script object goes when the script is reloaded, broken
    or deleted; what was registered beside it stays.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mitmproxy import addonmanager, ctx, exceptions

from fairwitness.errors import FairwitnessError
from fairwitness.proxy.chain import Ends
from fairwitness.proxy.layers import watch_layers
from fairwitness.proxy.settings import forced, refuse_remote, refuse_unsafe
from fairwitness.proxy.tickets import guard_loop, guard_process
from fairwitness.proxy.wiring import Wiring
from fairwitness.witness import Witness

MakeWitness = Callable[[Path, Path | None, Sequence[str]], Witness]
"""Makes the conductor from a policy file, an evidence folder (None: the program's own) and --resolve's."""


class Guest:
    """The script's addon: puts the gates up once, and back at both ends whenever others were added.

    Args:
        make_witness: Reads the policy and opens the log.
        standing: Holds the ends once they stand; shared by all instances that reloads make.
    """

    name = "fairwitness-guest"

    def __init__(self, make_witness: MakeWitness, standing: list[tuple[Ends, Witness]]) -> None:
        self._make_witness = make_witness
        self._standing = standing
        self._watching: asyncio.Task[None] | None = None

    def load(self, loader: addonmanager.Loader) -> None:
        """Put the gates up.  A fault ends the process: without gates there must be no proxy."""
        loader.add_option("fairwitness_policy", str, "policy.yaml", "The policy file.")
        loader.add_option("fairwitness_evidence", str, "", "The evidence folder.")
        loader.add_option("fairwitness_resolve", Sequence[str], [], "HOST:PORT:ADDR, as curl.")
        ctx.options.process_deferred()
        if not self._standing:
            try:
                self._put_up()
            except (FairwitnessError, exceptions.OptionsError, ValueError) as error:
                raise SystemExit(f"fairwitness: error: {error}") from error
        self._standing[0][0].put_in_place()

    def _put_up(self) -> None:
        guard_process()
        guard_loop(asyncio.get_running_loop())
        watch_layers()
        _close_openings()
        evidence = ctx.options.fairwitness_evidence
        witness = self._make_witness(
            Path(ctx.options.fairwitness_policy),
            Path(evidence) if evidence else None,
            tuple(ctx.options.fairwitness_resolve),
        )
        server: Any = ctx.master.addons.get("proxyserver")
        wiring = Wiring(
            witness,
            None,
            handlers=lambda: server.connections,
            listens=lambda: (*server.listen_addrs(), *_dashboard()),
        )
        witness.watch(wiring)
        ends = Ends(ctx.master.addons, wiring, refuses_foreign_users=True)
        self._standing.append((ends, witness))

    def configure(self, updated: set[str]) -> None:
        """Another script may have been added: stand at both ends again."""
        if self._standing and updated:
            self._standing[0][0].put_in_place()

    def running(self) -> None:
        """Everything has started: open the gate, unless it stands open from before a reload."""
        ends, witness = self._standing[0]
        ends.put_in_place()
        if not witness.is_open and not witness.is_closed:
            witness.open_gate()
            self._watching = asyncio.get_running_loop().create_task(witness.keep_watch())


def _dashboard() -> tuple[tuple[str, int], ...]:
    """Where mitmweb shows all traffic: whoever could reach it through the proxy would read and steer it."""
    opts = ctx.options
    return ((opts.web_host, opts.web_port),) if "web_port" in opts else ()


def _close_openings() -> None:
    """Set what must be set, where the user has left mitmproxy's default.

    Raises:
        exceptions.OptionsError: The user has set an option that would let traffic past the gates.
    """
    opts = ctx.options
    for name, value in forced(opts.keys()).items():
        current = getattr(opts, name)
        if current != value and current != opts.default(name):
            raise exceptions.OptionsError(f"option {name} must stay {value!r}")
        opts.update(**{name: value})
    refuse_unsafe(opts, opts.keys())
    if not opts.listen_host:
        opts.update(listen_host="127.0.0.1")
    refuse_remote(opts)
