"""Which values are looked for everywhere."""

from __future__ import annotations

import pytest

from fairwitness.detect import spreads
from fairwitness.detect.values import says_nothing


@pytest.mark.parametrize(
    "value",
    [
        b"f3Kd9a0L",
        b"s3ssi0n-id",
        b"8c4f1f5e-2f7b-4a6e-9d51-3f1d2c0b9a11",
        b"aXbYcZdWqPoR",
        b"qwjkhzxcvbnmasdfghjkl",
        b"12345678901234",
        b"p@ss!word",
    ],
)
def test_random_values_spread(value: bytes) -> None:
    """Eight bytes with digits, odd case or punctuation are not met by chance."""
    assert spreads(value, "token")


@pytest.mark.parametrize(
    "value",
    [
        b"dark",
        b"abc1234",
        b"accepted",
        b"startedDateTime",
        b"ContentType",
        b"no-store, must-revalidate",
        b"1700000000000",
        b"shop.example.com",
        b"https://shop.example.com/cart2",
        b"127.0.0.1:8080",
        b"2026-11-25T12:00:00Z",
        b"alice2@shop.example.com",
        b"/account/settings",
        b"text/html",
        b"<TOKEN_A>",
        b"****************",
        b"undefined",
    ],
)
def test_common_values_do_not_spread(value: bytes) -> None:
    """Words, names in camel case, times, hosts, addresses, paths: hidden only where they were found."""
    assert not spreads(value, "cookie")


def test_a_long_password_spreads_whatever_it_is_made_of() -> None:
    """People make them of words."""
    assert spreads(b"correct horse battery", "password")
    assert spreads(b"rig-admin-pass", "password")
    assert not spreads(b"sunshine", "password")
    assert not spreads(b"Confirm your password", "password")
    assert not spreads(b"current-password", "password")
    assert not spreads(b"password1", "password")


@pytest.mark.parametrize(
    "value", [b"", b"true", b"NULL", b"0", b"Bearer", b"***", b"<KEY_B>", b"{{ token }}"]
)
def test_nothing_is_hidden_that_says_nothing(value: bytes) -> None:
    """Hiding them would only take from the reader."""
    assert says_nothing(value)
