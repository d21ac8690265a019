"""What costs, by its words."""

from __future__ import annotations

import json

import pytest

from fairwitness.model.exchange import Request
from fairwitness.rules import Knowledge
from fairwitness.rules.paid_action import PaidAction
from fairwitness.rules.testing import make_policy, make_request


def _call(method: str) -> Request:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": {"plan": "pro"}}).encode()
    return make_request("https://shop.test/rpc", method="POST", body=body)


@pytest.mark.parametrize(
    ("method", "costs"), [("billing.purchase", True), ("plan.upgrade", True), ("plan.list", False)]
)
def test_remote_calls_say_what_costs(method: str, *, costs: bool) -> None:
    """A JSON-RPC endpoint has one path for all that it does."""
    rule = PaidAction(make_policy())
    rule.known = Knowledge()
    assert bool(list(rule.on_request(_call(method)))) is costs
