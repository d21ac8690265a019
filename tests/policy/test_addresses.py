"""The resolved-address guard."""

import ipaddress

import pytest

from fairwitness.errors import PolicyError
from fairwitness.model.verdict import ScopeList
from fairwitness.policy import AddressGuard, Override, parse_override
from fairwitness.policy.addresses import special_address

PUBLIC = "93.184.215.14"


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.9.1",
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.1.1",
        "169.254.169.254",
        "168.63.129.16",
        "100.100.100.200",
        "192.0.0.192",
        "192.0.2.1",
        "198.51.100.1",
        "203.0.113.1",
        "198.18.0.1",
        "224.0.0.251",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
        "100::1",
        "2001:db8::1",
        "3fff::1",
        "::ffff:127.0.0.1",
        "::ffff:0:127.0.0.1",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::a00:1",
        "2002:7f00:1::1",
        "2002:c0a8:101::",
        "2001:0:5db8:d80e::80ff:fffe",
        "2001:0:a00:1::a247:27f1",
        "2606:4700::5efe:a00:1",
        "2606:4700::200:5efe:7f00:1",
    ],
)
def test_special_address_is_refused_however_it_is_wrapped(make_policy, address):
    """Loopback, private, link-local, metadata, multicast and reserved, also inside of IPv6."""
    why = AddressGuard(make_policy()).refuse("in.example", 443, ScopeList.INCLUDE, [PUBLIC, address])

    assert why is not None
    assert f"in.example resolves to {address}, which is" in why


@pytest.mark.parametrize(
    ("address", "scope_list", "mend"),
    [
        (
            "127.0.0.1",
            ScopeList.LOAD,
            "list 127.0.0.1 under scope.load too, or start with --resolve in.example:443:127.0.0.1",
        ),
        ("fd00::1", None, "in a lab of your own, start with --resolve in.example:443:[fd00::1]"),
    ],
)
def test_a_refused_address_of_a_lab_says_how_it_is_lifted(make_policy, address, scope_list, mend):
    """The entry or the option that would let it through, as it is to be written."""
    why = AddressGuard(make_policy()).refuse("in.example", 443, scope_list, [address])

    assert why is not None
    assert why.endswith(mend)
    assert parse_override(mend.rpartition(" ")[2]).port == 443


@pytest.mark.parametrize("address", ["169.254.169.254", "::ffff:169.254.169.254", "192.0.2.1"])
def test_nobody_is_shown_the_way_to_an_address_that_is_no_lab(make_policy, address):
    """A cloud's metadata service is what an attacker's name would resolve to."""
    why = AddressGuard(make_policy()).refuse("in.example", 443, ScopeList.INCLUDE, [address])

    assert why is not None
    assert "--resolve" not in why


@pytest.mark.parametrize(
    "address",
    [
        PUBLIC,
        "172.32.0.1",
        "100.128.0.1",
        "2606:4700::1",
        "64:ff9b::5db8:d80e",
        "2002:5db8:d80e::1",
        "::ffff:93.184.215.14",
    ],
)
def test_public_address_passes(make_policy, address):
    """Also when it is wrapped."""
    assert None is AddressGuard(make_policy()).refuse("in.example", 443, ScopeList.INCLUDE, [address])


@pytest.mark.parametrize("scope_list", [*ScopeList, None])
def test_every_list_is_guarded(make_policy, scope_list):
    """A tunnel or a loaded host may lead home as little as a host in scope."""
    assert AddressGuard(make_policy()).refuse("in.example", 443, scope_list, ["127.0.0.1"])


@pytest.mark.parametrize("addresses", [[], ["nonsense"], [PUBLIC, "1.2.3"]])
def test_no_address_is_refused(make_policy, addresses):
    """What is no address is not connected to."""
    assert AddressGuard(make_policy()).refuse("in.example", 443, ScopeList.INCLUDE, addresses)


def test_address_entry_lifts_the_guard_for_names_on_its_list(make_policy):
    """Whatever the port; not for names on other lists, nor for other addresses."""
    guard = AddressGuard(make_policy(include=["in.example", "127.0.0.2:8443", "10.0.0.0/28"]))

    assert [True, True, True, False, False, False] == [
        guard.refuse("in.example", port, scope_list, [address]) is None
        for port, scope_list, address in (
            (443, ScopeList.INCLUDE, "127.0.0.2"),
            (9, ScopeList.INCLUDE, "10.0.0.15"),
            (443, ScopeList.INCLUDE, "::ffff:127.0.0.2"),
            (443, ScopeList.LOAD, "127.0.0.2"),
            (443, ScopeList.TUNNEL, "127.0.0.2"),
            (443, ScopeList.INCLUDE, "10.0.0.16"),
        )
    ]


