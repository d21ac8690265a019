"""The conduct report of a real session: its numbers are those that the servers counted."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from fairwitness.cli.digest import digest_policy
from fairwitness.evidence.conduct import compute_conduct
from fairwitness.export.conduct_words import page_of
from fairwitness.model.conduct import Conduct, Span
from fairwitness.testing import Counts, Town
from fairwitness.testing.client import curl

MakeTown = Callable[..., Town]
WIDE = {"rate": "100000/s", "burst": 100000}
LIMITS = {
    "testing": {
        "per_host": {"rate": "10/s", "burst": 5, "concurrent": 100},
        "per_endpoint": WIDE,
        "total": {**WIDE, "concurrent": 100},
    },
    "says": "No more than ten requests a second.",
}
PAGED = [
    ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0.0.0"),
    ("Accept-Language", "en"),
    ("Accept-Encoding", "gzip, deflate, br, zstd"),
]


def _fetch(site: str, mode: str, dest: str) -> list[tuple[str, str]]:
    return [("Sec-Fetch-Site", site), ("Sec-Fetch-Mode", mode), ("Sec-Fetch-Dest", dest)]


def _browse(town: Town) -> None:
    """A page, and an image of it that lies on a host which is on no list."""
    town.inside.put("/page", f'<img src="{town.outside.url("/pixel.png")}">', kind="text/html")
    with town.tunnel(town.inside) as client:
        opened = [*PAGED, ("Accept", "text/html"), *_fetch("none", "navigate", "document")]
        client.request("/page", host=town.inside.host_port, headers=[*opened, ("Sec-Fetch-User", "?1")])
    with town.tunnel(town.outside) as client:
        asked = [*PAGED, ("Accept", "image/avif"), ("Referer", town.inside.url("/page"))]
        headers = [*asked, *_fetch("cross-site", "no-cors", "image")]
        client.request("/pixel.png", host=town.outside.host_port, headers=headers)


def _burst(town: Town) -> None:
    """Thirty requests at once, which are let go at ten a second."""
    threads = [
        threading.Thread(target=town.curl, args=(town.inside.url(f"/burst-{number}"),))
        for number in range(30)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)


def _sign_in(town: Town) -> None:
    for _ in range(2):
        with town.client() as client:
            client.connect(town.login.host_port)
            client.start_tls("login.test", ca=town.authority.pem)
            client.request("/sign-in", host=town.login.host_port)


def _killed_while_it_waits(town: Town) -> None:
    with town.tunnel(town.inside) as client:
        client.send(f"GET /wait/forever HTTP/1.1\r\nHost: {town.inside.host_port}\r\n\r\n".encode())
        town.inside.wait_for(lambda it: it.requests_for("/wait/forever") != (), "the request")
        town.proxy.kill()
        town.proxy.stop()


@pytest.fixture
def reported(make_town: MakeTown) -> Iterator[tuple[Town, Conduct]]:
    """Two sessions of all that, the first one killed, and their report."""
    with make_town(limits=LIMITS) as town:
        _browse(town)
        _burst(town)
        _sign_in(town)
        for number in range(4):
            town.curl(town.outside.url(f"/tool-{number}"), label="ffuf")
        for number in range(3):
            town.curl(town.cdn.url(f"/font-{number}"))
        town.proxy.wait_for_row(lambda row: row.scope_list == "load" and row.outcome == "complete")
        _killed_while_it_waits(town)
        with town.another_proxy() as proxy:
            curl(proxy.url, town.inside.url("/second"), "--cacert", str(proxy.ca))
            proxy.stop()
        yield town, _conduct(town)


def _conduct(town: Town) -> Conduct:
    return compute_conduct(town.proxy.evidence, Span(), digest=digest_policy, now_us=0, version="1")


@pytest.mark.gate
def test_the_numbers_are_those_that_the_servers_counted(reported: tuple[Town, Conduct]) -> None:
    """In scope, load, tunnels and strays against the origins; blocks by page and tool; the rate; the gaps."""
    town, conduct = reported

    assert town.inside.counts.requests == conduct.amount("include").requests == 33
    assert town.cdn.counts.requests == conduct.amount("load").requests == 3
    assert town.login.counts.requests == conduct.amount("tunnel").requests == 2
    assert Counts(0, 0, 0) == town.outside.counts
    assert (0, ()) == (conduct.stray_count, conduct.stray_dials)
    assert (1, 4) == (conduct.blocked.page, conduct.blocked.tool)
    assert sum(each.requests for each in conduct.host_days) == 38
    tops = [each for each in conduct.rates if each.host == "in.test"]
    assert [("10/s", 15, False)] == [(each.limit, each.allowed, each.is_courtesy) for each in tops]
    assert 1 <= tops[0].most <= 33
    assert {"cut-off", "unknown"} <= {each.kind for each in conduct.gaps}
    assert [1, 2] == [each.session for each in conduct.sessions]
    assert {"X-Bug-Bounty: tester"} <= set(conduct.host_days[0].marks or ())
    assert conduct.dials.tunnels == 2
    assert conduct.dials.overridden == conduct.dials.total > 0
    red = [line.text for line in page_of(conduct).sections[0].lines if line.is_red]
    assert any("--resolve was in use" in text and "in.test" in text for text in red)
    assert any("--upstream-ca was in use" in text for text in red)
    assert any("127.0.0.2" in each.addresses for each in conduct.host_days if each.host == "in.test")
