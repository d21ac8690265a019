"""From a scene to the lines of a screen of a given size."""

from __future__ import annotations

from rich.text import Text

from fairwitness.cli.live import pages, panels
from fairwitness.cli.live.cells import cell, fitted, flowed, paired, shown
from fairwitness.cli.live.memory import Remark
from fairwitness.cli.live.scene import Mode, Scene
from fairwitness.cli.terminal import MIN_HEIGHT, MIN_WIDTH

_ROOMY = 20  # lines from which on a remark may take two
_TWO_COLUMNS = 150  # from this width on, limits, suggestions and flags stand beside the traffic


def draw(scene: Scene, width: int, height: int) -> list[Text]:
    """Exactly *height* lines of exactly *width* columns; of a tiny screen, the upper left part."""
    columns, rows = max(width, MIN_WIDTH), max(height, MIN_HEIGHT)
    top = panels.header(scene, columns)
    top += panels.asks(scene, columns, min(len(scene.asks) + 1, max(2, rows // 4)))
    bottom = [panels.evidence(scene, columns), _foot(scene, columns)]
    if scene.remark is not None:
        bottom = [*_remark(scene.remark, columns, 1 if rows < _ROOMY else 2), *bottom]
    room = rows - len(top) - len(bottom)
    if pages.is_page(scene):
        middle = pages.page(scene, columns, room)
    elif columns >= _TWO_COLUMNS:
        middle = _beside(scene, columns, room)
    else:
        middle = _below(scene, columns, room)
    middle = middle[:room] + [Text("", end="")] * (room - len(middle))
    lines = [*top, *middle, *bottom]
    if height < len(lines):  # the last line says what to do, so it stays
        lines = [*lines[: max(0, height - 1)], lines[-1]]
    return [fitted(line, width) for line in lines[:height]]


def _remark(remark: Remark, width: int, height: int) -> list[Text]:
    style = "yellow" if remark.is_bad else "cyan"
    words = (Text(word, style, no_wrap=True, end="") for word in shown(remark.text).split(" "))
    lines = flowed(words, width, height, indent=2)
    left_out = len(shown(remark.text)) - sum(len(line.plain.strip()) + 1 for line in lines) + 1
    if left_out > 0 and lines:
        lines[-1] = cell(f"{lines[-1].plain.rstrip()} …", width, style)
    return lines


def _below(scene: Scene, width: int, room: int) -> list[Text]:
    """Everything under each other; the traffic gets what the others leave."""
    limits = panels.meters(scene, width, 2 if room < 14 else 3 if room < 26 else 6)
    suggestions = panels.wanted(scene, width, 2 if room < 14 else 4)
    flags = panels.flags(scene, width, 2 if room < 14 else 4 if room < 26 else 8)
    rest = room - len(limits) - len(suggestions) - len(flags)
    traffic = panels.traffic(scene, width, rest)
    traffic += [Text("", end="")] * (rest - len(traffic))
    return [*limits, *traffic, *suggestions, *flags]


def _beside(scene: Scene, width: int, room: int) -> list[Text]:
    """The traffic on the left, all else on the right."""
    right = width * 2 // 5
    left = width - right - 3
    side = panels.meters(scene, right, room // 3)
    side += panels.wanted(scene, right, room // 3)
    side += panels.flags(scene, right, room - len(side))
    return paired(panels.traffic(scene, left, room), side, widths=(left, right), height=room)


def _foot(scene: Scene, width: int) -> Text:
    """What is asked, else what was said last, else the keys."""
    now = scene.dialogue
    asked = {
        Mode.REASON: "Why may traffic go on? ",
        Mode.NOTE: f"{now.subject} as {now.choice}, note: ",
        Mode.NAME: f"Name of your account {now.subject}, then Enter: ",
        Mode.QUIT: f"{scene.open_requests} requests are open: stop all the same? y/n",
        Mode.CONFIRM: "Put this policy in force? y/n",
    }.get(now.mode)
    if now.said and asked is not None:
        return cell(now.said, width, "bold yellow")
    if asked is not None:
        typed = now.text[-max(10, width - len(asked) - 2) :]
        return cell(f"{asked}{typed}{'' if asked.endswith('y/n') else '_'}", width, "bold reverse")
    keys = Text(no_wrap=True, end="")
    keys.append(f"{shown(now.said)}  " if now.said else "", "bold yellow")
    is_watching = now.mode is Mode.WATCH
    for key, does, is_of_use in (
        ("r", "resume", is_watching and scene.gate == "halted"),
        ("c", "confirm", is_watching and bool(scene.waiting_policy)),
        ("a", "add all", now.mode in (Mode.WATCH, Mode.WANTED) and bool(scene.wanted)),
        ("w", "wanted", is_watching and bool(scene.wanted)),
        ("f", "flags", is_watching),
        ("h", "halt", scene.gate == "open"),
        ("?", "help", is_watching),
        ("q", "quit", is_watching),
        ("Esc", "back", not is_watching),
    ):
        if is_of_use:
            keys.append(f"{key} ", "bold")
            keys.append(f"{does}  ")
    return fitted(keys, width)
