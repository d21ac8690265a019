"""Policies for tests, as the file that a researcher would write."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence

import yaml

Written = str | int | None | Sequence["Written"] | Mapping[str, "Written"]

_WIDE: Mapping[str, Written] = {"rate": "1000000/s", "burst": 1000000}
WIDE_LIMITS: Mapping[str, Written] = {
    "testing": {
        "per_host": {**_WIDE, "concurrent": 100000},
        "per_endpoint": _WIDE,
        "total": {**_WIDE, "requests": "100000000/day"},
    },
    "browsing": {"per_host": _WIDE},
}
"""Limits that no test reaches by accident."""


def policy_text(
    *,
    include: Sequence[str],
    exclude: Sequence[str] = (),
    load: Sequence[str] = (),
    tunnel: Sequence[str] = (),
    noise: Sequence[str] = (),
    mine: Sequence[str] = (),
    limits: Mapping[str, Written] = WIDE_LIMITS,
    **more: Written,
) -> str:
    """A policy.yaml with these scope lists, reviewed today; it asks for the header ``X-Bug-Bounty: tester``.

    Args:
        include: Scope entries, as the other lists.
        exclude: See *include*.
        load: See *include*.
        tunnel: See *include*.
        noise: See *include*.
        mine: See *include*.
        limits: Left out: so wide that nothing is throttled.
        more: Further keys of the file, which win over those that this function writes.
    """
    lists = {
        "include": include,
        "exclude": exclude,
        "load": load,
        "tunnel": tunnel,
        "noise": noise,
        "mine": mine,
    }
    written: dict[str, object] = {
        "version": 1,
        "program": {
            "name": "Test program",
            "policy_url": "https://policy.test/rules",
            "reviewed": datetime.datetime.now(datetime.UTC).date().isoformat(),
        },
        "scope": {name: list(entries) for name, entries in lists.items()},
        "identify": {"headers": {"X-Bug-Bounty": "tester"}},
        "limits": limits,
        **more,
    }
    return yaml.safe_dump(_plain(written), sort_keys=False, allow_unicode=True)


def _plain(value: object) -> object:
    """Lists and dicts of its own, so that YAML writes no anchors for what is shared."""
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(each) for each in value]
    return value
