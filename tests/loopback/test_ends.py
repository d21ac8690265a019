"""A log that is taken away while the proxy ends; `scripts/soak --ends` tries more, at more moments."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairwitness.testing import Town
from fairwitness.testing.ends import try_harm

pytestmark = pytest.mark.gate


def test_a_log_that_is_moved_away_while_the_proxy_ends_is_told(town: Town, tmp_path: Path) -> None:
    """Code 3 and one message; nothing passed unlogged, the log verifies, the next start works."""
    assert [] == try_harm(town, tmp_path, "moved", "fairwitness.control.server:Server.close")
