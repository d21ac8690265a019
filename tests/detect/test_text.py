"""What is found in a text, and, more important, what is not."""

from __future__ import annotations

import pytest

from fairwitness.detect import secrets_in

JWT = b"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"


def _found(text: bytes) -> list[bytes]:
    return sorted({text[each.start : each.end] for each in secrets_in(text)})


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (b"/cb?access_token=abc123&x=1", b"abc123"),
        (b"/cb?code=xyz&state=1", b"xyz"),
        (b"https://x.example/#id_token=abc.def", b"abc.def"),
        (b"/get?X-Amz-Date=2026&X-Amz-Signature=aabbcc", b"aabbcc"),
        (b'<a href="/a?x=1&amp;sig=qwe">', b"qwe"),
        (b"https://alice:hunter2@shop.example.com/", b"hunter2"),
        (b"postgres://app:pa55@db/x", b"pa55"),
        (b"//no:pw1@scheme a://short:pw2@x ab://b:pw3@y,cd://c:pw4@z", b"pw3"),
        (b"ab://b:pw3@y,cd://c:pw4@z", b"pw4"),
        (b"/reset-password/Ab3dE5fG7hI9jK1lM3", b"Ab3dE5fG7hI9jK1lM3"),
        (b"/account/verify/8c4f1f5e-2f7b-4a6e-9d51-3f1d2c0b9a11", b"8c4f1f5e-2f7b-4a6e-9d51-3f1d2c0b9a11"),
        (b"/shop;jsessionid=0A1B2C3D?x=1", b"0A1B2C3D"),
        (b"user=alice&password=hunter2", b"hunter2"),
        (b"user%5Bpassword%5D=pw&x=1", b"pw"),
        (b'{"a": [{"refreshToken": "x1"}]}', b"x1"),
        (b'{"otp": 123456}', b"123456"),
        (b'{"recoveryCodes": ["aaaa-1111"]}', b"aaaa-1111"),
        (b'{"p": "{\\"client_secret\\": \\"s1\\"}"}', b"s1"),
        (b'[{"name": "password", "value": "pw1"}]', b"pw1"),
        (b'42["login",{"token":"t1"}]', b"t1"),
        (b"<input name=csrf_token type=hidden value='k3k3k3k3k3'>", b"k3k3k3k3k3"),
        (b'<meta content="k3k3k3k3k3" name="csrf-token">', b"k3k3k3k3k3"),
        (b'<input type="password" value="letmein">', b"letmein"),
        (b'<wsse:Password Type="x">pw2</wsse:Password>', b"pw2"),
        (b'--b\r\nContent-Disposition: form-data; name="pin"\r\n\r\n9876\r\n--b--', b"9876"),
        (b"var c = {apiKey: 'k8s7d6f5g4h3'};", b"k8s7d6f5g4h3"),
        (b"DB_PASSWORD=pr0duct10n!\n", b"pr0duct10n!"),
        (b"it is " + JWT + b", he said", JWT),
        (b"key AKIAIOSFODNN7EXAMPLE in text", b"AKIAIOSFODNN7EXAMPLE"),
        (b"ghp_" + b"a1B2" * 9, b"ghp_" + b"a1B2" * 9),
        (b"apify_api_" + b"a1B2" * 9, b"apify_api_" + b"a1B2" * 9),
        (b"curl -H 'Authorization: Bearer abcDEF123456ghiJKL'", b"abcDEF123456ghiJKL"),
        (
            b"-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqh\n-----END PRIVATE KEY-----",
            b"\nMIIEvQIBADANBgkqh\n",
        ),
        (b"DefaultEndpointsProtocol=https;AccountKey=" + b"Zm9v" * 12 + b"==;", b"Zm9v" * 12 + b"=="),
    ],
)
def test_a_secret_is_found_where_it_stands(text: bytes, secret: bytes) -> None:
    """And exactly that run of bytes."""
    assert secret in _found(text)


@pytest.mark.parametrize(
    "text",
    [
        b'{"token_type": "Bearer", "expires_in": 3600, "tokens_used": 152, "max_tokens": 4096}',
        b'{"author": "Jane Doe", "keyboard": "qwerty", "key": "Enter", "monkey": "business"}',
        b'{"password_required": true, "has_password": true, "password": null, "token": ""}',
        b'{"token": false, "secret": 0, "tokens": 1532, "session": 12}',
        b'{"id": "8c4f1f5e-2f7b-4a6e-9d51-3f1d2c0b9a11", "sha256": "9f86d081884c7d659a2feaa0c55ad015"}',
        b'<meta name="csrf-param" content="authenticity_token"><meta name="author" content="Jane Doe">',
        b'<label for="password">Password</label><input type="password" name="password" value="">',
        b"function f(e){var token=e.getToken();return e.password===t.secret&&n.auth}",
        b"if (password == confirmation) { secret = computeSecret(password) }",
        b"/articles/how-to-reset-password/some-long-title-about-things",
        b"/products?sort=price&page=2&code=DE&author=jane&keyword=teapot&country_code=49",
        b"https://shop.example.com/a?redirect=https://shop.example.com/b",
        b"Basic authentication required; Bearer authentication is better",
        b"mailto:alice@shop.example.com",
        b"Content-Security-Policy: script-src 'self'; report-uri /csp",
        b'{"passwordPolicy": {"min": 8}, "token": "<TOKEN_A>", "secret": "${SECRET}"}',
        b"access-control-allow-headers: authorization, x-csrf-token",
        b"headers['Content-Disposition'] = attachment; the disposition of the company",
        b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
        b"4f0c1d2e3b4a59687766554433221100ffeeddccbbaa99887766554433221100",
    ],
)
def test_what_only_looks_like_a_secret_is_left(text: bytes) -> None:
    """Else an export would be of no use."""
    assert [] == _found(text)
