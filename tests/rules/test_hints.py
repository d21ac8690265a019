"""Tests of fairwitness.rules.hints and facets: the looks that keep rules from looking in vain."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import pytest

from fairwitness.detect import attacks_in, is_harmless
from fairwitness.detect.signatures import lines_of
from fairwitness.model.exchange import Exchange, Request
from fairwitness.rules import RULES, Knowledge, Rule, facets
from fairwitness.rules.hints import Hint, hints_in
from fairwitness.rules.testing import make_exchange, make_policy, make_request

FORM = ((b"Content-Type", b"application/x-www-form-urlencoded"),)


@pytest.mark.parametrize("before", ["", "x" * 5000])
@pytest.mark.parametrize(
    ("text", "hints"),
    [
        ("/cart?page=2", set()),
        ("/Trash", {Hint.DESTROYS}),
        ("newPassword=1", {Hint.GUESSES}),
        ("/account/reset", {Hint.RESETS, Hint.POSTS}),
        ("/checkout", {Hint.PAYS}),
        ("/sign_up", {Hint.POSTS}),
        ("/forum/7", {Hint.PUBLISHES}),
        ("a.oast.site", {Hint.CALLS_BACK}),
        ("A.OAST.SITE", set()),
    ],
)
def test_a_text_hints_at_all_that_it_names(before: str, text: str, hints: set[Hint]) -> None:
    """In long texts too, which are not remembered."""
    assert hints == hints_in(f"{before}{text}".encode())


@pytest.mark.parametrize("texts", [["plain", "words_2", "a.b-c"], ["redmug", "4", "eyJhbGciOi.J9"], []])
def test_what_most_requests_hold_is_harmless(texts: list[str]) -> None:
    """One look at all of their values."""
    assert is_harmless("\n".join(texts).encode())


@pytest.mark.parametrize(
    "text", ["' or 1=1--", "<script>", "../../etc/passwd", "xp_cmdshell", "a__b", "two words"]
)
def test_what_may_be_an_attack_is_not(text: str) -> None:
    """Wherever among the others it stands."""
    for texts in ([text, "plain"], ["plain", text], ["plain", text, "plain"]):
        assert not is_harmless("\n".join(texts).encode())


def test_harmless_together_is_harmless_alone() -> None:
    """Every word of the attacks' list is seen between others, if it is an attack by itself."""
    for family, _, line in lines_of("attack_words.txt"):
        word = line.removeprefix("=").encode()
        if attacks_in(word):
            assert not is_harmless(b"a\n" + word + b"\nb"), family


def _requests() -> Iterator[Request]:
    heads = ((), ((b"X-HTTP-Method-Override", b"DELETE"),))
    targets = ("/", "/users/41", "/users/41/delete", "/graphql", "/comments?action=delete&id=7")
    for method, target, head, body in product(
        ("GET", "HEAD", "OPTIONS", "POST", "DELETE", "PUT", "PROPFIND"),
        targets,
        heads,
        (b"", b"plan=pro&message=x"),
    ):
        headers = (*head, *FORM) if body else head
        yield make_request(f"https://shop.test{target}", method=method, headers=headers, body=body)


def _exchanges() -> Iterator[Exchange]:
    for request in _requests():
        for status, body in product(
            (200, 302, 404, 500), (b"", b'{"email":"somebody@mail.test","iban":"x"}' * 9)
        ):
            yield make_exchange(
                request, status=status, headers=((b"content-type", b"application/json"),), body=body
            )
        yield Exchange(
            request=request, response=None, failure="connection reset", ended_us=request.received_us
        )


@pytest.mark.parametrize(
    "kind", [each for each in RULES if (each.requests, each.answers) != (facets.ANY,) * 2]
)
def test_rules_are_not_asked_only_where_they_see_nothing(kind: type[Rule]) -> None:
    """Whoever asks them all the same hears nothing."""
    rule = kind.for_policy(make_policy())
    assert rule is not None
    rule.known = Knowledge()
    unasked = [each for each in _requests() if not rule.requests & facets.of_request(each)]
    unanswered = [each for each in _exchanges() if not rule.answers & facets.of_exchange(each)]

    assert unasked or unanswered
    assert [] == [seen for each in unasked for seen in rule.on_request(each)]
    assert [] == [seen for each in unanswered for seen in rule.on_response(each)]
