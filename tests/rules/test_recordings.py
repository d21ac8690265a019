"""The limits and initiators on recordings: the shared ones where they are at hand, and two of our own."""

from __future__ import annotations

from pathlib import Path

import pytest
from mitmproxy import http
from mitmproxy.io import FlowWriter
from mitmproxy.test import tflow

from fairwitness.audit import InOrder
from fairwitness.model.exchange import Initiator, Metered, Request
from fairwitness.model.flag import Severity
from fairwitness.model.policy import Policy
from fairwitness.model.recording import Asked, Recorded
from fairwitness.policy import read_policy
from fairwitness.proxy.dump import read_dump
from fairwitness.rules.testing import NOON_US
from fairwitness.witness.audit import Audit, Audited

SHARED = Path(__file__).parents[3] / "shared"
POLICY = b"""
version: 1
program: {name: lab shop, policy_url: "http://shop.acme.test/policy", reviewed: 2026-11-23}
scope:
  include: ["shop.acme.test:*", "api.acme.test:*", "rich.acme.test:*", "data.acme.test:*", "lab.acme.test:*"]
  load: [cdn.thirdparty.test]
limits:
  testing: {per_host: {rate: 5/s, burst: 30}}
  says: "No more than 5 requests per second."
"""


def judge(path: Path, policy: Policy) -> tuple[Audited, list[Request]]:
    """Judge a recording as the product does; what it was given, and who made each request."""
    judge, judged = Audit(policy), []
    with path.open("rb") as file, InOrder(path.name) as order:
        for item in read_dump(file):
            if isinstance(item, Recorded):
                order.add(item)
        for moment in order:
            judge.judge(moment)
            if isinstance(moment, Asked):
                judged.append(judge.request(moment.position))
    return judge.result(), judged


def _write(path: Path, flows: list[http.HTTPFlow]) -> Path:
    with path.open("wb") as file:
        writer = FlowWriter(file)
        for flow in flows:
            writer.add(flow)
    return path


def _flow(
    at_s: float, path: str, headers: dict[str, str], *, body: bytes = b"", kind: str = "text/html"
) -> http.HTTPFlow:
    url = f"https://shop.acme.test{path}"
    flow = tflow.tflow(resp=True)
    flow.request = http.Request.make("GET", url, headers=headers)
    flow.request.timestamp_start = flow.request.timestamp_end = NOON_US / 1_000_000 + at_s
    flow.response = http.Response.make(200, body, {"content-type": kind})
    flow.response.timestamp_start = flow.response.timestamp_end = flow.request.timestamp_start + 0.005
    return flow


@pytest.fixture
def browsing(tmp_path: Path) -> Path:
    """A browser on a page with sixty images that are asked for within a second."""
    agent = {"user-agent": "Mozilla/5.0 Chrome/156.0.0.0", "accept-language": "en-US"}
    rest = {"accept-encoding": "gzip, deflate, br, zstd"}
    page = "".join(f'<img src="/i/{i}.svg">' for i in range(60)).encode()
    fetch = {
        "sec-fetch-mode": "navigate",
        "sec-fetch-site": "none",
        "sec-fetch-user": "?1",
        "sec-fetch-dest": "document",
    }
    image = {"sec-fetch-mode": "no-cors", "sec-fetch-site": "same-origin", "sec-fetch-dest": "image"}
    flows = [_flow(0, "/", agent | {"accept": "text/html,*/*"} | fetch | rest, body=page)]
    for i in range(60):
        headers = agent | {"accept": "image/avif,*/*"} | image | {"referer": "https://shop.acme.test/"} | rest
        flows.append(_flow(0.1 + i / 100, f"/i/{i}.svg", headers, kind="image/svg+xml"))
    return _write(tmp_path / "browsing.mitm", flows)


@pytest.fixture
def scanning(tmp_path: Path) -> Path:
    """A tool with a browser's User-Agent, forty paths in a second."""
    headers = {"user-agent": "Mozilla/5.0 Chrome/156.0.0.0", "accept": "*/*"}
    return _write(tmp_path / "scanning.mitm", [_flow(i / 40, f"/w{i}", headers) for i in range(40)])


def test_browser_with_many_images_is_not_flagged(browsing: Path) -> None:
    """Sixty images in a second are free, told through mitmproxy's own format."""
    audited, judged = judge(browsing, read_policy(POLICY, path="policy.yaml"))

    assert () == audited.flags
    assert [(Initiator.PAGE, Metered.FREE)] * 60 == [(r.initiator, r.metered) for r in judged[1:]]


def test_scanner_with_a_browsers_name_is_flagged(scanning: Path) -> None:
    """Forty requests in a second are over 5/s with 30 at once."""
    audited, judged = judge(scanning, read_policy(POLICY, path="policy.yaml"))

    severities = [row.flag.severity for row in audited.flags if row.flag.rule == "request-rate"]
    assert [Severity.CHECK, Severity.STOP] == [each for each in severities if each > Severity.INFO]
    assert {Initiator.TOOL} == {request.initiator for request in judged}


def test_every_recording_is_read_whole(browsing: Path, scanning: Path) -> None:
    """Nothing in them is skipped or cut off, no rule fails, and each exchange is decided once."""
    policy = read_policy(POLICY, path="policy.yaml")
    wrong = []
    for path in [browsing, scanning, *sorted((SHARED / "recordings").glob("t*.mitm"))]:
        with path.open("rb") as file:
            items = list(read_dump(file))
        audited, judged = judge(path, policy)
        decided = sum(count for _, count in audited.decisions)
        is_whole = all(isinstance(each, Recorded) for each in items)
        if audited.failures or not is_whole or {len(items)} != {audited.exchanges, decided, len(judged)}:
            wrong.append(path.name)

    assert [] == wrong
