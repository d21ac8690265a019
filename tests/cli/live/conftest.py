"""Scenes and events as a session gives them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fairwitness.cli.live.memory import FlagLine, Line
from fairwitness.cli.live.scene import Ask, AskKind, Dialogue, Scene
from fairwitness.model.exchange import Initiator
from fairwitness.model.flag import Flag, Severity
from fairwitness.model.verdict import Action, Clause, ScopeList
from fairwitness.policy import Suggestion
from fairwitness.witness import EvidenceStatus, MeterStatus

NOON_US = 1_795_000_000_000_000


def make_flag(number: int, says: str = "31 requests in 1 s.") -> Flag:
    """A flag."""
    return Flag(
        flag=f"f{number}",
        rule="request-rate",
        severity=Severity.STOP,
        action=Action.WARN,
        clause=Clause("limits", "Be slow.", "policy.yaml:9"),
        initiator=Initiator.TOOL,
        exchange="ab" * 16,
        time_us=NOON_US,
        says=says,
        advice="Slow down.",
        shown_by=(),
        reach="label curl",
    )


def make_line(number: int, place: str = "shop.test/a", **more: object) -> Line:
    """An exchange."""
    facts: dict[str, object] = {
        "time_us": NOON_US,
        "id": number,
        "verdict": "allow",
        "status": 200,
        "initiator": "tool",
        "who": "curl",
        "method": "GET",
        "place": place,
        "size_bytes": 1536,
        "duration_us": 12_000,
        "reason": "",
    }
    return Line(**{**facts, **more})  # type: ignore[arg-type]


def make_suggestion(host: str, preset: str | None = None) -> Suggestion:
    """A wanted host."""
    return Suggestion(host, "shop.test", ScopeList.LOAD, "CDN", preset, "a CDN", 3)


def make_scene(**more: object) -> Scene:
    """A busy session."""
    facts: dict[str, object] = {
        "program": "Example shop",
        "listen": "127.0.0.1:8080",
        "evidence": "/e",
        "session": 3,
        "note": "login flow",
        "minutes": 72,
        "gate": "open",
        "reason": "",
        "policy": "3f" * 32,
        "waiting_policy": "",
        "waiting_summary": "",
        "released": 40,
        "blocked": 7,
        "open_requests": 2,
        "throttled": 1,
        "flags_open": 2,
        "log": EvidenceStatus(entries=120, bytes=5 << 20, waiting=3, not_durable=9),
        "meters": (
            MeterStatus("request-rate", "shop.test", "testing", 25, 30, "5/s"),
            MeterStatus("request-rate", "shop.test", "browsing", 10, 200, "50/s"),
            MeterStatus("budget", "*", "testing", 47, 20_000, "1 day"),
        ),
        "lines": tuple(make_line(number) for number in range(1, 80)),
        "flags": (FlagLine(make_flag(2), 12, True), FlagLine(make_flag(1), 1, True)),
        "asks": (
            Ask(AskKind.HOLD, "h1", "h1 POST https://shop.test/pay: over the budget", 42),
            Ask(AskKind.DECLARE, "no-dos", "Do you keep to no-dos?", None),
        ),
        "wanted": (make_suggestion("cdn.test"), make_suggestion("fonts.test", "google-fonts")),
        "remark": None,
        "dialogue": Dialogue(),
    }
    return Scene(**{**facts, **more})  # type: ignore[arg-type]


@pytest.fixture
def scene_of() -> Callable[..., Scene]:
    """Makes scenes."""
    return make_scene


@pytest.fixture
def line_of() -> Callable[..., Line]:
    """Makes lines."""
    return make_line


@pytest.fixture
def flag_of() -> Callable[..., Flag]:
    """Makes flags."""
    return make_flag
