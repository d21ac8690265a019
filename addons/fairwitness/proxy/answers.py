"""What a client gets instead of the server's answer."""

from __future__ import annotations

import html
import json

from mitmproxy import http

from fairwitness.model.exchange import Request
from fairwitness.model.verdict import Clause, Verdict

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Blocked by fairwitness</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:42rem;margin:4rem auto;padding:0 1rem}}
code{{background:#eee;padding:.1em .3em;overflow-wrap:anywhere}}</style></head>
<body><h1>Blocked by fairwitness</h1>
<p>Nothing of this request left your machine.</p>
<p><code>{method} {url}</code></p>
<p><b>Why:</b> {reason}</p>
<p><b>Line of the policy:</b> {clause}</p>
{mend}</body></html>
"""


def block_answer(request: Request, verdict: Verdict, number: int | None) -> http.Response:
    """The answer to a blocked request, by kind of client.

    A navigation gets a page, a tool one line or JSON, a page's own sub-request an empty answer: a page must
    neither read the policy nor recognise the tool.  Over plain HTTP browsers do not say which is which: there
    they get an empty answer wherever the asking page may be of the same host.
    """
    status = _status(verdict)
    headers = {"Cache-Control": "no-store"}
    if verdict.retry_after_us:
        headers["Retry-After"] = str(-(-verdict.retry_after_us // 1_000_000))
    destination = request.header("sec-fetch-dest")
    mode = request.header("sec-fetch-mode")
    is_navigation = mode == "navigate" and destination == "document"
    if destination or mode:
        may_be_script = not is_navigation
    else:
        may_be_script = _is_of_browser(request) and _may_have_pages(verdict)
    if may_be_script:
        return http.Response.make(status, b"", headers)
    if is_navigation:
        headers |= _UNREAD
    headers["X-Fairwitness"] = f"blocked; id={number if number is not None else '-'}"
    body, headers["Content-Type"] = _body(request, verdict, number, is_navigation)
    return http.Response.make(status, body, headers)


_UNREAD = {
    # Without an origin of its own no window that opened it reads it.  No script runs in it but a debugger's.
    "Content-Security-Policy": "sandbox allow-scripts; default-src 'none'; style-src 'unsafe-inline';"
    " frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def _is_of_browser(request: Request) -> bool:
    agent = request.header("user-agent") or ""
    return agent.startswith("Mozilla/") and request.header("accept-language") is not None


def _may_have_pages(verdict: Verdict) -> bool:
    """Whether a page of this very host can have come through: it reads what its host answers."""
    return verdict.scope_list is not None or any(clause.id in _STATUS for clause in verdict.clauses[:1])


UNREACHABLE = Clause("unreachable", None, "-")
"""No line of the policy: the server could not be connected to."""

OUR_REFUSAL = "fairwitness: "
"""How an error of a connection begins that was refused here: a server's own never do."""

_STATUS = {"gate": 503, UNREACHABLE.id: 502}


def _status(verdict: Verdict) -> int:
    if verdict.retry_after_us:
        return 429
    return _STATUS.get(verdict.clauses[0].id, 403) if verdict.clauses else 403


def _body(request: Request, verdict: Verdict, number: int | None, is_navigation: bool) -> tuple[bytes, str]:
    clause = verdict.clauses[0] if verdict.clauses else None
    named = (
        f"{clause.id} ({clause.where})" if clause else "none of policy.yaml: what is not listed is blocked"
    )
    accept = request.header("accept") or ""
    if is_navigation or "text/html" in accept:
        mend = f"<p>{html.escape(verdict.mend)}</p>" if verdict.mend else ""
        page = _PAGE.format(
            method=html.escape(request.method),
            url=html.escape(request.url),
            reason=html.escape(verdict.reason),
            clause=html.escape(named),
            mend=mend,
        )
        return page.encode(), "text/html; charset=utf-8"
    if "json" in accept:
        answer = {
            "blocked_by": "fairwitness",
            "id": number,
            "decision": verdict.action.word,
            "clause": clause.id if clause else None,
            "line": clause.where if clause else None,
            "reason": verdict.reason,
            "mend": verdict.mend,
        }
        return json.dumps(answer).encode() + b"\n", "application/json"
    line = f"fairwitness blocked this: {verdict.reason}; line: {named}."
    if verdict.mend:
        line += f" {verdict.mend}."
    return line.encode("utf-8", "replace") + b"\n", "text/plain; charset=utf-8"
