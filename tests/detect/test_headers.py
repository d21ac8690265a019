"""What is found in a header."""

from __future__ import annotations

import base64

import pytest

from fairwitness.detect import secrets_in_header

BASIC = base64.b64encode(b"alice:pw")
AWS = (
    b"AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261125/x/s3/aws4_request, SignedHeaders=host, "
    b"Signature=abc123"
)


def _found(name: bytes, value: bytes) -> list[bytes]:
    return [each.value for each in secrets_in_header(name, value)]


@pytest.mark.parametrize(
    ("name", "value", "secrets"),
    [
        (b"Authorization", b"Basic " + BASIC, [BASIC, b"pw"]),
        (b"authorization", b"bearer  abc.def", [b"abc.def"]),
        (b"Authorization", b"0123456789abcdef", [b"0123456789abcdef"]),
        (b"Authorization", b'Digest username="alice", realm="r", response="f00"', [b"f00"]),
        (b"Authorization", AWS, [b"AKIAIOSFODNN7EXAMPLE/20261125/x/s3/aws4_request", b"abc123"]),
        (b"Proxy-Authorization", b"Negotiate YII=", [b"YII="]),
        (b"Cookie", b'a=1234; b="x y"; c=; d', [b"1234", b"x y", b"d"]),
        (b"Cookie", b"s=s%3Aabc.def", [b"s:abc.def"]),
        (b"Set-Cookie", b"sid=abc=; Path=/; Expires=Thu, 01 Jan 2026 00:00:00 GMT", [b"abc="]),
        (b"X-Api-Key", b"k", [b"k"]),
        (b"X-CSRF-Token", b"abc", [b"abc"]),
        (b"X-Amz-Security-Token", b"FwoG", [b"FwoG"]),
        (b"Ocp-Apim-Subscription-Key", b"k1", [b"k1"]),
        (b"X-Auth-Token", b"Bearer abc", [b"abc"]),
        (b"Sec-WebSocket-Protocol", b"graphql-ws, x9Kd8f7Gh6Jk5Lm4Qq", [b"x9Kd8f7Gh6Jk5Lm4Qq"]),
    ],
)
def test_what_a_header_hides(name: bytes, value: bytes, secrets: list[bytes]) -> None:
    """By its name and scheme."""
    assert secrets == _found(name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (b"Authorization", b"Bearer"),
        (b"Authorization", b""),
        (b"Cookie", b"a=; b=1; c=true"),
        (b"Set-Cookie", b"sid=deleted; Max-Age=0"),
        (b"Access-Control-Allow-Credentials", b"true"),
        (b"Access-Control-Allow-Headers", b"authorization"),
        (b"WWW-Authenticate", b'Basic realm="shop"'),
        (b"Idempotency-Key", b"8c4f1f5e-2f7b-4a6e-9d51-3f1d2c0b9a11"),
        (b"X-Request-Id", b"8c4f1f5e-2f7b-4a6e-9d51-3f1d2c0b9a11"),
        (b"ETag", b'"5d41402abc4b2a76b9719d911017c592"'),
        (b"Sec-WebSocket-Protocol", b"graphql-transport-ws"),
        (b"Sec-WebSocket-Key", b"dGhlIHNhbXBsZSBub25jZQ=="),
        (b"User-Agent", b"Mozilla/5.0"),
    ],
)
def test_what_a_header_does_not_hide(name: bytes, value: bytes) -> None:
    """Schemes, flags and ids are no secrets."""
    assert [] == _found(name, value)
