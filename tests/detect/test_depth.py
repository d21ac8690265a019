"""How deep brackets are nested, however they are written."""

from __future__ import annotations

import pytest

from fairwitness.detect.heavy import costly_query, deep_nesting


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"[" * 300 + b"]" * 300, "JSON nested 300 deep"),
        (b'{"a":[' * 100 + b"]}" * 100, "JSON nested 200 deep"),
        (b'{"a":[' * 99 + b"]}" * 99, None),
        (b"[]" * 5000, None),
        (b"[" + b"]" * 500 + b"[" * 199 + b"{", "JSON nested 200 deep"),
        (b'["' + b"[" * 500 + b'"]', None),
    ],
)
def test_nesting_is_counted_as_a_parser_meets_it(body: bytes, says: str | None) -> None:
    """Closing what is not open changes nothing, brackets of both kinds count, those in strings do not."""
    assert says == deep_nesting(body)


def test_braces_of_a_query_are_counted() -> None:
    """Only braces nest in GraphQL."""
    deep = b"query { " + b"a(x: [1]) { " * 15 + b"} " * 15 + b"}"

    assert "GraphQL nested 16 deep" == costly_query(deep)
