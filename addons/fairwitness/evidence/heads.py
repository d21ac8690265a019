"""Start lines and headers as segments: method, path, each query value, a header line, a cookie."""

from __future__ import annotations

from fairwitness.evidence.keep import Hide, hide_nothing, query_pair_without_value
from fairwitness.evidence.layout import CODE_BITS, LINE, MORE, NAME, START, TRAIL, TRAIL_NAME, Draft
from fairwitness.model.exchange import Headers, Request, Response


def wire(text: str) -> bytes:
    """The bytes that a text from the wire stood for; any text at all has some."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def add_request_head(draft: Draft, request: Request, *, hide: Hide, hide_query: bool) -> None:
    """Cut a request's head into *draft*."""
    path, mark, query = request.target.partition(b"?")
    start = [wire(request.method_sent or request.method) + b" ", path]
    if mark:
        first, *others = query.split(b"&")
        pairs = [b"?" + first, *(b"&" + pair for pair in others)]
        start += [query_pair_without_value(pair) for pair in pairs] if hide_query else pairs
    start.append(b" " + wire(request.http_version) + b"\r\n")
    draft.head += start
    draft.words += [len(piece) << CODE_BITS | START for piece in start]
    _add_headers(draft, request.headers, hide)
    _add_trailers(draft, request.trailers, hide)


def add_response_head(draft: Draft, response: Response, *, hide: Hide) -> None:
    """Cut a response's head into *draft*."""
    start = wire(f"{response.http_version} {response.status} {response.reason}\r\n")
    draft.head.append(start)
    draft.words.append(len(start) << CODE_BITS | START)
    _add_headers(draft, response.headers, hide)
    _add_trailers(draft, response.trailers, hide)


def _add_headers(draft: Draft, headers: Headers, hide: Hide) -> None:
    head, words = draft.head, draft.words
    for name, value in headers:
        if hide is not hide_nothing:
            value = hide(name, value)
        if len(name) == 6 and b";" in value and name.lower() == b"cookie":
            first, *cookies = [piece + b";" for piece in value.split(b";")]
            pieces = [name + b": ", first, *cookies]
            pieces[-1] = pieces[-1][:-1] + b"\r\n"
            words += [
                len(pieces[0]) << CODE_BITS | LINE,
                len(name) << CODE_BITS | NAME,
                *(len(piece) << CODE_BITS | MORE for piece in pieces[1:]),
            ]
            head += pieces
        else:
            line = name + b": " + value + b"\r\n"
            head.append(line)
            words += (len(line) << CODE_BITS | LINE, len(name) << CODE_BITS | NAME)


def _add_trailers(draft: Draft, trailers: Headers, hide: Hide) -> None:
    for name, value in trailers:
        line = name + b": " + hide(name, value) + b"\r\n"
        draft.trail.append(line)
        draft.trail_words += (len(line) << CODE_BITS | TRAIL, len(name) << CODE_BITS | TRAIL_NAME)
