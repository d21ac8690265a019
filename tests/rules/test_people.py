"""Sessions of people, judged by all rules: nothing above info, and nothing held more than once a place."""

# ruff: noqa: PERF401 - a story is told step by step

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from urllib.parse import quote

import pytest

from fairwitness.model.account import Account
from fairwitness.model.exchange import Exchange, Headers
from fairwitness.model.flag import Flag, Severity
from fairwitness.model.verdict import Action
from fairwitness.policy import RULE_NAMES, read_policy, site_of
from fairwitness.rules import Knowledge, Runner
from fairwitness.rules.testing import NOON_US, make_exchange, make_request

SECOND = 1_000_000
_EXPORT_ONLY = {"excluded-finding", "mixed-report"}
_RULES = "\n".join(f'  {name}: {{says: "Be fair."}}' for name in RULE_NAMES if name not in _EXPORT_ONLY)
POLICY = f"""
version: 1
program: {{name: Shop, policy_url: "https://shop.example/policy", reviewed: 2026-11-23}}
scope: {{include: [shop.example, api.shop.example]}}
limits:
  testing: {{per_host: {{rate: 5/s, burst: 30}}}}
  says: "No more than 5 requests per second."
rules:
{_RULES}
""".encode()
ACCOUNTS = (
    Account("first", ("tester1", "tester1@wearehackerone.example", "41")),
    Account("second", ("tester2", "tester2@wearehackerone.example", "42")),
)
CURL: Headers = ((b"host", b"shop.example"), (b"user-agent", b"curl/8.5.0"), (b"accept", b"*/*"))
JSON: Headers = ((b"content-type", b"application/json"),)
HTML: Headers = ((b"content-type", b"text/html; charset=utf-8"),)
FORM: Headers = ((b"content-type", b"application/x-www-form-urlencoded"),)
_CHROME = (
    b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"
)


@dataclass(frozen=True, slots=True)
class Step:
    """A request and what came back, so many seconds after the one before."""

    what: str
    sends: str = ""
    status: int = 200
    body: str = ""
    answers: Headers = JSON
    headers: Headers = ()
    wait_s: float = 8
    kind: str = ""
    """Of a browser's request: ``document``, ``image``, ``fetch``; empty: curl's."""
    page: str = "https://shop.example/"


def _headers(step: Step) -> Headers:
    if not step.kind:
        return (*CURL, *step.headers)
    accept = {"document": b"text/html,*/*;q=0.8", "image": b"image/avif,*/*;q=0.8"}.get(step.kind, b"*/*")
    mode = {"document": b"navigate", "fetch": b"cors"}.get(step.kind, b"no-cors")
    dest = b"empty" if step.kind == "fetch" else step.kind.encode()
    user: Headers = (
        ((b"sec-fetch-user", b"?1"), (b"upgrade-insecure-requests", b"1")) if step.kind == "document" else ()
    )
    return (
        (b"user-agent", _CHROME),
        (b"accept", accept),
        (b"sec-fetch-site", b"same-origin"),
        (b"sec-fetch-mode", mode),
        *user,
        (b"sec-fetch-dest", dest),
        (b"referer", step.page.encode()),
        (b"accept-encoding", b"gzip, deflate, br, zstd"),
        (b"accept-language", b"en-US,en;q=0.9"),
        *step.headers,
    )


def _exchanges(steps: list[Step]) -> Iterator[Exchange]:
    at_us = NOON_US
    for step in steps:
        at_us += round(step.wait_s * SECOND)
        method, url = step.what.split(" ", 1)
        request = make_request(
            url, at_us=at_us, method=method, headers=_headers(step), body=step.sends.encode(), ja4=None
        )
        yield make_exchange(
            request, status=step.status, headers=step.answers, body=step.body.encode(), after_us=40_000
        )


def judge(steps: list[Step]) -> tuple[tuple[Flag, ...], Counter[str]]:
    """What is flagged, and how often each place is held, where every hold is let go."""
    policy = read_policy(POLICY, path="policy.yaml")
    known = Knowledge(ACCOUNTS, site_of=site_of)
    runner = Runner(policy, next_flag=1, now_us=NOON_US, known=known)
    held: Counter[str] = Counter()
    for exchange in _exchanges(steps):
        request = known.who(exchange.request, in_scope=True)
        judged = runner.judge_request(request, in_scope=True)
        if judged.action is Action.HOLD:
            held[judged.reach] += 1
        assert judged.action < Action.BLOCK, judged.reason
        runner.started(request)
        done = replace(exchange, request=request)
        runner.ended(request, time_us=done.ended_us)
        known.learn(done, in_scope=True)
        assert runner.judge_response(done).action < Action.BLOCK
        assert () == judged.failures
    return runner.flags, held


