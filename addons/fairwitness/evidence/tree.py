"""The Merkle tree over the entries: RFC 6962, with complete subtrees stored at every 8th level.

An append hashes two nodes on average and keeps one hash a level in memory.  A root or a proof reads at most
a few hundred stored hashes, whatever the size of the log.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

STORED_EVERY = 8  # levels: one stored node for 256 below it


@dataclass(frozen=True, slots=True)
class Node:
    """The hash of a complete subtree of 2**level leaves, the number-th of its size."""

    level: int
    number: int
    hash: bytes


class NodeSource(Protocol):
    """Where the stored hashes of a tree are read."""

    def hashes(self, level: int, start: int, stop: int) -> Sequence[bytes]:
        """The nodes *start* to *stop* of a stored level; level 0 are the leaves."""
        ...


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash above two others."""
    return sha256(b"\1" + left + right).digest()


class Tree:
    """A tree that grows: only the roots of its complete subtrees are in memory.

    A class, because every append depends on all before it.
    """

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[bytes] = []  # largest subtree first: one for each bit set in the size

    @classmethod
    def load(cls, source: NodeSource, size: int) -> Tree:
        """The tree of the first *size* stored leaves."""
        tree = cls()
        tree.size = size
        start = 0
        for level in reversed(range(size.bit_length())):
            if size >> level & 1:
                tree._peaks.append(_subtree(source, level, start >> level))
                start += 1 << level
        return tree

    def append(self, leaf: bytes) -> list[Node]:
        """Add a leaf; gives the nodes that are to be stored because of it, mostly none."""
        above: list[Node] = []
        level, number, hash_ = 0, self.size, leaf
        while number & 1:
            hash_ = node_hash(self._peaks.pop(), hash_)
            level += 1
            number >>= 1
            if level % STORED_EVERY == 0:
                above.append(Node(level, number, hash_))
        self._peaks.append(hash_)
        self.size += 1
        return above

    def root(self) -> bytes:
        """The hash over everything appended so far."""
        if not self._peaks:
            return sha256(b"").digest()
        root = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            root = node_hash(peak, root)
        return root


def inclusion_proof(source: NodeSource, index: int, size: int) -> list[bytes]:
    """The hashes that lead from leaf *index* to the root of the first *size* leaves (RFC 6962, 2.1.1).

    Raises:
        ValueError: There is no such leaf in a tree of that size.
    """
    if not 0 <= index < size:
        raise ValueError(f"no leaf {index} in a tree of {size}")
    proof: list[bytes] = []
    start, stop = 0, size
    while stop - start > 1:
        middle = start + _largest_power_below(stop - start)
        if index < middle:
            proof.append(_range(source, middle, stop))
            stop = middle
        else:
            proof.append(_range(source, start, middle))
            start = middle
    proof.reverse()
    return proof


def root_from_proof(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes:
    """The root that a proof leads to; it proves inclusion when it is the root that was signed.

    Raises:
        ValueError: The proof does not have the length that index and size demand.
    """
    if not 0 <= index < size:
        raise ValueError(f"no leaf {index} in a tree of {size}")
    hash_, last = leaf, size - 1
    for sibling in proof:
        if last == 0:
            raise ValueError("the proof is too long")
        if index & 1 or index == last:
            hash_ = node_hash(sibling, hash_)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            hash_ = node_hash(hash_, sibling)
        index, last = index >> 1, last >> 1
    if last:
        raise ValueError("the proof is too short")
    return hash_


def _largest_power_below(count: int) -> int:
    return 1 << (count - 1).bit_length() - 1


def _range(source: NodeSource, start: int, stop: int) -> bytes:
    """The root over leaves *start* to *stop*, where *start* is a multiple of the power that covers them."""
    count = stop - start
    if count & (count - 1) == 0:
        level = count.bit_length() - 1
        return _subtree(source, level, start >> level)
    middle = start + _largest_power_below(count)
    return node_hash(_range(source, start, middle), _range(source, middle, stop))


def _subtree(source: NodeSource, level: int, number: int) -> bytes:
    """The root of a complete subtree, computed from the stored level at or below it."""
    stored = level - level % STORED_EVERY
    above = level - stored
    hashes = list(source.hashes(stored, number << above, (number + 1) << above))
    while len(hashes) > 1:
        hashes = [node_hash(hashes[at], hashes[at + 1]) for at in range(0, len(hashes), 2)]
    return hashes[0]
