"""What a folder of recordings holds, and what is true of each: must, may and must not be flagged."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fairwitness.audit import InOrder
from fairwitness.model.account import Account
from fairwitness.model.policy import Policy
from fairwitness.model.recording import Moment, Recorded
from fairwitness.policy import load_policy, read_accounts

LABELS: dict[str, tuple[str, ...]] = {
    "scanner": ("automated-scanner",),
    "content_discovery": ("content-discovery",),
    "rate": ("request-rate",),
    "bruteforce": ("brute-force",),
    "enumeration": ("enumeration",),
    "destructive": ("destructive-request",),
    "spam": ("spam",),
    "dos": ("heavy-request", "concurrency", "server-distress"),
    "other_account": ("foreign-account",),
    "personal_data": ("personal-data",),
    "automation": ("automated-scanner",),
}
"""A label of the truth, and the rules of which any may find it."""

HINT = "automation"
"""The label that an info flag finds too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """One recording and what a good auditor says of it."""

    name: str
    path: Path
    kind: str
    """``breach`` or ``benign``; others are not judged."""
    must: frozenset[str]
    may: frozenset[str]
    must_not: frozenset[str]


@dataclass(frozen=True, slots=True)
class Recordings:
    """A folder of them, and what they are judged by."""

    policy: Policy
    accounts: tuple[Account, ...]
    truths: tuple[Truth, ...]


def shared_folder() -> Path:
    """Where recordings and lab lie for a checkout: in ``shared`` beside it."""
    return Path(__file__).parents[5] / "shared"


def read_recordings(folder: Path, lab: Path) -> Recordings | None:
    """The recordings of *folder* whose truth is told; None where there are none.

    Args:
        folder: Holds ``ground_truth.json`` and ``NAME.mitm``.
        lab: Holds ``policy.yaml`` and ``accounts.yaml``.
    """
    told = folder / "ground_truth.json"
    if not told.exists() or not lab.exists():
        return None
    truths = (
        Truth(
            name=name,
            path=folder / f"{name}.mitm",
            kind=entry["kind"],
            must=frozenset(entry["must"]),
            may=frozenset(entry["may"]),
            must_not=frozenset(entry["must_not"]),
        )
        for name, entry in sorted(json.loads(told.read_text("utf-8")).items())
    )
    accounts = lab / "accounts.yaml"
    return Recordings(
        load_policy(lab / "policy.yaml"),
        read_accounts(accounts.read_bytes(), path=str(accounts)),
        tuple(each for each in truths if each.kind in {"breach", "benign"} and each.path.exists()),
    )


def moments(path: Path) -> Iterator[Moment]:
    """The requests and ends of a mitmproxy dump in the order of their times."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # mitmproxy calls pyparsing by names that have been deprecated since
        from fairwitness.proxy.dump import read_dump

    with path.open("rb") as file, InOrder(path.name) as order:
        for item in read_dump(file):
            if isinstance(item, Recorded):
                order.add(item)
        yield from order
