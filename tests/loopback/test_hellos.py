"""TLS hellos in small pieces are read as they come, at a cost that grows with their length and no faster."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence

from mitmproxy.options import Options
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import ServerTLSLayer
from mitmproxy.test.tflow import tclient_conn

from fairwitness.proxy.hellos import PatientTls
from fairwitness.testing import Town
from fairwitness.testing.hello import client_hello

TURNS = 5


def records(message: bytes) -> list[bytes]:
    """The same message in records of one byte each."""
    return [b"\x16\x03\x01\x00\x01" + message[at : at + 1] for at in range(len(message))]


def cost_s(pieces: Sequence[bytes]) -> float:
    """The least time that a hello of these pieces, none of which ends it, took to read."""
    took = []
    for _ in range(TURNS):
        context = Context(tclient_conn(), Options())
        ServerTLSLayer(context)
        tls = PatientTls(context)
        began_s = time.process_time()
        for piece in pieces:
            with contextlib.suppress(StopIteration):
                next(tls.receive_handshake_data(piece))
                raise AssertionError("the hello was over")
        took.append(time.process_time() - began_s)
    return min(took)


def test_a_hello_of_four_times_the_records_costs_four_times_as_much() -> None:
    """Parsed again with each record it would be sixteen times."""
    message = b"\x01\x00\xff\xff" + bytes(3_000)

    assert cost_s(records(message)) < 8 * cost_s(records(message[:750]))


def test_a_hello_in_records_of_one_byte_is_answered(town: Town) -> None:
    """Sent record by record it is understood: the server's hello comes."""
    message = client_hello("in.test")[5:]
    with town.client() as client:
        client.connect(town.inside.host_port)
        for record in records(message):
            client.send(record)
        answer = client.read()

    assert b"\x16\x03\x03" == answer[:3]
    assert b"\x02" == answer[5:6]


def test_what_begins_like_a_hello_and_is_none_is_closed(town: Town) -> None:
    """An empty record, a record of another kind within the message."""
    for broken in (b"\x16\x03\x01\x00\x00", records(b"\x01\x00")[0] + b"\x17\x03\x03\x00\x01a"):
        with town.client() as client:
            client.connect(town.inside.host_port)
            client.send(broken)
            assert b"" == client.read_until_end()
