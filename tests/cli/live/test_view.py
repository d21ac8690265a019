from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from io import StringIO

import pyte
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from rich.text import Text

from fairwitness.cli.live.cells import cell, named_on, shown
from fairwitness.cli.live.memory import FlagLine, Line, Remark
from fairwitness.cli.live.scene import Ask, AskKind, Dialogue, Mode, Scene
from fairwitness.cli.live.view import draw
from fairwitness.model.flag import Flag

SceneOf = Callable[..., Scene]
SIZES = [(60, 15), (80, 24), (120, 40), (149, 30), (150, 30), (200, 50), (20, 5)]
HOSTILE = "\x1b[2J\x1b]0;pwned\x07\u202egnp.exe\u200b[bold red]中文中文e\u0301\u0300\u0300\x9b31m\n\ud83d"


def on_screen(scene: Scene, width: int, height: int) -> list[str]:
    """What a terminal shows of it."""
    console = Console(file=StringIO(), force_terminal=True, markup=False, highlight=False, width=1000)
    with console.capture() as captured:
        for at, line in enumerate(draw(scene, width, height)):
            console.print(Text(f"{at};"), end="")
            console.print(line, soft_wrap=True, end="\n")
    screen = pyte.Screen(width, height)
    stream = pyte.Stream(screen)
    for at, line in enumerate(captured.get().splitlines()):
        stream.feed(f"\x1b[{at + 1};1H{line.partition(';')[2]}")
    return list(screen.display)


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("mode", Mode)
def test_every_page_fills_the_screen_exactly(scene_of: SceneOf, mode: Mode, width: int, height: int) -> None:
    """Neither a line nor a column too many, in any mode, at any size."""
    scene = scene_of(
        dialogue=Dialogue(mode=mode, subject="f2", choice="accident"),
        waiting_policy="ab" * 32,
        waiting_summary="adds " + "host.test, " * 60,
        gate="halted",
        reason="slow " * 40,
        remark=Remark("a warning " * 30, is_bad=True),
    )
    lines = draw(scene, width, height)

    assert [width] * height == [line.cell_len for line in lines]


@pytest.mark.parametrize(("width", "height"), SIZES[:-1])
def test_the_main_screen_tells_all_that_matters(scene_of: SceneOf, width: int, height: int) -> None:
    """State, what waits, limits, traffic, suggestions, flags, log and keys, down to the smallest size."""
    shown_lines = on_screen(scene_of(), width, height)
    text = "\n".join(shown_lines)

    for words in (
        "OPEN",
        "Example shop",
        "session 3",
        "127.0.0.1:8080",
        "> h1 POST https://shop.test/pay",
        "42 s",
        "25/30",
        "40 released, 7 blocked",
        "shop.test also wants 2 hosts: 2 CDN",
        "flags: 2 open",
        "f2",
        "log: 120 entries, 5.0 MiB",
        "9 not on disk yet",
        "q quit",
    ):
        assert words in text, words


def test_what_waits_for_a_limit_is_told_apart(scene_of: SceneOf) -> None:
    """A full meter is full, however many wait."""
    meters = (replace(scene_of().meters[0], used=30, waiting=1000),)

    assert "30/30 +1000 wait" in "\n".join(on_screen(scene_of(meters=meters), 60, 15))


def test_what_is_hidden_is_said(scene_of: SceneOf) -> None:
    """A small screen counts what it leaves out."""
    text = "\n".join(on_screen(scene_of(), 60, 15))

    assert "+1 hidden" in text
    assert "emptier ones not shown" in text


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("mode", [Mode.WATCH, Mode.WANTED])
def test_only_names_that_stand_there_whole_are_named(
    scene_of: SceneOf, mode: Mode, width: int, height: int
) -> None:
    """A host among thousands, a name that is cut, one that is the end of another: none counts as seen."""
    long_name = ".".join(["cdn" * 20] * 4) + ".test"
    hosts = [long_name, "not-evil.test", *(f"h{at}.test" for at in range(3000)), "evil.test"]
    example = scene_of().wanted[0]
    wanted = tuple(replace(example, host=host) for host in hosts)
    scene = scene_of(wanted=wanted, dialogue=Dialogue(mode=mode, listed=wanted))
    lines = draw(scene, width, height)
    words = {word for line in lines for word in line.plain.split()}

    assert named_on(lines) <= words
    assert not named_on(lines) & {long_name, "evil.test"} or width > len(long_name)
    assert mode is Mode.WATCH or height < 15 or len(named_on(lines)) > 3


