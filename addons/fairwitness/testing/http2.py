"""HTTP/2 as an origin speaks it: many streams on one connection."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import h2.config
import h2.connection
import h2.events
import h2.exceptions

from fairwitness.testing.http1 import BodyHash
from fairwitness.testing.site import Ending, Site
from fairwitness.testing.tally import Headers, SeenRequest, Tally
from fairwitness.testing.wire import Wire


class Http2:
    """One HTTP/2 connection of an origin."""

    def __init__(self, wire: Wire, *, connection: int, tally: Tally, site: Site) -> None:
        self._wire = wire
        self._connection = connection
        self._tally = tally
        self._site = site
        self._http = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=False, header_encoding=None)
        )
        self._open: dict[int, tuple[SeenRequest, BodyHash]] = {}
        self._trailers: dict[int, Headers] = {}
        self._answering: dict[int, asyncio.Task[None]] = {}
        self._reading: list[asyncio.Task[None]] = []
        self._writing = asyncio.Lock()
        self._window = asyncio.Condition()

    async def serve(self) -> None:
        """Answer streams until the client ends the connection.

        Raises:
            h2.exceptions.ProtocolError: The client does not speak HTTP/2.
        """
        self._http.initiate_connection()
        await self._flush()
        try:
            while data := await self._wire.read():
                for event in self._http.receive_data(data):
                    await self._handle(event)
                await self._flush()
        finally:
            tasks = [*self._answering.values(), *self._reading]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _handle(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.RequestReceived):
            self._open[event.stream_id] = (self._seen(event), BodyHash())
        elif isinstance(event, h2.events.DataReceived):
            seen, body = self._open[event.stream_id]
            body.update(event.data)
            if self._site.reads(seen.target):
                self._http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            else:
                self._reading.append(asyncio.create_task(self._read_later(event, seen.target)))
        elif isinstance(event, h2.events.TrailersReceived):
            self._trailers[event.stream_id] = tuple(
                (bytes(key), bytes(value)) for key, value in event.headers
            )
        elif isinstance(event, h2.events.StreamEnded):
            seen, body = self._open.pop(event.stream_id)
            ended = body.end(seen, self._tally, self._trailers.pop(event.stream_id, ()))
            self._answering[event.stream_id] = asyncio.create_task(self._answer(event.stream_id, ended))
        elif isinstance(event, h2.events.StreamReset):
            self._open.pop(event.stream_id, None)
            task = self._answering.pop(event.stream_id, None)
            if task is not None:
                task.cancel()
        elif isinstance(event, h2.events.WindowUpdated | h2.events.RemoteSettingsChanged):
            async with self._window:
                self._window.notify_all()

    async def _read_later(self, event: h2.events.DataReceived, target: bytes) -> None:
        await self._site.may_read(target)
        self._http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        await self._flush()

    def _seen(self, event: h2.events.RequestReceived) -> SeenRequest:
        headers = tuple((bytes(key), bytes(value)) for key, value in event.headers)
        pseudo = dict(headers)
        return self._tally.request(
            connection=self._connection,
            method=pseudo[b":method"].decode("latin-1"),
            target=pseudo.get(b":path", b""),
            headers=headers,
            http_version="HTTP/2.0",
        )

    async def _answer(self, stream: int, seen: SeenRequest) -> None:
        answer = await self._site.answer(seen)
        if answer.is_raw:
            async with aclosing(answer.chunks()) as chunks:
                async for chunk in chunks:
                    await self._wire.write(chunk)
            self._wire.abort()
            return
        headers = [(b":status", str(answer.status).encode())]
        headers += [(name.lower(), value) for name, value in answer.headers]
        length = len(answer.body) if isinstance(answer.body, bytes) else answer.length
        if length is not None:
            headers.append((b"content-length", str(length).encode()))
        self._http.send_headers(stream, headers)
        await self._flush()
        if seen.method != "HEAD":
            async with aclosing(answer.chunks()) as chunks:
                async for chunk in chunks:
                    await self._send(stream, chunk)
        if answer.ending is Ending.BREAKS:
            self._http.reset_stream(stream, error_code=2)
        else:
            self._http.end_stream(stream)
        await self._flush()
        self._answering.pop(stream, None)

    async def _send(self, stream: int, data: bytes) -> None:
        view = memoryview(data)
        while view:
            room = min(self._http.local_flow_control_window(stream), self._http.max_outbound_frame_size)
            if room <= 0:
                async with self._window:
                    await self._window.wait_for(lambda: self._http.local_flow_control_window(stream) > 0)
                continue
            self._http.send_data(stream, bytes(view[:room]))
            view = view[room:]
            await self._flush()

    async def _flush(self) -> None:
        async with self._writing:
            data = self._http.data_to_send()
            if data:
                await self._wire.write(data)
