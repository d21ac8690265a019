from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from fairwitness.export.curl import CurlExporter
from fairwitness.export.testing import make_message, make_record, shown, written
from fairwitness.model.exchange import Headers
from fairwitness.model.record import ExchangeRecord

pytestmark = [
    pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash"),
    pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl"),
]
HEADERS: Headers = ((b"User-Agent", b'it\'s a "test" $(id) `id` \\ !x'), (b"Accept", b"*/*"))


class Listener:
    """Takes one request a connection and keeps its bytes as they came.

    A class, because it serves in a thread until it is closed.
    """

    def __init__(self) -> None:
        self.requests: list[bytes] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(10)

    def _serve(self) -> None:
        while True:
            try:
                connected, _ = self._socket.accept()
            except OSError:
                return
            with connected:
                got = b""
                while not _is_whole(got) and (piece := connected.recv(1 << 16)):
                    got += piece
                self.requests.append(got)
                connected.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


def _is_whole(got: bytes) -> bool:
    head, ends, body = got.partition(b"\r\n\r\n")
    lengths = [
        int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
    ]
    return bool(ends) and len(body) >= (lengths[0] if lengths else 0)


@pytest.fixture
def listener() -> Iterator[Listener]:
    """A server that keeps what it got."""
    made = Listener()
    yield made
    made.close()


def _run(folder: Path, script: bytes, **variables: str) -> subprocess.CompletedProcess[bytes]:
    path = folder / "requests.sh"
    path.write_bytes(script)
    subprocess.run(["bash", "-n", path], check=True)
    return subprocess.run(
        ["bash", path],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "NO_PROXY": "*", **variables},
        capture_output=True,
        timeout=60,
    )


def _record(
    port: int,
    target: bytes = b"/",
    *,
    method: str = "GET",
    headers: Headers = HEADERS,
    body: bytes = b"",
    number: int = 1,
) -> ExchangeRecord:
    host = f"127.0.0.1:{port}"
    return make_record(
        number,
        request=method.encode() + b" " + target + b" HTTP/1.1",
        url=f"http://{host}{target.decode('latin-1')}",
        method=method,
        request_headers=((b"Host", host.encode()), *headers),
        request_body=body,
    )


def _wire(record: ExchangeRecord) -> bytes:
    """The request as it was sent."""
    lines = [record.request_line, *(name + b": " + value for name, value in record.request_headers)]
    return b"\r\n".join(lines) + b"\r\n\r\n" + (record.request_body or b"")


def _length(body: bytes) -> Headers:
    return ((b"Content-Length", str(len(body)).encode()),)


BODIES = [
    b"a=1&b=$(id)`id`'\"\\",
    b"@/etc/passwd",
    b"line\nline\r\n\ttab\n",
    b"\x00\x01\xff" * 20,
    b"'; touch owned; '",
    b"$'\\n'\nBASE64\nDATA\n",
    b"\x801234567",
    "ünïcödé \u2028 ".encode(),
    os.urandom(200_000),
]


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_bodies_arrive_byte_for_byte(tmp_path: Path, listener: Listener, body: bytes) -> None:
    """Whatever they hold, and nothing else happens."""
    headers = (*HEADERS, (b"Content-Type", b"text/odd"), *_length(body))
    record = _record(listener.port, b"/in", method="POST", headers=headers, body=body)
    done = _run(tmp_path, written(CurlExporter(), [shown(record)]))

    assert 0 == done.returncode, done.stderr
    assert [_wire(record)] == [_ordered(got, record) for got in listener.requests]
    assert ["requests.sh"] == os.listdir(tmp_path)


def _ordered(got: bytes, record: ExchangeRecord) -> bytes:
    """The lines that both have in the order of the record; curl puts its own Content-Length last or first."""
    head, _, body = got.partition(b"\r\n\r\n")
    start, *lines = head.split(b"\r\n")
    order = {name + b": " + value: at for at, (name, value) in enumerate(record.request_headers)}
    return b"\r\n".join([start, *sorted(lines, key=lambda line: order.get(line, -1))]) + b"\r\n\r\n" + body


TARGETS = [
    b"/a/../b/./c?x={1,2}[3-4]",
    b"/%2e%2e/%00?a=b&c='d'\"",
    b"/x y\xff\xc3\xbc$(touch owned)`touch owned`",
    b"/a#frag",
    b"/?q=]]>&--next",
    b"/\\..\\!x*?",
]


@pytest.mark.parametrize("target", TARGETS, ids=range(len(TARGETS)))
def test_targets_arrive_byte_for_byte(tmp_path: Path, listener: Listener, target: bytes) -> None:
    """Dots, brackets, spaces, bytes that are no ASCII: as they were."""
    record = _record(listener.port, target)
    done = _run(tmp_path, written(CurlExporter(), [shown(record)]))

    assert 0 == done.returncode, done.stderr
    assert [_wire(record)] == listener.requests
    assert ["requests.sh"] == os.listdir(tmp_path)


