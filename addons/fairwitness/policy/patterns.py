"""Host names with stars: what they match, and when two of them meet."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

MAX_STARS = 2  # in one label; keeps matching linear in practice on hostile names


@dataclass(frozen=True, slots=True)
class HostPattern:
    """A canonical host, or one with stars.

    ``*.example.com`` has a whole leftmost star: every name below, at any depth, and not the apex.
    Any other star stays within its label.
    """

    text: str
    is_tree: bool
    """Whether it starts with a whole star."""
    labels: tuple[str, ...]
    """Without the whole leftmost star."""
    fixed: str
    """The labels behind the last star; all of them where there is none."""

    @classmethod
    def parse(cls, text: str) -> HostPattern:
        """Split a canonical host with stars."""
        if "*" not in text:
            return cls(text, False, tuple(text.split(".")), text)
        is_tree = text.startswith("*.")
        labels = tuple(text.removeprefix("*.").split("."))
        starred = [place for place, label in enumerate(labels) if "*" in label]
        return cls(text, is_tree, labels, ".".join(labels[starred[-1] + 1 :] if starred else labels))

    @property
    def is_exact(self) -> bool:
        """Whether it is one host."""
        return not self.is_tree and not self.is_globbed

    @property
    def is_globbed(self) -> bool:
        """Whether it has a star within a label."""
        return len(self.fixed) < len(self.text) - 2 * self.is_tree

    def matches(self, host: str) -> bool:
        """Whether it covers the canonical name *host*."""
        labels = host.split(".")
        mine = self.labels
        if len(labels) <= len(mine) if self.is_tree else len(labels) != len(mine):
            return False
        return all(_label_matches(a, b) for a, b in zip(reversed(mine), reversed(labels), strict=False))

    def meets(self, other: HostPattern) -> bool:
        """Whether some name is covered by both."""
        if not self.is_tree and not other.is_tree and len(self.labels) != len(other.labels):
            return False
        if self.is_tree and not other.is_tree and len(other.labels) <= len(self.labels):
            return False
        if other.is_tree and not self.is_tree and len(self.labels) <= len(other.labels):
            return False
        pairs = zip(reversed(self.labels), reversed(other.labels), strict=False)
        return all(labels_meet(a, b) for a, b in pairs)

    def contains(self, other: HostPattern) -> bool:
        """Whether every name that *other* covers is covered by this one; False when in doubt."""
        if self.text == other.text:
            return True
        if other.is_exact:
            return self.matches(other.text)
        if self.is_globbed or not self.is_tree or len(other.labels) < len(self.labels):
            return False
        below = len(other.labels) > len(self.labels) or other.is_tree
        return below and other.labels[len(other.labels) - len(self.labels) :] == self.labels


def labels_meet(one: str, other: str) -> bool:
    """Whether some label is covered by both."""
    if "*" not in one:
        return _label_matches(other, one)
    if "*" not in other:
        return _label_matches(one, other)
    head = min(one.index("*"), other.index("*"))
    tail = min(one[::-1].index("*"), other[::-1].index("*"))
    # Whatever stands between the outer stars can be repeated until both are satisfied.
    return one[:head] == other[:head] and one[len(one) - tail :] == other[len(other) - tail :]


def _label_matches(pattern: str, label: str) -> bool:
    if "*" not in pattern:
        return pattern == label
    return _label_expression(pattern).fullmatch(label) is not None


@cache
def _label_expression(pattern: str) -> re.Pattern[str]:
    if pattern == "*":
        return re.compile("[^.]+")
    return re.compile("[^.]*".join(map(re.escape, pattern.split("*"))))
