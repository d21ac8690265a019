"""WebSocket frames are on record before they go, the control frames too."""

from __future__ import annotations

import pytest
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage

from fairwitness.model.message import Direction
from fairwitness.testing import Disconnected, RawClient, Town, WebSocketClient

pytestmark = pytest.mark.gate


def _open(town: Town, path: str) -> tuple[RawClient, WebSocketClient]:
    client = town.client()
    client.connect(town.inside.host_port)
    client.start_tls("in.test", ca=town.proxy.ca)
    socket = WebSocketClient(client)
    assert 101 == socket.handshake(path, host=town.inside.host_port).status
    return client, socket


def _logged(town: Town, path: str, direction: Direction) -> list[tuple[str, bytes]]:
    url = town.inside.url(path, scheme="wss")
    row = town.proxy.wait_for_row(lambda row: row.url == url)
    messages = town.proxy.record(row).messages
    return [(message.kind, message.content) for message in messages if message.direction == direction]


@pytest.mark.bypass(21)
@pytest.mark.parametrize(
    ("kind", "event"),
    [
        ("text", TextMessage(data="sent-first")),
        ("binary", BytesMessage(data=b"\0sent-first")),
        ("ping", Ping(payload=b"sent-first")),
        ("pong", Pong(payload=b"sent-first")),
    ],
    ids=["text", "binary", "ping", "pong"],
)
def test_a_frame_is_on_record_when_the_origin_gets_it(
    town: Town, kind: str, event: TextMessage | BytesMessage | Ping | Pong
) -> None:
    """At the moment the origin has a frame, every reader of the log finds it."""
    path = f"/first-{kind}"
    client, socket = _open(town, path)
    with client:
        seen_before = len(town.inside.messages)
        socket.send(event)
        town.inside.wait_for(lambda it: len(it.messages) > seen_before, "the frame")
        logged = _logged(town, path, Direction.SENT)

    content = b"\0sent-first" if kind == "binary" else b"sent-first"
    assert (kind, content) in logged


@pytest.mark.bypass(21)
def test_a_servers_ping_and_the_clients_pong_are_on_record(town: Town) -> None:
    """Pings travel both ways with their payload, and both are logged."""
    client, socket = _open(town, "/server-ping")
    with client:
        socket.send(TextMessage(data="ping: are-you-there"))
        ping = socket.receive()
        town.inside.wait_for(
            lambda it: any(m.kind == "pong" and m.content == b"are-you-there" for m in it.messages), "a pong"
        )
        sent = _logged(town, "/server-ping", Direction.SENT)
        received = _logged(town, "/server-ping", Direction.RECEIVED)

    assert ("ping", b"are-you-there") == (ping.kind, ping.content)
    assert ("pong", b"are-you-there") in sent
    assert ("ping", b"are-you-there") in received


def test_a_close_is_passed_with_its_code_and_is_on_record(town: Town) -> None:
    """The client learns the server's close code, and the log has it."""
    client, socket = _open(town, "/close-code")
    with client:
        socket.send(TextMessage(data="close: 4001"))
        close = socket.receive()
        socket.send(CloseConnection(code=4001))
    url = town.inside.url("/close-code", scheme="wss")
    as_sent = (4001).to_bytes(2) + b"as asked"  # the frame's own bytes
    row = town.proxy.wait_for_row(
        lambda row: row.url == url and any(m.content == as_sent for m in town.proxy.record(row).messages)
    )

    assert b"4001 as asked" == close.content
    assert "complete" == row.outcome


def test_many_messages_keep_their_order(town: Town) -> None:
    """Two hundred messages come back, and stand in the log, in the order they were sent."""
    wanted = [str(number) for number in range(200)]
    client, socket = _open(town, "/many")
    with client:
        for text in wanted:
            socket.send(TextMessage(data=text))
        echoed = [socket.receive().content.decode() for _ in wanted]
        logged = _logged(town, "/many", Direction.SENT)

    assert wanted == echoed
    assert wanted == [content.decode() for _, content in logged]


def test_a_large_message_arrives_whole(town: Town) -> None:
    """One MB in one message."""
    client, socket = _open(town, "/large")
    with client:
        socket.send(BytesMessage(data=b"\xa5" * 1_000_000))
        echo = socket.receive()

    assert b"\xa5" * 1_000_000 == echo.content


def test_a_compressed_websocket_is_readable_in_the_log(town: Town) -> None:
    """An offer of compression is either taken away or undone: the log has the content."""
    client = town.client()
    client.connect(town.inside.host_port)
    client.start_tls("in.test", ca=town.proxy.ca)
    socket = WebSocketClient(client)
    with client:
        offer = ("Sec-WebSocket-Extensions", "permessage-deflate")
        reply = socket.handshake("/deflate", host=town.inside.host_port, headers=[offer])
        socket.send(TextMessage(data="readable"))
        echo = socket.receive()
        logged = _logged(town, "/deflate", Direction.SENT)

    assert (101, b"readable") == (reply.status, echo.content)
    assert ("text", b"readable") in logged


def test_garbage_frames_end_the_connection(town: Town) -> None:
    """Bytes that are no frames do not reach the origin as messages."""
    client, _ = _open(town, "/garbage")
    with client:
        before = len(town.inside.messages)
        client.send(b"\xff" * 64)
        try:
            client.read_until_end()
        except (Disconnected, OSError):
            pass

    kinds = {message.kind for message in town.inside.messages[before:]}
    assert kinds <= {"close"}
