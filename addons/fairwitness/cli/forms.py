"""The JSON shapes of docs/cli.md; those of exchanges are `fairwitness.export.forms`."""

from __future__ import annotations

from fairwitness.control.wire import Value
from fairwitness.export.forms import exchange_form
from fairwitness.model.clock import iso_us
from fairwitness.model.event import (
    AccountSeen,
    Blocked,
    Event,
    ExchangeEnded,
    FlagAnswered,
    FlagRaised,
    Held,
    PolicyChanged,
    Ready,
    Stopped,
    StoreState,
    Throttled,
)
from fairwitness.model.exchange import Request
from fairwitness.model.flag import Flag
from fairwitness.model.record import FlagRow
from fairwitness.model.verdict import Verdict

__all__ = ["Form", "event_form", "exchange_form", "flag_form", "held_form"]

Form = dict[str, Value]


def flag_form(row: FlagRow) -> Form:
    """A line of ``flags --json``."""
    pointers: list[Value] = [
        {
            "exchange": pointer.exchange,
            "part": pointer.part,
            "start": pointer.start,
            "end": pointer.end,
            "text": text,
        }
        for pointer, text in zip(row.flag.shown_by, row.shown_by_text, strict=True)
    ]
    answer = row.answer
    return {
        **_flag(row.flag),
        "count": row.count,
        "first": row.first,
        "last": row.last,
        "exchanges": list(row.exchanges),
        "shown_by": pointers,
        "answer": None
        if answer is None
        else {"as": answer.answered_as.value, "note": answer.note, "time": iso_us(answer.time_us)},
    }


def event_form(event: Event, *, session: int) -> Form:
    """A line of ``run --json``."""
    match event:
        case Ready():
            return {"event": "ready", "listen": event.listen, "evidence": event.evidence, "ca": event.ca}
        case ExchangeEnded():
            return {
                "event": "exchange",
                "id": event.id,
                **_request(event.request, event.verdict, event.time_us),
                "status": event.status,
                "response_bytes": event.response_bytes,
                "duration_ms": round(event.duration_us / 1000, 3),
                "failure": event.failure,
                "session": session,
            }
        case Blocked():
            return {
                "event": "block",
                "id": event.id,
                **_request(event.request, event.verdict, event.time_us),
                "mend": event.verdict.mend,
                "session": session,
            }
        case FlagRaised():
            return {
                "event": "flag",
                "time": iso_us(event.time_us),
                "exchange": event.flag.exchange,
                "says": event.flag.says,
                **_flag(event.flag),
            }
        case FlagAnswered(answer=answer):
            return {
                "event": "answer",
                "time": iso_us(event.time_us),
                "flag": answer.flag,
                "as": answer.answered_as.value,
                "note": answer.note,
            }
        case Held():
            return held_form(event)
        case Throttled():
            return {
                "event": "throttle",
                **_request(event.request, event.verdict, event.time_us),
                "delay_ms": round(event.delay_us / 1000, 3),
            }
        case PolicyChanged():
            return {
                "event": "policy",
                "time": iso_us(event.time_us),
                "state": event.state,
                "sha256": event.sha256,
                "summary": event.summary,
            }
        case StoreState():
            return {
                "event": "store",
                "time": iso_us(event.time_us),
                "state": event.state,
                "reason": event.reason,
            }
        case AccountSeen():
            return {
                "event": "account",
                "time": iso_us(event.time_us),
                "identity": event.identity,
                "host": event.host,
                "exchange": event.exchange,
            }
        case Stopped():
            return {"event": "stopped", "time": iso_us(event.time_us), "reason": event.reason}


def held_form(held: Held) -> Form:
    """A hold, in the stream of events and in ``pending --json``."""
    return {
        "event": "hold",
        "hold": held.hold,
        "state": held.state,
        **_request(held.request, held.verdict, held.time_us),
        "ends": iso_us(held.ends_us),
    }


def _request(request: Request, verdict: Verdict, time_us: int) -> Form:
    return {
        "exchange": request.exchange,
        "time": iso_us(time_us),
        "method": request.method,
        "url": request.url,
        "decision": verdict.action.word,
        "clause": verdict.clauses[0].id if verdict.clauses else None,
        "reason": verdict.reason,
        "initiator": request.initiator.value,
        "label": request.client.label,
        "account": request.account,
        "client": f"{request.client.address}:{request.client.port}",
        "flags": list(verdict.flags),
        "request_bytes": request.body_bytes,
    }


def _flag(flag: Flag) -> Form:
    return {
        "flag": flag.flag,
        "rule": flag.rule,
        "severity": flag.severity.word,
        "action": flag.action.word,
        "initiator": flag.initiator.value,
        "clause": flag.clause.id,
        "advice": flag.advice,
    }
