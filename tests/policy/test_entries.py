"""Scope entries."""

import pytest

from fairwitness.errors import PolicyError
from fairwitness.policy.entries import parse_entry


@pytest.mark.parametrize(
    ("text", "host", "network", "ports", "names_port", "scheme", "path"),
    [
        ("Example.COM", "example.com", None, (80, 443), False, None, None),
        ("example.com.", "example.com", None, (80, 443), False, None, None),
        ("example.com:8443", "example.com", None, (8443,), True, None, None),
        ("example.com:*", "example.com", None, None, False, None, None),
        ("*.example.com", "*.example.com", None, (80, 443), False, None, None),
        ("*.faß.de:8443", "*.xn--fa-hia.de", None, (8443,), True, None, None),
        ("img*.example.com", "img*.example.com", None, (80, 443), False, None, None),
        ("a.*.example.com", "a.*.example.com", None, (80, 443), False, None, None),
        ("*.*.example.com", "*.*.example.com", None, (80, 443), False, None, None),
        ("https://example.com", "example.com", None, (443,), False, "https", None),
        ("HTTPS://example.com/", "example.com", None, (443,), False, "https", None),
        ("wss://example.com/ws", "example.com", None, (443,), False, "wss", "/ws"),
        ("http://example.com:8080/app/", "example.com", None, (8080,), True, "http", "/app"),
        ("https://*.example.com/a/../b", "*.example.com", None, (443,), False, "https", "/b"),
        ("https://example.com/é%7e", "example.com", None, (443,), False, "https", "/%C3%A9~"),
        ("192.0.2.7", None, "192.0.2.7/32", (80, 443), False, None, None),
        ("192.0.2.7:8443", None, "192.0.2.7/32", (8443,), True, None, None),
        ("[2001:DB8::1]:*", None, "2001:db8::1/128", None, False, None, None),
        ("2001:db8::1", None, "2001:db8::1/128", (80, 443), False, None, None),
        ("192.0.2.0/28", None, "192.0.2.0/28", (80, 443), False, None, None),
        ("192.0.2.0/28:22", None, "192.0.2.0/28", (22,), True, None, None),
        ("2001:db8::/32", None, "2001:db8::/32", (80, 443), False, None, None),
        ("[2001:db8::/32]:443", None, "2001:db8::/32", (443,), True, None, None),
        ("https://192.0.2.7/x", None, "192.0.2.7/32", (443,), False, "https", "/x"),
    ],
)
def test_every_kind_of_entry_is_understood(text, host, network, ports, names_port, scheme, path):
    """Hosts, ports, stars, URL prefixes, addresses and ranges are read as policy.md says."""
    entry = parse_entry(text)

    assert (host, network, ports, names_port, scheme, path) == (
        entry.host,
        entry.network,
        entry.ports,
        entry.names_port,
        entry.scheme,
        entry.path,
    )


def test_preset_is_a_name():
    """A preset stands for its list."""
    assert "github-signin" == parse_entry("preset:github-signin").preset


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("*", "anybody can register"),
        ("*.com", "public suffix 'com'"),
        ("*.co.uk", "public suffix 'co.uk'"),
        ("*.github.io", "public suffix 'github.io'"),
        ("*.s3.amazonaws.com", "public suffix"),
        ("*.amazonaws.com", "public suffix"),
        ("*example.com", "public suffix 'com'"),
        ("example.*", "anybody can register"),
        ("*.*.com", "public suffix 'com'"),
        ("img*.co.uk", "public suffix"),
        ("*.192.0.2.1", "anybody can register"),
        ("*.x..com", "empty label"),
        ("**.example.com", "label '**'"),
        ("a*b*c*.example.com", "has the label 'a*b*c*'"),
        ("fa*ß.example.com", "has the label"),
        ("example.com/app", "path and no scheme"),
        ("ftp://example.com", "scheme"),
        ("https://", "is empty"),
        ("https://user:pass@example.com/", "names a user"),
        ("https://example.com/?q=1", "query"),
        ("https://example.com/#top", "fragment"),
        ("https://example.com/a/*", "star in its path"),
        ("https://example.com/a%2fb", "servers read differently"),
        ("https://example.com/a\\b", "servers read differently"),
        ("https://example.com//a", "servers read differently"),
        ("https://example.com/a;b", "servers read differently"),
        ("https://example.com/%252e", "servers read differently"),
        ("example.com:0", "port '0'"),
        ("example.com:65536", "port"),
        ("example.com:", "port ''"),
        ("example.com:http", "port 'http'"),
        ("[2001:db8::1", "bracket"),
        ("[2001:db8::1]x", "bracket"),
        ("[2001:db8::]/32", "outside its brackets"),
        ("[fe80::1%eth0]", "zone id"),
        ("fe80::%eth0/64", "zone id"),
        ("192.0.2.1/28", "starts within its range"),
        ("192.0.2.0/99", "no address range"),
        ("0.0.0.0/0", "large part of the internet"),
        ("::/0", "large part of the internet"),
        ("1:2:3", "no IPv6 address"),
        ("exa mple.com", "has a blank"),
        ("https://example.com/a b", "has a blank"),
        ("https://example.com/ ", "has a blank"),
        ("361304891", "means the address 21.137.19.59"),
        ("0x7f.1", "means the address 127.0.0.1"),
        ("preset:", "names no preset"),
        ("preset:../x", "names no preset"),
        ("a" * 3000, "longer than"),
    ],
)
def test_what_is_no_entry_says_why_and_how_to_mend_it(text, says):
    """Every refusal names what is wrong."""
    with pytest.raises(PolicyError) as caught:
        parse_entry(text)

    assert says in caught.value.what
    assert caught.value.mend
    assert len(caught.value.what) < 400


def test_the_mend_for_a_path_is_its_url():
    """A path without a scheme is completed, and its star is left out."""
    with pytest.raises(PolicyError) as caught:
        parse_entry("example.com/app/*")

    assert "Write https://example.com/app or example.com" == caught.value.mend


def test_the_mend_for_a_range_is_the_range():
    """A range that starts in its middle is corrected for the researcher."""
    with pytest.raises(PolicyError) as caught:
        parse_entry("192.0.2.1/28")

    assert "Write 192.0.2.0/28, or the single address" == caught.value.mend
