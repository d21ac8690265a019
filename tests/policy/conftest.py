"""Policies for tests, each written as text and read as a researcher's file is."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from fairwitness.errors import PolicyError
from fairwitness.model.policy import Policy
from fairwitness.policy import read_policy


@pytest.fixture
def make_policy() -> Callable[..., Policy]:
    """A policy from scope lists and, by keyword, other top-level keys; JSON is YAML too."""

    def make(*, program: dict[str, Any] | None = None, path: str = "policy.yaml", **keys: Any) -> Policy:
        lists = ("include", "exclude", "load", "tunnel", "noise", "mine", "says")
        scope = {name: keys.pop(name) for name in lists if name in keys}
        scope.setdefault("include", ["in.example"])
        facts = {"name": "Example", "policy_url": "https://example.com/security", **(program or {})}
        document = {"version": 1, "program": facts, "scope": scope, **keys}
        return read_policy(json.dumps(document, ensure_ascii=False, indent=1).encode(), path=path)

    return make


@pytest.fixture
def refuse(make_policy: Callable[..., Policy]) -> Callable[..., Any]:
    """The error that a policy gives."""

    def wrong(**keys: Any) -> PolicyError:
        with pytest.raises(PolicyError) as caught:
            make_policy(**keys)
        return caught.value

    return wrong