SHOP, API = "https://shop.example", "https://api.shop.example"
TOKEN: Headers = ((b"authorization", b"Bearer 8c1f0a7d9e2b4c6f8a0d1e3f5b7c9d2e"),)
OTHER_TOKEN: Headers = ((b"authorization", b"Bearer 1d2e3f4a5b6c7d8e9f0a1b2c3d4e5f60"),)
SIGNED_IN = json.dumps(
    {"token": "8c1f0a7d9e2b4c6f8a0d1e3f5b7c9d2e", "user": {"id": 41, "username": "tester1"}}
)
SIGNED_IN_2 = json.dumps(
    {"token": "1d2e3f4a5b6c7d8e9f0a1b2c3d4e5f60", "user": {"id": 42, "username": "tester2"}}
)
ME = json.dumps(
    {"id": 41, "username": "tester1", "email": "tester1@wearehackerone.example", "phone": "+1 202 555 0141"}
)


def sign_in(name: str = "tester1", answer: str = SIGNED_IN) -> Step:
    """A sign-in that works."""
    return Step(
        f"POST {API}/login",
        sends=json.dumps({"username": name, "password": "Own-1!"}),
        headers=JSON,
        body=answer,
    )


def by_hand() -> list[Step]:
    """Forty requests in six minutes with curl: endpoints guessed, payloads tried, errors read."""
    steps = [sign_in(), Step(f"GET {API}/me", headers=TOKEN, body=ME)]
    for path in ("v1/me", "v2/me", "me/roles", "users/41", "admin", "internal", "openapi.json", "health"):
        steps.append(Step(f"GET {API}/{path}", headers=TOKEN, status=404, body='{"error":"not found"}'))
    for text in (
        "'",
        '"',
        "<b>x</b>",
        "1 or 1=1",
        "' or '1'='1",
        "<script>alert(1)</script>",
        "{{7*7}}",
        "../x",
    ):
        status = 500 if "'" in text else 200
        steps.append(
            Step(f"GET {SHOP}/search?q={quote(text)}", status=status, answers=HTML, body="<p>ok</p>")
        )
    for value in ('"admin"', '["admin"]', '{"$ne": 1}', "true", "null", '"{{7*7}}"', '"<b>x</b>"'):
        steps.append(
            Step(f"PATCH {API}/users/41", headers=(*TOKEN, *JSON), sends=f'{{"role": {value}}}', body=ME)
        )
    for method in ("OPTIONS", "HEAD", "PUT", "TRACE"):
        steps.append(Step(f"{method} {API}/users/41", headers=TOKEN, status=405, body='{"error":"method"}'))
    return steps


def own_objects() -> list[Step]:
    """Notes made, read, changed and deleted again; two accounts, and one tries what is the other's."""
    steps = [sign_in(), sign_in("tester2", SIGNED_IN_2)]
    for number in (901, 902, 903):
        note = json.dumps({"id": number, "owner_id": 41, "text": "a note"})
        steps += [
            Step(
                f"POST {API}/notes",
                headers=(*TOKEN, *JSON),
                sends='{"text": "a note"}',
                status=201,
                body=note,
            ),
            Step(f"GET {API}/notes/{number}", headers=TOKEN, body=note),
            Step(f"GET {API}/notes/{number}", headers=OTHER_TOKEN, body=note),
            Step(
                f"PUT {API}/notes/{number}",
                headers=(*OTHER_TOKEN, *JSON),
                sends='{"text":"x"}',
                status=403,
                body="{}",
            ),
            Step(f"DELETE {API}/notes/{number}", headers=TOKEN, status=204),
        ]
    return [
        *steps,
        Step(f"GET {API}/users/42", headers=TOKEN, body=ME),
        Step(f"GET {API}/users/41", headers=OTHER_TOKEN),
    ]


def rest_client() -> list[Step]:
    """A script that pages through a list and reads what it names."""
    steps = [sign_in()]
    for page in range(1, 11):
        items = [{"id": 1000 + page * 10 + i, "title": f"Order {i}"} for i in range(10)]
        body = json.dumps({"data": items, "next": page + 1})
        steps.append(Step(f"GET {API}/me/orders?page={page}&limit=10", headers=TOKEN, body=body, wait_s=1))
        for item in items[:3]:
            one = json.dumps(item)
            steps.append(Step(f"GET {API}/orders/{item['id']}", headers=TOKEN, body=one, wait_s=0.5))
    return steps


def shopping() -> list[Step]:
    """A browser on a shop: pages with pictures, some of them dead, autocomplete, polling, a basket."""
    pictures = [f"/static/p/{i}.png" for i in range(20)]
    page = "".join(f'<a href="/products/{i}"><img src="{each}"></a>' for i, each in enumerate(pictures))
    steps = [Step(f"GET {SHOP}/", kind="document", answers=HTML, body=page)]
    steps += [
        Step(f"GET {SHOP}{each}", kind="image", status=404 if i % 3 == 0 else 200, answers=HTML, wait_s=0.02)
        for i, each in enumerate(pictures)
    ]
    steps += [
        Step(
            f"GET {SHOP}/api/suggest?q={'winter boots'[: i + 1].replace(' ', '+')}", kind="fetch", wait_s=0.15
        )
        for i in range(12)
    ]
    for i in range(5):
        steps.append(Step(f"GET {SHOP}/products/{i}", kind="document", answers=HTML, body=page, wait_s=6))
        steps.append(Step(f"POST {SHOP}/cart", kind="fetch", sends=f"pid={i}&qty=1", headers=FORM, wait_s=3))
    return steps + [Step(f"GET {SHOP}/v2/alerts", kind="fetch", body="[]", wait_s=1) for _ in range(120)]


