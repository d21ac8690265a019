"""``scripts/soak --story``: an honest researcher's half hour, in which nothing may be flagged above info."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from fairwitness.testing.chromium import CHROMIUM, Chromium
from fairwitness.testing.story.chapters import ByHand, InTheBrowser, letting_go, pauses
from fairwitness.testing.story.outcome import Outcome, outcome_of
from fairwitness.testing.story.town import StoryTown

_RATIO = 1.2
_VIEWS = 12
_LOADED = "performance.getEntriesByType('navigation')[0].loadEventEnd"


def main() -> int:
    """Play the story and say what came of it."""
    parser = argparse.ArgumentParser(prog="scripts/soak")
    parser.add_argument("--story", action="store_true", help="an honest researcher with Chromium and curl")
    parser.add_argument("--minutes", type=float, default=30, help="how long (30)")
    parser.add_argument("--hurry", action="store_true", help="once, with a tenth of a person's pauses")
    chosen = parser.parse_args()
    if CHROMIUM is None:
        parser.error("it needs Chromium: apt install chromium")
    with tempfile.TemporaryDirectory() as folder:
        came, ratio = play(Path(folder), minutes=0 if chosen.hurry else chosen.minutes)
    return _print(came, ratio)


def play(folder: Path, *, minutes: float) -> tuple[Outcome, float]:
    """The story on a proxy of its own, for so many minutes but at least once.

    Returns:
        What the log says, and how long page views took against direct ones.
    """
    pause = pauses(1 if minutes else 0.1)
    ends = time.monotonic() + minutes * 60
    with StoryTown(folder) as town, letting_go(town.proxy):
        by_hand = ByHand(town, pause)
        with Chromium(folder / "profile", town.proxy.url, pins=town.pins) as browser:
            person = InTheBrowser(town, browser, pause)
            for chapter in (
                person.sign_in,
                by_hand.sign_in,
                person.contact,
                person.own_notes,
                by_hand.own_tickets,
                by_hand.look_for_holes,
                person.desk,
            ):
                chapter()
            while True:
                for chapter in (person.browse, person.search, by_hand.page_through, person.dashboard):
                    chapter()
                if time.monotonic() >= ends:
                    break
        ratio = _ratio(town, folder)
        town.proxy.stop()
        hosts = frozenset({town.shop.name, town.desk.name})
        return outcome_of(town.proxy.evidence, hosts=hosts), ratio


def _ratio(town: StoryTown, folder: Path) -> float:
    """Median time of page views through the proxy, against those of a browser that goes direct."""
    direct = ["--no-proxy-server", f"--host-resolver-rules=MAP {town.shop.name} {town.shop.address}"]
    with (
        Chromium(folder / "through", town.proxy.url, pins=town.pins) as through,
        Chromium(folder / "direct", town.proxy.url, pins=town.pins, arguments=direct) as straight,
    ):
        times: dict[Chromium, list[float]] = {through: [], straight: []}
        for browser in times:
            browser.call("Network.enable")
            browser.call("Network.setCacheDisabled", cacheDisabled=True)
        for turn in range(_VIEWS):
            for browser, taken in times.items():
                browser.navigate(town.shop.url(f"/products/{turn + 1}"))
                browser.wait_for(f"{_LOADED} > 0")
                taken.append(float(browser.evaluate(_LOADED)))
                time.sleep(0.5)
        return median(times[through][1:]) / median(times[straight][1:])


def _print(came: Outcome, ratio: float) -> int:
    _say(f"exchanges with hosts in scope: {came.exchanges}")
    for rule, severity, count, says in came.flags:
        _say(f"  {severity:5} {rule:20} x{count:<4} {says}")
    _say(f"page views took {ratio:.2f} of the direct time (at most {_RATIO})")
    for alarm in came.alarms:
        _say(f"FALSE ALARM {alarm}")
    if ratio > _RATIO:
        _say("TOO SLOW")
    is_well = not came.alarms and ratio <= _RATIO
    _say("the story went as it should" if is_well else "the story did not go as it should")
    return 0 if is_well else 1


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
