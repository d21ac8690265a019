"""Persons in JSON: what stands behind the last of them changes nothing."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as some

from fairwitness.detect import persons_in

_LEAVES = some.sampled_from(["ann@mail.test", "bob@mail.test", "+49 170 1234567", "none", 7])
_KEYS = some.sampled_from(["email", "phone", "name", "inner"])
_FORMS = some.recursive(
    _LEAVES,
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(_KEYS, inner, max_size=3),
    max_leaves=12,
)


@settings(deadline=None)
@given(_FORMS)
def test_what_follows_the_last_person_is_not_needed(form: object) -> None:
    """The same persons at the same places, with a long list of nothing behind them and without."""
    alone = b'{"people": ' + json.dumps(form).encode()
    short = persons_in(alone + b', "rest": []}', kind="application/json")
    long = persons_in(alone + b', "rest": [' + b'{"id": [1]}, ' * 20 + b"0]}", kind="application/json")

    assert [(each.start, each.marks) for each in short] == [(each.start, each.marks) for each in long]
