"""From mitmproxy's mutable flows to our frozen nouns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mitmproxy import http
from mitmproxy.connection import ConnectionState
from mitmproxy.net.http import url

from fairwitness.model.exchange import Destination, Headers, Request, Response, new_exchange
from fairwitness.model.head import copied_to, hosts_forwarded, paths_named
from fairwitness.model.policy import Identify
from fairwitness.proxy.layers import LEFT
from fairwitness.proxy.wiring import Caller

_HOP_HEADERS = frozenset({b"proxy-authorization", b"proxy-connection", b"proxy-authenticate"})


def header_of(flow: http.HTTPFlow, name: bytes) -> str:
    """The last value of a request's header, "" where it is absent; *name* in lower case.

    mitmproxy's own look-up costs a regular expression a header; this is asked several times a request.
    """
    found = b""
    for key, value in flow.request.headers.fields:
        if key.lower() == name:
            found = value
    return found.decode("latin-1")


def upgrade_of(flow: http.HTTPFlow) -> str:
    """Which protocols the request asks to go on with, in lower case; "" for none.  All headers count."""
    found = [value for name, value in flow.request.headers.fields if name.lower() == b"upgrade"]
    return b", ".join(found).decode("latin-1").strip().lower()


def scheme_of(flow: http.HTTPFlow) -> str:
    """``http`` | ``https`` | ``ws`` | ``wss``."""
    secure = flow.request.scheme == "https"
    if upgrade_of(flow) == "websocket":
        return "wss" if secure else "ws"
    return "https" if secure else "http"


def destinations_of(flow: http.HTTPFlow, caller: Caller) -> tuple[Destination, ...]:
    """Every name that could decide where a request goes; the dialled one first."""
    scheme = scheme_of(flow)
    path = flow.request.path.split("?", 1)[0]
    found = [Destination("dial", scheme, flow.request.host, flow.request.port, path)]
    if caller.connect is not None:
        host, port = caller.connect
        found.append(Destination("connect", scheme, host, port, path))
    sni = flow.client_conn.sni
    if flow.client_conn.tls and sni:
        found.append(Destination("sni", scheme, sni, flow.request.port, path))
    fields = _fields(flow)
    for named_by, authority in _authorities(flow, fields):
        found.append(_named(named_by, authority, scheme, flow.request.port, path))
    host, port = flow.request.host, flow.request.port
    found += [Destination("url", scheme, host, port, named) for named in paths_named(fields)]
    found += [_target(text, scheme, host, port) for text in copied_to(flow.request.method, fields)]
    return tuple(dict.fromkeys(found))


def _fields(flow: http.HTTPFlow) -> Headers:
    """Headers and trailers, which some servers take for one."""
    trailers = flow.request.trailers
    return flow.request.headers.fields + (trailers.fields if trailers else ())


def forwarded_of(flow: http.HTTPFlow) -> list[Destination]:
    """What the request says was asked for first; its connection does not go there."""
    scheme, port = scheme_of(flow), flow.request.port
    path = flow.request.path.split("?", 1)[0]
    return [_named("forwarded", each, scheme, port, path) for each in hosts_forwarded(_fields(flow))]


def _authorities(flow: http.HTTPFlow, fields: Headers) -> Iterator[tuple[str, str]]:
    if flow.request.authority:
        yield "authority", flow.request.authority
    for name, value in fields:
        if name.lower() == b"host":
            yield "host", value.decode("latin-1")
    target = flow.request.data.path
    if b"://" in target.split(b"?", 1)[0]:
        yield "url", target.split(b"://", 1)[1].split(b"/", 1)[0].decode("latin-1")


def _target(text: str, scheme: str, host: str, port: int) -> Destination:
    """A whole URL, also one without its scheme, or a path of the dialled host."""
    where = text.split("?", 1)[0]
    _, mark, rest = where.partition("//")
    if not mark or (where.startswith("/") and not where.startswith("//")):
        return Destination("url", scheme, host, port, where)
    authority, slash, path = rest.partition("/")
    return _named("url", authority, scheme, port, slash + path)


def _named(named_by: str, authority: str, scheme: str, dialled_port: int, path: str) -> Destination:
    """What cannot be read as an authority keeps its text: it has no canonical form, so it is blocked."""
    try:
        host, port = url.parse_authority(authority, check=False)
    except ValueError:
        return Destination(named_by, scheme, authority, dialled_port, path)
    # A name without a port cannot send it to another port than the dialled one.
    return Destination(named_by, scheme, host, port or dialled_port, path)


def strip_proxy_headers(flow: http.HTTPFlow) -> None:
    """Remove what is meant for the proxy, and the offer to go on with HTTP/2 in the clear."""
    headers = flow.request.headers
    _without_hops(headers)
    if upgrade_of(flow) == "h2c":
        for name in ("upgrade", "http2-settings"):
            headers.pop(name, None)
        tokens = [each.strip() for each in headers.get("connection", "").split(",")]
        kept = [each for each in tokens if each.lower() not in ("upgrade", "http2-settings", "")]
        headers.pop("connection", None)
        if kept:
            headers["connection"] = ", ".join(kept)


def strip_trailers(flow: http.HTTPFlow) -> None:
    """The same for trailers, which come later."""
    if flow.request.trailers:
        _without_hops(flow.request.trailers)


def _without_hops(headers: http.Headers) -> None:
    kept = tuple(each for each in headers.fields if each[0].lower() not in _HOP_HEADERS)
    if len(kept) != len(headers.fields):
        headers.fields = kept


def identify(flow: http.HTTPFlow, how: Identify, *, nonce: str) -> tuple[str, ...]:
    """Mark a request in scope as the program wants it.  The names of the headers that were changed."""
    changed = []
    for name, value in how.headers:
        flow.request.headers[name] = value
        changed.append(name)
    if how.nonce_header:
        flow.request.headers[how.nonce_header] = nonce
        changed.append(how.nonce_header)
    if how.user_agent_suffix:
        agent = flow.request.headers.get("user-agent", "")
        flow.request.headers["user-agent"] = f"{agent} {how.user_agent_suffix}".strip()
        changed.append("user-agent")
    return tuple(changed)


def request_of(
    flow: http.HTTPFlow,
    caller: Caller,
    *,
    received_us: int,
    host: str,
    body: bytes,
    body_bytes: int | None,
    identification_added: tuple[str, ...] = (),
    destinations: tuple[Destination, ...] | None = None,
) -> Request:
    """The request as it would be sent.

    Args:
        flow: mitmproxy's.
        caller: Who sent it.
        received_us: When its head was complete.
        host: Canonical host, or "" where it has none.
        body: What has come of the body.
        body_bytes: Size of the whole body, None while unknown.
        identification_added: Names of headers that were changed.
        destinations: Where it names them already; else they are read anew.
    """
    request = flow.request
    sent = request.data.method.decode("utf-8", "surrogateescape")
    target = request.data.path
    if not target.startswith(b"/"):
        _, _, rest = target.partition(b"://")
        target = b"/" + rest.partition(b"/")[2] if rest else target
    return Request(
        exchange=new_exchange(),
        received_us=received_us,
        client=caller.client,
        method=request.method,
        scheme=scheme_of(flow),
        host=host or request.host,
        port=request.port,
        target=target,
        http_version=request.http_version,
        headers=headers_of(request.headers),
        destinations=destinations or destinations_of(flow, caller),
        body=body,
        body_bytes=body_bytes,
        body_is_cut=body_bytes is None or body_bytes > len(body),
        trailers=headers_of(request.trailers) if request.trailers else (),
        identification_added=identification_added,
        method_sent=sent if sent != request.method else "",
    )


def bare_request(
    caller: Caller, *, method: str, scheme: str, host: str, port: int, destinations: tuple[Destination, ...]
) -> Request:
    """What stands for a tunnel or a raw stream, which have no request of their own."""
    return Request(
        exchange=new_exchange(),
        received_us=caller.connect_us,
        client=caller.client,
        method=method,
        scheme=scheme,
        host=host,
        port=port,
        target=b"",
        http_version="HTTP/1.1",
        headers=(),
        destinations=destinations,
    )


def response_of(
    response: http.Response,
    *,
    started_us: int,
    ended_us: int,
    body: bytes,
    body_bytes: int,
    is_cut: bool,
    announced: Sequence[int] = (),
) -> Response:
    """The response as the server sent it, its body as given: decoded where that was possible."""
    return Response(
        http_version=response.http_version,
        status=response.status_code,
        reason=response.reason or "",
        headers=headers_of(response.headers),
        started_us=started_us,
        ended_us=ended_us,
        body=body,
        body_bytes=body_bytes,
        body_is_cut=is_cut,
        trailers=headers_of(response.trailers) if response.trailers else (),
        announced=tuple(announced),
    )


def headers_of(headers: http.Headers) -> Headers:
    """In order, repeated ones included."""
    return tuple(headers.fields)


def head_of(flow: http.HTTPFlow) -> list[bytes]:
    """The parts of the request's head, as they are on the wire, and its trailers."""
    request = flow.request.data
    parts = [request.method, request.path, request.authority]
    for name, value in _fields(flow):
        parts += (name, value)
    return parts


def content_length(flow: http.HTTPFlow) -> int | None:
    """What the request announces, None where it announces nothing that can be read."""
    value = header_of(flow, b"content-length")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 19 else None


def is_gone(flow: http.HTTPFlow) -> bool:
    """Whether the client has left: its connection ended, or it reset this stream."""
    return LEFT in flow.metadata or not flow.client_conn.state & ConnectionState.CAN_READ
