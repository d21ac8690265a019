"""Shipped presets."""

from itertools import combinations

import pytest

from fairwitness.errors import PolicyError
from fairwitness.policy.presets import KIND_LISTS, presets, read_preset


def test_every_kind_has_a_preset():
    """Sign-in, captcha, payment, fonts, CDN, analytics and browser chatter are all shipped."""
    assert set(KIND_LISTS) == {preset.kind for preset in presets().values()}


def test_the_presets_that_the_example_needs_are_there():
    """Those that documents name exist."""
    assert {"github-signin", "captcha", "browser", "analytics"} <= set(presets())


def test_every_preset_says_where_it_is_from():
    """Each names its sources, its licence and what it is for."""
    for preset in presets().values():
        assert preset.sources
        assert preset.about
        assert preset.licence
        assert preset.entries
        assert all(entry.preset is None for entry in preset.entries)


def test_browser_preset_holds_the_hosts_that_chromium_was_seen_to_call():
    """All seven hosts of Chromium's own traffic are in it."""
    seen = {
        "clients2.google.com",
        "update.googleapis.com",
        "redirector.gvt1.com",
        "sb-ssl.google.com",
        "safebrowsing.googleapis.com",
        "optimizationguide-pa.googleapis.com",
    }

    assert seen <= {entry.host for entry in presets()["browser"].entries}


def test_no_host_is_in_two_presets():
    """So a suggestion is never a matter of luck."""
    hosts = {name: {entry.host for entry in preset.entries} for name, preset in presets().items()}

    assert [] == [(a, b) for a, b in combinations(hosts, 2) if hosts[a] & hosts[b]]


def test_no_preset_repeats_itself():
    """Each host stands once in its file."""
    for preset in presets().values():
        assert len(preset.entries) == len({entry.text for entry in preset.entries}), preset.name


@pytest.mark.parametrize(
    "text",
    [
        "a.example\n",
        "# kind: CDN\n# about: x\n# licence: facts\na.example\n",
        "# kind: odd\n# about: x\n# source: y\n# licence: facts\na.example\n",
        "# kind: CDN\n# about: x\n# source: y\n# licence: facts\n",
        "# kind: CDN\n# about: x\n# source: y\n# licence: facts\n*.com\n",
    ],
)
def test_preset_without_source_kind_or_hosts_is_refused(text):
    """Nothing unsourced is shipped, and the public-suffix guard holds here too."""
    with pytest.raises(PolicyError):
        read_preset("test", text)


def test_preset_lines_may_carry_a_comment():
    """A word beside a host is for people."""
    preset = read_preset(
        "test", "# kind: CDN\n# about: x\n# source: y\n# licence: z\na.example # why\n\n# b\n"
    )

    assert ["a.example"] == [entry.host for entry in preset.entries]
