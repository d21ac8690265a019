from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fairwitness.cli.live import orders
from fairwitness.cli.live.dialogue import press
from fairwitness.cli.live.keys import Key
from fairwitness.cli.live.memory import FlagLine
from fairwitness.cli.live.orders import Asked, Declared, Order, Registered, Stop
from fairwitness.cli.live.scene import Ask, AskKind, Dialogue, Mode, Scene
from fairwitness.model.flag import Flag
from fairwitness.model.verdict import ScopeList

SceneOf = Callable[..., Scene]
ENTER = Key("enter")


def typed(
    scene: Scene, *keys: Key | str, named: frozenset[str] | None = None
) -> tuple[Dialogue, list[Order]]:
    """What comes of keys, one after the other, on a screen that shows the same all the while."""
    given: list[Order] = []
    named = frozenset(each.host for each in scene.wanted) if named is None else named
    for key in keys:
        dialogue, order = press(scene, Key("text", key) if isinstance(key, str) else key, named=named)
        scene = replace(scene, dialogue=dialogue)
        given += [order] if order else []
    return scene.dialogue, given


@pytest.mark.parametrize(("key", "is_released"), [("y", True), ("n", False)])
def test_y_and_n_answer_the_oldest_hold(scene_of: SceneOf, key: str, is_released: bool) -> None:
    """The first thing asked is the oldest hold."""
    assert [orders.answer_hold("h1", release=is_released)] == typed(scene_of(), key)[1]


def test_down_selects_the_next_thing_asked(scene_of: SceneOf) -> None:
    """And no further than the last."""
    assert [Declared("no-dos", True)] == typed(scene_of(), Key("down"), Key("down"), Key("down"), "y")[1]


@pytest.mark.parametrize("key", ["y", "n", "a", "c", "r", "q", "h"])
def test_nothing_is_done_with_pasted_text(scene_of: SceneOf, key: str) -> None:
    """Whatever the mode: a paste gives no order."""
    scene = scene_of(waiting_policy="ab" * 32, gate="halted")

    for mode in Mode:
        assert [] == typed(replace(scene, dialogue=Dialogue(mode=mode)), Key("paste", key))[1]


def test_a_adds_all_that_is_suggested_and_never_to_include(scene_of: SceneOf) -> None:
    """A preset where one knows the host, else the host."""
    (order,) = typed(scene_of(), "a")[1]
    assert isinstance(order, Asked)

    assert ("load cdn.test", "load preset:google-fonts") == order.question.arguments["entries"]
    assert ScopeList.INCLUDE not in {ScopeList(each.split()[0]) for each in order.question.texts("entries")}


def test_a_digit_adds_one_host_only_where_the_hosts_are_shown(scene_of: SceneOf) -> None:
    """On the main screen a digit does nothing."""
    assert [] == typed(scene_of(), "2")[1]
    assert [orders.allow(scene_of().wanted[1:])] == typed(scene_of(), "w", "2")[1]
    assert [] == typed(scene_of(), "w", "9")[1]


def test_no_key_adds_a_host_whose_name_was_not_there(scene_of: SceneOf) -> None:
    """Neither a, nor a digit, nor Enter; what stands there is added, the rest is shown first."""
    seen = frozenset({"cdn.test"})
    first = [orders.allow(scene_of().wanted[:1])]

    assert [] == typed(scene_of(), "a", "2", Key("down"), ENTER, named=seen)[1]
    assert Mode.WANTED is typed(scene_of(), "a", named=seen)[0].mode
    assert [first, first, first] == [
        typed(scene_of(), *keys, named=seen)[1] for keys in (("a", "a"), ("w", "1"), ("w", ENTER))
    ]
    assert [] == typed(scene_of(), "a", "a", "a", named=frozenset())[1]


def test_what_a_page_asks_for_meanwhile_moves_no_line(scene_of: SceneOf) -> None:
    """A digit and Enter add what stood beside them when the list was opened, whatever came since."""
    scene = scene_of()
    opened, _ = press(scene, Key("text", "w"), named=frozenset())
    newer = (replace(scene.wanted[0], host="aaa.evil.test"), *scene.wanted)
    named = frozenset(each.host for each in newer)
    meanwhile = replace(scene, wanted=newer, dialogue=opened)

    for key, expected in ((Key("text", "1"), 0), (Key("text", "2"), 1), (ENTER, 0)):
        assert orders.allow((scene.wanted[expected],)) == press(meanwhile, key, named=named)[1]
    assert orders.allow(scene.wanted) == press(meanwhile, Key("text", "a"), named=named)[1]


