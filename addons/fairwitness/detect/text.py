"""Secrets in any text: a URL, a body, a message, a header's value."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

from fairwitness.detect.assignments import secrets_in_assignments
from fairwitness.detect.columns import secrets_in_columns
from fairwitness.detect.json_values import secrets_in_json
from fairwitness.detect.markup import secrets_in_elements, secrets_in_multipart, secrets_in_tags
from fairwitness.detect.pairs import secrets_in_form, secrets_in_queries
from fairwitness.detect.patterns import secrets_by_shape
from fairwitness.detect.secret import Detector, Secret
from fairwitness.detect.urls import secrets_in_urls
from fairwitness.detect.views import Plain, View, views_of

DETECTORS: tuple[Detector, ...] = (
    secrets_by_shape,
    secrets_in_form,
    secrets_in_queries,
    secrets_in_urls,
    secrets_in_json,
    secrets_in_multipart,
    secrets_in_tags,
    secrets_in_elements,
    secrets_in_assignments,
    secrets_in_columns,
)


def secrets_in(content: bytes) -> list[Secret]:
    """All secrets of *content*, in every reading of it; their places are those in *content*."""
    return secrets_in_views(views_of(content))


def secrets_in_views(views: Iterator[View]) -> list[Secret]:
    """As `secrets_in`, where the views are at hand.

    What an earlier view told is not told again, nor a piece of it: without escapes its quotes may break it.
    """
    found: list[Secret] = []
    for view in views:
        if not isinstance(view, Plain):
            view = view.legible
        if not view.text:
            continue
        earlier = _Cover(found)
        for detector in DETECTORS:
            for secret in detector(view.text):
                start, end = view.origin(secret.start, secret.end)
                if not earlier.holds(start, end):
                    found.append(Secret(start, end, secret.kind, secret.value))
    return found


class _Cover:
    """The bytes that some secrets take up together."""

    def __init__(self, secrets: list[Secret]) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for start, end in sorted((secret.start, secret.end) for secret in secrets):
            if self._ends and start <= self._ends[-1]:
                self._ends[-1] = max(end, self._ends[-1])
            else:
                self._starts.append(start)
                self._ends.append(end)

    def holds(self, start: int, end: int) -> bool:
        at = bisect_right(self._starts, start) - 1
        return at >= 0 and end <= self._ends[at]
