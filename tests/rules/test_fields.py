"""Names and values of queries and forms."""

from __future__ import annotations

from urllib.parse import parse_qsl

from hypothesis import given, settings
from hypothesis import strategies as some

from fairwitness.rules.fields import form_fields

_PIECES = some.sampled_from(
    [b"&", b"=", b"+", b"%", b"%2", b"%20", b"%e2%82%ac", b"%ff", b"a", b"\xff", b";", b"n"]
)


@settings(deadline=None)
@given(some.lists(_PIECES, max_size=40).map(b"".join))
def test_forms_are_read_as_the_standard_library_reads_them(text: bytes) -> None:
    """Same names, same values, whatever is wrong with the escapes."""
    expected = parse_qsl(text.decode("utf-8", "replace"), keep_blank_values=True)

    assert expected == list(form_fields(text))


def test_a_form_with_too_many_fields_gives_none() -> None:
    """A thousand are read, one more is no form."""
    assert [1000, 0] == [len(list(form_fields(b"&".join([b"a=1"] * count)))) for count in (1000, 1001)]
