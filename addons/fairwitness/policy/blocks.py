"""A block of keys in policy.yaml, read one key at a time."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from typing import TypeVar

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from fairwitness.errors import PolicyError
from fairwitness.policy.known import KEYS
from fairwitness.policy.source import Source, has_plain_tag, is_bool, is_null, kind_of, quoted

MAX_TEXT = 4096  # characters of one value
_T = TypeVar("_T")


class Block:
    """A mapping node, checked: scalar keys, none twice, none unknown.

    A class, because every read needs the source for its error.

    Args:
        source: Where it stands.
        node: The node; must be a mapping.
        name: What messages call it, ``limits.testing``.
        known: The keys it may have; None: any.
    """

    def __init__(self, source: Source, node: Node, *, name: str, known: tuple[str, ...] | None) -> None:
        self.source = source
        self.node = node
        self.name = name
        self._known = known
        self._values: dict[str, Node] = {}
        self._key_nodes: dict[str, Node] = {}
        if not isinstance(node, MappingNode) or not has_plain_tag(node):
            wanted = (
                f"Write keys below it: {', '.join(known)}" if known else "Write 'name: value' pairs below it"
            )
            raise source.error(node, f"{name or self._whole} is {kind_of(node)}, not a block of keys", wanted)
        for key, value in node.value:
            self._take(key, value)

    @property
    def _whole(self) -> str:
        return "the policy" if self.source.kind == "a policy" else self.source.kind

    def _take(self, key: Node, value: Node) -> None:
        if not isinstance(key, ScalarNode) or is_null(key):
            raise self.source.error(
                key, "a key must be a word", f"Write one of: {', '.join(self._known or ())}"
            )
        name = key.value
        if self._known is not None and name not in self._known:
            raise self._unknown(key, name)
        if name in self._values:
            raise self.source.error(key, f"the key {quoted(name)} stands here twice", "Keep one of the two")
        if not has_plain_tag(value):
            raise self.source.error(value, "a value has a tag of its own", "Leave out the word after the !")
        self._values[name] = value
        self._key_nodes[name] = key

    def _unknown(self, key: Node, name: str) -> PolicyError:
        known = self._known or ()
        near = get_close_matches(name[:80], known, n=1, cutoff=0.5)
        mend = f"Did you mean {near[0]!r}" if near else f"Write one of: {', '.join(known)}"
        elsewhere = [block for block, keys in KEYS.items() if block and name in keys and block != self.name]
        if not near and elsewhere:
            mend = f"It belongs below {elsewhere[0]}"
        return self.source.error(key, f"{self.name or self._whole} has the unknown key {quoted(name)}", mend)

    def __contains__(self, key: str) -> bool:
        """Whether the key is written, with a value other than null."""
        return key in self._values and not is_null(self._values[key])

    def is_written(self, key: str) -> bool:
        """Whether the key stands there, be it with null."""
        return key in self._values

    def __iter__(self) -> Iterator[tuple[str, Node]]:
        return iter(self._values.items())

    def value(self, key: str) -> Node:
        """The node of a key that is there."""
        return self._values[key]

    def key(self, key: str) -> Node:
        """Where the key itself stands."""
        return self._key_nodes[key]

    def full(self, key: str) -> str:
        """The key's whole name, ``limits.on_exceed``."""
        return f"{self.name}.{key}" if self.name else key

    def text(self, key: str) -> str | None:
        """A text; None where it is left out or null."""
        return scalar(self.source, self._values[key], self.full(key)) if key in self else None

    def needed(self, key: str) -> str:
        """A text that must be there."""
        found = self.text(key)
        if found is None or not found.strip():
            place = self._values.get(key, self.node)
            mend = f"Write '{key}: ...' {f'below {self.name}' if self.name else 'at the top of the file'}"
            raise self.source.error(place, f"{self.full(key)} is missing", mend)
        return found

    def read(self, key: str, reader: Callable[[str], _T], mend: str) -> _T | None:
        """A text understood by *reader*, whose ValueError becomes an error that names the line."""
        found = self.text(key)
        if found is None:
            return None
        try:
            return reader(found)
        except ValueError as error:
            why = f"{self.full(key)}: {quoted(found)} {error}"
            raise self.source.error(self._values[key], why, mend) from None

    def flag(self, key: str, *, default: bool) -> bool:
        """A true or false."""
        if key not in self:
            return default
        node = self._values[key]
        if not is_bool(node):
            raise self.source.error(
                node, f"{self.full(key)} is neither true nor false", "Write true or false"
            )
        return node.value.lower() in ("true", "yes", "on")

    def block(self, key: str, known: tuple[str, ...] | None) -> Block | None:
        """A block below; None where it is left out or null."""
        if key not in self:
            return None
        return Block(self.source, self._values[key], name=self.full(key), known=known)

    def items(self, key: str) -> list[Node]:
        """The items of a list; empty where it is left out or null."""
        if key not in self:
            return []
        node = self._values[key]
        if not isinstance(node, SequenceNode):
            raise self.source.error(
                node, f"{self.full(key)} is {kind_of(node)}, not a list", "Write it as [one, two]"
            )
        for item in node.value:
            if not has_plain_tag(item):
                raise self.source.error(
                    item, "an item has a tag of its own", "Leave out the word after the !"
                )
        return list(node.value)

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts."""
        return tuple(scalar(self.source, node, f"an item of {self.full(key)}") for node in self.items(key))


def scalar(source: Source, node: Node, name: str) -> str:
    """The text of a single value as it is written, but on one line: it becomes a line of the log."""
    if not isinstance(node, ScalarNode) or is_null(node):
        found = "null" if is_null(node) else kind_of(node)
        raise source.error(node, f"{name} is {found}, not a single value", "Write one text there")
    if len(node.value) > MAX_TEXT:
        raise source.error(node, f"{name} is longer than {MAX_TEXT} characters", "Shorten it")
    text = " ".join(node.value.split())
    if not text.isprintable() and any(unicodedata.category(each) in ("Cc", "Cs") for each in text):
        raise source.error(node, f"{name} has a control character", "Delete it")
    return text
