"""What goes over the wire, as entries: dials, requests, blocks, responses, bodies, messages."""

from __future__ import annotations

from collections.abc import Sequence

from fairwitness.evidence.blocks import BlockFold, Folded, key_of, written
from fairwitness.evidence.bodyrow import KeptBody
from fairwitness.evidence.entry import PIECED_BYTES
from fairwitness.evidence.heads import add_request_head, add_response_head
from fairwitness.evidence.journal import Journal
from fairwitness.evidence.keep import Hide, Keep, hide_for_block, hide_for_load_host, hide_nothing
from fairwitness.evidence.layout import Draft
from fairwitness.evidence.meta import (
    Pairs,
    connection_pairs,
    message_pairs,
    meta_lines,
    request_pairs,
    response_pairs,
)
from fairwitness.evidence.streaming import BodyWriter
from fairwitness.model.connection import Connection
from fairwitness.model.exchange import NO_EXCHANGE, Exchange, Request
from fairwitness.model.message import Direction, Message
from fairwitness.model.verdict import ScopeList, Verdict

_CARRIERS = ("CONNECT", "TCP")  # methods that stand for a tunnel and for a raw stream
_OWN_LISTS = (ScopeList.INCLUDE, ScopeList.MINE)


class Traffic:
    """The part of a log that records traffic.

    A class, because identical blocks are compared with those before them.
    """

    def __init__(self, journal: Journal) -> None:
        """Use `Log.open`."""
        self._journal = journal
        self._blocks = BlockFold()
        self._carriers: dict[str, str] = {}
        """Open CONNECT and TCP exchanges by their client's connection: what it dials is theirs."""
        self._carried: dict[str, str] = {}
        """Dials that belong to one of those, with its name."""

    def append_connection(self, connection: Connection, *, verdict: Verdict) -> None:
        """A server is about to be dialled.

        A tunnel or raw stream whose request is in the log belongs to that, else it is a line of its own.
        """
        pairs = connection_pairs(connection, verdict)
        number = None
        if connection.purpose != "http":
            carrier = self._carriers.get(connection.client.connection)
            if carrier is None:
                number = self._journal.position.number + 1
            else:
                self._carried[connection.connection] = carrier
                pairs.append(("carries", carrier))
        self._add(
            "connection", pairs, time_us=connection.dialled_us, exchange=connection.connection, number=number
        )

    def append_connection_end(self, connection: Connection) -> None:
        """A dialled connection closed or failed."""
        time_us = connection.closed_us or connection.connected_us or connection.dialled_us
        pairs = connection_pairs(connection, None)
        carrier = self._carried.pop(connection.connection, None)
        if carrier is not None:
            pairs.append(("carries", carrier))
        self._add("connection", pairs, time_us=time_us, exchange=connection.connection)

    def append_request(self, request: Request, *, verdict: Verdict, released_us: int, keep: Keep) -> int:
        """A request is about to be released; gives its exchange's whole number.

        A body that is cut follows through `open_body` and `append_body`.
        """
        number = self._journal.position.number + 1
        pairs = request_pairs(request, verdict)
        body = None
        if request.body_is_cut:
            announced = "unknown" if request.body_bytes is None else str(request.body_bytes)
            pairs += [("body-follows", "yes"), ("body-announced", announced)]
        elif request.body:
            body = self._journal.bodies.keep(request.body, keep)
            pairs += body.pairs
        draft = Draft.of_meta(meta_lines(pairs))
        add_request_head(draft, request, hide=_hide(keep), hide_query=keep is Keep.HEAD)
        exchange = bytes.fromhex(request.exchange)
        self._journal.add("request", draft, time_us=released_us, exchange=exchange, body=body, number=number)
        if request.method in _CARRIERS:
            self._carriers[request.client.connection] = request.exchange
        return number

    def append_blocked(self, request: Request, *, verdict: Verdict, time_us: int) -> int:
        """A request was answered locally; gives its number, or that of the identical one that counts it.

        Its body is not stored, nor are credentials that were meant for hosts outside the program.
        """
        self._journal.store.check()
        key = key_of(request, verdict)
        earlier = self._blocks.folded_into(key, time_us)
        if earlier is not None:
            return earlier
        exchange = bytes.fromhex(request.exchange)
        number = self._journal.position.number + 1
        for folded in self._blocks.begin(key, exchange, time_us, number=number, flags=verdict.flags):
            self._append_folded(folded)
        pairs = request_pairs(request, verdict)
        if request.body_bytes:
            pairs += [("body-announced", str(request.body_bytes)), ("body-stored", "no: blocked")]
        draft = Draft.of_meta(meta_lines(pairs))
        hide = hide_nothing if verdict.scope_list in _OWN_LISTS else hide_for_block
        add_request_head(draft, request, hide=hide, hide_query=False)
        self._journal.add("blocked", draft, time_us=time_us, exchange=exchange, number=number)
        return number

    def append_response(
        self,
        exchange: Exchange,
        *,
        body: BodyWriter | None,
        keep: Keep,
        coded_sha256: str | None = None,
        flags: Sequence[str] = (),
        shape: str | None = None,
    ) -> None:
        """An exchange ended, with a response or without.

        Args:
            exchange: With `Exchange.response` None or partial where it failed.
            body: The decoded body as it streamed; None: `Response.body` is all of it.
            keep: How much of it may be stored.
            coded_sha256: Hash of the body as it came, where a content coding was removed.
            flags: Flags that the response raised or continued.
            shape: What is stored in place of the body; None: the body is stored.
        """
        response = exchange.response
        pairs = response_pairs(exchange)
        if shape is not None:
            keep = Keep.SHAPE
            pairs.append(("body-shape", shape))
            if body is not None:
                body.forget()
        kept = None
        if body is not None:
            kept = body.kept()
        elif response is not None and response.body:
            kept = self._journal.bodies.keep(response.body, keep)
            if response.body_is_cut:
                pairs.append(("body-cut", "yes"))
        if kept is not None:
            pairs += kept.pairs
        if coded_sha256 is not None:
            pairs.append(("coded-sha256", coded_sha256))
        pairs += [("flag", flag) for flag in flags]
        draft = Draft.of_meta(meta_lines(pairs))
        if response is not None:
            add_response_head(draft, response, hide=_hide(keep))
        name = bytes.fromhex(exchange.request.exchange)
        if exchange.request.method in _CARRIERS:
            self._carriers.pop(exchange.request.client.connection, None)
        self._journal.add("response", draft, time_us=exchange.ended_us, exchange=name, body=kept)

    def open_body(self, exchange: str, direction: Direction, *, keep: Keep) -> BodyWriter:
        """Where the chunks of a body go that streams."""
        self._journal.store.check()
        return BodyWriter(self._journal.bodies, exchange=exchange, direction=direction, keep=keep)

    def append_body(self, exchange: str, body: BodyWriter, *, time_us: int, failure: str | None) -> None:
        """A streamed upload ended; *failure* says why it is not whole."""
        kept = body.kept()
        pairs: Pairs = [("direction", Direction.SENT.value), *kept.pairs]
        if failure is not None:
            pairs.append(("failure", failure))
        self._add("body", pairs, time_us=time_us, exchange=exchange, body=kept)

    def append_message(self, message: Message, *, keep: Keep, flags: Sequence[str] = ()) -> None:
        """A WebSocket or TCP message; at most 1 MiB of it is stored."""
        kept = self._journal.bodies.keep(message.content, keep, most=PIECED_BYTES)
        pairs = [*message_pairs(message), *kept.pairs, *(("flag", flag) for flag in flags)]
        self._add("message", pairs, time_us=message.time_us, exchange=message.exchange, body=kept)

    def _append_counts(self) -> None:
        for folded in self._blocks.counts():
            self._append_folded(folded)
            written(folded)

    def _append_folded(self, folded: Folded) -> None:
        pairs = [
            ("folded", str(folded.count)),
            ("first-us", str(folded.first_us)),
            ("last-us", str(folded.last_us)),
            *(("flag", flag) for flag in folded.flags),
        ]
        self._add("blocked", pairs, time_us=folded.last_us, exchange=folded.exchange.hex())

    def _add(
        self,
        kind: str,
        pairs: Pairs,
        *,
        time_us: int,
        exchange: str = NO_EXCHANGE,
        body: KeptBody | None = None,
        number: int | None = None,
    ) -> None:
        draft = Draft.of_meta(meta_lines(pairs))
        self._journal.add(
            kind, draft, time_us=time_us, exchange=bytes.fromhex(exchange), body=body, number=number
        )


def _hide(keep: Keep) -> Hide:
    return hide_for_load_host if keep is Keep.HEAD else hide_nothing