def test_a_newer_flag_is_not_answered_in_the_place_of_another(
    scene_of: SceneOf, flag_of: Callable[[int], Flag]
) -> None:
    """What is selected is a flag and not a line."""
    opened, _ = press(scene_of(), Key("text", "f"), named=frozenset())
    newer = (FlagLine(flag_of(3), 1, True), *scene_of().flags)
    moved, _ = press(scene_of(flags=newer, dialogue=opened), Key("down"), named=frozenset())
    subjects = [
        press(scene_of(flags=newer, dialogue=each), Key("text", "u"), named=frozenset())[0].subject
        for each in (opened, moved)
    ]

    assert ["f2", "f1"] == subjects


def test_a_policy_is_confirmed_with_two_keys(scene_of: SceneOf) -> None:
    """The one that was shown, by its whole hash; n and Esc leave it."""
    scene = scene_of(waiting_policy="ab" * 32)

    assert [orders.confirm("ab" * 32)] == typed(scene, "c", "y")[1]
    assert [] == typed(scene, "c", "n")[1] + typed(scene, "c", Key("escape"))[1]
    assert [] == typed(scene_of(), "c")[1]


def test_a_policy_that_changes_meanwhile_is_not_confirmed(scene_of: SceneOf) -> None:
    """What is confirmed is what was asked about, not what waits now."""
    scene = scene_of(waiting_policy="ab" * 32)
    asked, _ = press(scene, Key("text", "c"), named=frozenset())
    _, order = press(scene_of(waiting_policy="cd" * 32, dialogue=asked), Key("text", "y"), named=frozenset())

    assert orders.confirm("ab" * 32) == order


def test_halt_asks_nothing_and_resume_asks_why(scene_of: SceneOf) -> None:
    """A reason that is empty is asked for again; it can be mended and left."""
    halted = scene_of(gate="halted")

    assert [orders.halt()] == typed(scene_of(), "h")[1]
    assert [orders.resume("mine")] == typed(
        halted, "r", ENTER, "m", "x", Key("backspace"), Key("paste", "ine"), ENTER
    )[1]
    assert [] == typed(halted, "r", " ", ENTER)[1] + typed(halted, "r", "x", Key("escape"), ENTER)[1]
    assert [] == typed(scene_of(), "r")[1]


@pytest.mark.parametrize("view", ["f", "w", "?"])
def test_halt_works_in_every_list(scene_of: SceneOf, view: str) -> None:
    """Whoever reads flags, wanted hosts or the keys need not go back first."""
    assert [orders.halt()] == typed(scene_of(), view, "h")[1]


@pytest.mark.parametrize(("key", "word"), [("a", "accident"), ("u", "authorised"), ("l", "false-alarm")])
def test_a_flag_is_answered_with_a_note(scene_of: SceneOf, key: str, word: str) -> None:
    """The selected one of those that are open."""
    assert [orders.answer_flag("f1", word, "ok")] == typed(
        scene_of(), "f", Key("down"), key, "o", "k", ENTER
    )[1]


def test_q_asks_only_where_something_is_open(scene_of: SceneOf) -> None:
    """Open requests and holds."""
    idle = scene_of(open_requests=0, asks=())

    assert [Stop()] == typed(idle, "q")[1]
    assert ([], [Stop()]) == (typed(scene_of(), "q", "n")[1], typed(scene_of(), "q", "y")[1])


def test_an_account_is_named_or_dismissed(scene_of: SceneOf) -> None:
    """Yes asks for its name."""
    scene = scene_of(asks=(Ask(AskKind.ACCOUNT, "eve@shop.test", "Is it yours?", None),))

    assert [Registered("eve@shop.test", "eve")] == typed(scene, "y", Key("paste", "eve"), ENTER)[1]
    assert [Registered("eve@shop.test", None)] == typed(scene, "n")[1]


@given(
    keys=st.lists(
        st.sampled_from([*"ynacrfwhq?129ul ", "up", "down", "enter", "escape", "backspace"]), max_size=12
    )
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_keys_break_the_conversation(scene_of: SceneOf, keys: list[str]) -> None:
    """Any keys on an empty screen: no order about anything that is not there, and Esc always leads back."""
    empty = scene_of(asks=(), flags=(), wanted=(), flags_open=0, open_requests=0)
    pressed = [Key("text", each) if len(each) == 1 else Key(each) for each in keys]

    dialogue, given = typed(empty, *pressed, Key("escape"))

    assert Mode.WATCH is dialogue.mode
    assert all(isinstance(each, Stop) or each == orders.halt() for each in given)
