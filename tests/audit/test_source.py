"""Formats are told by what a file holds."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.audit.conftest import burp_file

from fairwitness.audit import SOURCES, open_recording, source_of
from fairwitness.errors import RecordingError


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        (b'{"log":{', "HAR"),
        (b'\xef\xbb\xbf \r\n{\n  "log" : {', "HAR"),
        (burp_file([]), "Burp XML"),
        (b"<items>", "Burp XML"),
    ],
)
def test_a_format_is_known_by_its_beginning(tmp_path: Path, raw: bytes, name: str) -> None:
    """Marks and blanks in front do not matter, nor does the name."""
    path = tmp_path / "x.txt"
    path.write_bytes(raw)
    with open_recording(path) as file:
        assert name == source_of(file, SOURCES, name="x").name
        assert 0 == file.tell()


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "it is empty"),
        (b"{}", "its format is not known. Name a HAR, a mitmproxy dump, or items that Burp saved as XML"),
        (b'{"entries":[]}', "its format is not known"),
        (b"<html>", "its format is not known"),
        (b"\x1f\x8b\x08", "it is compressed with gzip"),
        (b"PK\x03\x04", "it is a zip archive"),
        (b"\xff\xfe{\0", "it is UTF-16"),
    ],
)
def test_what_is_unknown_is_told(tmp_path: Path, raw: bytes, words: str) -> None:
    """With what can be read, or with what to do first."""
    path = tmp_path / "x"
    path.write_bytes(raw)
    with open_recording(path) as file, pytest.raises(RecordingError) as caught:
        source_of(file, SOURCES, name="x")

    assert f"x: {words}" in str(caught.value)


def test_only_plain_files_are_opened(tmp_path: Path) -> None:
    """A pipe would wait for ever, a device never end; nothing of them is read."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, Path(os.devnull), tmp_path / "none", tmp_path / "a\0b"):
        with pytest.raises(RecordingError, match=r"it is no plain file|it cannot be opened"):
            open_recording(path)
