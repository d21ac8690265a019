"""The parts of the picture, each a list of lines."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from rich.text import Text

from fairwitness.cli.live.cells import bar, cell, fitted, flowed, named_on, naming, panel, row, shown
from fairwitness.cli.live.dialogue import selected
from fairwitness.cli.live.memory import FlagLine, Line
from fairwitness.cli.live.scene import Scene
from fairwitness.cli.text import moment, plural, size
from fairwitness.model.flag import Severity
from fairwitness.policy import Suggestion
from fairwitness.witness import MeterStatus

_METER = 39  # columns that one meter needs
_WARN_PERCENT = 80
_GATE = {"open": "bold white on green", "halted": "bold white on red", "closed": "bold white on red"}
_VERDICT = {
    "allow": "green",
    "warn": "yellow",
    "throttle": "yellow",
    "hold": "magenta",
    "block": "red",
    "halt": "bold red",
}
_SEVERITY = {Severity.INFO: "cyan", Severity.CHECK: "yellow", Severity.STOP: "bold red"}


def header(scene: Scene, width: int) -> list[Text]:
    """Whose session it is and how it stands; a reason only where nothing may leave."""
    state = Text(f" {scene.gate.upper()} ", _GATE.get(scene.gate, "bold reverse"), end="")
    hours = f"{scene.minutes // 60}:{scene.minutes % 60:02d} h"
    right = f"session {scene.session}  {hours}"
    name = cell(scene.program, max(10, width - state.cell_len - len(right) - 2), "bold")
    lines = [fitted(row(state, name, Text(right, end="")), width)]
    facts = f"http://{scene.listen}  policy {scene.policy[:12]}"
    if scene.note:
        facts += f"  note: {scene.note}"
    lines.append(cell(facts, width, "dim"))
    if scene.reason and scene.gate != "open":
        mend = "r resumes" if scene.gate == "halted" else "stop, mend the cause, start again"
        lines.append(cell(f"{scene.gate}: {scene.reason} ({mend})", width, "bold red"))
    if scene.waiting_policy:
        words = f"a changed policy waits ({scene.waiting_policy[:12]}): c shows and confirms it"
        lines.append(cell(words, width, "bold yellow"))
    return lines


def asks(scene: Scene, width: int, height: int) -> list[Text]:
    """What waits for y or n, the selected one marked."""
    chosen = selected(scene)
    lines = []
    for ask in scene.asks:
        left = "" if ask.seconds_left is None else f"{ask.seconds_left} s"
        mark = ">" if ask is chosen else " "
        style = "bold magenta" if ask is chosen else "magenta"
        words = cell(f"{mark} {ask.words}", width - 6, style)
        lines.append(row(words, cell(left, 5, "bold", is_right=True)))
    first = 0 if chosen is None else scene.asks.index(chosen)
    room = max(1, height - 1)
    lines = lines[max(0, first - room + 1) :] if first >= room else lines
    return panel(f"waits for you: {len(scene.asks)} (y yes, n no)", lines, width, height)


def meters(scene: Scene, width: int, height: int) -> list[Text]:
    """Bars, the fullest first, as many side by side as fit."""
    ordered = sorted(scene.meters, key=_fullness)
    across = max(1, (width + 2) // (_METER + 2))
    each_width = (width - 2 * (across - 1)) // across
    room = max(1, height - 1)
    drawn = [_meter(each, each_width) for each in ordered[: room * across]]
    lines = [row(*drawn[at : at + across], gap="  ") for at in range(0, len(drawn), across)]
    hidden = len(ordered) - len(drawn)
    return panel("limits" + (f" ({hidden} emptier ones not shown)" if hidden else ""), lines, width, height)


def _fullness(meter: MeterStatus) -> tuple[float, str, str, str]:
    return (-meter.used / max(1, meter.limit), meter.host, meter.metered, meter.name)


def _meter(meter: MeterStatus, width: int) -> Text:
    percent = 100 * meter.used // max(1, meter.limit)
    style = "red" if percent >= 100 else "yellow" if percent >= _WARN_PERCENT else "green"
    beside = f"+{meter.waiting} wait" if meter.waiting else _per(meter)
    numbers = f"{meter.used}/{meter.limit} {beside}"
    bar_width = 6 if width < 44 else 14
    name = Text("" if meter.metered == "testing" else "browsing ", "dim", no_wrap=True, end="")
    name.append(shown("all hosts" if meter.host == "*" else meter.host), "none")
    drawn = Text(bar(meter.used, meter.limit, bar_width), style, end="")
    told = cell(numbers, 16, style if percent >= _WARN_PERCENT else "")
    return row(fitted(name, max(4, width - bar_width - 18)), drawn, told)


def _per(meter: MeterStatus) -> str:
    return f"({meter.per})" if "/" in meter.per else meter.per.removeprefix("1 ")


def traffic(scene: Scene, width: int, height: int) -> list[Text]:
    """The last exchanges and blocks, the newest at the bottom."""
    room = max(1, height - 1)
    lines = [_line(each, width) for each in scene.lines[-room:]]
    title = f"traffic: {scene.released} released, {scene.blocked} blocked, {scene.open_requests} open"
    if scene.throttled:
        title += f", {scene.throttled} delayed"
    if not lines:
        lines = [
            cell("nothing yet: point a tool at the proxy, or use fairwitness browser and exec", width, "dim")
        ]
    return panel(title, lines, width, height)


def _line(line: Line, width: int) -> Text:
    style = "red" if line.verdict == "allow" and line.status is None else _VERDICT.get(line.verdict, "")
    parts = [cell(moment(line.time_us)[11:], 8, "dim")]
    if width >= 70:
        parts.append(cell("" if line.id is None else str(line.id), 6, "dim", is_right=True))
    parts += [
        cell(line.verdict, 8, style),
        cell("-" if line.status is None else str(line.status), 3),
        cell(line.initiator, 6, "dim"),
    ]
    if width >= 100:
        parts.append(cell(line.who, 12, "cyan"))
    parts.append(cell(line.method, 6))
    tail = []
    if width >= 78:
        tail.append(cell("" if line.size_bytes is None else size(line.size_bytes), 10, "dim", is_right=True))
    if width >= 90:
        spent = "" if line.duration_us is None else f"{line.duration_us / 1000:.0f} ms"
        tail.append(cell(spent, 9, "dim", is_right=True))
    if line.reason and line.status is None:
        tail = []  # it has neither; the reason has the room
    used = sum(each.cell_len + 1 for each in (*parts, *tail))
    return row(*parts, _place(line, max(8, width - used)), *tail)


def _place(line: Line, width: int) -> Text:
    times = f" x{line.count}" if line.count > 1 else ""
    if not line.reason or line.verdict == "warn":
        return cell(line.place, width)
    words = Text(no_wrap=True, end="")
    reserved = min(len(line.reason) + 2, width // 2) + len(times)
    place = cell(line.place, max(8, width - reserved))
    place.rstrip()
    words.append_text(place)
    words.append(times, "bold")
    words.append(": ", "dim")
    words.append_text(cell(line.reason, max(0, width - words.cell_len), "yellow"))
    return fitted(words, width)


def wanted(scene: Scene, width: int, height: int) -> list[Text]:
    """What each page also wants, by name: no key adds a host whose name does not stand on the screen."""
    pages: dict[str, list[Suggestion]] = defaultdict(list)
    for each in scene.wanted:
        pages[each.page_host].append(each)
    lines: list[Text] = []
    for page, hosts in pages.items():
        if len(lines) < height - 1:
            lines += flowed(_wants(page, hosts), width, height - 1 - len(lines), indent=2)
    hosts_wanted = {each.host for each in scene.wanted}
    hidden = len(hosts_wanted - named_on(lines))
    does = "a shows them all" if hidden else "a adds all, w one by one"
    more = f", {hidden} not named here" if hidden else ""
    title = f"suggestions: {plural(len(hosts_wanted), 'host')}{more} ({does}; never to be tested)"
    return panel(title, lines, width, height)


def _wants(page: str, hosts: list[Suggestion]) -> Iterator[Text]:
    kinds = Counter(each.kind for each in hosts)
    listed = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    words = f"{page} also wants {plural(len(hosts), 'host')}: {listed}:"
    yield from (Text(word, no_wrap=True, end="") for word in shown(words).split(" "))
    yield from (naming(each.host, "cyan") for each in hosts)


def flags(scene: Scene, width: int, height: int) -> list[Text]:
    """Open flags, the newest first."""
    lines = [flag_line(each, width) for each in scene.open_flags]
    return panel(f"flags: {scene.flags_open} open (f answers them)", lines, width, height)


def flag_line(line: FlagLine, width: int) -> Text:
    """One flag."""
    flag = line.flag
    times = f"x{line.count}" if line.count > 1 else ""
    parts = [
        cell(flag.flag, 5),
        cell(flag.severity.word, 5, _SEVERITY[flag.severity]),
        cell(flag.rule, 12 if width < 70 else 22),
        cell(times, 5, "bold"),
    ]
    used = sum(each.cell_len + 1 for each in parts)
    return row(*parts, cell(flag.says, max(8, width - used)))


def evidence(scene: Scene, width: int) -> Text:
    """How far the log has come, and how far behind the disk is."""
    log = scene.log
    words = f"log: {log.entries} entries, {size(log.bytes)}"
    if log.waiting:
        words += f", {log.waiting} uncommitted"
    words += f", {log.not_durable} not on disk yet" if log.not_durable else ", all on disk"
    return cell(f"{words}  {scene.evidence}", width, "dim")
