"""What every ring shares: one test authority, and origins that are closed again."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fairwitness.testing import Authority, Origin

_LONG_FOLDERS = frozenset({"browser", "export", "loopback", "rules", "transcripts"})


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The authority that signs every origin of this run."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def make_origin(authority: Authority) -> Iterator[Callable[..., Origin]]:
    """Starts origins that end with the test: ``make_origin("in.test", address="127.0.0.3")``."""
    with contextlib.ExitStack() as stack:

        def make(*names: str, **options: object) -> Origin:
            return stack.enter_context(Origin(authority, names, **options))  # type: ignore[arg-type]

        yield make


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder."""
    return tmp_path


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put folders with long files first, else all would wait for one that began at the end."""
    items.sort(key=lambda item: item.path.parent.name not in _LONG_FOLDERS)
