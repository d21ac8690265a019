from __future__ import annotations

import json

from fairwitness.export.forms import record_form
from fairwitness.export.jsonl import JsonlExporter
from fairwitness.export.testing import make_record, shown, written


def test_a_line_has_the_keys_of_show() -> None:
    """And what was hidden."""
    record = make_record(request_body=b"\x00\xff")
    line = json.loads(written(JsonlExporter(), [shown(record, "TOKEN_A")]))

    assert {
        **record_form(record),
        "redacted": True,
        "sizes_hidden": [],
        "hidden": [{"name": "TOKEN_A", "kind": "bearer"}],
    } == line


def test_each_exchange_is_one_line_of_ascii() -> None:
    """Line separators of Unicode, control characters and lone surrogates among it."""
    text = written(
        JsonlExporter(), [shown(make_record(label="\u2028\n\x7f\x1b\udc80")), shown(make_record(2))]
    )

    assert 2 == len(text.decode("ascii").splitlines())
    assert text.isascii()
    assert b"\x7f" not in text
