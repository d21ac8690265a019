"""The JSON shapes of docs/cli.md; those of exchanges are `fairwitness.export.forms`."""

from __future__ import annotations

from fairwitness.control.wire import Value
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
        case ExchangeEnded() | Blocked():
            return {**_of_request(event), "session": session}
        case Held() | Throttled():
            return _of_request(event)
        case FlagRaised() | FlagAnswered():
            return _of_flag(event)
        case Ready():
            return {"event": "ready", "listen": event.listen, "evidence": event.evidence, "ca": event.ca}
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


def _of_request(event: ExchangeEnded | Blocked | Held | Throttled) -> Form:
    request = _request(event.request, event.verdict, event.time_us)
    match event:
        case ExchangeEnded():
            return {
                "event": "exchange",
                "id": event.id,
                **request,
                "status": event.status,
                "response_bytes": event.response_bytes,
                "duration_ms": round(event.duration_us / 1000, 3),
                "failure": event.failure,
            }
        case Blocked():
            return {"event": "block", "id": event.id, **request, "mend": event.verdict.mend}
        case Held():
            ends = iso_us(event.ends_us)
            return {"event": "hold", "hold": event.hold, "state": event.state, **request, "ends": ends}
        case Throttled():
            return {"event": "throttle", **request, "delay_ms": round(event.delay_us / 1000, 3)}


def _of_flag(event: FlagRaised | FlagAnswered) -> Form:
    match event:
        case FlagRaised(flag=flag):
            return {
                "event": "flag",
                "time": iso_us(event.time_us),
                "exchange": flag.exchange,
                "says": flag.says,
                **_flag(flag),
                "where": flag.clause.where,
                "program_says": flag.clause.says,
            }
        case FlagAnswered(answer=answer):
            return {
                "event": "answer",
                "time": iso_us(event.time_us),
                "flag": answer.flag,
                "as": answer.answered_as.value,
                "note": answer.note,
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
