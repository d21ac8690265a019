from __future__ import annotations

import base64
import html
import io
import json
import random
import re
from urllib.parse import quote

from hypothesis import given, settings
from hypothesis import strategies as st

from fairwitness.export import EXPORTERS
from fairwitness.export.passes import write_checked
from fairwitness.export.redact import Redaction
from fairwitness.export.testing import make_message, make_record
from fairwitness.model.record import ExchangeRecord
from fairwitness.proxy.dump_writer import DumpExporter

FORMATS = [*(each() for each in EXPORTERS), DumpExporter()]
LETTERS = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"

SOURCES = {
    "cookie": lambda secret: {"request_headers": ((b"Cookie", b"theme=dark; sid=" + secret),)},
    "set-cookie": lambda secret: {"response_headers": ((b"Set-Cookie", b"sid=" + secret + b"; Path=/"),)},
    "bearer": lambda secret: {"request_headers": ((b"Authorization", b"Bearer " + secret),)},
    "api key": lambda secret: {"request_headers": ((b"X-Api-Key", secret),)},
    "query": lambda secret: {
        "request": b"GET /a?access_token=" + secret + b" HTTP/1.1",
        "url": "https://shop.example.com/a?access_token=" + secret.decode(),
    },
    "json": lambda secret: {"response_body": b'{"access_token": "' + secret + b'"}'},
    "form": lambda secret: {"request_body": b"user=a&password=" + secret},
}
SPELLINGS = {
    "plain": lambda secret: secret,
    "url": lambda secret: b"%" + f"{secret[0]:02X}".encode() + secret[1:],
    "base64": lambda secret: base64.b64encode(b"user:" + secret),
    "base64url": lambda secret: base64.urlsafe_b64encode(b"ab" + secret).rstrip(b"="),
    "hex": lambda secret: secret.hex().encode(),
    "json escape": lambda secret: f"\\u{secret[0]:04x}".encode() + secret[1:],
    "entity": lambda secret: f"&#{secret[0]};".encode() + secret[1:],
}
PLACES = {
    "response": lambda text: {"response_body": b"<p>" + text + b"</p>"},
    "request": lambda text: {"request_body": b'["' + text + b'"]'},
    "header": lambda text: {"response_headers": ((b"X-Echo", text),)},
    "url": lambda text: {
        "request": b"GET /x?y=" + text + b" HTTP/1.1",
        "url": "https://shop.example.com/x?y=" + text.decode(),
    },
    "page": lambda text: {"page": "https://shop.example.com/x?y=" + text.decode()},
    "message": lambda text: {"messages": (make_message(b"got " + text),)},
    "binary message": lambda text: {"messages": (make_message(b"\x00\xff" + text, kind="binary"),)},
    "meta": lambda text: {"meta": (("note", text.decode()),)},
}


def _secret(seed: int) -> bytes:
    chosen = random.Random(seed)
    return ("7" + "".join(chosen.choice(LETTERS) for _ in range(20)) + "Qz").encode()


def _spellings(secret: bytes) -> set[bytes]:
    """What a person who looks for it would grep for, our own code not asked."""
    text = secret.decode()
    found = {secret, secret.hex().encode(), quote(text).encode(), json.dumps(text)[1:-1].encode()}
    found |= {html.escape(text).encode(), secret.hex().upper().encode()}
    for at in range(3):
        # Without the characters at both ends, which depend on the neighbours.
        found.add(base64.b64encode(b"\0" * at + secret).rstrip(b"=")[4 * (at > 0) : -2])
    return found


def _plainer(content: bytes) -> list[bytes]:
    """The file, and with what a format may have wrapped it in taken off."""
    unwrapped = re.sub(rb"\s+", b"", content)
    runs = re.findall(rb"[A-Za-z0-9+/_-]{16,}={0,2}", content) + re.findall(
        rb"[A-Za-z0-9+/]{16,}={0,2}", unwrapped
    )
    decoded = [
        base64.b64decode(
            run.rstrip(b"=").replace(b"-", b"+").replace(b"_", b"/")[: len(run.rstrip(b"=")) // 4 * 4]
        )
        for run in runs
    ]
    return [
        content,
        unwrapped,
        html.unescape(content.decode("latin-1")).encode("latin-1", "replace"),
        *decoded,
    ]


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    source=st.sampled_from(sorted(SOURCES)),
    places=st.lists(
        st.tuples(st.sampled_from(sorted(PLACES)), st.sampled_from(sorted(SPELLINGS))), min_size=1, max_size=4
    ),
)
def test_a_planted_secret_is_in_no_export(seed: int, source: str, places: list[tuple[str, str]]) -> None:
    """Learnt in one place, it stands in others in any spelling, before and behind; nobody finds it."""
    secret = _secret(seed)
    records: list[ExchangeRecord] = [
        make_record(at, **PLACES[place](SPELLINGS[spelling](secret)))
        for at, (place, spelling) in enumerate(places, start=1)
    ]
    records.insert(len(records) // 2, make_record(9, **SOURCES[source](secret)))
    for exporter in FORMATS:
        out = io.BytesIO()
        write_checked(lambda: records, exporter, Redaction(), out, where="x")
        for content in _plainer(out.getvalue()):
            assert not [each for each in _spellings(secret) if each in content], exporter.name


def test_the_search_finds_what_is_not_hidden() -> None:
    """The test above can fail: with nothing hidden, each format but csv shows the body."""
    from fairwitness.export.passes import Unredacted

    secret = _secret(1)
    record = make_record(response_body=base64.b64encode(b"ab" + secret), request_body=secret)
    for exporter in FORMATS:
        out = io.BytesIO()
        write_checked(lambda: [record], exporter, Unredacted(), out, where="x")
        found = any(each in content for content in _plainer(out.getvalue()) for each in _spellings(secret))
        assert (exporter.name != "csv") == found, exporter.name