def test_a_wide_screen_shows_more(scene_of: SceneOf) -> None:
    """Who asked, and how long it took; limits and flags stand beside the traffic."""
    narrow = "\n".join(on_screen(scene_of(), 80, 24))
    wide = "\n".join(on_screen(scene_of(), 200, 50))

    assert ("12 ms" in wide, "curl" in wide, " │ " in wide) == (True, True, True)
    assert "12 ms" not in narrow


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_recorded_text_cannot_drive_the_terminal(
    scene_of: SceneOf, line_of: Callable[..., Line], flag_of: Callable[..., Flag], width: int, height: int
) -> None:
    """Escapes, titles, bidi, zero-width, markup and stacked marks come out as text, and keep the layout."""
    scene = scene_of(
        program=HOSTILE,
        note=HOSTILE,
        reason=HOSTILE,
        gate="closed",
        lines=(
            line_of(1, HOSTILE),
            line_of(2, HOSTILE, status=None, reason=HOSTILE, method=HOSTILE, who=HOSTILE),
        ),
        flags=(FlagLine(flag_of(1, HOSTILE), 1, True),),
        asks=(Ask(AskKind.HOLD, "h1", HOSTILE, 3),),
        remark=Remark(HOSTILE, is_bad=True),
        dialogue=Dialogue(said=HOSTILE),
    )
    lines = draw(scene, width, height)

    assert [width] * height == [line.cell_len for line in lines]
    assert all(line.plain.isprintable() for line in lines)
    assert not any(mark in line.plain for line in lines for mark in "\u202e\u200b\u0301\x1b\x07")
    assert any("[bold red]" in line.plain for line in lines) or width < 60


@given(st.text(max_size=80), st.integers(0, 40))
@settings(max_examples=200)
def test_a_cell_is_as_wide_as_it_must_be(text: str, width: int) -> None:
    """Whatever the text, wide characters at the cut too."""
    made = cell(text, width)

    assert width == made.cell_len
    assert made.plain.isprintable()


def test_ordinary_text_stays_readable() -> None:
    """Accents and other scripts are not escaped."""
    assert "Café Zürich 東京" == shown("Cafe\u0301 Zürich 東京")


@pytest.mark.parametrize(
    ("mode", "keys"),
    [(Mode.WATCH, "f flags  h halt  ? help  q quit"), (Mode.FLAGS, "h halt  Esc back")],
)
def test_the_last_line_names_only_keys_that_do_something(scene_of: SceneOf, mode: Mode, keys: str) -> None:
    """In a list those of the whole screen are left out."""
    scene = scene_of(wanted=(), dialogue=Dialogue(mode=mode))

    assert keys == on_screen(scene, 80, 24)[-1].strip()


def test_the_selected_thing_stays_visible(scene_of: SceneOf, flag_of: Callable[..., Flag]) -> None:
    """Also the last of many, in each list."""
    asks = tuple(Ask(AskKind.HOLD, f"h{number}", f"h{number} GET", 9) for number in range(1, 40))
    last = replace(scene_of(asks=asks), dialogue=Dialogue(cursor=38))
    flags = scene_of(
        flags=tuple(FlagLine(each, 1, True) for each in map(flag_of, range(1, 61))),
        dialogue=Dialogue(mode=Mode.FLAGS, cursor=59),
    )

    assert any(line.startswith("> h39 GET") for line in on_screen(last, 80, 24))
    assert any(line.startswith("> f60") for line in on_screen(flags, 80, 24))
