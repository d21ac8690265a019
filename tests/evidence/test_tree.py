"""Tests of fairwitness.evidence.tree, against the vectors of RFC 6962's reference implementation."""

from __future__ import annotations

from hashlib import sha256

import pytest

from fairwitness.evidence.tree import Node, Tree, inclusion_proof, node_hash, root_from_proof

# The inputs, roots and paths that the Certificate Transparency implementations test with.
INPUTS = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
PATHS = {
    (0, 1): [],
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    (1, 5): [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
LEAVES = [sha256(b"\0" + content).digest() for content in INPUTS]


class Memory:
    """The stored hashes of a tree, in memory."""

    def __init__(self, leaves: list[bytes]) -> None:
        self.tree = Tree()
        self.levels: dict[int, list[bytes]] = {0: leaves}
        self.nodes: list[Node] = []
        for leaf in leaves:
            self.nodes += self.tree.append(leaf)
        for node in self.nodes:
            assert len(self.levels.setdefault(node.level, [])) == node.number
            self.levels[node.level].append(node.hash)

    def hashes(self, level: int, start: int, stop: int) -> list[bytes]:
        found = self.levels[level][start:stop]
        assert len(found) == stop - start
        return found


def _many(count: int) -> list[bytes]:
    return [sha256(b"%d" % number).digest() for number in range(count)]


def _slow_root(leaves: list[bytes]) -> bytes:
    """RFC 6962, 2.1, word for word."""
    if len(leaves) == 1:
        return leaves[0]
    middle = 1
    while middle * 2 < len(leaves):
        middle *= 2
    return node_hash(_slow_root(leaves[:middle]), _slow_root(leaves[middle:]))


def test_empty_tree_is_the_hash_of_nothing() -> None:
    """RFC 6962, 2.1."""
    assert sha256(b"").digest() == Tree().root()


@pytest.mark.parametrize("size", range(1, 9))
def test_root_is_the_known_one(size: int) -> None:
    """All sizes of the reference tree."""
    assert ROOTS[size - 1] == Memory(LEAVES[:size]).tree.root().hex()


@pytest.mark.parametrize(("index", "size"), PATHS)
def test_path_is_the_known_one(index: int, size: int) -> None:
    """The inclusion paths of the reference tree."""
    memory = Memory(LEAVES[:size])

    assert PATHS[index, size] == [hash_.hex() for hash_ in inclusion_proof(memory, index, size)]


@pytest.mark.parametrize("size", [255, 256, 257, 300, 511, 512, 513, 1000])
def test_loaded_tree_goes_on_as_the_one_that_grew(size: int) -> None:
    """A tree from stored hashes has the same root, and gives the same nodes from then on."""
    leaves = _many(size + 300)
    memory = Memory(leaves[:size])
    loaded = Tree.load(memory, size)

    assert _slow_root(leaves[:size]) == loaded.root()
    assert [memory.tree.append(leaf) for leaf in leaves[size:]] == [
        loaded.append(leaf) for leaf in leaves[size:]
    ]
    assert _slow_root(leaves) == loaded.root()


def test_only_every_eighth_level_is_stored() -> None:
    """66,000 leaves need 257 nodes of level 8 and one of level 16."""
    memory = Memory(_many(66_000))

    assert {8: 257, 16: 1} == {level: len(hashes) for level, hashes in memory.levels.items() if level}
    assert memory.tree.root() == Tree.load(memory, 66_000).root()


@pytest.mark.parametrize("size", [1, 2, 7, 255, 256, 257, 600])
def test_every_leaf_is_proved(size: int) -> None:
    """The proof of each leaf leads to the root, and any other leaf does not."""
    memory = Memory(_many(size))
    root = memory.tree.root()
    for index in range(0, size, max(1, size // 50)):
        proof = inclusion_proof(memory, index, size)
        leaf = memory.levels[0][index]

        assert root == root_from_proof(leaf, index, size, proof)
        assert root != root_from_proof(sha256(leaf).digest(), index, size, proof)


def test_older_sizes_are_proved_as_well() -> None:
    """A proof for the first 300 leaves does not depend on those that came later."""
    leaves = _many(1000)

    assert _slow_root(leaves[:300]) == root_from_proof(
        leaves[17], 17, 300, inclusion_proof(Memory(leaves), 17, 300)
    )


def test_proof_of_the_wrong_length_is_refused() -> None:
    """Neither a longer nor a shorter proof is looked at any further."""
    memory = Memory(LEAVES)
    proof = inclusion_proof(memory, 3, 8)
    with pytest.raises(ValueError, match="too short"):
        root_from_proof(LEAVES[3], 3, 8, proof[:-1])
    with pytest.raises(ValueError, match="too long"):
        root_from_proof(LEAVES[3], 3, 8, [*proof, LEAVES[0]])


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_leaf_that_is_not_there_has_no_proof(index: int, size: int) -> None:
    """An index outside the tree is the caller's mistake."""
    with pytest.raises(ValueError, match="no leaf"):
        inclusion_proof(Memory(LEAVES), index, size)
    with pytest.raises(ValueError, match="no leaf"):
        root_from_proof(LEAVES[0], index, size, [])
