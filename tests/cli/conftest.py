from __future__ import annotations

import pytest

from fairwitness.model.policy import Identify, Limits, Meter, MeterSet, Policy, Posture, Program, Report
from fairwitness.model.verdict import Action, Clause


@pytest.fixture
def lab_policy() -> Policy:
    """A policy with nothing in it but its program."""
    clause = Clause(id="limits", says=None, where="-")
    meters = MeterSet(per_host=Meter(), per_endpoint=Meter(), total=Meter())
    return Policy(
        program=Program(name="lab", policy_url="https://lab.test/policy"),
        posture=Posture.MANUAL,
        entries=(),
        identify=Identify(clause=clause),
        limits=Limits(
            testing=meters,
            browsing=meters,
            request_body_bytes=1 << 20,
            on_exceed=Action.THROTTLE,
            clause=clause,
        ),
        window=None,
        rules=(),
        approvals=(),
        declare=(),
        report=Report(),
        text=b"version: 1\n",
        sha256="0" * 64,
        path="policy.yaml",
    )
