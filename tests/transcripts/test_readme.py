"""README.md shows what the program does: its help and a policy.  Its session is in `test_demo`."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.transcripts.conftest import Home

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")


def _block(name: str) -> str:
    """The fenced block under ``<!-- NAME -->``."""
    found = re.search(rf"^ *<!-- {name} -->\n+ *```\w+\n(.*?)^ *```\n", README, re.DOTALL | re.MULTILINE)
    assert found, name
    return textwrap.dedent(found[1])


def test_readmes_help_is_the_programs(home: Home) -> None:
    """The list of commands in the README is that of `fairwitness --help`."""
    assert _block("help") == home.run("--help", COLUMNS="80").out


def test_readmes_policy_is_sound(home: Home) -> None:
    """The small policy that the README shows is a whole one."""
    home.write("policy.yaml", _block("policy"))

    assert 0 == home.run("check").code
