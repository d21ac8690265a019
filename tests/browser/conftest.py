"""Browsers for the tests: each with a profile of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from fairwitness.testing import Proxy, key_pin
from fairwitness.testing.chromium import Chromium


@pytest.fixture(scope="session")
def make_chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Chromium]]:
    """Starts browsers with a profile of their own, to enter with ``with``."""

    def make(proxy: Proxy, *, pins: tuple[str, ...] = (), arguments: tuple[str, ...] = ()) -> Chromium:
        profile = tmp_path_factory.mktemp("browser") / "profile"
        pins = (key_pin(proxy.ca.read_bytes()), *pins)
        return Chromium(profile, proxy.url, pins=pins, arguments=arguments)

    return make
