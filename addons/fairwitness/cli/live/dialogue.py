"""What a key means, given what is on the screen: a new state of the conversation, and perhaps an order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from fairwitness.cli.live import orders
from fairwitness.cli.live.keys import Key
from fairwitness.cli.live.orders import Order
from fairwitness.cli.live.scene import Ask, AskKind, Dialogue, Mode, Scene

LISTS = frozenset({Mode.WATCH, Mode.FLAGS, Mode.WANTED, Mode.HELP})
"""Where nothing is asked: h halts at once."""
MAX_TEXT = 500  # characters of a reason or a note
_ANSWERS = {"a": "accident", "u": "authorised", "l": "false-alarm"}
Outcome = tuple[Dialogue, Order | None]


def press(scene: Scene, key: Key, *, named: frozenset[str]) -> Outcome:
    """What a key does.

    Args:
        scene: What was on the screen when it was pressed; nothing newer is ever answered.
        key: The key.
        named: The wanted hosts whose whole name stood there; no key adds another one.
    """
    now = replace(scene.dialogue, said="")
    if key.name == "escape":
        return Dialogue(), None
    if now.mode in _TYPED:
        return _type(now, key)
    if key.name == "paste":
        return replace(now, said="pasted text is not taken as keys"), None
    if key.name in ("up", "down"):
        cursor = flag_cursor(scene) if now.mode is Mode.FLAGS else now.cursor
        cursor = max(0, min(_last(scene), cursor + (-1 if key.name == "up" else 1)))
        return _on_flag(scene, replace(now, cursor=cursor)), None
    if key.text == "a" and now.mode in (Mode.WATCH, Mode.WANTED):
        return _add_all(scene, now, named)
    if key.text == "h" and now.mode in LISTS:
        return now, orders.halt()
    after, order = _MODES[now.mode](scene, now, key)
    if isinstance(order, orders.Added) and not order.hosts <= named:
        return replace(now, said=_LOOK), None
    return after, order


def _last(scene: Scene) -> int:
    """The highest cursor."""
    rows: dict[Mode, int] = {
        Mode.WATCH: len(scene.asks),
        Mode.FLAGS: len(scene.open_flags),
        Mode.WANTED: len(scene.dialogue.listed),
    }
    return max(0, rows.get(scene.dialogue.mode, 1) - 1)


def flag_cursor(scene: Scene) -> int:
    """Which of the open flags is meant: the one that was chosen, wherever newer ones have pushed it."""
    names = [each.flag.flag for each in scene.open_flags]
    now = scene.dialogue
    return names.index(now.subject) if now.subject in names else max(0, min(len(names) - 1, now.cursor))


def _on_flag(scene: Scene, now: Dialogue) -> Dialogue:
    """On the page of flags, what is selected is a flag and not a line."""
    flags = scene.open_flags
    if now.mode is not Mode.FLAGS or not flags:
        return now
    return replace(now, subject=flags[min(now.cursor, len(flags) - 1)].flag.flag)


def selected(scene: Scene) -> Ask | None:
    """What y and n answer."""
    if not scene.asks:
        return None
    return scene.asks[min(scene.dialogue.cursor, len(scene.asks) - 1)]


def _watch(scene: Scene, now: Dialogue, key: Key) -> Outcome:
    if key.text in ("y", "n"):
        return _answer(scene, now, is_yes=key.text == "y")
    match key.text:
        case "c":
            if not scene.waiting_policy:
                return replace(now, said="no changed policy waits"), None
            return Dialogue(mode=Mode.CONFIRM, subject=scene.waiting_policy), None
        case "r":
            if scene.gate != "halted":
                return replace(now, said="nothing is halted"), None
            return Dialogue(mode=Mode.REASON), None
        case "f":
            return _on_flag(scene, Dialogue(mode=Mode.FLAGS)), None
        case "w":
            return Dialogue(mode=Mode.WANTED, listed=scene.wanted), None
        case "?":
            return Dialogue(mode=Mode.HELP), None
        case "q":
            waits = scene.open_requests or any(each.kind is AskKind.HOLD for each in scene.asks)
            return (Dialogue(mode=Mode.QUIT), None) if waits else (now, orders.Stop())
    return (replace(now, said="? shows the keys"), None) if key.text else (now, None)


def _answer(scene: Scene, now: Dialogue, *, is_yes: bool) -> Outcome:
    ask = selected(scene)
    if ask is None:
        return replace(now, said="nothing waits for an answer"), None
    match ask.kind:
        case AskKind.HOLD:
            return Dialogue(), orders.answer_hold(ask.name, release=is_yes)
        case AskKind.DECLARE:
            return Dialogue(), orders.Declared(ask.name, is_yes)
        case AskKind.ACCOUNT:
            if is_yes:
                return Dialogue(mode=Mode.NAME, subject=ask.name), None
            return Dialogue(), orders.Registered(ask.name, None)


def _confirm(_scene: Scene, now: Dialogue, key: Key) -> Outcome:
    if key.text == "y":
        return Dialogue(), orders.confirm(now.subject)
    return (Dialogue(said="not confirmed"), None) if key.text == "n" else (now, None)


def _quit(_scene: Scene, now: Dialogue, key: Key) -> Outcome:
    if key.text == "y":
        return now, orders.Stop()
    return (Dialogue(), None) if key.text == "n" else (now, None)


def _flags(scene: Scene, now: Dialogue, key: Key) -> Outcome:
    if key.text in ("f", "q"):
        return Dialogue(), None
    flags = scene.open_flags
    if key.text not in _ANSWERS or not flags:
        return now, None
    flag = flags[flag_cursor(scene)].flag.flag
    return Dialogue(mode=Mode.NOTE, subject=flag, choice=_ANSWERS[key.text]), None


def _wanted(_scene: Scene, now: Dialogue, key: Key) -> Outcome:
    if key.text in ("w", "q"):
        return Dialogue(), None
    place = now.cursor if key.name == "enter" else int(key.text) - 1 if key.text in _DIGITS else -1
    if not 0 <= place < len(now.listed):
        return now, None
    chosen = now.listed[place]
    left = tuple(each for each in now.listed if each.host != chosen.host)
    return replace(now, listed=left, cursor=min(now.cursor, max(0, len(left) - 1))), orders.allow((chosen,))


def _add_all(scene: Scene, now: Dialogue, named: frozenset[str]) -> Outcome:
    """Add all that is suggested, if all of it stands on the screen; else show it first."""
    listed = now.listed if now.mode is Mode.WANTED else scene.wanted
    if not listed:
        return replace(now, said="no page asked for a host that it did not get"), None
    seen = tuple(each for each in listed if each.host in named)
    if len(seen) == len(listed):
        return Dialogue(), orders.allow(seen)
    if now.mode is Mode.WATCH:
        words = "a again adds all whose names stand here"
        return Dialogue(mode=Mode.WANTED, listed=listed, said=words), None
    if not seen:
        return replace(now, said=_LOOK), None
    left = tuple(each for each in listed if each.host not in named)
    return replace(now, listed=left, cursor=0), orders.allow(seen)


def _help(_scene: Scene, _now: Dialogue, _key: Key) -> Outcome:
    return Dialogue(), None


def _type(now: Dialogue, key: Key) -> Outcome:
    if key.name == "backspace":
        return replace(now, text=now.text[:-1]), None
    if key.name == "enter":
        if not now.text.strip():
            return replace(now, said=_TYPED[now.mode]), None
        return Dialogue(), _said(now)
    return replace(now, text=(now.text + key.text)[:MAX_TEXT]), None


def _said(now: Dialogue) -> Order:
    text = now.text.strip()
    if now.mode is Mode.REASON:
        return orders.resume(text)
    if now.mode is Mode.NOTE:
        return orders.answer_flag(now.subject, now.choice, text)
    return orders.Registered(now.subject, text)


_LOOK = "its whole name must have stood here for a moment: look, then press again"
_DIGITS = frozenset("123456789")
_TYPED = {
    Mode.REASON: "a reason is needed; Esc goes back",
    Mode.NOTE: "a note is needed; Esc goes back",
    Mode.NAME: "a name is needed; Esc goes back",
}
_MODES: dict[Mode, Callable[[Scene, Dialogue, Key], Outcome]] = {
    Mode.WATCH: _watch,
    Mode.CONFIRM: _confirm,
    Mode.QUIT: _quit,
    Mode.FLAGS: _flags,
    Mode.WANTED: _wanted,
    Mode.HELP: _help,
}
