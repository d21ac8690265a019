"""Canonical hosts."""

import ipaddress
import json
import re
from pathlib import Path

import pytest

from fairwitness.errors import PolicyError
from fairwitness.policy.hosts import canonical_host, compressed, is_address

WPT = Path(__file__).parent / "data" / "wpt"


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("EXAMPLE.com", "example.com"),
        ("example.com.", "example.com"),
        ("faß.de", "xn--fa-hia.de"),
        ("Ⅷ.example", "viii.example"),
        ("ＥＸＡＭＰＬＥ。com", "example.com"),
        ("a\u00adb.example", "ab.example"),
        ("💩.la", "xn--ls8h.la"),
        ("XN--LS8H.la", "xn--ls8h.la"),
        ("XN--fa-hia.ß", "xn--fa-hia.xn--zca"),
        ("_dmarc.example.com", "_dmarc.example.com"),
        ("r3---sn-a.example", "r3---sn-a.example"),
        ("a,b.example", "a,b.example"),
        ("localhost", "localhost"),
        ("127.1", "127.0.0.1"),
        ("0x7f000001", "127.0.0.1"),
        ("0177.0.0.1.", "127.0.0.1"),
        ("2130706433", "127.0.0.1"),
        ("0x", "0.0.0.0"),
        ("１２７.0.0.1", "127.0.0.1"),
        ("[2001:DB8:0:0:0:0:0:1]", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("::ffff:127.0.0.1", "::ffff:7f00:1"),
        ("1:0:0:2:0:0:0:3", "1:0:0:2::3"),
        ("1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7"),
        ("::", "::"),
    ],
)
def test_every_spelling_has_one_canonical_host(raw, expected):
    """A host is what a browser would ask for, however it is written."""
    assert expected == canonical_host(raw)


@pytest.mark.parametrize(
    "raw",
    [
        "",
        ".",
        "..",
        "a..b",
        ".a",
        "a b",
        "a\x00b",
        "a\tb",
        "a/b",
        "a\\b",
        "a?b",
        "a#b",
        "a@b",
        "a%2eb",
        "a<b",
        "a|b",
        "[::1",
        "::1]",
        "[fe80::1%25eth0]",
        "fe80::1%eth0",
        "[1.2.3.4]",
        "1:2:3",
        "x.1",
        "1.2.3.4.5",
        "256.0.0.1",
        "1.2.3.08",
        "4294967296",
        "0x1ffffffff",
        "1" * 200,
        "⩴80",
        "：：1",
        "\u202eexample.com",
        "\udcff.example",
        "xn--ls8h-.ß",
        "xn--.ß",
        "xn--a.ß",
        "\u0300a.example",
        "a\u200db.example",
        "a\b\u200d.example",
        "أa.example",
        "example.com:443",
        "a" * 64 + ".com",
        ".".join(["a" * 60] * 5),
        "a." * 1000,
    ],
)
def test_what_has_no_canonical_host_is_refused(raw):
    """What browsers refuse, what is ambiguous and what DNS cannot carry is an error with its mend."""
    with pytest.raises(PolicyError) as caught:
        canonical_host(raw)

    assert caught.value.mend.startswith("Write a plain host")
    assert len(caught.value.what) < 400


def test_canonical_host_is_its_own_canonical_host():
    """Asking twice changes nothing, for names and addresses."""
    hosts = ["xn--fa-hia.de", "127.0.0.1", "2001:db8::1", "::ffff:7f00:1"]

    assert hosts == [canonical_host(host) for host in hosts]


def test_addresses_are_told_from_names():
    """Only literal addresses are addresses."""
    hosts = ["127.0.0.1", "2001:db8::1", "example.com", "1.example", "x1"]

    assert [True, True, False, False, False] == [is_address(host) for host in hosts]


def test_mapped_addresses_are_written_as_browsers_write_them():
    """The spelling does not depend on the version of Python."""
    assert "::ffff:102:304" == compressed(ipaddress.IPv6Address("::ffff:1.2.3.4"))


def test_names_of_the_unicode_suite_are_the_browsers_or_refused():
    """Every ToASCII case of web-platform-tests gives the browser's name or an error, never another name."""
    agreed = 0
    for case in json.loads((WPT / "toascii.json").read_text("utf-8")):
        found = _canonical_or_none(case["input"])
        assert found in (None, case["output"]), case
        agreed += found is not None

    assert 24 <= agreed


def test_urls_of_the_browser_suite_lead_to_the_browsers_host_or_nowhere():
    """Every URL case of web-platform-tests gives the browser's host or an error, never another host."""
    agreed = 0
    for case in json.loads((WPT / "urltestdata.json").read_text("utf-8")):
        parts = _authority(case["input"]) if isinstance(case, dict) else None
        if parts is None:
            continue
        host, port = parts
        found = _canonical_or_none(host)
        if case.get("failure"):
            assert found is None or not _is_port(port), case
        else:
            assert found in (None, case["hostname"].strip("[]").removesuffix(".")), case
            agreed += found is not None

    assert 90 <= agreed


def _canonical_or_none(raw: str) -> str | None:
    try:
        return canonical_host(raw)
    except PolicyError:
        return None


def _authority(url: str) -> tuple[str, str] | None:
    """Host and port as a browser cuts them out of an absolute URL; None where there is none."""
    text = re.sub("[\t\n\r]", "", url.strip("".join(map(chr, range(0x21)))))
    found = re.match(r"(?i)(https?|wss?):[/\\]{2,}([^/\\?#]*)", text)
    if not found:
        return None
    place = found[2].rpartition("@")[2]
    if place.startswith("["):
        host, _, port = place.partition("]")
        return host + "]" * ("]" in place), port.removeprefix(":")
    host, _, port = place.partition(":")
    return host, port


def _is_port(text: str) -> bool:
    return text == "" or (text.isascii() and text.isdigit() and int(text) < 65536)
