"""Every rule has a sample that it must flag and one that it must not, and a heading in docs/rules.md.

A sample is ``samples/NAME.must-flag.yaml`` or ``samples/NAME.must-not-flag.yaml``: what it shows, the
policy (what differs from an empty one for shop.example.com) and exchanges in seconds after 2026-11-24
12:00 UTC.  ``browser`` gives a request the headers of Chromium, ``sends`` its body; ``status``, ``answers``
(headers) and ``body`` are the response; ``times`` and ``every`` repeat it, with ``{i}`` counting from 0;
``accounts`` names the researcher's own with their identities, ``elsewhere`` the hosts that are not in scope.
A rule about reports has findings for samples: ``finding`` is the name, ``fields`` what is written,
``marked`` the URLs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from fairwitness.model.account import Account
from fairwitness.model.exchange import Exchange, Headers
from fairwitness.model.finding import Finding
from fairwitness.model.flag import Flag, Severity
from fairwitness.model.record import ExchangeRow
from fairwitness.policy import RULE_NAMES, read_policy, site_of
from fairwitness.rules import REPORT_RULES, RULES, Knowledge, ReportRule, Rule, Runner, objections_of
from fairwitness.rules.testing import NOON_US, make_exchange, make_request

SAMPLES = Path(__file__).parent / "samples"
DOCS = Path(__file__).parents[2] / "docs" / "rules.md"
ALL_FILES = sorted(SAMPLES.glob("*.yaml"))
OF_REPORTS = [rule.name for rule in REPORT_RULES]
FILES = [path for path in ALL_FILES if path.name.split(".")[0] not in OF_REPORTS]
FINDINGS = [path for path in ALL_FILES if path not in FILES]
SECOND = 1_000_000
NAMES = [rule.name for rule in RULES]
ONLY_REPORTED = {"left-behind"}  # never above info

_COMMON: Headers = (
    (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/156.0.0.0 Safari/537.36"),
    (b"accept-language", b"en-US"),
    (b"accept-encoding", b"gzip, deflate, br, zstd"),
)
_BROWSER: dict[str, Headers] = {
    "navigation": (
        (b"upgrade-insecure-requests", b"1"),
        (b"accept", b"text/html,*/*;q=0.8"),
        (b"sec-fetch-site", b"none"),
        (b"sec-fetch-mode", b"navigate"),
        (b"sec-fetch-user", b"?1"),
        (b"sec-fetch-dest", b"document"),
    ),
    **{
        kind: (
            (b"accept", accept),
            (b"sec-fetch-site", b"same-origin"),
            (b"sec-fetch-mode", b"cors" if kind == "fetch" else b"no-cors"),
            (b"sec-fetch-dest", b"empty" if kind == "fetch" else kind.encode()),
        )
        for kind, accept in (
            ("style", b"text/css,*/*;q=0.1"),
            ("image", b"image/avif,*/*;q=0.8"),
            ("fetch", b"*/*"),
        )
    },
}


def _policy(wanted: dict[str, Any]) -> bytes:
    program = {"name": "Example", "policy_url": "https://example.com/policy", "reviewed": "2026-11-23"}
    given: dict[str, Any] = {"version": 1, "program": program, "scope": {"include": ["shop.example.com"]}}
    given |= {key: value for key, value in wanted.items() if key != "program"}
    given["program"] = program | wanted.get("program", {})
    return yaml.safe_dump(given).encode()


def _exchanges(wanted: list[dict[str, Any]]) -> Iterator[Exchange]:
    for line in wanted:
        method, url = line["request"].split(" ", 1)
        headers: Headers = tuple((k.encode(), v.encode()) for k, v in line.get("headers", {}).items())
        if "browser" in line:
            headers = (*_COMMON[:2], *_BROWSER[line["browser"]], *headers, _COMMON[2])
        for i in range(line.get("times", 1)):
            at_us = NOON_US + round((line["at"] + i * line.get("every", 0)) * SECOND)
            request = make_request(
                url.replace("{i}", str(i)),
                at_us=at_us,
                method=method,
                headers=headers,
                body=line.get("sends", "").replace("{i}", str(i)).encode(),
                label=line.get("label"),
            )
            took_us = round(line.get("took", 0.005) * SECOND)
            answers: Headers = tuple((k.encode(), v.encode()) for k, v in line.get("answers", {}).items())
            yield make_exchange(
                request,
                status=line.get("status", 200),
                headers=answers or ((b"content-type", b"text/html"),),
                body=line.get("body", "").replace("{i}", str(i)).encode(),
                after_us=took_us,
            )


def _accounts(sample: dict[str, Any]) -> Iterator[Account]:
    for name, identities in sample.get("accounts", {}).items():
        yield Account(name, tuple(map(str, identities)))


def _flags(sample: dict[str, Any]) -> tuple[Flag, ...]:
    """Judge a sample as a recording is judged: requests and ends in the order of their times."""
    policy = read_policy(_policy(sample["policy"]), path="policy.yaml")
    known = Knowledge(_accounts(sample), site_of=site_of)
    runner = Runner(policy, next_flag=1, now_us=NOON_US, known=known)
    runner.at_start(NOON_US)
    exchanges = {exchange.request.exchange: exchange for exchange in _exchanges(sample["exchanges"])}
    elsewhere = sample.get("elsewhere", ())
    moments = [(e.request.received_us, True, name) for name, e in exchanges.items()]
    moments += [(e.ended_us, False, name) for name, e in exchanges.items()]
    for time_us, is_request, name in sorted(moments, key=lambda moment: moment[:2]):
        exchange = exchanges[name]
        in_scope = exchange.request.host not in elsewhere
        if is_request:
            request = known.who(exchange.request, in_scope=in_scope)
            exchanges[name] = replace(exchange, request=request)
            runner.judge_request(request, in_scope=in_scope)
            runner.started(request)
        else:
            runner.ended(exchange.request, time_us=time_us)
            known.learn(exchange, in_scope=in_scope)
            runner.judge_response(exchange)
    return runner.flags


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_sample_is_flagged_as_its_name_says(path: Path) -> None:
    """A must-flag sample gives a flag above info of its rule, the other gives none."""
    rule, wanted, _ = path.name.split(".")
    flags = _flags(yaml.safe_load(path.read_text("utf-8")))
    least = Severity.INFO if rule in ONLY_REPORTED else Severity.CHECK
    loud = [flag for flag in flags if flag.rule == rule and flag.severity >= least]

    assert (wanted == "must-flag") == bool(loud)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_sample_gets_no_other_rules_flags(path: Path) -> None:
    """What shows one rule does not show another above info."""
    rule = path.name.split(".")[0]
    flags = _flags(yaml.safe_load(path.read_text("utf-8")))

    assert [] == [flag.says for flag in flags if flag.rule != rule and flag.severity > Severity.INFO]


def _rows(urls: list[str]) -> Iterator[ExchangeRow]:
    for i, url in enumerate(urls, 1):
        yield ExchangeRow(
            id=i,
            exchange=f"{i:032x}",
            time_us=NOON_US,
            method="GET",
            url=url,
            status=200,
            decision="allow",
            clause=None,
            reason="",
            initiator="tool",
            page=None,
            label=None,
            account=None,
            client="127.0.0.1:5",
            flags=(),
            request_bytes=0,
            response_bytes=0,
            duration_us=0,
            session=1,
            outcome="complete",
            host=url.split("/")[2],
            scope_list="include",
        )


@pytest.mark.parametrize("path", FINDINGS, ids=lambda path: path.stem)
def test_finding_is_objected_to_as_its_name_says(path: Path) -> None:
    """A sample of a rule about reports is a finding; only its own rule objects."""
    rule, wanted, _ = path.name.split(".")
    sample = yaml.safe_load(path.read_text("utf-8"))
    policy = read_policy(_policy(sample["policy"]), path="policy.yaml")
    finding = Finding(
        name=sample["finding"],
        created_us=NOON_US,
        updated_us=NOON_US,
        fields=tuple(sample.get("fields", {}).items()),
    )
    objections = objections_of(REPORT_RULES, policy, finding, tuple(_rows(sample["marked"])), site_of=site_of)

    assert ({rule} if wanted == "must-flag" else set()) == {each.rule for each in objections}
    assert {policy.rule(rule).clause} >= {each.clause for each in objections}


@pytest.mark.parametrize("name", NAMES + OF_REPORTS)
def test_rule_has_both_samples_a_heading_and_a_line(name: str) -> None:
    """Who adds a rule writes down what it looks at and shows it."""
    wanted = {f"{name}.must-flag.yaml", f"{name}.must-not-flag.yaml"}
    documented = DOCS.read_text("utf-8")

    assert wanted == {path.name for path in ALL_FILES if path.name.split(".")[0] == name}
    assert f"\n## {name}\n" in documented
    assert [] == [sample for sample in wanted if f"tests/rules/samples/{sample}" not in documented]


@pytest.mark.parametrize("path", ALL_FILES, ids=lambda path: path.stem)
def test_sample_belongs_to_a_rule(path: Path) -> None:
    """A sample whose name has a slip would test nothing."""
    rule, wanted, _ = path.name.split(".")

    assert (True, True) == (rule in NAMES + OF_REPORTS, wanted in {"must-flag", "must-not-flag"})


def test_policy_names_the_rules_that_there_are_and_no_others() -> None:
    """policy.yaml can name each rule that runs, and each name that it can say is judged."""
    assert set(RULE_NAMES) == {*NAMES, *OF_REPORTS}


@pytest.mark.parametrize("rule", [*RULES, *REPORT_RULES], ids=NAMES + OF_REPORTS)
def test_name_file_and_class_share_a_stem(rule: type[Rule | ReportRule]) -> None:
    """`missing-identification` is MissingIdentification in missing_identification.py."""
    name = rule.name

    assert name.replace("-", "_") == rule.__module__.rsplit(".", 1)[1]
    assert "".join(part.capitalize() for part in name.split("-")) == rule.__name__
