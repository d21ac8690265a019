"""Tests of fairwitness.rules.hello."""

from __future__ import annotations

import pytest

from fairwitness.rules.hello import contradicts

CHROME = "Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0.0.0 Safari/537.36"


@pytest.mark.parametrize(
    ("ja4", "label", "is_other"),
    [
        ("t13d1812h1_85036bcba153_b26ce05bbdd6", None, True),
        ("t13d190900_9dc949149365_97f8aa674fd9", "ffuf", True),
        ("t13d4913h1_0123456789ab_d339722ba4af", None, True),
        ("t13d1516h2_8daaf6152771_02713d6af862", None, False),
        ("t13d1812h1_85036bcba153_b26ce05bbdd6", "burp", False),
        ("t13d4913h1_0123456789ab_d339722ba4af", "ZAP", False),
        (None, None, False),
        ("nonsense", None, False),
    ],
)
def test_only_a_librarys_hello_contradicts_a_browser(ja4: str | None, label: str | None, is_other: bool):
    """Unknown hellos say nothing, and a proxy that people work with says hello by itself."""
    assert contradicts(ja4, agent=CHROME, label=label) is is_other
