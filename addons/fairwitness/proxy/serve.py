"""Starts the proxy, keeps it running, and ends it in order."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import ipaddress
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import certifi
from mitmproxy import exceptions, options

from fairwitness.errors import StartError
from fairwitness.model.event import Ready
from fairwitness.proxy.fail_closed import place_of
from fairwitness.proxy.incidents import Incidents
from fairwitness.proxy.layers import watch_layers
from fairwitness.proxy.master import LeanMaster
from fairwitness.proxy.memory import give_memory_back
from fairwitness.proxy.settings import check_settable, forced
from fairwitness.proxy.socks import speak_socks
from fairwitness.proxy.tickets import guard_loop, guard_process
from fairwitness.proxy.wiring import Wiring
from fairwitness.witness import Witness

MODES = ("regular", "socks5")
CA_NAME = "mitmproxy-ca-cert.pem"
_BIND_S = 10  # longer than any bind takes
_CLOSE_S = 1  # what is held may wait for longer


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeSettings:
    """How to listen, and whom to trust."""

    listen_host: str
    listen_port: int
    """0: any free one."""
    ca_dir: Path
    """Where the certificate authority lies, made at the first start; 0700."""
    upstream_ca: Path | None = None
    """PEM file of roots to trust besides the shipped Mozilla ones."""
    options: tuple[tuple[str, str], ...] = ()
    """mitmproxy's options, only those on the safe list."""
    proxy_password: str | None = None
    allow_remote: bool = False
    mode: str = "regular"
    """``regular`` | ``socks5``: the port then speaks SOCKS5 too."""


async def serve(
    settings: ServeSettings,
    witness: Witness,
    *,
    ready: Callable[[Ready], None],
    stop: asyncio.Event,
) -> None:
    """Run the proxy until *stop* is set.

    The port accepts only once the gate is open.

    Raises:
        StartError: It could not start, or must not under these settings.
    """
    check_settings(settings)
    give_memory_back()
    guard_process()
    guard_loop(asyncio.get_running_loop())
    watch_layers()
    speak_socks()
    wiring = Wiring(witness, settings.proxy_password, handlers=dict, mode=settings.mode)
    witness.watch(wiring)
    incidents = Incidents(witness)
    with incidents.watching():
        master = _make_master(settings, wiring)
        wiring.handlers = lambda: master.proxyserver.connections
        wiring.listens = lambda: tuple(master.proxyserver.listen_addrs())
        running = asyncio.create_task(master.run())
        watching = asyncio.create_task(witness.keep_watch())
        watch_ended = partial(_watch_ended, witness)
        watching.add_done_callback(watch_ended)
        try:
            await _first(running, master.is_running.wait())
            if running.done():
                raise _not_started(running, incidents)
            witness.open_gate()
            host, port = await _listen(master, settings)
            gc.freeze()
            ready(
                Ready(
                    time_us=witness.now_us(),
                    listen=f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
                    evidence=witness.evidence,
                    ca=str(settings.ca_dir / CA_NAME),
                )
            )
            await _first(running, stop.wait())
            if running.done():
                raise _not_started(running, incidents)
        finally:
            watching.remove_done_callback(watch_ended)
            watching.cancel()
            await _close_all(master, wiring)
            master.shutdown()  # type: ignore[no-untyped-call]
            with contextlib.suppress(SystemExit):
                await running
            await asyncio.gather(watching, return_exceptions=True)


async def _close_all(master: LeanMaster, wiring: Wiring) -> None:
    """Accept nothing more, and let what is open come to its end while it is still listened to."""
    master.options.update(server=False)
    ends = asyncio.get_running_loop().time() + _CLOSE_S
    while (wiring.listens() or wiring.handlers()) and asyncio.get_running_loop().time() < ends:
        wiring.cut_all()
        await asyncio.sleep(0.005)


