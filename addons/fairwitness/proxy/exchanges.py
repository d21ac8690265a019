"""HTTP requests and their answers: decided before they leave, kept as they pass."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from mitmproxy import http

from fairwitness.model.exchange import SEEN_BODY_BYTES, Destination
from fairwitness.model.message import Direction
from fairwitness.model.verdict import ScopeList, Verdict
from fairwitness.proxy.answers import block_answer
from fairwitness.proxy.ends import note_answer, note_failure, note_upload
from fairwitness.proxy.fail_closed import fails_closed, guarded_tee, tell_of
from fairwitness.proxy.front import UNDECIDED_ANSWER
from fairwitness.proxy.hooks import ALL_HOOKS
from fairwitness.proxy.label import label_of, refuse_stranger
from fairwitness.proxy.layers import ANNOUNCED, WATCHED, Upload, copied, decide
from fairwitness.proxy.tee import Tee
from fairwitness.proxy.translate import (
    content_length,
    destinations_of,
    forwarded_of,
    head_of,
    identify,
    is_gone,
    request_of,
    strip_proxy_headers,
    strip_trailers,
    upgrade_of,
)
from fairwitness.proxy.wiring import Caller, Live, Wiring
from fairwitness.witness import head_verdict, refused

_REFUSED_S = 1.0  # time for the answer, and for a page's other requests on the same connection
_CUT = "client or server gave the upload up after the answer"
_MOST_FORWARDED = 100  # each is looked up in the policy
_RECEIVED = "fairwitness.received_us"
_DESTINATIONS = "fairwitness.destinations"


@fails_closed(ALL_HOOKS)
class Exchanges:
    """Asks for each request and keeps each answer."""

    name = "fairwitness-exchanges"

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._witness = wiring.witness

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Refuse what must not go anyway before its body is read."""
        caller = self._wiring.caller(flow.client_conn)
        caller.has_spoken = caller.has_asked = True
        flow.request.stream = False
        received_us = self._witness.now_us()
        if refuse_stranger(flow, self._wiring.password, is_inside=caller.connect is not None):
            return
        caller.label = label_of(flow) or caller.label
        strip_proxy_headers(flow)
        destinations = destinations_of(flow, caller)
        verdict = self._of_headers(flow, caller, destinations)
        if not verdict.is_released:
            request = request_of(
                flow,
                caller,
                received_us=received_us,
                host=verdict.host,
                body=b"",
                body_bytes=content_length(flow),
                destinations=destinations,
            )
            asked = self._witness.refuse(request, verdict)
            if flow.error is None:
                flow.response = block_answer(asked.request, asked.verdict, asked.id)
            self._end_refused(flow, caller)
            return
        flow.metadata[_RECEIVED] = caller.unfinished_us[flow.id] = received_us
        if content_length(flow) is None:
            flow.metadata[WATCHED] = max(self._witness.request_body_bytes, 1)

    def _end_refused(self, flow: http.HTTPFlow, caller: Caller) -> None:
        """Close a connection whose CONNECT was refused: it would outlive a change of the policy."""
        if caller.refused is not None and not caller.is_closing:
            caller.is_closing = True
            asyncio.get_running_loop().call_later(_REFUSED_S, self._wiring.cut, flow.client_conn.id)

    def _of_headers(
        self, flow: http.HTTPFlow, caller: Caller, destinations: tuple[Destination, ...]
    ) -> Verdict:
        verdict = self._witness.preview(destinations)
        if flow.error is not None:
            return refused(verdict, f"the request is malformed: {flow.error.msg}")
        if not verdict.is_released:
            return verdict
        if caller.refused is not None:
            return caller.refused
        verdict = head_verdict(verdict, head_of(flow), upgrade=upgrade_of(flow), is_legible=True)
        return self._of_forwarded(flow, verdict) if verdict.is_released else verdict

    def _of_forwarded(self, flow: http.HTTPFlow, verdict: Verdict) -> Verdict:
        """An excluded host is not asked for by a header either; other foreign names are a way to test."""
        forwarded = forwarded_of(flow)
        if len(forwarded) > _MOST_FORWARDED:
            return refused(verdict, f"headers name more than {_MOST_FORWARDED} hosts")
        for each in forwarded:
            named = self._witness.preview([each])
            if named.scope_list is ScopeList.EXCLUDE:
                reason = f"a header names an excluded host: {named.reason}"
                return replace(refused(verdict, reason), clauses=named.clauses)
        return verdict

    async def upload_started(self, upload: Upload) -> None:
        """Decide on a long upload by its first megabyte, before anything of it leaves."""
        flow = upload.flow
        self._has_come(flow)  # enough of it: a long upload may take its time
        if content_length(flow) is None:
            caller = self._wiring.caller(flow.client_conn)
            limit = self._witness.request_body_bytes
            verdict = refused(
                self._witness.preview(destinations_of(flow, caller)),
                f"a body of unknown length is over {limit} bytes (limits.request_body)",
            )
            request = request_of(
                flow, caller, received_us=self._received(flow), host=verdict.host, body=b"", body_bytes=None
            )
            self._witness.refuse(request, verdict)
            flow.response = http.Response.make(413, b"")
            return
        client = flow.client_conn.id
        body, size = upload.seen[:SEEN_BODY_BYTES], content_length(flow)
        if flow.request.is_http2:  # its own window closes, and the connection's other requests go on
            live = await self._ask(flow, body, size)
        else:
            try:
                # Whatever comes while it waits would be kept in memory.
                is_there = partial(self._wiring.hold_back, client)
                live = await self._ask(flow, body, size, is_there=is_there)
            finally:
                self._wiring.read_on(client)
        if live is None:
            return
        live.upload = Tee(self._witness, live.asked, Direction.SENT)
        flow.request.stream = self._guarded(flow, live, live.upload)

    async def request(self, flow: http.HTTPFlow) -> None:
        """Decide on a whole request; note the end of a long upload."""
        self._has_come(flow)
        live = self._wiring.exchanges.get(flow.id)
        if live is not None:
            flow.request.trailers = (
                None  # of a long upload: they come after its entry, so they must not leave
            )
            self._end_upload(flow, live, failure=None)
            return
        if flow.response is not None and flow.response is not UNDECIDED_ANSWER:
            return  # refused at its head, or answered by another addon
        await flow.wait_for_resume()  # another addon may hold it, and change it before it lets go
        body = flow.request.raw_content or b""
        live = await self._ask(flow, body[:SEEN_BODY_BYTES], len(body))
        if live is None:
            return
        if len(body) > SEEN_BODY_BYTES:  # of unknown length, under a raised limits.request_body
            whole = Tee(self._witness, live.asked, Direction.SENT)
            whole(body)
            if whole.writer is not None:
                self._witness.uploaded(live.asked, whole.writer, failure=None)
        flow.response = None

    def _has_come(self, flow: http.HTTPFlow) -> None:
        caller = self._wiring.callers.get(flow.client_conn.id)
        if caller is not None:  # else it has left
            caller.unfinished_us.pop(flow.id, None)

    def _received(self, flow: http.HTTPFlow) -> int:
        received: int = flow.metadata.get(_RECEIVED) or self._witness.now_us()
        return received

    async def _ask(
        self,
        flow: http.HTTPFlow,
        body: bytes,
        body_bytes: int | None,
        *,
        is_there: Callable[[], bool] = lambda: True,
    ) -> Live | None:
        """Ask the witness; what is released is remembered, what is not gets its answer."""
        caller = self._wiring.caller(flow.client_conn)
        strip_trailers(flow)
        destinations = destinations_of(flow, caller)
        verdict = self._of_headers(flow, caller, destinations)
        added: tuple[str, ...] = ()
        if verdict.is_released and verdict.scope_list is ScopeList.INCLUDE:
            added = identify(flow, self._witness.identify(), nonce=secrets.token_hex(16))
        request = request_of(
            flow,
            caller,
            received_us=self._received(flow),
            host=verdict.host,
            body=body,
            body_bytes=body_bytes,
            identification_added=added,
            destinations=destinations,
        )
        shown = copied(flow.request.data)  # others may change the flow while it is asked for
        asked = await self._witness.ask(request, verdict, is_gone=lambda: not is_there() or is_gone(flow))
        if not asked.is_released:
            flow.response = block_answer(asked.request, asked.verdict, asked.id)
            return None
        decide(flow, shown)
        live = self._wiring.exchanges[flow.id] = Live(asked)
        return live

    def _guarded(self, flow: http.HTTPFlow, live: Live, tee: Tee) -> Callable[[bytes], bytes]:
        """The tee, as long as the exchange is still allowed: a halt or a narrower policy cuts it."""

        def pass_on(chunk: bytes) -> bytes:
            if chunk and not self._wiring.may_go_on(live.asked):
                self._wiring.cut(flow.client_conn.id)
                return b""
            return tee(chunk)

        return guarded_tee(pass_on, fail=lambda error: self._tee_failed(flow, error))

    def _tee_failed(self, flow: http.HTTPFlow, error: Exception) -> None:
        self._wiring.cut(flow.client_conn.id)
        tell_of(error, "tee", self._wiring)

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """Let the body pass through a tee: it is never collected in memory."""
        live = self._wiring.exchanges.get(flow.id)
        if live is None or flow.response is None:
            return
        live.response_us = self._witness.now_us()
        live.announced = tuple(flow.metadata.get(ANNOUNCED, ()))
        live.download = Tee(self._witness, live.asked, Direction.RECEIVED)
        flow.response.stream = self._guarded(flow, live, live.download)

    def response(self, flow: http.HTTPFlow) -> None:
        """The answer is complete; an upload may still go on."""
        live = self._wiring.exchanges.get(flow.id)
        if live is None or flow.response is None:
            return
        live.is_answered = True
        if flow.websocket is None and live.upload is None:
            del self._wiring.exchanges[flow.id]
        note_answer(self._witness, flow.response, live)

    def upload_cut(self, flow: http.HTTPFlow) -> None:
        """Client or server gave up an upload that was answered already."""
        live = self._wiring.exchanges.get(flow.id)
        if live is not None:
            self._end_upload(flow, live, failure=_CUT)

    def _end_upload(self, flow: http.HTTPFlow, live: Live, *, failure: str | None) -> None:
        note_upload(self._witness, live, failure=failure)
        if live.is_answered:
            del self._wiring.exchanges[flow.id]

    def error(self, flow: http.HTTPFlow) -> None:
        """There is no whole answer, or all of it but its end."""
        self._has_come(flow)
        live = self._wiring.exchanges.pop(flow.id, None)
        if live is not None:
            note_failure(self._witness, flow, live)