def single_page_app() -> list[Step]:
    """GraphQL by a page: queries, own mutations, a token that is refreshed."""
    steps = [Step(f"GET {SHOP}/app", kind="document", answers=HTML, body='<script src="/app.js"></script>')]
    steps.append(
        Step(f"GET {SHOP}/app.js", kind="image", answers=((b"content-type", b"text/javascript"),), wait_s=0.1)
    )
    steps.append(replace(sign_in(), kind="fetch", page=f"{SHOP}/app"))
    query = "query Feed($after: String) { feed(after: $after) { id title author { id name } } }"
    for i in range(30):
        sends = json.dumps({"query": query, "variables": {"after": f"c{i}"}})
        feed = {"data": {"feed": [{"id": i, "title": "t", "author": {"id": 7, "name": "Ada"}}]}}
        steps.append(
            Step(
                f"POST {API}/graphql",
                kind="fetch",
                sends=sends,
                headers=(*TOKEN, *JSON),
                body=json.dumps(feed),
                wait_s=2,
            )
        )
    like = json.dumps({"query": 'mutation { like(id: "12") { id likes } }'})
    for _ in range(5):
        steps.append(
            Step(
                f"POST {API}/graphql", kind="fetch", sends=like, headers=(*TOKEN, *JSON), body="{}", wait_s=4
            )
        )
    for _ in range(3):
        steps.append(
            Step(
                f"POST {API}/token/refresh",
                kind="fetch",
                sends='{"refresh":"r"}',
                headers=JSON,
                body=SIGNED_IN,
            )
        )
    return steps


def editor() -> list[Step]:
    """Writing own posts with code, quotes and markup in a content system, and saving drafts."""
    texts = [
        "# How to\n\nUse `ls -la` and `rm file`; then run `python app.py`.\n\n"
        "```sql\nSELECT * FROM users WHERE id = 1;\n```",
        '<p>Tom &amp; Jerry\'s <b>best</b> <a href="https://example.com/?a=1&b=2">links</a></p>',
        "It's 5 o'clock -- or is it? (a < b) && c || d; x = y + 1",
    ]
    steps = [sign_in()]
    for number, text in enumerate(texts):
        draft = json.dumps({"id": 700 + number, "author_id": 41, "body": text})
        steps.append(
            Step(
                f"POST {API}/drafts",
                headers=(*TOKEN, *JSON),
                sends=json.dumps({"body": text}),
                status=201,
                body=draft,
            )
        )
        for _ in range(4):
            steps.append(
                Step(
                    f"PUT {API}/drafts/{700 + number}",
                    headers=(*TOKEN, *JSON),
                    sends=json.dumps({"body": f"{text}\n"}),
                    body=draft,
                )
            )
    return steps


def forgetful() -> list[Step]:
    """Three wrong passwords, a reset, a code typed wrongly once, and a new password."""
    wrong = [
        Step(
            f"POST {API}/login",
            sends=json.dumps({"username": "tester1", "password": f"guess{i}"}),
            headers=JSON,
            status=401,
            body='{"error":"invalid_credentials"}',
        )
        for i in range(3)
    ]
    reset = Step(
        f"POST {API}/password/reset",
        sends='{"email":"tester1@wearehackerone.example"}',
        headers=JSON,
        body="{}",
    )
    codes = [
        Step(
            f"POST {API}/password/verify",
            sends=f'{{"code":"{code}"}}',
            headers=JSON,
            status=status,
            body="{}",
        )
        for code, status in (("111222", 400), ("111223", 200))
    ]
    new = Step(
        f"POST {API}/password/new",
        sends='{"password":"New-1!","password_confirm":"New-1!"}',
        headers=JSON,
        body="{}",
    )
    return [*wrong, reset, *codes, new, sign_in()]


@pytest.mark.parametrize(
    "steps",
    [by_hand, own_objects, rest_client, shopping, single_page_app, editor, forgetful],
    ids=lambda f: f.__name__,
)
def test_session_of_a_person_is_not_flagged(steps: Callable[[], list[Step]]) -> None:
    """A witness that cries wolf is switched off."""
    flags, held = judge(steps())

    assert [] == [(flag.rule, flag.says) for flag in flags if flag.severity > Severity.INFO]
    assert [] == [(place, count) for place, count in held.items() if count > 1]
