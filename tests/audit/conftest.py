"""Recordings, written as their tools write them."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from fairwitness.audit import Source, open_recording
from fairwitness.model.exchange import Exchange
from fairwitness.model.recording import Item, Recorded

Read = Callable[[Source, bytes], list[Item]]

# As Burp Suite writes it.
BURP_HEAD = b"""<?xml version="1.0"?>
<!DOCTYPE items [
<!ELEMENT items (item*)>
<!ATTLIST items burpVersion CDATA "">
<!ATTLIST items exportTime CDATA "">
<!ELEMENT item (time, url, host, port, protocol, method, path, extension, request, status, responselength, \
mimetype, response, comment)>
<!ELEMENT time (#PCDATA)>
<!ELEMENT url (#PCDATA)>
<!ELEMENT host (#PCDATA)>
<!ATTLIST host ip CDATA "">
<!ELEMENT port (#PCDATA)>
<!ELEMENT protocol (#PCDATA)>
<!ELEMENT method (#PCDATA)>
<!ELEMENT path (#PCDATA)>
<!ELEMENT extension (#PCDATA)>
<!ELEMENT request (#PCDATA)>
<!ATTLIST request base64 (true|false) "false">
<!ELEMENT status (#PCDATA)>
<!ELEMENT responselength (#PCDATA)>
<!ELEMENT mimetype (#PCDATA)>
<!ELEMENT response (#PCDATA)>
<!ATTLIST response base64 (true|false) "false">
<!ELEMENT comment (#PCDATA)>
]>
<items burpVersion="2026.10.1" exportTime="Tue Nov 24 10:12:00 CET 2026">
"""


def burp_item(
    request: bytes, response: bytes = b"", *, time: str = "Tue Nov 24 10:11:12 CET 2026", path: str = "/"
) -> bytes:
    """One saved item for shop.test, in base64."""
    asked, answered = (base64.b64encode(each).decode() for each in (request, response))
    return f"""  <item>
    <time>{time}</time>
    <url><![CDATA[https://shop.test{path}]]></url>
    <host ip="192.0.2.7">shop.test</host>
    <port>443</port>
    <protocol>https</protocol>
    <method><![CDATA[GET]]></method>
    <path><![CDATA[{path}]]></path>
    <extension>null</extension>
    <request base64="true"><![CDATA[{asked}]]></request>
    <status>200</status>
    <responselength>10</responselength>
    <mimetype>HTML</mimetype>
    <response base64="true"><![CDATA[{answered}]]></response>
    <comment></comment>
  </item>
""".encode()


def burp_file(items: Sequence[bytes]) -> bytes:
    """A whole file."""
    return BURP_HEAD + b"".join(items) + b"</items>\n"


def exchanges(items: Sequence[Item]) -> list[Exchange]:
    """What became an exchange."""
    return [each.exchange for each in items if isinstance(each, Recorded)]


@pytest.fixture
def read(tmp_path: Path) -> Iterator[Read]:
    """Read bytes as one format, from a real file."""

    def reading(source: Source, raw: bytes) -> list[Item]:
        path = tmp_path / "recording"
        path.write_bytes(raw)
        with open_recording(path) as file:
            return list(source.read(file))

    return reading
