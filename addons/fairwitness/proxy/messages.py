"""WebSocket and raw TCP messages: what is sent is on record before it goes."""

from __future__ import annotations

from mitmproxy import connection, http, tcp
from wsproto.frame_protocol import Opcode

from fairwitness.model.exchange import Destination
from fairwitness.model.message import Direction, Message
from fairwitness.proxy.fail_closed import fails_closed
from fairwitness.proxy.hooks import ALL_HOOKS
from fairwitness.proxy.translate import bare_request
from fairwitness.proxy.websockets import ControlFrame
from fairwitness.proxy.wiring import Live, Wiring


@fails_closed(ALL_HOOKS)
class Messages:
    """Asks for each message."""

    name = "fairwitness-messages"

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._witness = wiring.witness

    async def websocket_message(self, flow: http.HTTPFlow) -> None:
        """A whole message, either way."""
        assert flow.websocket is not None
        await flow.wait_for_resume()  # another addon may hold it, and change it before it lets go
        message = flow.websocket.messages[-1]
        flow.websocket.messages[:-1] = []  # mitmproxy would keep them all
        kind = "text" if message.type == Opcode.TEXT else "binary"
        if not await self._passes(flow, kind, message.content, from_client=message.from_client):
            message.drop()
            self._wiring.cut(flow.client_conn.id)

    async def control_frame(self, frame: ControlFrame) -> None:
        """A ping, pong or close."""
        passes = await self._passes(frame.flow, frame.kind, frame.content, from_client=frame.from_client)
        frame.is_refused = not passes

    def websocket_end(self, flow: http.HTTPFlow) -> None:
        """It is over."""
        self._wiring.exchanges.pop(flow.id, None)

    async def tcp_start(self, flow: tcp.TCPFlow) -> None:
        """Raw bytes begin: only where the policy names host and port."""
        caller = self._wiring.caller(flow.client_conn)
        assert caller.connect is not None
        destination = Destination("connect", "tcp", *caller.connect)
        verdict = self._witness.preview([destination])
        request = bare_request(
            caller,
            method="TCP",
            scheme="tcp",
            host=verdict.host or caller.connect[0],
            port=caller.connect[1],
            destinations=(destination,),
        )
        caller.has_spoken = True
        asked = await self._witness.ask(
            request, verdict, is_gone=lambda: not flow.client_conn.state & connection.ConnectionState.CAN_READ
        )
        if not asked.is_released:
            caller.refused = asked.verdict
            self._wiring.cut(flow.client_conn.id)
            return
        caller.asked = asked
        self._wiring.exchanges[flow.id] = Live(asked)

    async def tcp_message(self, flow: tcp.TCPFlow) -> None:
        """Raw bytes, either way."""
        await flow.wait_for_resume()
        message = flow.messages[-1]
        flow.messages[:-1] = []
        if not await self._passes(flow, "tcp", message.content, from_client=message.from_client):
            message.content = b""
            self._wiring.cut(flow.client_conn.id)

    def tcp_end(self, flow: tcp.TCPFlow) -> None:
        """It is over."""
        self._tcp_over(flow, None)

    def tcp_error(self, flow: tcp.TCPFlow) -> None:
        """It broke."""
        self._tcp_over(flow, flow.error.msg if flow.error else "broken")

    def _tcp_over(self, flow: tcp.TCPFlow, why: str | None) -> None:
        live = self._wiring.exchanges.pop(flow.id, None)
        if live is not None:
            self._witness.failed(live.asked, None, why)

    async def _passes(
        self, flow: http.HTTPFlow | tcp.TCPFlow, kind: str, content: bytes, *, from_client: bool
    ) -> bool:
        live = self._wiring.exchanges.get(flow.id)
        if live is None or not self._wiring.may_go_on(live.asked):
            return False
        if from_client:
            live.sent += 1
        else:
            live.received += 1
        message = Message(
            exchange=live.asked.request.exchange,
            direction=Direction.SENT if from_client else Direction.RECEIVED,
            kind=kind,
            number=live.sent if from_client else live.received,
            content=content,
            time_us=self._witness.now_us(),
        )
        return await self._witness.messages.ask(live.asked, message)
