"""HTTP/1.1 as an origin speaks it."""

from __future__ import annotations

import hashlib
from contextlib import aclosing

import h11

from fairwitness.testing.site import Answer, Ending, Site
from fairwitness.testing.tally import KEPT_BYTES, Headers, SeenRequest, Tally
from fairwitness.testing.websocket import accept_key, serve_websocket
from fairwitness.testing.wire import Wire

_MAX_HEAD_BYTES = 1 << 18


class BodyHash:
    """Hash, size and beginning of a body that is not kept."""

    def __init__(self) -> None:
        self._hasher = hashlib.sha256()
        self._kept = b""
        self._bytes = 0

    def update(self, data: bytes) -> None:
        """Take the next piece."""
        self._hasher.update(data)
        self._bytes += len(data)
        if len(self._kept) < KEPT_BYTES:
            self._kept += data[: KEPT_BYTES - len(self._kept)]

    def end(self, seen: SeenRequest, tally: Tally, trailers: Headers = ()) -> SeenRequest:
        """Tell the tally that the body has ended."""
        return tally.request_ended(
            seen,
            body=self._kept,
            body_bytes=self._bytes,
            sha256=self._hasher.hexdigest(),
            trailers=trailers,
        )


class Http1:
    """One HTTP/1.1 connection of an origin, until it ends or becomes a WebSocket."""

    def __init__(self, wire: Wire, *, connection: int, tally: Tally, site: Site) -> None:
        self._wire = wire
        self._connection = connection
        self._tally = tally
        self._site = site
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=_MAX_HEAD_BYTES)

    async def serve(self) -> None:
        """Answer requests until the client or an answer ends it.

        Raises:
            h11.RemoteProtocolError: The client does not speak HTTP/1.
        """
        while True:
            event = await self._next()
            if not isinstance(event, h11.Request):
                return
            seen = self._tally.request(
                connection=self._connection,
                method=event.method.decode("latin-1"),
                target=event.target,
                headers=tuple(event.headers.raw_items()),
                http_version=f"HTTP/{event.http_version.decode('latin-1')}",
            )
            if (seen.header("upgrade") or "").lower() == "websocket":
                await self._become_websocket(seen)
                return
            is_early = seen.path.startswith("/early/")
            answer = await self._site.answer(seen if is_early else await self._read_body(seen))
            can_go_on = await self._send(answer, is_head=seen.method == "HEAD")
            if is_early:
                await self._read_body(seen)
            elif not can_go_on:
                return
            self._http.start_next_cycle()

    async def _next(self) -> h11.Event | None:
        """The next event; None where the client said more than one request may say."""
        while True:
            event = self._http.next_event()
            if isinstance(event, h11.Event):
                return event
            if event is h11.PAUSED:
                return None
            if self._http.they_are_waiting_for_100_continue:
                await self._write(h11.InformationalResponse(status_code=100, headers=[]))
            self._http.receive_data(await self._wire.read())

    async def _read_body(self, seen: SeenRequest) -> SeenRequest:
        body = BodyHash()
        while True:
            event = await self._next()
            if isinstance(event, h11.Data):
                body.update(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                return body.end(seen, self._tally, tuple(event.headers.raw_items()))
            else:
                raise h11.RemoteProtocolError("the client left within a body")

    async def _send(self, answer: Answer, *, is_head: bool) -> bool:
        """Whether the connection can carry another request."""
        if answer.is_raw:
            async with aclosing(answer.chunks()) as chunks:
                async for chunk in chunks:
                    await self._wire.write(chunk)
            return False
        headers = list(answer.headers)
        length = len(answer.body) if isinstance(answer.body, bytes) else answer.length
        if length is not None:
            headers.append((b"Content-Length", str(length).encode()))
        else:
            headers.append((b"Transfer-Encoding", b"chunked"))
        await self._write(h11.Response(status_code=answer.status, headers=headers, reason=b"Answer"))
        if not is_head:
            async with aclosing(answer.chunks()) as chunks:
                async for chunk in chunks:
                    await self._write(h11.Data(data=chunk))
        if answer.ending is Ending.BREAKS:
            self._wire.abort()
            return False
        await self._write(h11.EndOfMessage())
        return self._http.our_state is h11.DONE and self._http.their_state is h11.DONE

    async def _become_websocket(self, seen: SeenRequest) -> None:
        self._tally.request_ended(seen, body=b"", body_bytes=0, sha256=hashlib.sha256().hexdigest())
        headers = [
            (b"Upgrade", b"websocket"),
            (b"Connection", b"Upgrade"),
            (b"Sec-WebSocket-Accept", accept_key(seen.header("sec-websocket-key") or "")),
        ]
        while self._http.next_event() is not h11.PAUSED:  # the request's own end
            pass
        await self._write(h11.InformationalResponse(status_code=101, headers=headers, reason=b"Switch"))
        await serve_websocket(
            self._wire, self._http.trailing_data[0], connection=self._connection, tally=self._tally
        )

    async def _write(self, event: h11.Event) -> None:
        await self._wire.write(self._http.send(event) or b"")
