"""Builders for the tests of rules: policies, requests and answers; what does not matter is filled in.

For who writes a rule, in this package or outside it.
"""

from __future__ import annotations

from collections.abc import Iterable

from fairwitness.model.exchange import (
    STANDARD_PORTS,
    Client,
    Destination,
    Exchange,
    Headers,
    Initiator,
    Metered,
    Request,
    Response,
    new_exchange,
)
from fairwitness.model.policy import (
    Approval,
    Identify,
    Limits,
    Meter,
    MeterSet,
    Policy,
    Posture,
    Program,
    Report,
    RuleLine,
    Window,
)
from fairwitness.model.verdict import Action, Clause

NOON_US = 1_795_521_600_000_000
"""2026-11-24T12:00:00Z: when the tests play."""
SAYS = "The program's own sentence."
UNLIMITED = MeterSet(per_host=Meter(), per_endpoint=Meter(), total=Meter())


def make_policy(
    *,
    testing: MeterSet = UNLIMITED,
    browsing: MeterSet = UNLIMITED,
    on_exceed: Action = Action.THROTTLE,
    limits_say: str | None = SAYS,
    posture: Posture = Posture.MANUAL,
    rules: Iterable[RuleLine] = (),
    identify: Identify | None = None,
    window: Window | None = None,
    approvals: tuple[Approval, ...] = (),
    reviewed: str | None = "2026-11-23",
) -> Policy:
    """A policy without limits, dates and headers, except those that are given."""
    return Policy(
        program=Program(name="Acme", policy_url="https://acme.test/policy", reviewed=reviewed),
        posture=posture,
        entries=(),
        identify=identify or Identify(clause=Clause("identify", None, "-")),
        limits=Limits(
            testing=testing,
            browsing=browsing,
            request_body_bytes=1 << 20,
            on_exceed=on_exceed,
            clause=Clause("limits", limits_say, "policy.yaml:7"),
        ),
        window=window,
        rules=tuple(rules),
        approvals=approvals,
        declare=(),
        report=Report(),
        text=b"",
        sha256="0" * 64,
        path="policy.yaml",
    )


def make_line(rule: str, action: Action, *, says: str | None = SAYS) -> RuleLine:
    """A rule's line, written out."""
    return RuleLine(rule=rule, action=action, clause=Clause(f"rules.{rule}", says, "policy.yaml:9"))


def make_request(
    url: str = "https://shop.test/",
    *,
    at_us: int = NOON_US,
    method: str = "GET",
    headers: Headers = ((b"user-agent", b"tester/1"),),
    body: bytes = b"",
    metered: Metered = Metered.TESTING,
    initiator: Initiator = Initiator.TOOL,
    page: str | None = None,
    label: str | None = None,
    ja4: str | None = None,
    exchange: str | None = None,
) -> Request:
    """A request for *url*, received at *at_us*."""
    scheme, _, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    host, _, port = authority.partition(":")
    number = int(port) if port else STANDARD_PORTS[scheme]
    return Request(
        exchange=exchange or new_exchange(),
        received_us=at_us,
        client=Client(connection="c" * 32, address="127.0.0.1", port=50000, label=label, ja4=ja4),
        method=method,
        scheme=scheme,
        host=host,
        port=number,
        target=(slash + path).encode("latin-1") or b"/",
        http_version="HTTP/1.1",
        headers=headers,
        destinations=(Destination("url", scheme, host, number, f"/{path}"),),
        body=body,
        body_bytes=len(body),
        metered=metered,
        initiator=initiator,
        page=page,
    )


def make_exchange(
    request: Request,
    *,
    status: int = 200,
    headers: Headers = ((b"content-type", b"text/html"),),
    body: bytes = b"",
    after_us: int = 10_000,
) -> Exchange:
    """A request with its whole response, *after_us* later."""
    ended_us = request.received_us + after_us
    response = Response(
        http_version="HTTP/1.1",
        status=status,
        reason="",
        headers=headers,
        started_us=ended_us,
        ended_us=ended_us,
        body=body,
        body_bytes=len(body),
    )
    return Exchange(request=request, response=response, ended_us=ended_us)
