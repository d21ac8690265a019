"""scripts/demo: the story goes as it is told, and README.md shows what it prints."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fairwitness.testing.demo.__main__ import play

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What each command of the story printed; that it was played to its end says that all of it came true."""
    parts = [text for text in play(tmp_path_factory.mktemp("demo")) if text.startswith("$ ")]
    return {alike(head[2:])[0]: alike(output) for head, _, output in (part.partition("\n") for part in parts)}


def steps() -> list[tuple[str, list[str]]]:
    """Each command of the README's session with what it is said to print."""
    found = re.search(r"<!-- transcript -->\n+```\w+\n(.*?)```\n", README, re.DOTALL)
    assert found
    parts = re.split(r"^\$ (.+)\n", found[1], flags=re.MULTILINE)
    return [
        (alike(command)[0], alike(output)) for command, output in zip(parts[1::2], parts[2::2], strict=True)
    ]


def alike(output: str) -> list[str]:
    """Without what differs from run to run: ports, times, sizes, hashes, widths, and how far apart
    requests came."""
    output = re.sub(r"(?<=\.(?:com|net|org)):\d+", "", output)
    output = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "TIME", output)
    output = re.sub(r"SHA-256 [0-9a-f]+", "SHA-256 HASH", output)
    output = re.sub(r"\d+(?:\.\d)? (?:B|KiB|s|min)\b", "SIZE", output)
    output = re.sub(r"Top rate to one host: \d+ requests", "Top rate to one host: N requests", output)
    return [" ".join(line.split()) for line in output.strip().splitlines() if line.strip()]


def test_readmes_session_is_what_the_demo_prints(told: dict[str, list[str]]) -> None:
    """Each command of the README's session is one of the story's, with the lines below it."""
    assert [(command, told.get(command)) for command, _ in steps()] == steps()


def test_readmes_session_shows_a_good_part_of_it() -> None:
    """The test above has something to compare."""
    assert {"exec", "log", "answer", "mark", "export", "report"} <= {
        command.split()[1] for command, _ in steps()
    }
