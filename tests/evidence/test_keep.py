"""Tests of fairwitness.evidence.keep."""

from __future__ import annotations

import pytest

from fairwitness.evidence.keep import (
    hide_for_block,
    hide_for_load_host,
    query_pair_without_value,
    without_query_values,
)

LOAD = b"[not stored: load host]"


@pytest.mark.parametrize(
    "name",
    [
        "Cookie",
        "set-cookie",
        "AUTHORIZATION",
        "Proxy-Authorization",
        "X-Api-Key",
        "apikey",
        "X-Auth-Token",
        "X-CSRF-Token",
        "X-XSRF-TOKEN",
        "X-Amz-Security-Token",
        "Session-Id",
        "X-Password",
        "Client-Secret",
        "Signature",
    ],
)
def test_credentials_of_load_hosts_are_not_stored(name: str) -> None:
    """Nor are those of blocked requests."""
    assert LOAD == hide_for_load_host(name.encode(), b"s3cr3t")
    assert b"[not stored: blocked]" == hide_for_block(name.encode(), b"s3cr3t")


@pytest.mark.parametrize("name", [":authority", "Host", "User-Agent", "Content-Type", "Accept", "ETag"])
def test_other_headers_are_stored(name: str) -> None:
    """What says nothing secret stays as it came."""
    assert b"value" == hide_for_load_host(name.encode(), b"value")
    assert b"value" == hide_for_block(name.encode(), b"value")


def test_urls_in_headers_lose_their_query_values() -> None:
    """A redirect of a sign-in carries a code."""
    url = b"https://a.test/cb?code=s3cr3t&state=other#access_token=third"

    assert b"https://a.test/cb?code=%b&state=%b#access_token=%b" % (LOAD, LOAD, LOAD) == hide_for_load_host(
        b"Location", url
    )
    assert b"https://a.test/" == without_query_values(b"https://a.test/")


def test_query_without_a_name_may_be_a_value() -> None:
    """``?token`` is as secret as ``?a=token``."""
    assert b"?a=" + LOAD == query_pair_without_value(b"?a=token")
    assert b"&" + LOAD == query_pair_without_value(b"&token")
