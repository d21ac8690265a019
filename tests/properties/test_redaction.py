"""Whatever is planted, wherever, in whatever spelling: it is in no export."""

from __future__ import annotations

import base64
import html
import json
import re
from binascii import Error
from collections.abc import Callable, Iterator
from urllib.parse import quote, quote_plus, unquote_to_bytes

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fairwitness.export.redact import Redaction
from fairwitness.export.testing import make_message, make_record, texts_of
from fairwitness.model.record import ExchangeRecord

ALPHABETS = (
    "abcdefghijkmnpqrstuvwxyz23456789",
    "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz0123456789-_",
    "0123456789abcdef",
    "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz0123456789+/~!*'()@$?#%&:[]{}<>|^",
    "abcdefghijkmnpqrstuvwxyzäöüß€日本0123456789",
)
LENGTHS = st.integers(12, 60)
URL = "https://shop.example.com"


@st.composite
def secrets(draw: st.DrawFn) -> str:
    """Random text with a digit, a letter and no run of one character: what a generator of tokens gives."""
    alphabet = draw(st.sampled_from(ALPHABETS))
    length = draw(LENGTHS)
    return "k7" + draw(st.text(alphabet, min_size=length, max_size=length)) + "q4"


def _at(number: int, target: str) -> dict[str, object]:
    return {"request": f"GET {target} HTTP/1.1".encode(), "url": URL + target, "number": number}


def _header(name: str, value: str) -> ExchangeRecord:
    return make_record(1, request_headers=((name.encode(), value.encode()),))


def _basic(secret: str) -> ExchangeRecord:
    return _header("Authorization", "Basic " + base64.b64encode(b"alice:" + secret.encode()).decode())


def _query(secret: str) -> ExchangeRecord:
    target = "/cb?x=1&access_token=" + quote(secret, safe="")
    return make_record(1, request=f"GET {target} HTTP/1.1".encode(), url=URL + target)


def _json(secret: str) -> ExchangeRecord:
    return make_record(1, response_body=json.dumps({"a": [{"b": {"refreshToken": secret}}]}).encode())


def _quoted_json(secret: str) -> ExchangeRecord:
    return make_record(1, request_body=json.dumps({"p": json.dumps({"client_secret": secret})}).encode())


def _form(secret: str) -> ExchangeRecord:
    return make_record(1, request_body=f"user=alice&password={quote_plus(secret)}&go=1".encode())


def _multipart(secret: str) -> ExchangeRecord:
    part = 'Content-Disposition: form-data; name="password"'
    return make_record(1, request_body=f"--b\r\n{part}\r\n\r\n{secret}\r\n--b--\r\n".encode())


def _message(secret: str) -> ExchangeRecord:
    return make_record(1, messages=(make_message(json.dumps({"auth": {"token": secret}}).encode()),))


def _input(secret: str) -> ExchangeRecord:
    value = html.escape(secret, quote=True)
    return make_record(
        1, response_body=f'<form><input type="hidden" name="csrf_token" value="{value}"></form>'.encode()
    )


def _answer_header(secret: str) -> ExchangeRecord:
    return make_record(1, response_headers=((b"X-Auth-Token", secret.encode()),))


def _set_cookie(secret: str) -> ExchangeRecord:
    cookie = f"sid={quote(secret, safe='')}; Path=/; HttpOnly"
    return make_record(1, response_headers=((b"Set-Cookie", cookie.encode()),))


PLACES: dict[str, Callable[[str], ExchangeRecord]] = {
    "cookie": lambda secret: _header("Cookie", f"lang=en; sid={quote(secret, safe='')}"),
    "bearer": lambda secret: _header("Authorization", f"Bearer {secret}"),
    "api key": lambda secret: _header("X-Api-Key", secret),
    "basic": _basic,
    "query": _query,
    "json": _json,
    "quoted json": _quoted_json,
    "form": _form,
    "multipart": _multipart,
    "message": _message,
    "input": _input,
    "answer header": _answer_header,
    "set-cookie": _set_cookie,
}

