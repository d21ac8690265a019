"""server-distress: the server asks for a pause, errs or slows down after our traffic."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime

from fairwitness.model.exchange import Exchange, Initiator, Request, Response
from fairwitness.model.flag import Pointer, Severity, Sighting
from fairwitness.model.policy import Policy
from fairwitness.model.verdict import Action
from fairwitness.rules.bounded import Recent
from fairwitness.rules.endpoint import host_of
from fairwitness.rules.health import Health
from fairwitness.rules.rule import Rule
from fairwitness.rules.words import head_of, reach_of, span

_HOSTS = 64
_RELEASES = 4096
_SECOND_US = 1_000_000
_LONGEST_US = 15 * 60 * _SECOND_US  # a server may ask for a day: then the researcher decides
_WAIT_US = 60 * _SECOND_US  # nobody's client waits longer
_PACE_US = (1, 2, 5, 10, 20)  # seconds between requests, the longer it lasts
_HOLD_US = 90 * _SECOND_US  # of distress, though slowed down
_BUSY, _BUSY_US = 16, 60 * _SECOND_US  # requests within: fewer bring no server down by their number
_PAUSE = frozenset({429, 503})
_SAYS_CHALLENGE = frozenset((b"cf-mitigated", b"x-amzn-waf-action"))
_CHALLENGES = (
    b"just a moment",
    b"attention required!",
    b"cf-chl",
    b"challenge-platform",
    b"_incapsula_resource",
    b"awswaf",
    b"datadome",
    b"px-captcha",
    b"g-recaptcha",
    b"h-captcha",
    b"access denied</title>",
)


@dataclass(slots=True)
class _Host:
    health: Health = field(default_factory=Health)
    pause_until_us: int = 0
    asked_us: int = 0
    """How long a pause the server asked for."""
    next_us: int = 0
    """When the next slowed request may go."""
    sent_us: deque[int] = field(default_factory=lambda: deque(maxlen=_BUSY))
    """When the latest requests went out that no page made."""
    tried_us: int | None = None
    """When the latest payload was answered."""
    ours_since_us: int = 0
    """When that trouble began which may be our doing."""

    def may_be_ours(self, now_us: int) -> bool:
        """Whether so much was sent, or such things, that its trouble may be our doing; it stays so."""
        is_busy = len(self.sent_us) == _BUSY and now_us - self.sent_us[0] <= _BUSY_US
        if is_busy or (self.tried_us is not None and now_us - self.tried_us <= _BUSY_US):
            self.ours_since_us = self.health.since_us
        return self.ours_since_us == self.health.since_us


class ServerDistress(Rule):
    """Slows an actor down while its host is in distress, holds when that does not help, and lets go after.

    A host is measured against itself: one that always errs or always is slow is in no distress.  Answers
    to payloads do not count, since an error is what they are for; nor do challenge pages of a WAF.
    """

    name = "server-distress"
    summary = "the server asks for a pause, errs or slows down after our traffic"

    def __init__(self, policy: Policy) -> None:
        super().__init__(policy)
        self._hosts: Recent[str, _Host] = Recent(_HOSTS)
        self._released: Recent[str, int] = Recent(_RELEASES)

    def on_started(self, request: Request, time_us: int) -> None:
        """From here on it is the server that takes its time."""
        self._released.put(request.exchange, time_us)
        if request.initiator is not Initiator.PAGE:
            self._hosts.get_or_make(host_of(request), _Host).sent_us.append(time_us)

    def on_request(self, request: Request) -> Iterator[Sighting]:
        """Slow it down, hold it, or let it go."""
        host = self._hosts.get(host_of(request))
        if host is None or request.initiator is Initiator.PAGE:
            return
        now_us = request.received_us
        if now_us < host.pause_until_us:
            yield self._pause(request, host)
            return
        host.health.calm_down(now_us)
        if host.health.distress:
            yield self._slow(request, host)

    def on_response(self, exchange: Exchange) -> Iterator[Sighting]:
        """Learn how the host fares."""
        request, response = exchange.request, exchange.response
        released_us = self._released.pop(request.exchange) or request.received_us
        if response is not None and is_challenge(response):
            return
        host = self._hosts.get_or_make(host_of(request), _Host)
        now_us = exchange.ended_us
        if response is not None and response.status in _PAUSE:
            wait_us = retry_after_us(response, now_us=now_us)
            if wait_us:
                host.asked_us = wait_us
                host.pause_until_us = max(host.pause_until_us, now_us + min(wait_us, _LONGEST_US))
                yield self._sighting(
                    request,
                    Severity.CHECK,
                    f"{host_of(request)} answered {response.status} and asks for a pause of {span(wait_us)}",
                    shown_by=(Pointer(request.exchange, "response-head"),),
                )
                return
        reading = self.known.reading(request)
        if reading.sure_attacks:
            host.tried_us = now_us
            return
        if response is None and not (exchange.failure or "").startswith(("connect", "server", "HTTP")):
            return  # our own client left
        latency_us = (response.started_us if response else now_us) - released_us
        before = host.health.distress
        host.health.take(
            reading.endpoint,
            sent=_sent(request),
            status=response.status if response else 0,
            latency_us=max(0, latency_us),
            now_us=now_us,
        )
        if host.health.distress and not before:
            says = f"{host_of(request)} is in distress: {host.health.distress}"
            severity = Severity.CHECK if host.may_be_ours(now_us) else Severity.INFO
            yield self._sighting(request, severity, says, shown_by=head_of(request))

    def _pause(self, request: Request, host: _Host) -> Sighting:
        left_us = host.pause_until_us - request.received_us
        says = f"{host_of(request)} asked for a pause; {span(left_us)} of it are left"
        if host.asked_us > _LONGEST_US:
            says = f"{host_of(request)} asked for a pause of {span(host.asked_us)}"
            return self._sighting(request, Severity.STOP, says, calls_for=Action.HOLD)
        if left_us > _WAIT_US:
            return self._sighting(
                request, Severity.STOP, says, calls_for=Action.THROTTLE, retry_after_us=left_us
            )
        return self._sighting(request, Severity.STOP, says, calls_for=Action.THROTTLE, delay_us=left_us)

    def _slow(self, request: Request, host: _Host) -> Sighting:
        now_us, lasts_us = request.received_us, request.received_us - host.health.since_us
        says = f"{host_of(request)} is in distress: {host.health.distress}"
        if not host.may_be_ours(now_us):
            return self._sighting(request, Severity.INFO, says)
        if lasts_us >= _HOLD_US:
            says = f"{says}; for {span(lasts_us)} now, though slowed down"
            return self._sighting(request, Severity.STOP, says, calls_for=Action.HOLD)
        step = min(lasts_us // (15 * _SECOND_US), len(_PACE_US) - 1)
        pace_us = _PACE_US[step] * _SECOND_US
        host.next_us = max(host.next_us, now_us) + pace_us
        delay_us = host.next_us - now_us
        if delay_us > _WAIT_US:
            host.next_us -= pace_us
            return self._sighting(
                request, Severity.STOP, says, calls_for=Action.THROTTLE, retry_after_us=delay_us
            )
        return self._sighting(request, Severity.STOP, says, calls_for=Action.THROTTLE, delay_us=delay_us)

    def _sighting(
        self,
        request: Request,
        severity: Severity,
        says: str,
        *,
        shown_by: tuple[Pointer, ...] | None = None,
        calls_for: Action | None = None,
        delay_us: int = 0,
        retry_after_us: int = 0,
    ) -> Sighting:
        return Sighting(
            rule=self.name,
            severity=severity,
            says=says,
            advice="Pause, and go on more slowly when it answers as before.",
            shown_by=head_of(request) if shown_by is None else shown_by,
            reach=reach_of(request),
            group=f"{request.actor[:160]} at {host_of(request)}",
            calls_for=calls_for,
            delay_us=delay_us,
            retry_after_us=retry_after_us,
        )


def _sent(request: Request) -> int | None:
    """Tells requests with values apart."""
    if b"?" not in request.target and not request.body:
        return None
    return hash((request.method, request.target, request.body))


def is_challenge(response: Response) -> bool:
    """Whether a WAF asks who is there, or refuses: its own page, not the server's trouble."""
    if not _SAYS_CHALLENGE.isdisjoint(response.first_values):
        return True
    if response.status not in {403, 405, 406, 429, 503}:
        return False
    start = response.body[:16384].lower()
    return any(mark in start for mark in _CHALLENGES)


def retry_after_us(response: Response, *, now_us: int) -> int:
    """How long a pause an answer asks for, in seconds or until a date (RFC 9110 10.2.3); 0: for none."""
    said = (response.header("retry-after") or "").strip()
    if said.isascii() and said.isdigit():
        return int(said[:9]) * _SECOND_US
    try:
        until = parsedate_to_datetime(said[:60])
    except (ValueError, TypeError):
        return 0
    return max(0, round(until.timestamp() * _SECOND_US) - now_us)