@pytest.mark.parametrize(
    ("method", "body", "headers"),
    [
        ("PUT", b"x", _length(b"x")),
        ("PUT", b"", _length(b"")),
        ("POST", b"", _length(b"")),
        ("DELETE", b"", ()),
        ("HEAD", b"", ()),
        ("GET", b"x", _length(b"x")),
        ("OPTIONS", b"", ()),
        ("GET", b"", _length(b"")),
        ("HEAD", b"", _length(b"")),
        ("-X", b"", ()),
    ],
)
def test_methods_arrive(
    tmp_path: Path, listener: Listener, method: str, body: bytes, headers: Headers
) -> None:
    """With and without a body."""
    record = _record(listener.port, method=method, body=body, headers=(*HEADERS, *headers))
    done = _run(tmp_path, written(CurlExporter(), [shown(record)]))

    assert 0 == done.returncode, done.stderr
    assert [_wire(record)] == [_ordered(got, record) for got in listener.requests]


def test_headers_arrive_as_they_were(tmp_path: Path, listener: Listener) -> None:
    """Twice the same, empty, another Host, none of curl's own; no file is read for an @."""
    headers = (
        (b"X-One", b"1"),
        (b"X-One", b"2"),
        (b"X-Empty", b""),
        (b"X-At", b"@/etc/passwd"),
        (b"X-Bytes", b"\xff\xfe'"),
    )
    record = _record(listener.port, headers=headers)
    _run(tmp_path, written(CurlExporter(), [shown(record)]))
    (got,) = listener.requests

    assert _wire(record).replace(b"X-Empty: ", b"X-Empty:") == got.replace(b"X-Empty: ", b"X-Empty:")


def test_what_is_hidden_comes_from_the_environment(tmp_path: Path, listener: Listener) -> None:
    """In headers, URL and bodies of both kinds; the value is never read by the shell."""
    secret = "$(touch owned)'\" \\"
    text = _record(
        listener.port,
        b"/a?t=<TOKEN_A>",
        method="POST",
        headers=((b"Authorization", b"Bearer <TOKEN_A>!<TOKEN_B>"),),
        body=b'{"t": "<TOKEN_A>"}',
    )
    binary = _record(listener.port, method="POST", body=b"\0<TOKEN_A>\xff", number=2)
    script = written(CurlExporter(), [shown(text, "TOKEN_A", "TOKEN_B"), shown(binary, "TOKEN_A")])
    done = _run(tmp_path, script, TOKEN_A="s3cret", TOKEN_B=secret)
    one, two = listener.requests

    assert 0 == done.returncode, done.stderr
    assert b"POST /a?t=s3cret HTTP/1.1\r\n" in one
    assert b"Authorization: Bearer s3cret!" + secret.encode() in one
    assert one.endswith(b'{"t": "s3cret"}')
    assert two.endswith(b"\0s3cret\xff")
    assert ["requests.sh"] == os.listdir(tmp_path)


def test_a_value_that_is_not_given_stops_the_script_before_it_sends(
    tmp_path: Path, listener: Listener
) -> None:
    """It names the variable."""
    plain = _record(listener.port)
    hidden = _record(listener.port, headers=((b"Cookie", b"<COOKIE_A>"),), number=2)
    done = _run(tmp_path, written(CurlExporter(), [shown(plain), shown(hidden, "COOKIE_A")]))

    assert 0 != done.returncode
    assert b"set COOKIE_A" in done.stderr
    assert [] == listener.requests


def test_an_odd_name_of_a_placeholder_is_no_command(tmp_path: Path) -> None:
    """A name that is no variable stays text."""
    script = written(CurlExporter(), [shown(_record(1, headers=((b"A", b"<x;id>"),)), "x;id")])

    assert b"x;id:?" not in script


def test_comments_hold_no_line_of_the_record(tmp_path: Path) -> None:
    """A reason or method with a line end stays in its comment."""
    records = [
        make_record(1, outcome="blocked", reason="x\ntouch owned"),
        make_record(2, request=b"GE\rT\ntouch owned / HTTP/1.1", method="GE\nT"),
        make_record(3, url="https://x\n`touch owned`/"),
        make_record(4, url="wss://shop.example.com/", messages=(make_message(b"x\ntouch owned"),)),
        make_record(
            5, url="shop.example.com:443", request=b"CONNECT shop.example.com:443 HTTP/1.1", method="CONNECT"
        ),
        make_record(6, request_body=None, meta=(("body-follows", "yes\ntouch owned"),)),
        make_record(7, request=b"GET /\r\ntouch owned HTTP/1.1"),
    ]
    script = written(CurlExporter(), map(shown, records))
    done = _run(tmp_path, script)

    assert (0, b"") == (done.returncode, done.stdout)
    assert ["requests.sh"] == os.listdir(tmp_path)
    assert 7 == script.count(b"is left out: ")
    assert b"curl --" not in script


def test_a_header_that_would_be_two_is_left_out(tmp_path: Path, listener: Listener) -> None:
    """CR, LF and names that are no word."""
    headers = ((b"X-A", b"1\r\nX-B: 2"), (b"@/etc/passwd", b"x"), (b"X C", b"3"), (b"X-D", b"4"))
    _run(tmp_path, written(CurlExporter(), [shown(_record(listener.port, headers=headers))]))
    (got,) = listener.requests

    assert b"X-D: 4" in got
    assert not any(part in got for part in (b"X-B", b"passwd", b"X C"))
