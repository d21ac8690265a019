"""WebSockets and raw TCP."""

from __future__ import annotations

from wsproto.events import BytesMessage, CloseConnection, Ping, TextMessage

from fairwitness.testing.client import Disconnected
from fairwitness.testing.soak.errands.errand import Errand

_SWITCHED = 101


def talk(errand: Errand) -> None:
    """Messages, pings and a close in good order."""
    with errand.town.websocket(errand.town.inside, secure=errand.luck.random() < 0.5) as (socket, reply):
        if reply.status != _SWITCHED:
            raise Disconnected("no WebSocket")
        for number in range(errand.luck.randint(1, 6)):
            socket.send(TextMessage(data=f"{errand.mark}.{number}"))
            socket.receive()
        socket.send(BytesMessage(data=errand.mark.encode() * errand.luck.randint(1, 3000)))
        socket.receive()
        socket.send(Ping(payload=errand.mark.encode()))
        socket.receive()
        socket.send(CloseConnection(code=1000))
        socket.receive()


def closed_by_the_server(errand: Errand) -> None:
    """The server pings and closes."""
    with errand.town.websocket(errand.town.inside, secure=False) as (socket, reply):
        if reply.status != _SWITCHED:
            raise Disconnected("no WebSocket")
        socket.send(TextMessage(data=f"ping: {errand.mark}"))
        socket.receive()
        socket.send(TextMessage(data="close: 4000"))
        while socket.receive().kind != "close":
            pass


def left_open(errand: Errand) -> None:
    """The client goes away without a word."""
    with errand.town.websocket(errand.town.inside, secure=True) as (socket, reply):
        if reply.status == _SWITCHED:
            socket.send(TextMessage(data=f"{errand.mark}.last"))


def raw_tcp(errand: Errand) -> None:
    """A protocol that is not HTTP, to a host and port that the policy names."""
    tcp = errand.town.tcp
    with errand.town.client() as client:
        client.connect(tcp.host_port)
        client.read()
        client.send(f"SSH-2.0-{errand.mark}\r\n".encode())
        client.read()
        client.half_close()
        client.read_until_end()


SOCKETS = (talk, closed_by_the_server, left_open, raw_tcp)
