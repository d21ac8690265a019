"""HTTP/2 through the gate: each stream is judged by itself (mitmproxy 12; with 11 no HTTP/2 is offered)."""

from __future__ import annotations

import pytest

from fairwitness.testing import Counts, Http2Client, Town

pytestmark = pytest.mark.gate

UNTOUCHED = Counts(0, 0, 0)


@pytest.mark.parametrize("authority", ["out.test", "{out}", "in.test@{out}", ""])
def test_a_streams_strange_authority_is_blocked_and_the_others_live(town: Town, authority: str) -> None:
    """On one HTTP/2 connection a stranger's :authority gets 403; streams beside and after it finish."""
    authority = authority.replace("{out}", town.outside.host_port)
    before = len(town.inside.requests_for("/strange"))
    with town.tunnel(town.inside, alpn=("h2",)) as raw:
        client = Http2Client(raw)
        beside = client.start("/bytes/300000", authority=town.inside.host_port)
        strange = client.request("/strange", authority=authority)
        after = client.request("/after", authority=town.inside.host_port)
        big = client.reply(beside)

    assert strange.status in (0, 400, 403)
    assert (200, 200, 300_000) == (after.status, big.status, len(big.body))
    assert before == len(town.inside.requests_for("/strange"))
    assert UNTOUCHED == town.outside.counts


def test_a_streams_strange_host_header_is_blocked(town: Town) -> None:
    """A Host header beside a listed :authority must name a listed host too."""
    with town.tunnel(town.inside, alpn=("h2",)) as raw:
        client = Http2Client(raw)
        stream = client.start(
            "/strange-host", authority=town.inside.host_port, headers=[("host", town.outside.host_port)]
        )
        reply = client.reply(stream)

    assert reply.status in (0, 400, 403)
    assert () == town.inside.requests_for("/strange-host")
