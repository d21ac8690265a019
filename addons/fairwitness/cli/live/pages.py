"""What takes the middle of the screen when it was asked for: flags, wanted hosts, a waiting policy, help."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len, chop_cells
from rich.text import Text

from fairwitness.cli.live.cells import cell, fitted, naming, panel, rule, shown
from fairwitness.cli.live.dialogue import flag_cursor
from fairwitness.cli.live.keys import KEYS
from fairwitness.cli.live.panels import flag_line
from fairwitness.cli.live.scene import Mode, Scene
from fairwitness.cli.text import plural
from fairwitness.policy import Suggestion

_MODES = (Mode.FLAGS, Mode.NOTE, Mode.WANTED, Mode.HELP, Mode.CONFIRM)


def is_page(scene: Scene) -> bool:
    """Whether one is open."""
    return scene.dialogue.mode in _MODES


def page(scene: Scene, width: int, height: int) -> list[Text]:
    """The open page."""
    match scene.dialogue.mode:
        case Mode.HELP:
            return _help(width, height)
        case Mode.WANTED:
            return _wanted(scene, width, height)
        case Mode.CONFIRM:
            return _confirm(scene, width, height)
    return _flags(scene, width, height)


def _help(width: int, height: int) -> list[Text]:
    lines = []
    for key, does in KEYS:
        lines += _folded(f"{key:<7} {does}", width, indent=8)
    return panel("keys (Esc: back)", lines, width, height)


def _wanted(scene: Scene, width: int, height: int) -> list[Text]:
    listed = scene.dialogue.listed
    if not listed:
        lines = [cell("no page asked for a host that it did not get", width, "dim")]
        return panel("suggested hosts (Esc: back)", lines, width, height)
    room = max(1, height - 1)
    first = max(0, min(scene.dialogue.cursor - room + 1, len(listed) - room))
    lines = [
        _wanted_line(each, at, width, is_chosen=at == scene.dialogue.cursor)
        for at, each in enumerate(listed[first : first + room], first)
    ]
    title = f"{len(listed)} suggested (digit or Enter adds one, a all that stand here, Esc: back)"
    known = {each.host for each in listed}
    newer = sum(each.host not in known for each in scene.wanted)
    if newer:
        title += f", {newer} newer (w twice)"
    above = f", {first} above" if first else ""
    more = len(listed) - first - len(lines)
    return [rule(title + above, width, more=more), *lines]


def _wanted_line(each: Suggestion, at: int, width: int, *, is_chosen: bool) -> Text:
    style = "bold" if is_chosen else ""
    mark = f"{'>' if is_chosen else ' '} {at + 1 if at < 9 else ' '} "
    entry = f"{each.scope_list.value} preset:{each.preset}" if each.preset else each.scope_list.value
    line = Text(mark, style=style, no_wrap=True, end="").append_text(naming(each.host, style))
    facts = f"  {entry}  {each.kind}, {plural(each.count, 'time')}, for {each.page_host}"
    return fitted(line.append(shown(facts), style), width)


def _confirm(scene: Scene, width: int, height: int) -> list[Text]:
    lines = _folded(f"Policy {scene.dialogue.subject}", width, indent=2)
    lines += _folded(f"It {scene.waiting_summary.rstrip('.')}.", width, indent=2)
    return panel("a changed policy waits (y puts it in force, n leaves it, Esc: back)", lines, width, height)


def _flags(scene: Scene, width: int, height: int) -> list[Text]:
    flags = scene.open_flags
    cursor = flag_cursor(scene)
    lines = []
    for at, each in enumerate(flags):
        line = Text("> " if at == cursor else "  ", end="") + flag_line(each, width - 2)
        if at == cursor:
            line.stylize("bold")
        lines.append(line)
    if not flags:
        return panel("flags (Esc: back)", [cell("no flag is open", width, "dim")], width, height)
    told = flags[cursor].flag
    details = [rule(told.flag, width)]
    details += _folded(f"{told.rule}: {told.says}", width, indent=2)
    details += _folded(told.advice, width, indent=2)
    details += _folded(f"by {told.clause.id} ({told.clause.where}); {told.reach}", width, indent=2)
    details = details[: height // 2]
    title = f"flags: {len(flags)} open (a accident, u authorised, l false alarm, Esc: back)"
    return [*_scrolled(title, lines, cursor, width, height - len(details)), *details]


def _scrolled(title: str, lines: Sequence[Text], cursor: int, width: int, height: int) -> list[Text]:
    """A list in which the selected line is to be seen."""
    room = max(1, height - 1)
    first = max(0, min(cursor - room + 1, len(lines) - room))
    above = f", {first} above" if first else ""
    return panel(title + above, lines[first:], width, height)


def _folded(text: str, width: int, *, indent: int) -> list[Text]:
    """Recorded text over several lines, broken between words where there are any."""
    lines = [""]
    for word in shown(text).split(" "):
        joined = f"{lines[-1]} {word}" if lines[-1] else word
        if cell_len(joined) <= width:
            lines[-1] = joined
            continue
        first, *rest = chop_cells(" " * indent + word, width)
        lines += [first, *rest]
    return [cell(line, width) for line in lines]
