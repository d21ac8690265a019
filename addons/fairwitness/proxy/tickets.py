"""Who may be dialled: every connect needs a ticket that the decision on this very dial has issued.

Two gates that know nothing of each other.  The loop's ``getaddrinfo`` is wrapped: it checks every answer
and issues a ticket for each address.  An audit hook on ``socket.connect`` refuses every address without a
ticket, whoever asks: mitmproxy, a library, a thread.  An audit hook cannot be removed.

The same hook refuses every look-up of a name that no dial asks for.

Not covered: sockets that are not Python's (uvloop's, mitmproxy_rs's UDP), which is why those are refused at
start; and a name given to a plain socket's ``connect``, which libc looks up before the hook is asked.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from fairwitness.errors import StartError

_Address = tuple[str, int]


@dataclass(slots=True)
class Dial:
    """One attempt to connect: what was decided, and the addresses it may go to."""

    host: str
    port: int
    refuse: Callable[[Sequence[str]], str | None]
    """Why these addresses must not be dialled; None: they may."""
    override: tuple[str, ...] = ()
    """Addresses of --resolve: DNS is then not asked at all."""
    tickets: set[_Address] = field(default_factory=set)
    addresses: tuple[str, ...] = ()
    resolved_by: str = "dns"

    def admit(self, addresses: Sequence[str]) -> str | None:
        """Issue tickets for all addresses, or for none and say why."""
        refusal = self.refuse(addresses)
        if refusal is None:
            self.addresses = tuple(addresses)
            self.tickets = {(address, self.port) for address in addresses}
        return refusal

    def admit_literal(self) -> str | None:
        """Issue a ticket where the host is an address: asyncio does not resolve those."""
        try:
            address = ipaddress.ip_address(self.host)
        except ValueError:
            return None
        self.resolved_by = "literal"
        return self.admit([str(address)])


_current: ContextVar[Dial | None] = ContextVar("fairwitness_dial", default=None)


def begin(dial: Dial) -> None:
    """This task dials: its connects are held against *dial* from now on."""
    _current.set(dial)


_looking_up: Counter[str] = Counter()
"""Names that dials are looking up at this moment; the system is asked in threads, where no dial is known."""


def _may_look_up(host: object) -> bool:
    """Whether a dial asks for it, or nobody is asked: it is an address, or no name at all."""
    if not host or _looking_up[str(host)]:
        return True
    try:
        ipaddress.ip_address(host.decode("ascii", "replace") if isinstance(host, bytes) else str(host))
    except ValueError:
        return False
    return True


def _audit(event: str, args: tuple[Any, ...]) -> None:
    if event == "socket.connect":
        address = args[1]
        dial = _current.get()
        if (
            dial is not None
            and isinstance(address, tuple)
            and len(address) >= 2
            and (address[0], address[1]) in dial.tickets
        ):
            return
        raise PermissionError("fairwitness: a connect without a ticket was refused")
    if event in ("socket.sendto", "socket.sendmsg") and args[1] is not None:
        raise PermissionError("fairwitness: a datagram was refused")
    is_reverse = event in ("socket.gethostbyaddr", "socket.getnameinfo")  # no dial asks whose an address is
    is_forward = event in ("socket.getaddrinfo", "socket.gethostbyname")
    if is_reverse or (is_forward and not _may_look_up(args[0])):
        raise PermissionError("fairwitness: a look-up without a decision was refused")


def guard_process() -> None:
    """From now on nothing in this process connects without a ticket.  Cannot be undone.

    Names are looked up as they are: a name that does not exist is not tried below the system's search
    domains, where a stranger may answer, nor replaced by HOSTALIASES.  Other C libraries than glibc are not
    covered.

    Raises:
        StartError: It does not work on this interpreter.
    """
    os.putenv("LOCALDOMAIN", "")  # not in os.environ: what is started from here keeps its own
    os.unsetenv("HOSTALIASES")
    if not _is_guarded():
        sys.addaudithook(_audit)
    if not _is_guarded():
        raise StartError(
            "the second gate (an audit hook on connect) does not work here",
            where="fairwitness",
            mend="Use CPython without uvloop or gevent",
        )


def _is_guarded() -> bool:
    """Whether a connect without a ticket is refused; tries it on a closed port of this machine."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(("127.0.0.1", 9))  # discard: nobody listens there
        except PermissionError as error:
            return "ticket" in str(error)
        except OSError:
            return False
    return False


def guard_loop(loop: asyncio.AbstractEventLoop) -> None:
    """Let every name that this loop resolves be checked.

    Raises:
        StartError: The loop is not asyncio's own, so it would resolve and connect behind our back.
    """
    if not type(loop).__module__.startswith("asyncio"):
        raise StartError(
            f"the event loop {type(loop).__module__} escapes the gates",
            where="fairwitness",
            mend="Run it on asyncio's own loop, without uvloop",
        )
    original = loop.getaddrinfo

    async def checked(host: Any, port: Any, **options: Any) -> Any:
        dial = _current.get()
        if dial is None or host != dial.host:
            raise OSError("fairwitness: a look-up without a decision was refused")
        if dial.override:
            dial.resolved_by = "override"
            found = [answer for each in dial.override for answer in await original(each, port, **options)]
        else:
            _looking_up[dial.host] += 1
            try:
                found = await original(host, port, **options)
            finally:
                _looking_up[dial.host] -= 1
                if not _looking_up[dial.host]:
                    del _looking_up[dial.host]
        refusal = dial.admit([str(answer[4][0]) for answer in found])
        if refusal is not None:
            raise OSError(f"fairwitness: {refusal}")
        return found

    loop.getaddrinfo = checked  # type: ignore[method-assign]