def check_settings(settings: ServeSettings) -> None:
    """Refuse what would open a way past the gate, before anything is made or written.

    Raises:
        StartError: It must not start so.
    """
    if settings.mode not in MODES:
        raise StartError(
            f"mode {settings.mode} is not supported", where="--mode", mend=f"Use one of {', '.join(MODES)}"
        )
    try:
        is_loopback = ipaddress.ip_address(settings.listen_host).is_loopback
    except ValueError as error:
        raise StartError(
            f"{settings.listen_host!r} is no address", where="--listen", mend="Write it like 127.0.0.1:8080"
        ) from error
    if not is_loopback and not (settings.allow_remote and settings.proxy_password):
        raise StartError(
            f"{settings.listen_host} can be reached from other machines",
            where="--listen",
            mend="Listen on 127.0.0.1, or add --allow-remote with --proxy-password",
        )
    check_settable(settings.options)


def _make_master(settings: ServeSettings, wiring: Wiring) -> LeanMaster:
    opts = options.Options(
        listen_host=settings.listen_host,
        listen_port=settings.listen_port,
        confdir=str(settings.ca_dir),
        mode=[settings.mode],
        server=False,  # the port opens after the gate
        ssl_verify_upstream_trusted_ca=_trusted(settings),
    )
    master = LeanMaster(opts, wiring, refuses_foreign_users=not settings.allow_remote)
    opts.update(**forced(opts.keys()))
    try:
        opts.set(*(f"{name}={value}" for name, value in settings.options))
    except exceptions.OptionsError as error:
        raise StartError(
            str(error).rstrip("."), where="--set", mend="Give the option a value that it can take"
        ) from error
    return master


def _trusted(settings: ServeSettings) -> str:
    """The shipped Mozilla roots, and the researcher's own behind them."""
    if settings.upstream_ca is None:
        return certifi.where()
    try:
        own = settings.upstream_ca.read_bytes()
        if b"-----BEGIN CERTIFICATE-----" not in own:
            raise StartError(
                "the file holds no certificate", where=str(settings.upstream_ca), mend="Name a PEM file"
            )
        both = settings.ca_dir / "upstream-roots.pem"
        both.write_bytes(Path(certifi.where()).read_bytes() + b"\n" + own)
        both.chmod(0o600)
    except OSError as error:
        raise StartError(
            f"the roots cannot be read or written ({error.strerror})",
            where=str(settings.upstream_ca),
            mend="Name a readable PEM file",
        ) from error
    return str(both)


async def _listen(master: LeanMaster, settings: ServeSettings) -> tuple[str, int]:
    """Open the port.  The address it got."""
    master.options.update(server=True)
    end = asyncio.get_running_loop().time() + _BIND_S
    while not (addresses := master.proxyserver.listen_addrs()):
        failed = [each.last_exception for each in master.proxyserver.servers if each.last_exception]
        if failed or asyncio.get_running_loop().time() > end:
            why = str(failed[0]) if failed else "no answer from the system"
            raise StartError(
                f"cannot listen ({why.splitlines()[0].rstrip('.')})",
                where=f"{settings.listen_host}:{settings.listen_port}",
                mend="Stop the other program on this port, or choose another with --listen",
            )
        await asyncio.sleep(0.005)
    host, port = addresses[0][:2]
    return host, port


async def _first(running: asyncio.Task[None], wait: Any) -> None:
    waiting = asyncio.ensure_future(wait)
    await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()


def _watch_ended(witness: Witness, watching: asyncio.Task[None]) -> None:
    """Without the watch nothing becomes durable any more, and nobody would notice."""
    error = asyncio.CancelledError() if watching.cancelled() else watching.exception()
    witness.close_gate(f"the watch over the log failed: {place_of(error) if error else 'it ended'}")


def _not_started(running: asyncio.Task[None], incidents: Incidents) -> StartError:
    cause = None if running.cancelled() else running.exception()
    what = incidents.last or (type(cause).__name__ if cause else "it ended by itself")
    return StartError(
        f"the proxy ended: {what}",
        where="mitmproxy",
        mend="Look at the folder of the certificates and the options",
    )


logging.getLogger("hpack").setLevel(logging.WARNING)
