"""What hostile amounts cost the proxy: memory, disk and time of each kind, on loopback."""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fairwitness.testing.authority import Authority
from fairwitness.testing.bench.amounts import bombs, dials, http1, http2, names, policies, websockets
from fairwitness.testing.policy_text import Written
from fairwitness.testing.soak.vitals import cpu_seconds, disk_bytes, forget_peak, peak_bytes, resident_bytes
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
    send: Callable[[Town, int], object]
    """May give how long another request waited meanwhile at most, in seconds."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one amount cost."""

    name: str
    count: int
    unit: str
    memory_bytes: int
    """By how much the proxy's resident memory grew meanwhile, at most."""
    disk_bytes: int
    """By how much the evidence folder grew."""
    seconds: float
    cpu_seconds: float
    """What of it the proxy's processor worked."""
    longest_wait_s: float | None
    """Of a request beside, where one was sent."""


AMOUNTS = (
    Amount("endless TLS hello", 16_384, "KiB", http1.endless_hello),
    Amount("headers of 1 MiB", 100, "requests", http1.long_heads),
    Amount("a header without end", 512, "MiB", http1.endless_head),
    Amount("a line before a chunk without end", 512, "MiB", http1.endless_chunk_line),
    Amount("trailers without end", 512, "MiB", http1.endless_trailers),
    Amount("the server's 103 without end", 512, "MiB", http1.servers_endless_announcement),
    Amount("the server's line before a chunk", 512, "MiB", http1.servers_endless_chunk_line),
    Amount("the server's trailers", 512, "MiB", http1.servers_endless_trailers),
    Amount("bytes behind a waiting request", 512, "MiB", http1.sent_behind),
    Amount("an upload to who is dialled", 1024, "MiB", dials.upload),
    Amount("bytes behind a CONNECT", 1024, "MiB", dials.ahead_of_connect),
    Amount("bytes behind a SOCKS request", 1024, "MiB", dials.ahead_of_socks),
    Amount("bytes into a tunnel", 1024, "MiB", dials.into_a_tunnel),
    Amount("bytes behind a TLS hello", 1024, "MiB", dials.behind_a_hello),
    Amount("idle connections", 10_000, "connections", http1.idle),
    Amount("blocked hosts", 100_000, "hosts", names.blocked_hosts),
    Amount("hosts below one wildcard", 100_000, "hosts", names.listed_hosts),
    Amount("a policy saved while it runs", 100_000, "entries", policies.saved),
    Amount("the same blocked request", 100_000, "requests", names.blocked_again),
    Amount("a long answer", 1024, "MiB", http1.long_answer),
    Amount("WebSocket: small messages", 100_000, "messages", websockets.small_messages),
    Amount("WebSocket: pongs", 100_000, "pongs", websockets.pongs),
    Amount("WebSocket: a frame without end", 1024, "MiB", websockets.endless_message),
    Amount("WebSocket: fragments without end", 1024, "MiB", websockets.fragments),
    Amount("WebSocket: empty fragments", 1_000_000, "frames", websockets.empty_fragments),
    Amount("WebSocket: the server's messages", 100_000, "messages", websockets.server_messages),
    Amount("WebSocket: the server's pings", 100_000, "pings", websockets.server_pings),
    Amount("WebSocket: the server's message", 1024, "MiB", websockets.server_message),
    Amount("bombs in 8 codings, as answers", 512, "MiB each", bombs.answers),
    Amount("bombs in 8 codings, as uploads", 512, "MiB each", bombs.uploads),
    Amount("HTTP/2: a head without end", 512, "MiB", http2.continuations),
    Amount("HTTP/2: empty CONTINUATIONs", 1_000_000, "frames", http2.empty_continuations),
    Amount("HTTP/2: heads of 1 MiB", 100, "requests", http2.long_head),
    Amount("HTTP/2: header bombs", 1000, "requests", http2.header_bombs),
    Amount("HTTP/2: streams reset at once", 10_000, "streams", http2.rapid_resets),
    Amount("HTTP/2: pings", 500_000, "frames", http2.pings),
    Amount("HTTP/2: settings", 200_000, "frames", http2.settings),
    Amount("HTTP/2: empty DATA", 500_000, "frames", http2.empty_data),
    Amount("HTTP/2: an answer that is not read", 1024, "MiB", http2.unread_answer),
)


def costs_of(authority: Authority, *, scale: float, words: Sequence[str] = ()) -> Iterator[Cost]:
    """Send each amount through a town of its own, and measure what it cost.

    Args:
        authority: Signs the origins.
        scale: Shortens them all.
        words: Only amounts whose name has one of them; none: all.
    """
    for each in _chosen(words):
        with tempfile.TemporaryDirectory() as folder, _town(authority, Path(folder)) as town:
            yield cost_of(town, each, max(1, round(each.count * scale)))


def _chosen(words: Sequence[str]) -> list[Amount]:
    return [each for each in AMOUNTS if not words or any(word in each.name for word in words)]


def _town(authority: Authority, folder: Path) -> Town:
    """One that never waits for a researcher."""
    rules: dict[str, Written] = {"heavy-request": {"action": "warn", "says": "No floods."}}
    return Town(
        authority,
        folder / "town",
        include=names.many_listed,
        arguments=("--mode", "socks5"),
        rules=rules,
    )


def bounds(*, scale: float, words: Sequence[str] = ()) -> Iterator[str]:
    """The table, line by line."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    opened = max((each.count for each in _chosen(words) if each.unit == "connections"), default=0)
    if most != resource.RLIM_INFINITY and most < opened * scale + _SPARE_FILES:
        raise SystemExit(f"only {most} files may be open here: use a smaller --scale")
    yield f"{'amount':34}{'count':22}{'memory, most':>14}{'disk':>12}{'time':>11}{'of the CPU':>13}"
    with tempfile.TemporaryDirectory() as folder:
        for each in costs_of(Authority(Path(folder)), scale=scale, words=words):
            count = f"{each.count:,} {each.unit}"
            memory, disk = each.memory_bytes / _MIB, each.disk_bytes / _MIB
            times = f"{each.seconds:9.1f} s{each.cpu_seconds:11.1f} s"
            if each.longest_wait_s is not None:
                times += f", a request beside waits {each.longest_wait_s:.2f} s at most"
            yield f"{each.name:34}{count:22}{memory:10.1f} MiB{disk:8.1f} MiB{times}"


def cost_of(town: Town, amount: Amount, count: int) -> Cost:
    """Send so much through this town, and measure."""
    pid = town.proxy.pid
    forget_peak(pid)
    memory, disk, began_s = resident_bytes(pid), disk_bytes(town.proxy.evidence), time.monotonic()
    worked_s = cpu_seconds(pid)
    waited_s = amount.send(town, count)
    return Cost(
        amount.name,
        count,
        amount.unit,
        peak_bytes(pid) - memory,
        disk_bytes(town.proxy.evidence) - disk,
        time.monotonic() - began_s,
        cpu_seconds(pid) - worked_s,
        waited_s if isinstance(waited_s, float) else None,
    )
