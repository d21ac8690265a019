"""``python -m fairwitness.testing.demo [--keep DIR]``: plays the story, and says where its files lie."""

from __future__ import annotations

import argparse
import contextlib
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from fairwitness.testing.demo.pictures import draw_page, draw_screen
from fairwitness.testing.demo.stage import Stage
from fairwitness.testing.demo.story import PROLOGUE, Scene, play_afterwards, play_live, story_environment
from fairwitness.testing.demo.town import DemoTown

_PAUSE_S = 4.0  # what a reader needs for one picture


def main() -> int:
    """Play it."""
    parser = argparse.ArgumentParser(
        prog="scripts/demo", description="A two-minute story on loopback: nothing leaves this machine."
    )
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep policy, evidence and exports there")
    parser.add_argument("--quick", action="store_true", help="without pauses for a spectator")
    parser.add_argument(
        "--pictures", type=Path, metavar="DIR", help="draw the README's pictures there (needs pyte, Chromium)"
    )
    given = parser.parse_args()
    folder = given.keep or Path(tempfile.mkdtemp(prefix="fairwitness-demo-"))
    folder.mkdir(parents=True, exist_ok=True)
    is_watched = sys.stdout.isatty() and not given.quick
    try:
        play(folder.resolve(), is_watched=is_watched, pictures=given.pictures)
    finally:
        if given.keep is None:
            shutil.rmtree(folder, ignore_errors=True)
    return 0


def play(folder: Path, *, is_watched: bool = False, pictures: Path | None = None) -> list[str]:
    """Play it in *folder*; gives what was told.

    Args:
        folder: Where its files lie.
        is_watched: Whether somebody watches: then the display is passed on, and there are pauses.
        pictures: Where to draw the README's pictures; None: nowhere.

    Raises:
        StoryError: It did not go as it is told.
    """
    script = Script()
    for name in ("home", "evidence"):
        (folder / name).mkdir(mode=0o700, exist_ok=True)
    with DemoTown(folder) as town:
        (folder / "policy.yaml").write_text(town.policy)
        script.say(f"# The rules of a program, as {folder / 'policy.yaml'}:\n\n{town.policy}")
        script.say(PROLOGUE)
        time.sleep(_PAUSE_S if is_watched else 0.0)
        stage = Stage(
            _command(town),
            evidence=folder / "evidence",
            environment=story_environment(folder),
            folder=folder,
            is_watched=is_watched,
        )

        def picture() -> None:
            if pictures is not None:
                draw_screen("".join(stage.drawn), pictures / "live.svg")

        scene = Scene(folder, town, stage, script.say, _PAUSE_S if is_watched else 0.0, picture)
        with script.held_back() if is_watched else contextlib.nullcontext(), stage:
            play_live(scene)
        play_afterwards(scene)
        if pictures is not None:
            draw_page(folder / "conduct.html", pictures / "conduct-report.png")
    return script.told


class Script:
    """What the spectator reads.

    A class, because the display needs the terminal for itself while it is drawn.
    """

    def __init__(self) -> None:
        self.told: list[str] = []
        self._is_held = False

    def say(self, text: str) -> None:
        """Say something now, or when the display has gone."""
        self.told.append(text)
        if not self._is_held:
            self._print(text)

    @contextlib.contextmanager
    def held_back(self) -> Iterator[None]:
        """Say nothing until the end."""
        before, self._is_held = len(self.told), True
        try:
            yield
        finally:
            self._is_held = False
            for text in self.told[before:]:
                self._print(text)

    @staticmethod
    def _print(text: str) -> None:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


def _command(town: DemoTown) -> list[str]:
    command = [sys.executable, "-m", "fairwitness", "run", "--ui", "live", "--listen", "127.0.0.1:0"]
    for origin in town.origins:
        command += ["--resolve", origin.resolve]
    return [*command, "--upstream-ca", str(town.authority.pem), "--note", "demo"]


if __name__ == "__main__":
    sys.exit(main())
