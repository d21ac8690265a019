"""What hostile amounts cost the proxy: memory, disk and time of each kind, on loopback."""

from __future__ import annotations

import contextlib
import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fairwitness.testing.authority import Authority
from fairwitness.testing.client import Disconnected, RawClient
from fairwitness.testing.soak.vitals import resident_bytes
from fairwitness.testing.town import Town

_MIB = 1 << 20
_SPARE_FILES = 500  # descriptors of everything else


@dataclass(frozen=True, slots=True)
class Amount:
    """One kind of too much."""

    name: str
    count: int
    """How many, in full size."""
    unit: str
    send: Callable[[Town, int], None]


@dataclass(frozen=True, slots=True)
class Cost:
    """What one amount cost."""

    name: str
    count: int
    unit: str
    memory_bytes: int
    """By how much the proxy's resident memory grew."""
    disk_bytes: int
    """By how much the evidence folder grew."""
    seconds: float


def endless_hello(town: Town, kib: int) -> None:
    """A ClientHello that announces 16 MiB and goes on until the proxy has enough."""
    records = b"\x16\x03\x01\x04\x00" + bytes(1024)
    with town.client() as client, contextlib.suppress(OSError):
        client.connect(town.inside.host_port)
        client.send(b"\x16\x03\x01\x04\x00\x01\xff\xff\xff" + bytes(1020))
        for _ in range(kib):
            client.send(records)
        client.half_close()
        client.read_until_end()


def long_heads(town: Town, mib: int) -> None:
    """Requests with a header of 1 MiB each."""
    value = "a" * _MIB
    for _ in range(mib):
        with town.client() as client, contextlib.suppress(OSError, Disconnected):
            url = town.inside.url("/long-head", scheme="http")
            client.request(url, host=town.inside.host_port, headers=[("X-Long", value)])


def endless_head(town: Town, mib: int) -> None:
    """A header that does not end."""
    with town.client() as client, contextlib.suppress(OSError, Disconnected):
        client.send(f"GET {town.inside.url('/', scheme='http')} HTTP/1.1\r\nX-Long: ".encode())
        for _ in range(mib):
            client.send(b"a" * _MIB)


def sent_behind(town: Town, mib: int) -> None:
    """Bytes behind a request that waits for its answer."""
    url = town.inside.url("/slow/3000/behind", scheme="http")
    with town.client() as client, contextlib.suppress(OSError, Disconnected):
        client.send(f"GET {url} HTTP/1.1\r\nHost: {town.inside.host_port}\r\n\r\n".encode())
        for _ in range(mib):
            client.send(bytes(_MIB))
        client.reply()


def idle(town: Town, count: int) -> None:
    """Connections that say nothing, all open at once."""
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(RawClient(town.proxy.address))
        town.curl(town.inside.url("/beside-the-idle"))


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


def long_answer(town: Town, mib: int) -> None:
    """One answer of that size."""
    with town.client() as client:
        url = town.inside.url(f"/bytes/{mib * _MIB}", scheme="http")
        client.send(f"GET {url} HTTP/1.1\r\nHost: {town.inside.host_port}\r\n\r\n".encode())
        client.reply(sink=len)


AMOUNTS = (
    Amount("endless TLS hello", 16_384, "KiB", endless_hello),
    Amount("headers of 1 MiB", 100, "requests", long_heads),
    Amount("a header without end", 512, "MiB", endless_head),
    Amount("bytes behind a waiting request", 512, "MiB", sent_behind),
    Amount("idle connections", 10_000, "connections", idle),
    Amount("blocked hosts", 100_000, "hosts", blocked_hosts),
    Amount("the same blocked request", 100_000, "requests", blocked_again),
    Amount("a long answer", 1024, "MiB", long_answer),
)


def costs_of(town: Town, *, scale: float = 1.0) -> tuple[Cost, ...]:
    """Send each amount and measure what it cost; *scale* shortens them all."""
    return tuple(_cost(town, each, max(1, round(each.count * scale))) for each in AMOUNTS)


def bounds(*, scale: float) -> str:
    """The table, with a town of its own."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if (
        most != resource.RLIM_INFINITY
        and most < max(each.count for each in AMOUNTS if each.unit == "connections") * scale + _SPARE_FILES
    ):
        raise SystemExit(f"only {most} files may be open here: use a smaller --scale")
    with (
        tempfile.TemporaryDirectory() as folder,
        Town(Authority(Path(folder)), Path(folder) / "town") as town,
    ):
        found = costs_of(town, scale=scale)
    lines = ["amount                            count              memory      disk      time"]
    for each in found:
        count = f"{each.count} {each.unit}"
        memory, disk = each.memory_bytes / _MIB, each.disk_bytes / _MIB
        lines.append(f"{each.name:32}  {count:18} {memory:6.1f} MiB {disk:6.1f} MiB {each.seconds:6.1f} s")
    return "\n".join(lines)


def _cost(town: Town, amount: Amount, count: int) -> Cost:
    memory, disk, began_s = resident_bytes(town.proxy.pid), _disk_bytes(town.proxy.evidence), time.monotonic()
    amount.send(town, count)
    return Cost(
        amount.name,
        count,
        amount.unit,
        resident_bytes(town.proxy.pid) - memory,
        _disk_bytes(town.proxy.evidence) - disk,
        time.monotonic() - began_s,
    )


def _disk_bytes(folder: Path) -> int:
    return sum(each.stat().st_size for each in folder.rglob("*") if each.is_file())
