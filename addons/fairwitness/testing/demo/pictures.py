"""The README's pictures: what the story's terminal showed, and its report."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import tempfile
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.style import Style
from rich.text import Text

from fairwitness.testing.demo.stage import COLUMNS, ROWS
from fairwitness.testing.tally import PATIENCE_S

_WIDTH, _HEIGHT = 1000, 1180  # pixels of a page


def draw_screen(drawn: str, path: Path) -> None:
    """What a terminal shows that was sent *drawn*, as an SVG that asks nobody for fonts."""
    import pyte  # a dependency of the development group: whoever only watches needs none

    screen = pyte.Screen(COLUMNS, ROWS)
    pyte.Stream(screen).feed(drawn)
    console = Console(
        record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor"
    )
    for row in range(ROWS):
        cells = [screen.buffer[row][column] for column in range(COLUMNS)]
        line = Text()
        for style, run in groupby(cells, key=_style):
            line.append("".join(cell.data for cell in run), style)
        console.print(line)
    svg = console.export_svg(title="fairwitness run")
    path.write_text(re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL))


def draw_page(page: Path, path: Path) -> None:
    """The top of an HTML page, by Chromium.

    Raises:
        FileNotFoundError: There is no Chromium.
    """
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        raise FileNotFoundError("chromium")
    with tempfile.TemporaryDirectory() as profile:
        command = [
            program,
            "--headless=new",
            f"--user-data-dir={profile}",
            "--disable-gpu",
            "--hide-scrollbars",
        ]
        command += ["--no-sandbox"] if os.geteuid() == 0 else []
        command += [
            f"--window-size={_WIDTH},{_HEIGHT}",
            f"--screenshot={path.resolve()}",
            page.resolve().as_uri(),
        ]
        subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE_S)


def _style(cell: Any) -> Style:
    """A cell's looks as rich calls them; pyte has no types."""
    return Style(color=_colour(cell.fg), bgcolor=_colour(cell.bg), bold=cell.bold, reverse=cell.reverse)


def _colour(name: str) -> str | None:
    """A colour as rich calls it."""
    if name == "default":
        return None
    if re.fullmatch(r"[0-9a-f]{6}", name):
        return f"#{name}"
    name = {"brown": "yellow", "brightbrown": "bright_yellow"}.get(name, name)
    return re.sub(r"^bright(?=[a-z])", "bright_", name)
