"""What happens in the two minutes."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fairwitness.control.client import ask
from fairwitness.control.wire import Question
from fairwitness.testing.demo.stage import Stage
from fairwitness.testing.demo.town import PASSWORD, SESSION, DemoTown
from fairwitness.testing.demo.visitor import Visitor

_COMMAND_S = 90.0
_LOOK_AGAIN_S = 0.1
_BURST = 40  # requests; 20 go at once, the rest at 5 a second
PROLOGUE = """\
# Next you see `fairwitness run` on its live display, and a stand-in for a browser and curl at work:
#   a page in scope loads; its script lies on a host that the policy does not list: blocked;
#   the key `a` adds that host to `load` (to be loaded, never tested), and the script loads;
#   a click leads out of scope: blocked, the stranger is never dialled;
#   somebody signs in, and the display asks once whose account that is;
#   a loop of curl is faster than the program allows: it is slowed down to the limit.
"""


class StoryError(Exception):
    """The story did not go as it is told."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Where the story plays."""

    folder: Path
    """Holds policy, evidence, and what is exported."""
    town: DemoTown
    stage: Stage
    say: Callable[[str], None]
    """Takes what a spectator reads."""
    pause_s: float
    """How long each picture stays for a spectator; zero where nobody watches."""
    picture: Callable[[], None]
    """Called when the display shows the most."""

    @property
    def environment(self) -> dict[str, str]:
        """A home of the story's own."""
        return story_environment(self.folder)


def story_environment(folder: Path) -> dict[str, str]:
    """This process's environment with a home of the story's own, and the program on the path."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.lower().endswith("_proxy") and not name.startswith(("XDG_", "FAIRWITNESS_"))
    }
    beside = str(Path(sys.executable).parent)
    return {
        **kept,
        "HOME": str(folder / "home"),
        "FAIRWITNESS_EVIDENCE": str(folder / "evidence"),
        "PATH": f"{beside}:{kept.get('PATH', '')}",
        "LANG": "C.UTF-8",
    }


def play_live(scene: Scene) -> None:
    """The part with the proxy running: it is watched on its own display."""
    town = scene.town
    reply = ask(scene.stage.socket, Question("status"))
    assert isinstance(reply, dict)
    visitor = Visitor(str(reply["listen"]), Path(str(reply["ca"])))
    home = town.shop.url("/")
    time.sleep(scene.pause_s)

    _expect(visitor.open(town.shop, "/").status, 200, "the shop's page loads")
    _expect(visitor.load(town.shop, "/style.css", of=home, dest="style").status, 200, "its style loads")
    _expect(visitor.load(town.cdn, "/lib.js", of=home, dest="script").status, 403, "its script is blocked")
    _expect(town.cdn.counts.accepts, 0, "the content host was not dialled")
    time.sleep(scene.pause_s)

    _until(lambda: scene.stage.shows("also wants"), "the display suggests the content host")
    scene.stage.press("a")
    _until(
        lambda: town.cdn.name in (scene.folder / "policy.yaml").read_text(), "one key takes the suggestion"
    )
    time.sleep(scene.pause_s)
    _expect(visitor.load(town.cdn, "/lib.js", of=home, dest="script").status, 200, "its script loads now")

    _expect(visitor.open(town.stranger, "/pay").status, 403, "a click out of scope is blocked")
    _expect(town.stranger.counts.accepts, 0, "the stranger was not dialled")
    form = f"username=ada%40example.com&password={PASSWORD}".encode()
    _expect(visitor.open(town.shop, "/login", body=form).status, 200, "the sign-in works")
    _until(lambda: scene.stage.shows("yours?"), "the display asks once whose account that is")
    scene.stage.press("y")
    _until(lambda: scene.stage.shows("Name of your account"), "the display asks for its name")
    scene.stage.type("ada\r")
    time.sleep(scene.pause_s)

    cookie = ("-H", f"Cookie: session={SESSION}")
    tell(scene, "exec", "--", "curl", "-s", *cookie, town.shop.url("/products"))
    tell(scene, "exec", "--", "curl", "-s", town.stranger.url("/charge"))
    _expect(len(town.shop.requests_for("/products")), 1, "a tool works with the session")
    _expect(town.stranger.counts.accepts, 0, "the stranger was not dialled")
    items = f"{town.shop.url('/items/')}[1-{_BURST}]"
    done = run(scene, ("exec", "--", "curl", "-s", "-o", os.devnull, *cookie, items))
    _expect(done.returncode, 0, f"a burst of {_BURST} ends")
    _expect(len(town.shop.requests_below("/items/")), _BURST, "all of it arrived, at the program's pace")
    _expect(visitor.open(town.shop, "/offers").status, 200, "the next page loads")
    offers, drawn = town.shop.url("/offers"), len(scene.stage.drawn)
    _expect(visitor.load(town.images, "/banner.svg", of=offers, dest="image").status, 403, "it wants more")
    _until(lambda: scene.stage.shows("also wants", since=drawn), "the display suggests that host as well")
    time.sleep(scene.pause_s)
    scene.picture()


def play_afterwards(scene: Scene) -> None:
    """What is left when the proxy has ended: the log, the export, the report."""
    tell(scene, "log", "--decision", "block")
    tell(scene, "log", "--last", "6")
    tell(scene, "log", "--account", "ada", "teapot")
    tell(scene, "answer", "f4", "--as", "accident", "--note", "my loop had no delay")
    tell(scene, "mark", "--url", "*/products", "--finding", "prices without sign-in")
    tell(scene, "export", "--format", "har", "-o", "shop.har")
    har = (scene.folder / "shop.har").read_bytes()
    entries = len(json.loads(har)["log"]["entries"])
    asked = sum(len(origin.requests) for origin in scene.town.origins)
    _expect(entries, asked, "the HAR has an entry for each request that a server saw")
    for secret in (PASSWORD, SESSION):
        _expect(har.count(secret.encode()), 0, "no secret is in it")
    scene.say(
        f"# shop.har: {entries} entries, as many as the servers saw requests; password and session: hidden"
    )
    tell(scene, "report", "-o", "conduct.html")
    done = run(scene, ("report",))
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    scene.say("\n".join(["$ fairwitness report | head", *lines[:12]]))
    counts = ", ".join(f"{origin.name} {len(origin.requests)}" for origin in scene.town.origins)
    scene.say(f"# requests that the servers counted: {counts}")


def run(scene: Scene, words: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    """Run a command of the program in the story's folder."""
    return subprocess.run(
        [sys.executable, "-m", "fairwitness", *words],
        cwd=scene.folder,
        env=scene.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_COMMAND_S,
        check=False,
    )


def tell(scene: Scene, *words: str) -> None:
    """Run a command and show it with what it prints.

    Raises:
        StoryError: It failed.
    """
    done = run(scene, words)
    shown = re.sub(r"(?m)[ \t]+$", "", done.stdout).rstrip()
    scene.say(f"$ {shlex.join(('fairwitness', *words))}\n{shown}\n")
    if done.returncode:
        raise StoryError(f"fairwitness {words[0]} ended with {done.returncode}: {done.stdout[-500:]}")
    time.sleep(scene.pause_s)


def _expect(seen: int, wanted: int, what: str) -> None:
    if seen != wanted:
        raise StoryError(f"{what}: {seen}, not {wanted}")


def _until(is_so: Callable[[], bool], what: str) -> None:
    ends = time.monotonic() + _COMMAND_S
    while not is_so():
        if time.monotonic() > ends:
            raise StoryError(f"{what}: it did not happen")
        time.sleep(_LOOK_AGAIN_S)
