"""Burp's "Save items": XML with raw requests and responses.

Sources:
    Burp writes its own DTD, without entities, in front of ``<items burpVersion exportTime>``, and for HTTP/2
    a start line ``GET / HTTP/2`` with plain headers: as published files show it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO
from xml.etree.ElementTree import Element, ParseError  # nosec: only their names, defusedxml reads

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse

from fairwitness.audit.address import Address, address_of, destinations_of, secured
from fairwitness.audit.java_time import java_time_us
from fairwitness.audit.raw_http import RawMessage, raw_message
from fairwitness.audit.source import Source, TooMuchError, without_bom
from fairwitness.audit.values import from_base64
from fairwitness.model.exchange import (
    SEEN_BODY_BYTES,
    Client,
    Destination,
    Exchange,
    Request,
    Response,
    new_exchange,
)
from fairwitness.model.recording import CutOff, Item, Recorded, Remark, Skipped

MOST_ITEM_BYTES = 96 << 20  # 96 MiB in base64: a request and a response, whole in memory
_ELEMENTS = 10_000  # between two items; an item has 16
_DEPTH = 16  # an item's fields lie at 3
_CLIENT = Client(connection="0" * 32, address="recording", port=0)  # Burp does not say who asked


class _Bounded:
    """A file that ends with an error where one item is too long.  A class, because it counts."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._since = 0

    @property
    def position(self) -> int:
        """Bytes that were read so far."""
        return self._file.tell()

    def item_ended(self) -> None:
        """Count from here."""
        self._since = 0

    def read(self, size: int = -1) -> bytes:
        """The next piece.

        Raises:
            TooMuchError: One item is too long.
        """
        piece = self._file.read(min(size, 1 << 16) if size >= 0 else 1 << 16)
        self._since += len(piece)
        if self._since > MOST_ITEM_BYTES:
            raise TooMuchError(f"an item is longer than {MOST_ITEM_BYTES >> 20} MiB")
        return piece


def read_burp(file: BinaryIO) -> Iterator[Item]:
    """The items that Burp saved, in the order of the file."""
    bounded, count = _Bounded(file), 0
    try:
        for element in _items(bounded):
            for item in _read_item(element):
                count += isinstance(item, Recorded)
                yield item
    except (TooMuchError, ParseError, DefusedXmlException, ValueError, LookupError) as error:
        yield CutOff(f"after exchange {count}, before byte {bounded.position}", _why(error))


def _why(error: Exception) -> str:
    """What is wrong, in words that hold nothing of the file."""
    if isinstance(error, TooMuchError):
        return str(error)
    if isinstance(error, DefusedXmlException):
        return "it declares an entity, which no saved items do"
    return "it is no XML from here on, or ends too early"  # ValueError, LookupError: its encoding


def _is_like(head: bytes) -> bool:
    text = without_bom(head)
    return text.startswith(b"<") and b"<items" in text


BURP = Source("Burp XML", _is_like, read_burp)


def _items(bounded: _Bounded) -> Iterator[Element]:
    """Each item, once it is whole; what was read is let go."""
    depth, elements = 0, 0
    root: Element | None = None
    for event, element in iterparse(bounded, events=("start", "end"), forbid_dtd=False):
        if event == "start":
            depth, elements = depth + 1, elements + 1
            root = element if root is None else root
            if depth > _DEPTH or elements > _ELEMENTS:
                raise TooMuchError("it holds more than saved items do")
            continue
        depth -= 1
        if depth == 1 and root is not None:
            if element.tag == "item":
                yield element
            root.clear()
            elements = 0
            bounded.item_ended()


def _read_item(item: Element) -> Iterator[Item]:
    asked, answered = (_raw(item.find(name)) for name in ("request", "response"))
    message = raw_message(asked) if asked else None
    address = address_of(_text(item, "url"))
    time = java_time_us(_text(item, "time"))
    if message is None or address is None or time is None:
        what = "request" if message is None else "web address" if address is None else "time"
        yield Skipped(f"item without a {what}")
        return
    time_us, is_known = time
    if not is_known:
        yield Remark("time zone not known, taken as UTC")
    request = _request(message, address, item, time_us)
    reply = raw_message(answered) if answered else None
    response = _response(reply, time_us) if reply else None
    failure = None if response else "no answer, as the recording says"
    yield Recorded(exchange=Exchange(request=request, response=response, failure=failure, ended_us=time_us))


def _raw(element: Element | None) -> bytes:
    if element is None or not element.text:
        return b""
    if element.get("base64") == "true":
        return from_base64(element.text) or b""
    return element.text.encode("utf-8", "surrogatepass")


def _text(item: Element, name: str) -> str:
    return (item.findtext(name) or "").strip()


def _request(message: RawMessage, address: Address, item: Element, time_us: int) -> Request:
    method, target, version = message.start
    scheme = secured(address.scheme, message.headers)
    destinations = destinations_of(address, scheme, message.headers, authority=message.authority)
    dialled = _text(item, "host")
    if dialled:
        path = address.target.split("?", 1)[0]
        port = _text(item, "port")
        number = int(port) if port.isascii() and port.isdigit() and len(port) < 6 else address.port
        destinations = (Destination("dial", scheme, dialled, number, path), *destinations)
    named = address_of(target)
    if named is not None:  # an absolute URL in the first line is a place of its own
        path = named.target.split("?", 1)[0]
        destinations += (Destination("url", scheme, named.host, named.port, path),)
        target = named.target
    return Request(
        exchange=new_exchange(),
        received_us=time_us,
        client=_CLIENT,
        method=method,
        scheme=scheme,
        host=address.host,
        port=address.port,
        target=target.encode("latin-1") if target.startswith("/") else b"/",
        http_version=_version(version),
        headers=message.headers,
        destinations=tuple(dict.fromkeys(destinations)),
        body=message.coded[:SEEN_BODY_BYTES],
        body_bytes=len(message.coded),
        body_is_cut=len(message.coded) > SEEN_BODY_BYTES,
    )


def _response(message: RawMessage, time_us: int) -> Response | None:
    version, status, reason = message.start
    if not (status.isascii() and status.isdigit() and len(status) == 3):
        return None
    is_cut = len(message.coded) > SEEN_BODY_BYTES
    return Response(
        http_version=_version(version),
        status=int(status),
        reason=reason,
        headers=message.headers,
        started_us=time_us,
        ended_us=time_us,
        body=message.coded[:SEEN_BODY_BYTES] if is_cut else message.body,
        body_bytes=len(message.coded),
        body_is_cut=is_cut,
    )


def _version(written: str) -> str:
    word = written.strip()
    return "HTTP/2.0" if word == "HTTP/2" else word[:16] or "HTTP/1.1"
