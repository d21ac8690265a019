"""The town: one real proxy and its origins for each module of the ring."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

from fairwitness.model.record import ExchangeRow
from fairwitness.testing import Authority, Counts, Town

# mitmproxy 11.0.2 pins an h2 with advisories, so the proxy offers HTTP/1 only there: nothing to test
collect_ignore = (
    [] if int(version("mitmproxy").split(".")[0]) >= 12 else ["test_http2.py", "test_pseudo_headers.py"]
)

WaitRow = Callable[[str], ExchangeRow]


@pytest.fixture(scope="module")
def town(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A running town; when its module ends, the outside must never have been touched, nor asked for."""
    with Town(authority, tmp_path_factory.mktemp("town")) as town:
        yield town
    assert Counts(0, 0, 0) == town.outside.counts
    assert Counts(0, 0, 0) == town.side.counts
    assert frozenset() == town.strangers_asked_for
    assert "" == town.proxy.stderr


@pytest.fixture
def make_town(authority: Authority, tmp_path: Path) -> Callable[..., Town]:
    """A town of the test's own, to enter with ``with``: to be killed, halted or misled."""

    def make(**options: object) -> Town:
        return Town(authority, tmp_path / "town", **options)  # type: ignore[arg-type]

    return make


@pytest.fixture
def row_of(town: Town) -> WaitRow:
    """Waits until the exchange with a URL has its end in the log."""

    def wait(url: str) -> ExchangeRow:
        return town.proxy.wait_for_row(lambda row: row.url == url and row.outcome != "open")

    return wait
