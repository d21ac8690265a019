"""Nothing hangs: eight times the input takes about eight times the time, whatever the input is made of."""

from __future__ import annotations

import struct
import tempfile
import time
from collections.abc import Callable
from zlib import crc32

import pytest
from tests.audit.conftest import burp_file, burp_item

from fairwitness.audit import Source
from fairwitness.audit.burp import BURP
from fairwitness.audit.har import HAR
from fairwitness.errors import PolicyError
from fairwitness.evidence.heads import add_request_head
from fairwitness.evidence.keep import hide_nothing
from fairwitness.evidence.layout import Draft, pack, unpack
from fairwitness.evidence.meta import read_meta
from fairwitness.evidence.testing import make_request
from fairwitness.policy import canonical_host, read_policy
from fairwitness.proxy.dump import read_dump

DUMP = Source("mitmproxy dump", lambda head: True, read_dump)
TIMES = 8
MOST = 24  # linear gives 8, a square 64
LEAST_S = 0.004  # below it the clock and the caches are measured


def _policy(scope: str) -> None:
    try:
        read_policy(
            f"version: 1\nprogram: {{name: A, policy_url: 'https://a.example/'}}\n{scope}".encode(), path="p"
        )
    except PolicyError:
        return


def _host(text: str) -> None:
    try:
        canonical_host(text)
    except PolicyError:
        return


def _recording(source: Source, raw: bytes) -> None:
    with tempfile.TemporaryFile() as file:
        file.write(raw)
        file.seek(0)
        assert sum(1 for _ in source.read(file))


def _head(target: bytes, headers: tuple[tuple[bytes, bytes], ...]) -> None:
    draft = Draft.of_meta([])
    add_request_head(draft, make_request(target=target, headers=headers), hide=hide_nothing, hide_query=True)
    unpack(*pack(draft, b""))


def _row(words: list[int], raw: bytes) -> None:
    row = b"\0" + struct.pack(f"<I{len(words)}I", len(words), *words) + raw
    unpack(row, crc32(row))


def _har(entry: str, count: int) -> bytes:
    return ('{"log":{"entries":[' + ",".join([entry] * count) + "]}}").encode()


def _flow(value: bytes) -> bytes:
    """A frame around any value, as dumps have it."""
    return b"%d:%s}" % (len(value), value)


HEADER = '{"name":"a","value":"b"},'
CASES: dict[str, tuple[int, Callable[[int], object]]] = {
    "entries of a policy": (
        100,
        lambda n: _policy("scope:\n  include:\n" + "".join(f"  - h{i}.example\n" for i in range(n))),
    ),
    "tunnels beside entries": (
        50,
        lambda n: _policy(
            "scope:\n  include:\n"
            + "".join(f"  - h{i}.one.example\n" for i in range(n))
            + "  tunnel:\n"
            + "".join(f'  - "*.t{i}.two.example"\n' for i in range(n))
        ),
    ),
    "one long text": (30_000, lambda n: _policy("declare: [" + "a " * n + "]")),
    "opening brackets": (100_000, lambda n: _policy("scope: " + "[" * n)),
    "unknown keys": (400, lambda n: _policy("".join(f"k{i}: 1\n" for i in range(n)))),
    "quotes and blanks": (10_000, lambda n: _policy('scope: "' + "\\\n \n" * n)),
    "a host of marks": (60, lambda n: _host("a" + "\u0301\u0327" * n)),
    "a host of labels": (60, lambda n: _host("é." * n)),
    "a host of punycode": (60, lambda n: _host("xn--" + "a9" * n)),
    "entries of a HAR": (40, lambda n: _recording(HAR, _har('{"request":{"url":"https://a.test/"}}', n))),
    "headers of a HAR": (
        1_000,
        lambda n: _recording(HAR, _har('{"request":{"headers":[' + (HEADER * n)[:-1] + "]}}", 1)),
    ),
    "escapes of a HAR": (
        50_000,
        lambda n: _recording(HAR, _har('{"request":{"url":"' + "\\u00e9" * n + '"}}', 1)),
    ),
    "items of Burp": (20, lambda n: _recording(BURP, burp_file([burp_item(b"GET / HTTP/1.1\r\n\r\n")] * n))),
    "headers of Burp": (
        3_000,
        lambda n: _recording(BURP, burp_file([burp_item(b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * n + b"\r\n")])),
    ),
    "chunks of Burp": (
        2_000,
        lambda n: _recording(
            BURP,
            burp_file(
                [
                    burp_item(
                        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
                        + b"1\r\na\r\n" * n
                        + b"0\r\n\r\n"
                    )
                ]
            ),
        ),
    ),
    "folded headers of Burp": (
        3_000,
        lambda n: _recording(
            BURP, burp_file([burp_item(b"GET / HTTP/1.1\r\na: b\r\n" + b" c\r\n" * n + b"\r\n")])
        ),
    ),
    "flows of a dump": (300, lambda n: _recording(DUMP, _flow(b"1:a,1:b,") * n)),
    "values of a flow": (1_500, lambda n: _recording(DUMP, _flow(b"1:a,1:b," * n))),
    "cookies of a head": (5_000, lambda n: _head(b"/", ((b"Cookie", b"a;" * n),))),
    "pairs of a query": (5_000, lambda n: _head(b"/?" + b"a=b&" * n, ())),
    "headers of a head": (1_500, lambda n: _head(b"/", ((b"a", b"b"),) * n)),
    "lengths of a row": (
        8_000,
        lambda n: _row([2 << 3 | 1, 1 << 3 | 1, *[1 << 3 | 1] * n, 3 << 3 | 1], b"a /" + b"?" * n + b" \r\n"),
    ),
    "escapes of a meta line": (20_000, lambda n: read_meta(b"a: " + b"\\\\\\n" * n + b"\n")),
}


def _seconds(work: Callable[[int], object], size: int) -> float:
    """The least of three; of the process, so that others on the machine do not count."""
    taken = []
    for _ in range(3):
        began = time.process_time()
        work(size)
        taken.append(time.process_time() - began)
    return min(taken)


@pytest.mark.parametrize("name", CASES)
def test_time_grows_as_the_input_does(name: str) -> None:
    """Of CPU time, and by its ratio alone."""
    size, work = CASES[name]
    small, large = _seconds(work, size), _seconds(work, size * TIMES)

    assert large < MOST * max(small, LEAST_S)
