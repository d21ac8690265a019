"""A page whose address holds a payload is no scanner, however often its scripts ask."""

from __future__ import annotations

import pytest

from fairwitness.model.exchange import Initiator
from fairwitness.rules.reading import Reading
from fairwitness.rules.testing import make_request

HEADERS = ((b"referer", b"https://shop.test/search?q=<script>alert(1)</script>"),)


@pytest.mark.parametrize("initiator", [Initiator.PAGE, Initiator.PERSON])
def test_a_browser_names_its_page(initiator: Initiator) -> None:
    """What stands in the Referer was judged when the page was opened."""
    request = make_request("https://shop.test/api/suggest?q=bl", headers=HEADERS, initiator=initiator)

    assert () == Reading(request).attacks


def test_a_tool_tries_the_referer_too() -> None:
    """It may put there what it likes, and does."""
    request = make_request("https://shop.test/", headers=HEADERS, initiator=Initiator.TOOL)

    assert {"referer"} == {tried.name for tried in Reading(request).attacks}
