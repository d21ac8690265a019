"""What is remembered of contents, and how much."""

from __future__ import annotations

from fairwitness.export.remembered import Remembered, key_of


def test_the_same_bytes_in_another_header_are_another_content() -> None:
    """A cookie's value is a secret in Cookie, and none in a comment; no name runs into its value."""
    assert key_of(b"abc", b"") != key_of(b"abc", b"Cookie")
    assert key_of(b"bc", b"a") != key_of(b"c", b"ab")


def test_what_was_not_used_for_longest_is_forgotten_first() -> None:
    """And what is asked for stays, so that heads which repeat are looked at once."""
    memory: Remembered[int] = Remembered(most_bytes=1000)
    for number in range(3):
        memory.keep(bytes([number]), number, 100)

    assert 0 == memory.recall(b"\0")

    memory.keep(b"\3", 3, 100)

    assert [0, None, 2, 3] == [memory.recall(bytes([number])) for number in range(4)]


def test_a_fact_larger_than_the_memory_is_not_kept() -> None:
    """It would push out all the others."""
    memory: Remembered[int] = Remembered(most_bytes=1000)
    memory.keep(b"small", 1, 10)
    memory.keep(b"large", 2, 1001)

    assert (1, None) == (memory.recall(b"small"), memory.recall(b"large"))
