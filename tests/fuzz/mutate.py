"""Changes to real files that keep most of their structure; hypothesis draws them, so failures get small."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

EXAMPLES = int(os.environ.get("FAIRWITNESS_FUZZ_EXAMPLES", "20"))
"""For each test; scripts/soak --fuzz sets more."""

bounded = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

NUMBERS = st.one_of(st.sampled_from([0, 1, -1, 2**31, 2**63, 2**64, -(2**63), 1e300, 0.5]), st.integers())
TEXTS = st.one_of(
    st.sampled_from(
        ["", "\0", "\r\n", "é", "\u202e", "\ufeff", "a" * 5000, "%00", "http://", "://", "[", "]:0"]
    ),
    st.sampled_from(
        ["http://[::1", "https://a:99999/", "//a", "a b", "xn--a", "-1", "1e999", "NaN", "HTTP/9.9"]
    ),
    st.text(max_size=12),
)
VALUES = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS, st.lists(TEXTS, max_size=2), st.just({}))


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a tree of dicts and lists: the container, and the key in it."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield value, key
        yield from places(inner)


def change_tree(
    data: st.DataObject, tree: Any, values: st.SearchStrategy[Any] = VALUES, most: int = 4
) -> None:
    """Change up to *most* places of *tree*: another value, gone, doubled, or what stands elsewhere."""
    for _ in range(data.draw(st.integers(1, most))):
        found = list(places(tree))
        if not found:
            return
        container, key = data.draw(st.sampled_from(found))
        how = data.draw(st.integers(0, 4))
        if how == 0:
            del container[key]
        elif how == 1 and isinstance(container, list):
            container.append(container[key])
        elif how == 2:
            other, its_key = data.draw(st.sampled_from(found))
            container[key] = other[its_key] if not isinstance(other[its_key], (dict, list)) else None
        else:
            container[key] = data.draw(values)


def change_bytes(data: st.DataObject, raw: bytes, words: list[bytes], most: int = 6) -> bytes:
    """Change *raw* at up to *most* places: bits, cuts, doubled stretches, words of its format."""
    changed = bytearray(raw)
    for _ in range(data.draw(st.integers(1, most))):
        at = data.draw(st.integers(0, max(0, len(changed) - 1)))
        size = data.draw(st.integers(0, 30))
        how = data.draw(st.integers(0, 3))
        if how == 0 and changed:
            changed[at] ^= 1 << data.draw(st.integers(0, 7))
        elif how == 1:
            changed[at:at] = changed[at : at + size]
        elif how == 2:
            changed[at : at + size] = data.draw(st.sampled_from(words))
        else:
            changed[at : at + size] = data.draw(st.binary(max_size=8))
    return bytes(changed)
