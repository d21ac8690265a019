"""The public-suffix guard."""

import subprocess
import sys

import pytest
import tldextract

from fairwitness.policy.suffixes import _listed, covers_public_suffix, is_public_suffix, registrable, site_of


@pytest.mark.parametrize(
    "base",
    [
        "com",
        "co.uk",
        "github.io",
        "s3.amazonaws.com",
        "amazonaws.com",
        "foo.ck",
        "ck",
        "test",
        "fastly.net",
        "xn--fiqs8s",
    ],
)
def test_bases_above_strangers_are_told(base):
    """A wildcard below these would take in names that anybody can register."""
    assert covers_public_suffix(base)


def test_the_list_is_the_one_that_its_library_reads():
    """Its file is read without it."""
    read = tldextract.TLDExtract(
        cache_dir=None, suffix_list_urls=(), fallback_to_snapshot=True, include_psl_private_domains=True
    )
    assert set(read.tlds) == set(_listed())


def test_a_policy_is_read_without_an_http_client():
    """Every command reads one."""
    code = (
        "import sys, fairwitness.policy; print({'requests', 'urllib3', 'http.client'} & sys.modules.keys())"
    )
    assert "set()" == subprocess.check_output([sys.executable, "-c", code], text=True).strip()


@pytest.mark.parametrize("base", ["apify.com", "example.co.uk", "me.github.io", "www.ck", "in.test"])
def test_bases_of_one_owner_are_told(base):
    """Below a registered name everything is its owner's."""
    assert not covers_public_suffix(base)


def test_a_name_above_a_suffix_is_none_itself():
    """amazonaws.com is a registered name, though s3.amazonaws.com is a suffix."""
    assert (False, True) == (is_public_suffix("amazonaws.com"), is_public_suffix("s3.amazonaws.com"))


def test_the_registered_name_is_one_label_more_than_its_suffix():
    """Wildcard rules, exceptions and private suffixes count."""
    hosts = ["a.b.example.co.uk", "example.com", "x.me.github.io", "a.foo.ck", "a.www.ck", "github.io", "com"]

    assert ["example.co.uk", "example.com", "me.github.io", "a.foo.ck", "www.ck", None, None] == [
        registrable(host) for host in hosts
    ]


@pytest.mark.parametrize(
    ("host", "site"),
    [
        ("WWW.Shop.test.", "shop.test"),
        ("a.b.example.co.uk", "example.co.uk"),
        ("one.github.io", "one.github.io"),
        ("co.uk", "co.uk"),
        ("localhost", "localhost"),
        ("127.0.0.2", "127.0.0.2"),
        ("::1", "::1"),
    ],
)
def test_a_host_belongs_to_what_was_registered(host, site):
    """Strangers below one public suffix are no neighbours; an address belongs to itself."""
    assert site == site_of(host)
