"""State that cannot grow: what was not used for longest goes first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """The *size* entries that were used last.

    A class of its own, because every rule counts by names that the other side chooses (hosts, paths,
    User-Agents), and a counter that can be made to grow is a way to stop the witness.
    """

    __slots__ = ("_entries", "_size")

    def __init__(self, size: int) -> None:
        self._entries: OrderedDict[K, V] = OrderedDict()
        self._size = size

    def get(self, key: K) -> V | None:
        """The entry, now the youngest; None where it is unknown or was dropped."""
        value = self._entries.get(key)
        if value is not None:
            self._entries.move_to_end(key)
        return value

    def get_or_make(self, key: K, make: Callable[[], V]) -> V:
        """The entry, made where there is none."""
        value = self._entries.get(key)
        if value is None:
            value = make()
            self.put(key, value)
        else:
            self._entries.move_to_end(key)
        return value

    def put(self, key: K, value: V) -> None:
        """Keep an entry as the youngest."""
        entries = self._entries
        if key in entries:
            entries.move_to_end(key)
        entries[key] = value
        if len(entries) > self._size:
            entries.popitem(last=False)

    def pop(self, key: K) -> V | None:
        """Take an entry out; None where it is unknown."""
        return self._entries.pop(key, None)

    def items(self) -> Iterator[tuple[K, V]]:
        """All entries, the oldest first."""
        return iter(tuple(self._entries.items()))

    def __contains__(self, key: K) -> bool:
        return key in self._entries

    def __len__(self) -> int:
        return len(self._entries)
