"""Tests of fairwitness.detect.shape."""

from __future__ import annotations

import json

from fairwitness.detect import shape_of


def test_shape_tells_keys_types_and_lengths_only():
    """Nothing of a value is left, and equal values look alike within one shape only."""
    body = json.dumps(
        {"email": "a@b.example", "again": "a@b.example", "n": 1234, "ok": True, "no": None}
    ).encode()
    shape = json.loads(shape_of(body))

    assert shape["email"].startswith("text 11 ")
    assert shape["email"] == shape["again"]
    assert shape["n"].startswith("number 4 ")
    assert ("bool", "NoneType") == (shape["ok"], shape["no"])
    assert shape["email"] != json.loads(shape_of(body))["email"]
    assert "a@b" not in shape_of(body)


def test_keys_that_are_data_are_hidden():
    """Some APIs key their records by address or number."""
    shape = shape_of(json.dumps({"ada@mail.example": 1, "202555010199": 2, "Ada Lovelace": 3}).encode())

    assert not any(each in shape for each in ("ada", "2025", "Lovelace"))


def test_anything_else_is_a_length():
    """HTML, broken JSON, and nesting without end."""
    assert '"6 bytes"' == shape_of(b"<html>")
    assert '"9 bytes"' == shape_of(b'{"a": 1,,')
    assert len(shape_of(b"[" * 100_000)) < 100


def test_shape_is_bounded():
    """A thousand rows are twenty, and a number."""
    rows = [{f"k{i}{j}": "x" * 50 for j in range(50)} for i in range(1000)]

    assert len(shape_of(json.dumps(rows).encode())) <= 4003
