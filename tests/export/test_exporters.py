from __future__ import annotations

import re
from pathlib import Path

from fairwitness.cli.export import FORMATS
from fairwitness.export import EXPORTERS

DOCS = Path(__file__).parents[2] / "docs"


def test_every_format_can_be_asked_for() -> None:
    """What the command offers is what there is, and mitm, which another room writes."""
    assert {each.name for each in EXPORTERS} | {"mitm"} == set(FORMATS)


def test_every_format_is_told() -> None:
    """A heading in docs/export.md, and its name in docs/cli.md."""
    page = (DOCS / "export.md").read_text("utf-8")

    assert set(FORMATS) == set(re.findall(r"^### (\S+)$", page, re.MULTILINE))
    assert f"--format {'|'.join(FORMATS)} " in (DOCS / "cli.md").read_text("utf-8")


def test_a_format_has_the_name_of_its_file() -> None:
    """One format a file."""
    assert {each.name for each in EXPORTERS} == {each.__module__.rpartition(".")[2] for each in EXPORTERS}
