"""What stands in the log in place of a body that must not be kept: its structure, without what it says."""

from __future__ import annotations

import json
from hashlib import blake2b
from secrets import token_bytes

_MOST = 4000  # characters of a shape
_PARSED_BYTES = 1 << 20
_ITEMS = 20  # of a list or an object
_DEPTH = 8


def shape_of(body: bytes) -> str:
    """Keys, types, lengths and salted hashes of JSON; of anything else its length.

    Equal values have equal hashes within one shape and in no other: the salt is thrown away.
    """
    shape: object = f"{len(body)} bytes"
    if len(body) <= _PARSED_BYTES and body.lstrip()[:1] in {b"{", b"["}:
        try:
            shape = _shape(json.loads(body), token_bytes(16), 0)
        except (ValueError, RecursionError):
            pass
    text = json.dumps(shape, separators=(",", ":"))
    return text if len(text) <= _MOST else f"{text[:_MOST]}..."


def _shape(value: object, salt: bytes, depth: int) -> object:
    if isinstance(value, dict | list) and depth >= _DEPTH:
        return "..."
    if isinstance(value, dict):
        shown: dict[str, object] = {
            _key(key): _shape(each, salt, depth + 1) for key, each in list(value.items())[:_ITEMS]
        }
        return shown | ({"...": len(value)} if len(value) > _ITEMS else {})
    if isinstance(value, list):
        items = [_shape(each, salt, depth + 1) for each in value[:_ITEMS]]
        return [*items, f"... {len(value)}"] if len(value) > _ITEMS else items
    if isinstance(value, bool) or value is None:
        return type(value).__name__
    text = str(value)
    kind = "text" if isinstance(value, str) else "number"
    return f"{kind} {len(text)} {blake2b(text.encode(errors='replace'), key=salt, digest_size=4).hexdigest()}"


def _key(key: str) -> str:
    """A key says what is kept there, unless it is data itself: an address, a number, a long text."""
    is_name = key.isidentifier() and len(key) <= 40 and sum(each.isdigit() for each in key) <= 3
    return key if is_name else f"key {len(key)}"
