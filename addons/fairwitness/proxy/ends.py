"""How a released exchange ends on record: with an answer, without one, and where its upload ended."""

from __future__ import annotations

import hashlib

from mitmproxy import http

from fairwitness.detect.decode import decoded
from fairwitness.proxy.answers import OUR_REFUSAL
from fairwitness.proxy.layers import ANNOUNCED
from fairwitness.proxy.translate import response_of
from fairwitness.proxy.wiring import Live
from fairwitness.witness import Witness

_MOST_REASON_CHARACTERS = 500  # mitmproxy quotes what a server sent, whole


def note_upload(witness: Witness, live: Live, *, failure: str | None) -> None:
    """Write down what came of a long upload, once; *failure* says why it is not whole."""
    upload, live.upload = live.upload, None
    if upload is not None and upload.writer is not None:
        witness.uploaded(live.asked, upload.writer, failure=failure)


def note_answer(witness: Witness, answer: http.Response, live: Live) -> None:
    """Write down a whole answer."""
    download = live.download
    coded = download.seen if download else answer.raw_content or b""
    size = download.bytes if download else len(coded)
    body, coded_sha256 = coded, None
    if size == len(coded):
        plain = decoded(coded, answer.headers.get("content-encoding"))
        if plain is not None:
            body, coded_sha256 = plain, hashlib.sha256(coded).hexdigest()
    response = response_of(
        answer,
        started_us=live.response_us or witness.now_us(),
        ended_us=witness.now_us(),
        body=body,
        body_bytes=size,
        is_cut=size != len(coded),
        announced=live.announced,
    )
    writer = download.writer if download else None
    witness.answered(live.asked, response, body=writer, coded_sha256=coded_sha256)


def note_failure(witness: Witness, flow: http.HTTPFlow, live: Live) -> None:
    """Write down that there is no whole answer, or all of it but its end."""
    why = flow.error.msg[:_MOST_REASON_CHARACTERS] if flow.error else "no answer"
    if why.startswith(OUR_REFUSAL):  # of the dial: the request was let go, but had nowhere to go
        why = f"not sent: {why.removeprefix(OUR_REFUSAL)}"
    if flow.response is None and ANNOUNCED in flow.metadata:
        why = f"{why} (after {', '.join(map(str, flow.metadata[ANNOUNCED]))})"
    note_upload(witness, live, failure=why)
    if flow.response is not None and flow.websocket is None and _is_whole(flow.response, live):
        note_answer(witness, flow.response, live)
        return
    response, writer = None, None
    if flow.response is not None and live.download is not None:
        response = response_of(
            flow.response,
            started_us=live.response_us,
            ended_us=witness.now_us(),
            body=live.download.seen,
            body_bytes=live.download.bytes,
            is_cut=True,
            announced=live.announced,
        )
        writer = live.download.writer
    witness.failed(live.asked, response, why, body=writer)


def _is_whole(answer: http.Response, live: Live) -> bool:
    """Whether as much of the answer came as it announced.

    HTTP/2 clients reset a stream as soon as Content-Length is reached, before its end is told.
    """
    announced = answer.headers.get_all("content-length")
    return live.download is not None and announced == [str(live.download.bytes)]