def test_excluded_address_is_refused_for_every_name(make_policy):
    """The most specific address entry decides, and a public address can be excluded too."""
    guard = AddressGuard(make_policy(include=["in.example", "10.0.0.0/24"], exclude=["10.0.0.5", PUBLIC]))

    assert [True, False, False] == [
        guard.refuse("in.example", 443, ScopeList.INCLUDE, [address]) is None
        for address in ("10.0.0.4", "10.0.0.5", PUBLIC)
    ]


@pytest.mark.parametrize(
    "wrapped", ["64:ff9b::808:808", "2002:808:808::1", "::ffff:0:808:808", "::ffff:8.8.8.8"]
)
def test_excluded_address_is_refused_in_ipv6_too(make_policy, wrapped):
    """A gateway of NAT64 or 6to4 would carry it to the very address."""
    guard = AddressGuard(make_policy(include=["in.example", "2002::/16"], exclude=["8.8.8.0/24"]))

    assert "scope.exclude" in (guard.refuse("in.example", 443, ScopeList.INCLUDE, [wrapped]) or "")
    other = wrapped.replace("808:808", "909:909").replace("8.8.8.8", "9.9.9.9")
    assert guard.refuse("in.example", 443, ScopeList.INCLUDE, [other]) is None


def test_address_on_two_lists_is_refused(make_policy):
    """Of entries alike, the one that blocks counts."""
    guard = AddressGuard(make_policy(include=["in.example", "10.0.0.5"], exclude=["10.0.0.5"]))

    assert "scope.exclude" in (guard.refuse("in.example", 443, ScopeList.INCLUDE, ["10.0.0.5"]) or "")


def test_override_lifts_the_guard_for_its_host_and_port_only(make_policy):
    """Its addresses only, however they are spelled."""
    override = Override("in.example", 8443, ("127.0.0.2", "::1"))
    guard = AddressGuard(make_policy(), overrides=[override])

    assert ("127.0.0.2", "::1") == guard.override("IN.example.", 8443)
    assert [(), (), ()] == [
        guard.override(*place) for place in (("in.example", 443), ("x", 8443), ("a..b", 8443))
    ]
    assert [True, True, False, False, False] == [
        guard.refuse(host, port, ScopeList.INCLUDE, [address]) is None
        for host, port, address in (
            ("in.example", 8443, "127.0.0.2"),
            ("in.example", 8443, "0:0::1"),
            ("in.example", 443, "127.0.0.2"),
            ("other.example", 8443, "127.0.0.2"),
            ("in.example", 8443, "127.0.0.3"),
        )
    ]


def test_override_is_written_as_for_curl():
    """HOST:PORT:ADDR, several addresses by commas, IPv6 in brackets or bare."""
    texts = ["Example.com:443:127.0.0.1", "a.b:1:10.0.0.1,[::1],2001:DB8::2", "[::1]:80:127.0.0.1"]

    assert [
        Override("example.com", 443, ("127.0.0.1",)),
        Override("a.b", 1, ("10.0.0.1", "::1", "2001:db8::2")),
        Override("::1", 80, ("127.0.0.1",)),
    ] == [parse_override(text) for text in texts]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "a:443",
        "a:443:",
        "a:0:1.2.3.4",
        "a:99999:1.2.3.4",
        "a:443:b.example",
        "a:x:1.2.3.4",
        "a..b:443:1.2.3.4",
        "a:443:1.2.3.4,",
        "*:443:1.2.3.4x",
        "-a:443:127.0.0.1 b",
        "a" * 5000 + ":1:1.2.3.4",
    ],
)
def test_what_is_no_override_is_refused(text):
    """With an example of how it is written."""
    with pytest.raises(PolicyError) as caught:
        parse_override(text)

    assert ("--resolve", True) == (caught.value.where, "api.example.com:443:192.0.2.7" in caught.value.mend)


def test_reason_names_the_wrapped_address():
    """Nobody has to decode IPv6 by hand."""
    assert "loopback (as 127.0.0.1)" == special_address(ipaddress.ip_address("2002:7f00:1::1"))
