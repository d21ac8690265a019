from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fairwitness.evidence.findingmeta import change_of, finding_pairs
from fairwitness.evidence.layout import DamagedError
from fairwitness.evidence.meta import meta_lines, read_meta
from fairwitness.model.finding import (
    Attachment,
    Change,
    FindingChange,
    Marked,
    finding_key,
    finding_name,
)

_HASHES = st.binary(min_size=32, max_size=32).map(bytes.hex)
_MARKS = st.builds(Marked, st.integers(1, 10**17), st.binary(min_size=16, max_size=16).map(bytes.hex))
_FILES = st.builds(Attachment, name=st.text(min_size=1), sha256=_HASHES, size=st.integers(0, 10**17))


@given(
    name=st.text(),
    change=st.sampled_from(Change),
    marks=st.lists(_MARKS).map(tuple),
    field=st.text(),
    text=st.text(),
    file=st.none() | _FILES,
)
def test_what_is_written_is_read(
    name: str,
    change: Change,
    marks: tuple[Marked, ...],
    field: str,
    text: str,
    file: Attachment | None,
) -> None:
    """Any change of a finding comes back from its meta lines as it was."""
    written = FindingChange(
        finding=name, change=change, exchanges=marks, field=field, text=text, attachment=file
    )

    assert written == change_of(read_meta(b"".join(meta_lines(finding_pairs(written)))))


@pytest.mark.parametrize(
    "pairs",
    [
        [],
        [("finding", "x")],
        [("finding", "x"), ("change", "deleted")],
        [("finding", "x"), ("change", "marked"), ("exchange", "1")],
        [("finding", "x"), ("change", "marked"), ("exchange", "0 " + "ab" * 16)],
        [("finding", "x"), ("change", "attached"), ("attached", "1 ab name")],
    ],
)
def test_what_is_no_change_is_damaged(pairs: list[tuple[str, str]]) -> None:
    """Lines that nobody wrote so are not guessed at."""
    with pytest.raises(DamagedError):
        change_of(pairs)


@given(st.text(max_size=100))
@example("a\u1680b")
def test_a_name_is_seen_or_refused(text: str) -> None:
    """A name that is taken is printable, at most 80 characters, and stays itself when it is read again."""
    try:
        name = finding_name(text)
    except ValueError:
        return

    assert name.isprintable()
    assert 0 < len(name) <= 80
    assert name == finding_name(name)
    assert finding_key(name) == finding_key(unicodedata.normalize("NFD", name))
    assert finding_key(name) == finding_key(finding_key(name))
