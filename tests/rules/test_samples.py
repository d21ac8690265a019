"""Every rule has a sample that it must flag and one that it must not, and a heading in docs/rules.md.

A sample is ``samples/NAME.must-flag.yaml`` or ``samples/NAME.must-not-flag.yaml``: what it shows, the
policy (what differs from an empty one for shop.example.com) and exchanges in seconds after 2026-11-24
12:00 UTC.  ``browser`` gives a request the headers of Chromium, ``sends`` its body; ``status``, ``answers``
(headers) and ``body`` are the response; ``times`` and ``every`` repeat it, with ``{i}`` counting from 0;
``accounts`` names the researcher's own with their identities, ``elsewhere`` the hosts that are not in scope.
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
from fairwitness.model.flag import Flag, Severity
from fairwitness.policy import RULE_NAMES, read_policy, site_of
from fairwitness.rules import RULES, Knowledge, Runner
from fairwitness.rules.testing import NOON_US, make_exchange, make_request

SAMPLES = Path(__file__).parent / "samples"
DOCS = Path(__file__).parents[2] / "docs" / "rules.md"
FILES = sorted(SAMPLES.glob("*.yaml"))
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


@pytest.mark.parametrize("name", NAMES)
def test_rule_has_both_samples_a_heading_and_a_line(name: str) -> None:
    """Who adds a rule writes down what it looks at and shows it."""
    wanted = {f"{name}.must-flag.yaml", f"{name}.must-not-flag.yaml"}
    documented = DOCS.read_text("utf-8")

    assert wanted == {path.name for path in FILES if path.name.split(".")[0] == name}
    assert f"\n## {name}\n" in documented
    assert [] == [sample for sample in wanted if f"tests/rules/samples/{sample}" not in documented]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_sample_belongs_to_a_rule(path: Path) -> None:
    """A sample whose name has a slip would test nothing."""
    rule, wanted, _ = path.name.split(".")

    assert (True, True) == (rule in NAMES, wanted in {"must-flag", "must-not-flag"})


def test_every_rule_is_known_to_the_policy() -> None:
    """policy.yaml can name each rule that runs."""
    assert [] == [name for name in NAMES if name not in RULE_NAMES]


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_name_file_and_class_share_a_stem(rule: type) -> None:
    """`missing-identification` is MissingIdentification in missing_identification.py."""
    name = NAMES[list(RULES).index(rule)]

    assert name.replace("-", "_") == rule.__module__.rsplit(".", 1)[1]
    assert "".join(part.capitalize() for part in name.split("-")) == rule.__name__
