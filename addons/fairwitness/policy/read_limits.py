"""The `limits` block."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from fairwitness.model.policy import Limits, Meter, MeterSet, Rate
from fairwitness.model.verdict import Action, Clause
from fairwitness.policy.blocks import Block
from fairwitness.policy.known import ACTION_WORDS, KEYS
from fairwitness.policy.units import parse_rate, parse_size

MAX_COUNT = 1_000_000_000
_ON_EXCEED = ("warn", "throttle", "block")
_DEFAULT_BODY = 1 << 20  # 1 MiB, policy.md
_SECOND = 1_000_000
_MINUTE = 60 * _SECOND
_DAY = 86_400 * _SECOND

# A day's budget protects the program from a tool that nobody watches; browsing has none.
_TESTING = MeterSet(
    per_host=Meter(rate=Rate(5, _SECOND), burst=30, concurrent=10),
    per_endpoint=Meter(rate=Rate(60, _MINUTE)),
    total=Meter(rate=Rate(10, _SECOND), burst=60, requests=Rate(20_000, _DAY)),
)
_BROWSING = MeterSet(per_host=Meter(rate=Rate(50, _SECOND), burst=200))
_LIMIT_NAMES = ("rate", "concurrent", "requests")


def read_limits(block: Block | None, clause: Clause) -> Limits:
    """The limits; what is left out is the default, at every level."""
    return Limits(
        testing=_read_set(block, "testing", _TESTING),
        browsing=_read_set(block, "browsing", _BROWSING),
        request_body_bytes=_read_body(block),
        on_exceed=_read_action(block),
        clause=clause,
    )


def _read_body(block: Block | None) -> int:
    size = block.read("request_body", parse_size, "Write it as 1 MiB or 500 KB") if block else None
    return _DEFAULT_BODY if size is None else size


def _read_action(block: Block | None) -> Action:
    word = block.text("on_exceed") if block else None
    if word is None:
        return Action.THROTTLE
    if word not in _ON_EXCEED:
        assert block is not None
        raise block.source.error(
            block.value("on_exceed"),
            "limits.on_exceed is none of its actions",
            f"Write one of: {', '.join(_ON_EXCEED)}",
        )
    return ACTION_WORDS[word]


def _read_set(block: Block | None, kind: str, default: MeterSet) -> MeterSet:
    inner = block.block(kind, KEYS["limits of one kind"]) if block else None
    return MeterSet(
        per_host=_read_meter(inner, "per_host", default.per_host),
        per_endpoint=_read_meter(inner, "per_endpoint", default.per_endpoint),
        total=_read_meter(inner, "total", default.total),
    )


def _read_meter(block: Block | None, name: str, default: Meter) -> Meter:
    inner = block.block(name, KEYS["meter"]) if block else None
    if inner is None:
        return _by_default(default, lambda _: False)
    meter = default
    if inner.is_written("rate"):
        # The default's burst belongs to the default's rate: beside 1/s, 30 at once would be no limit.
        meter = replace(
            meter,
            rate=inner.read("rate", parse_rate, "Write it as 5/s, 60/min, or null for no limit"),
            burst=None,
        )
    if inner.is_written("burst"):
        meter = replace(meter, burst=_count(inner, "burst"))
    if inner.is_written("concurrent"):
        meter = replace(meter, concurrent=_count(inner, "concurrent"))
    if inner.is_written("requests"):
        meter = replace(meter, requests=inner.read("requests", parse_rate, "Write it as 20000/day"))
    return _by_default(meter, inner.is_written)


def _by_default(meter: Meter, is_written: Callable[[str], bool]) -> Meter:
    unsaid = tuple(name for name in _LIMIT_NAMES if getattr(meter, name) is not None and not is_written(name))
    return replace(meter, by_default=unsaid)


def _count(block: Block, key: str) -> int | None:
    return block.read(key, _positive, "Write a whole number from 1 on")


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and 0 < int(text) <= MAX_COUNT):
        raise ValueError("is no number from 1 on")
    return int(text)
