"""What HTTP/2 can say and HTTP/1 cannot: read as a server would, or it stays here."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import hpack
import hyperframe.frame as frames
import pytest

from fairwitness.testing import Answer, Counts, Disconnected, Http2Client, Town, is_blocked

pytestmark = pytest.mark.gate

UNTOUCHED = Counts(0, 0, 0)
Pseudo = Sequence[tuple[str, str]]


def _asked(town: Town, headers: Pseudo, trailers: Pseudo = ()) -> int:
    """The status on a connection of its own to the listed host; 0 where the connection ended."""
    with town.tunnel(town.inside, alpn=("h2",)) as raw:
        client = Http2Client(raw)
        try:
            if not trailers:
                return client.reply(client.begin(headers, is_whole=True)).status
            fields = {name.removeprefix(":"): value for name, value in headers}
            return client.reply(client.start(**fields, body=b"b", trailers=trailers)).status
        except Disconnected:
            return 0


def _pseudo(authority: str | None, path: str, *, method: str = "GET", scheme: str = "https") -> Pseudo:
    said = {":method": method, ":scheme": scheme, ":authority": authority, ":path": path}
    return [(name, value) for name, value in said.items() if value is not None]


@pytest.mark.bypass(60)
def test_no_contradiction_in_pseudo_headers_is_released(town: Town) -> None:
    """No :authority, two of them, CONNECT as a stream, a target in :method, trailers that name a stranger."""
    inside, outside = town.inside.host_port, town.outside.host_port
    accepts = {origin.name: origin.counts.accepts for origin in town.origins if origin is not town.inside}
    plain = _pseudo(inside, "/contradicts", method="POST")
    socket = [*_pseudo(inside, "/contradicts", method="CONNECT"), (":protocol", "websocket")]
    heads: list[Pseudo] = [
        [*_pseudo(None, "/contradicts"), ("host", outside)],
        [*_pseudo(None, "/contradicts"), ("host", inside), ("host", outside)],
        [*_pseudo(inside, "/contradicts"), (":authority", outside)],
        [*_pseudo(outside, "/contradicts"), (":authority", inside)],
        [*plain, (":path", "/contradicts")],
        [(":method", "CONNECT"), (":authority", outside)],
        [(":method", "CONNECT"), (":authority", inside)],
        _pseudo(outside, "/contradicts", method="CONNECT"),
        socket,
        [*socket[:2], (":authority", outside), *socket[3:]],
        _pseudo(inside, "/contradicts", scheme=f"https://{outside}/?"),
        _pseudo(inside, "/contradicts", scheme="ftp"),
        _pseudo(inside, f"https://{outside}/contradicts"),
        _pseudo(inside, f"https://{inside}@{outside}/contradicts"),
        _pseudo(inside, f"/contradicts HTTP/1.1\r\nHost: {outside}"),
        _pseudo(inside, "/contradicts", method=f"GET http://{outside}/"),
    ]
    statuses = [_asked(town, each) for each in heads]
    statuses += [_asked(town, plain, [trailer]) for trailer in ((":authority", outside), (":path", "/other"))]

    assert {0, 400, 403} >= set(statuses)
    assert [] == [each.path for each in town.inside.requests if "contradicts" in each.path]
    assert accepts == {
        origin.name: origin.counts.accepts for origin in town.origins if origin is not town.inside
    }
    assert frozenset() == town.strangers_asked_for
    assert 200 == _asked(town, [*_pseudo(None, "/agrees"), ("host", inside)])


@pytest.mark.bypass(61)
def test_no_way_of_writing_a_path_opens_an_excluded_one(make_town: Callable[..., Town]) -> None:
    """A whole URL or less than a path in :path, and what some servers resolve like a link."""
    with make_town(exclude=["https://in.test:*/admin"]) as town:
        inside = town.inside.host_port
        ways = [
            f"https://{inside}/admin",
            f"https://{inside}/admin/users?all",
            f"http://{inside}/admin",
            f"x://{inside}/admin",
            f"https:{inside}/admin",
            "https:/admin",
            "*/admin",
            "admin",
            f"//{inside}/admin",
            f"///{inside}//admin",
            "//any/./admin;x",
        ]
        statuses = {way: _asked(town, _pseudo(inside, way)) for way in ways}
        with town.tunnel(town.inside) as client:
            over_http1 = [client.request(way, host=inside) for way in ways if way.startswith("//")]
        others = [_asked(town, _pseudo(inside, way)) for way in ("/", "//any/other", "/a//admin-not")]
        others.append(_asked(town, _pseudo(inside, "*", method="OPTIONS")))
        seen = [each.path for each in town.inside.requests if "admin" in each.path]

    assert dict.fromkeys(ways, 403) == statuses
    assert all(map(is_blocked, over_http1))
    assert [200] * 4 == others
    assert ["/a//admin-not"] == seen


@pytest.mark.bypass(64)
def test_no_frame_of_a_server_opens_another_host(town: Town) -> None:
    """It pushes a stranger's page, or names a stranger as the place to go on with: nobody goes there."""
    outside = town.outside.host_port
    coder = hpack.Encoder()
    head, body = frames.HeadersFrame(1), frames.DataFrame(1, b"ok")
    head.data = coder.encode([(":status", "200")])
    head.flags.add("END_HEADERS")
    body.flags.add("END_STREAM")
    elsewhere = frames.AltSvcFrame(0, b"https://in.test", f'h2="{outside}"'.encode())
    push = frames.PushPromiseFrame(1, 2)
    pseudo = _pseudo(outside, "/pushed")
    push.data = coder.encode(pseudo)
    push.flags.add("END_HEADERS")
    for path, sent in (("/elsewhere", (elsewhere, head, body)), ("/push", (push, head, body))):
        raw = b"".join(each.serialize() for each in sent)
        town.inside.put(path, "", answer=Answer(is_raw=True, body=raw))
    statuses = [_asked(town, _pseudo(town.inside.host_port, path)) for path in ("/elsewhere", "/push")]
    row = town.proxy.wait_for_row(lambda row: row.url.endswith("/push") and row.outcome != "open")

    assert [200, 502] == statuses
    assert row.outcome.startswith("failed")
    assert UNTOUCHED == town.outside.counts
    assert frozenset() == town.strangers_asked_for
