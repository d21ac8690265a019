"""A redirect out of the scope."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fairwitness.model.verdict import Action, ScopeList, Verdict
from fairwitness.rules.testing import make_exchange, make_request
from fairwitness.witness.redirects import Redirects

NOT_LISTED = Verdict(action=Action.BLOCK, clauses=(), reason="it is not listed", mend="List it")


def redirects_to(location: str, *, status: int = 302) -> Redirects:
    """What is known after one answer."""
    redirects = Redirects()
    headers = ((b"location", location.encode()),)
    redirects.learn(make_exchange(make_request(), status=status, headers=headers), 7)
    return redirects


@pytest.mark.parametrize(
    "location", ["https://other.example/x?y", "https://OTHER.example:443/x?y#z", "//other.example/x?y"]
)
def test_its_target_is_refused_with_the_exchange_that_proves_it(location: str) -> None:
    """However the Location was written; what would mend the refusal stays behind it."""
    request = make_request("https://other.example/x?y")

    advised = redirects_to(location).advise(request, NOT_LISTED)

    said = "Exchange 7 redirected here: the redirect itself is your proof, do not fetch this"
    assert f"{said}. List it" == advised.mend


@pytest.mark.parametrize(
    "location", ["https://other.example/", "https://[", "https://other.example:x/x?y", ""]
)
def test_other_refusals_stay_as_they_are(location: str) -> None:
    """Another URL, or a Location that is none."""
    request = make_request("https://other.example/x?y")

    assert NOT_LISTED == redirects_to(location).advise(request, NOT_LISTED)


def test_what_rules_refuse_in_scope_stays_as_it_is() -> None:
    """There the target may be fetched, only not so."""
    verdict = replace(NOT_LISTED, scope_list=ScopeList.INCLUDE)
    request = make_request("https://other.example/x?y")

    assert verdict == redirects_to("https://other.example/x?y").advise(request, verdict)


def test_an_answer_that_is_no_redirect_leads_nowhere() -> None:
    """A Location beside 201 names what was made."""
    request = make_request("https://other.example/x?y")

    assert NOT_LISTED == redirects_to("https://other.example/x?y", status=201).advise(request, NOT_LISTED)
