"""The JSON Schema of policy.yaml against the loader, on policies that are made of the schema's own words."""

from __future__ import annotations

import copy
import json
import re
from functools import cache
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fuzz.mutate import EXAMPLES
from tests.policy.editor import SCHEMA, STRICTER, is_underlined

from fairwitness.errors import PolicyError
from fairwitness.policy import read_policy

# What people write, and what they nearly write.
TEXTS = [
    *("c.example", "api.c.example", "d.example:8443", "https://d.example/", "192.0.2.0/28", "198.51.100.7"),
    *("2026-12-31", "2027-01-01", "2027-02-03", "2027-03-04"),
    *(
        "a.example",
        "*.example.com",
        "img*.one.example",
        "https://a.example/app",
        "b.example:8443",
        "10.0.0.0/8",
    ),
    *("[2001:db8::1]:*", "::1", "ftp://a.example", "a.example/app", "user@a.example", "a b", "*.com", "a?b"),
    *("preset:captcha", "preset:cdn", "preset:none", "2026-11-23", "2026-02-30", "26-1-1", "5/s", "60 / min"),
    *(
        "0/s",
        "20000/day",
        "5/week",
        "1 MiB",
        "500KB",
        "9 GiB",
        "12 parsecs",
        "30 days",
        "0 days",
        "7d",
        "warn",
    ),
    *(
        "block",
        "Warn",
        "manual",
        "yes",
        "On",
        "no",
        "X-Bug",
        "Cookie",
        "X Bug",
        "naïve",
        "impact",
        "Bad Field",
    ),
    *(
        "https://a.example/rules",
        "mailto:a",
        "",
        " ",
        "'",
        '"',
        "# x",
        "a: b",
        "-",
        "spam",
        "\x07",
        "0x10",
        "30",
    ),
]
SCALARS = st.one_of(
    st.sampled_from(TEXTS),
    st.sampled_from([None, True, False, 0, 1, -1, 30, 10**9, 10**9 + 1, 1.5, 1e3, 2**40]),
    st.text(max_size=8),
)
FREE = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(TEXTS), inner, max_size=2),
    max_leaves=4,
)


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """One schema in the place of a reference and what stands beside it."""
    merged = dict(schema)
    while "$ref" in merged:
        named = SCHEMA["$defs"][merged.pop("$ref").removeprefix("#/$defs/")]
        merged = {
            **named,
            **merged,
            "properties": {**named.get("properties", {}), **merged.get("properties", {})},
        }
    return merged


def _values(draw: st.DrawFn, schema: dict[str, Any]) -> Any:
    """A value of *schema*; texts fit only mostly, since the loader's own reading of them is what is tried."""
    schema = _resolved(schema)
    if "enum" in schema:
        return draw(st.sampled_from(schema["enum"]))
    types = schema.get("type", [])
    kind = (
        draw(st.sampled_from([types] if isinstance(types, str) else [*types, *types[:1] * 4]))
        if types
        else None
    )
    if "anyOf" in schema and kind is None:
        return _values(draw, draw(st.sampled_from(schema["anyOf"])))
    if kind == "object":
        return _object(draw, schema)
    if kind == "array":
        count = draw(st.integers(schema.get("minItems", 0), 3))
        return [_values(draw, schema["items"]) for _ in range(count)]
    return draw(_scalar(kind, schema))


def _object(draw: st.DrawFn, schema: dict[str, Any]) -> dict[str, Any]:
    properties = schema.get("properties") or {}
    if not properties:
        names = draw(st.lists(_scalar("string", _resolved(schema["propertyNames"])), max_size=2))
        return {name: _values(draw, schema["additionalProperties"]) for name in names}
    needed = schema.get("required", [])
    others = [name for name in properties if name not in needed]
    chosen = [
        *needed,
        *draw(st.lists(st.sampled_from(others), unique=True, max_size=4) if others else st.just([])),
    ]
    return {name: _values(draw, properties[name]) for name in chosen}


@cache
def _fitting_texts(pattern: str) -> list[str]:
    return [text for text in TEXTS if re.search(pattern, text)]


def _scalar(kind: str | None, schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    if kind == "null":
        return st.none()
    if kind == "boolean":
        return st.booleans()
    if kind in ("integer", "number"):
        return st.integers(schema.get("minimum", -5), schema.get("maximum", 2**40))
    return st.sampled_from(_fitting_texts(schema.get("pattern", "")))


@st.composite
def fitting(draw: st.DrawFn) -> dict[str, Any]:
    """A policy that the schema takes."""
    return _object(draw, SCHEMA)


@st.composite
def broken(draw: st.DrawFn) -> dict[str, Any]:
    """The same with one to three places changed: another value, a key gone, a key too many."""
    policy = copy.deepcopy(draw(fitting()))
    for _ in range(draw(st.integers(1, 3))):
        places = list(_places(policy))
        parent, key = draw(st.sampled_from(places))
        how = draw(st.integers(0, 4))
        if how == 0:
            del parent[key]
        elif how == 1 and isinstance(parent, dict):
            parent[draw(st.sampled_from(["says", "host", "rate", "from", "spam", "surprise"]))] = draw(FREE)
        elif how == 2:
            parent[key] = _values(draw, draw(st.sampled_from(list(SCHEMA["$defs"].values()))))
        else:
            parent[key] = draw(FREE)
        if not policy:
            break
    return policy


def _places(value: Any) -> Any:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield value, key
        yield from _places(inner)


def _written(value: Any, draw: st.DrawFn) -> str:
    """As flow YAML, where texts stand without quotes when they can, so that YAML gives them a type."""
    if isinstance(value, dict):
        return (
            "{"
            + ", ".join(
                f"{json.dumps(key, ensure_ascii=False)}: {_written(each, draw)}"
                for key, each in value.items()
            )
            + "}"
        )
    if isinstance(value, list):
        return "[" + ", ".join(_written(each, draw) for each in value) + "]"
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9./][A-Za-z0-9./ -]*[A-Za-z0-9]", value):
        return value if draw(st.booleans()) else json.dumps(value)
    return json.dumps(value, ensure_ascii=False)


@st.composite
def texts(draw: st.DrawFn) -> str:
    """A policy's text."""
    return _written(draw(st.one_of(fitting(), fitting(), broken())), draw)


def _refusal(text: str) -> str | None:
    try:
        read_policy(text.encode("utf-8", "surrogatepass"), path="policy.yaml")
    except PolicyError as error:
        return error.what
    return None


def test_editor_never_underlines_what_the_loader_takes() -> None:
    """The schema is no stricter than the loader, and where it is laxer, that is on the list of the docs."""
    taken = []

    @settings(max_examples=4 * EXAMPLES, deadline=None)
    @given(texts())
    def compare(text: str) -> None:
        refusal = _refusal(text)
        if refusal is None:
            taken.append(text)
            assert not is_underlined(text)
        elif not is_underlined(text):
            assert any(re.search(said, refusal) for said in STRICTER.values()), refusal

    compare()

    assert 2 < len(taken)  # usually a quarter; with none, what was compared was merely broken