SPELLINGS: dict[str, Callable[[str], bytes]] = {
    "itself": str.encode,
    "percent": lambda secret: quote(secret, safe="").encode(),
    "lower percent": lambda secret: re.sub("%..", lambda m: m[0].lower(), quote(secret, safe="")).encode(),
    "all percent": lambda secret: "".join(f"%{byte:02X}" for byte in secret.encode()).encode(),
    "double percent": lambda secret: quote(quote(secret, safe=""), safe="").encode(),
    "base64": lambda secret: base64.b64encode(secret.encode()),
    "base64 within": lambda secret: base64.b64encode(b"x" + secret.encode() + b"yz"),
    "base64 behind two": lambda secret: base64.urlsafe_b64encode(b"xx" + secret.encode()).rstrip(b"="),
    "base64 of json": lambda secret: base64.b64encode(json.dumps({"a": secret}).encode()),
    "hex": lambda secret: secret.encode().hex().encode(),
    "upper hex": lambda secret: secret.encode().hex().upper().encode(),
    "json": lambda secret: json.dumps(secret).encode(),
    "json slashes": lambda secret: json.dumps(secret).replace("/", "\\/").encode(),
    "json in json": lambda secret: json.dumps({"a": json.dumps({"b": secret})}).encode(),
    "all \\u": lambda secret: "".join(f"\\u{ord(c):04x}" for c in secret).encode(),
    "html": lambda secret: html.escape(secret, quote=True).encode(),
    "references": lambda secret: "".join(f"&#x{ord(c):x};" for c in secret).encode(),
    "utf-16": lambda secret: secret.encode("utf-16-le"),
}


def _decodings(text: bytes) -> Iterator[bytes]:
    """All that a reader could make of it in one step; written without the code under test."""
    yield unquote_to_bytes(text)
    yield html.unescape(text.decode("utf-8", "replace")).encode("utf-8", "replace")
    yield text.replace(b"\0", b"")
    said = re.sub(r"\\u([0-9a-fA-F]{4})", lambda m: chr(int(m[1], 16)), text.decode("utf-8", "replace"))
    yield re.sub(r"\\(.)", r"\1", said).encode("utf-8", "replace")
    for run in re.findall(rb"[A-Za-z0-9+/_-]{8,}", text):
        for skip in range(4):
            piece = run[skip:].replace(b"-", b"+").replace(b"_", b"/")
            try:
                yield base64.b64decode(piece[: len(piece) // 4 * 4])
                yield base64.b64decode(piece + b"=" * (-len(piece) % 4))
            except Error:
                continue
    for run in re.findall(rb"[0-9a-fA-F]{16,}", text):
        yield bytes.fromhex(run[: len(run) // 2 * 2].decode())


def _readings(text: bytes) -> Iterator[bytes]:
    yield text
    for once in _decodings(text):
        yield once
        yield from _decodings(once)


@given(
    planted=st.lists(st.tuples(secrets(), st.sampled_from(sorted(PLACES))), min_size=1, max_size=3),
    echoes=st.lists(st.tuples(st.integers(0, 2), st.sampled_from(sorted(SPELLINGS))), min_size=1, max_size=3),
)
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_planted_secret_is_in_what_is_shown(
    planted: list[tuple[str, str]], echoes: list[tuple[int, str]]
) -> None:
    """Planted at its place in one exchange, echoed in any spelling by another: shown in neither."""
    records = [PLACES[place](secret) for secret, place in planted]
    body = b"begin "
    for number, spelling in echoes:
        body += SPELLINGS[spelling](planted[number % len(planted)][0]) + b" and "
    records.append(make_record(2, response_body=body, messages=(make_message(body),)))
    redaction = Redaction()
    for record in records:
        redaction.learn(record)

    texts = [text for record in records for text in texts_of(redaction.show(record).record)]

    readings = [reading for text in texts for reading in _readings(text)]
    for secret, _ in planted:
        assert [] == [text for text in readings if secret.encode() in text]
    assert redaction.check([b"\n".join(texts)]) is None
    assert redaction.check([body]) is not None


@given(st.lists(st.binary(max_size=200), max_size=6))
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_survived(parts: list[bytes]) -> None:
    """Learning and showing raise nothing, and what is shown passes the check, whatever was recorded."""
    parts = [*parts, b"", b"", b""][:6]
    record = make_record(
        1,
        request=b"GET /" + parts[0] + b" HTTP/1.1",
        url=URL + "/" + parts[0].decode("latin-1"),
        request_headers=((b"Cookie", parts[1]), (b"Authorization", parts[2]), (parts[0], parts[1])),
        request_body=parts[0] + b"&password=" + parts[1],
        response_body=b'{"token":"' + parts[2] + b'"}',
        messages=(make_message(parts[1]),),
    )
    redaction = Redaction()
    redaction.learn(record)

    shown = redaction.show(record)

    assert redaction.check([b"\n".join(texts_of(shown.record))]) is None
