"""What a client gets instead of the server's answer."""

import json
from dataclasses import replace

import pytest

from fairwitness.model.exchange import Client, Request
from fairwitness.model.verdict import Action, Clause, ScopeList, Verdict
from fairwitness.proxy.answers import block_answer

VERDICT = Verdict(
    action=Action.BLOCK,
    clauses=(Clause("scope.exclude[0]", "Out of scope.", "policy.yaml:7"),),
    reason="<b>evil</b> & co is excluded",
    mend="scope add <host>",
)


def asked(**headers: str) -> Request:
    """A request with these headers; underscores stand for dashes."""
    return Request(
        exchange="0" * 32,
        received_us=0,
        client=Client(connection="0" * 32, address="127.0.0.1", port=1),
        method="GET",
        scheme="https",
        host="evil.example",
        port=443,
        target=b"/<script>",
        http_version="HTTP/1.1",
        headers=tuple((name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()),
        destinations=(),
    )


def test_a_navigation_gets_a_page_in_which_nothing_is_markup() -> None:
    """URL, reason and advice are escaped."""
    answer = block_answer(asked(sec_fetch_mode="navigate", sec_fetch_dest="document"), VERDICT, 7)

    assert answer.status_code == 403
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "&lt;b&gt;evil&lt;/b&gt; &amp; co" in answer.text
    assert "<script>" not in answer.text
    assert "scope add &lt;host&gt;" in answer.text
    assert answer.headers["x-fairwitness"] == "blocked; id=7"


@pytest.mark.parametrize(
    ("mode", "dest"), [("cors", "empty"), ("no-cors", "image"), ("navigate", "iframe"), ("no-cors", "script")]
)
def test_a_pages_own_request_learns_nothing(mode: str, dest: str) -> None:
    """An empty 403 without our header: a page must neither read the policy nor recognise the tool."""
    answer = block_answer(asked(sec_fetch_mode=mode, sec_fetch_dest=dest, accept="text/html"), VERDICT, 7)

    assert (answer.status_code, answer.content) == (403, b"")
    assert "x-fairwitness" not in answer.headers
    assert answer.headers["cache-control"] == "no-store"


def test_a_block_page_has_no_origin_that_its_opener_shares() -> None:
    """A page that opens a window on a blocked path of its own host cannot read what stands there."""
    answer = block_answer(asked(sec_fetch_mode="navigate", sec_fetch_dest="document"), VERDICT, 7)

    assert answer.headers["content-security-policy"].startswith("sandbox allow-scripts; default-src 'none'")
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"


@pytest.mark.parametrize(
    ("scope_list", "is_told"), [(ScopeList.EXCLUDE, False), (ScopeList.INCLUDE, False), (None, True)]
)
def test_over_plain_http_a_browser_is_told_only_of_strangers(
    scope_list: ScopeList | None, is_told: bool
) -> None:
    """It does not say whether person or script asks, and a script reads what its own host answers."""
    request = asked(user_agent="Mozilla/5.0 (X11)", accept_language="en", accept="text/html")
    answer = block_answer(request, replace(VERDICT, scope_list=scope_list), 7)

    assert is_told == (b"fairwitness" in answer.content)
    assert is_told == ("x-fairwitness" in answer.headers)


def test_a_tool_gets_one_line() -> None:
    """With reason, line and what to write."""
    answer = block_answer(asked(accept="*/*"), VERDICT, None)

    assert answer.text.count("\n") == 1
    assert "policy.yaml:7" in answer.text
    assert answer.headers["x-fairwitness"] == "blocked; id=-"


def test_a_tool_that_wants_json_gets_json() -> None:
    """The same as an object."""
    answer = block_answer(asked(accept="application/json"), VERDICT, 9)

    assert json.loads(answer.text)["clause"] == "scope.exclude[0]"


def test_who_must_wait_is_told_how_long() -> None:
    """429 with whole seconds, rounded up."""
    waits = Verdict(action=Action.BLOCK, clauses=(), reason="too many", retry_after_us=1_500_000)
    answer = block_answer(asked(), waits, 1)

    assert (answer.status_code, answer.headers["retry-after"]) == (429, "2")


def test_a_closed_gate_is_no_refusal_of_the_destination() -> None:
    """503: it is we who cannot."""
    closed = Verdict(action=Action.BLOCK, clauses=(Clause("gate", None, "-"),), reason="the store failed")

    assert block_answer(asked(), closed, None).status_code == 503
