"""A judge that is not ours looks for secrets in what is exported: Yelp's detect-secrets."""

from __future__ import annotations

import base64
import json
import random
import string
import warnings

import pytest

from fairwitness.export import EXPORTERS
from fairwitness.export.testing import make_message, make_record, redacted, shown, written
from fairwitness.model.record import ExchangeRecord

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from detect_secrets.core.scan import scan_line
    from detect_secrets.settings import transient_settings

PLUGINS = (
    "AWSKeyDetector", "BasicAuthDetector", "GitHubTokenDetector", "GitLabTokenDetector", "JwtTokenDetector",
    "NpmDetector", "PrivateKeyDetector", "SendGridDetector", "SlackDetector", "StripeDetector",
    "KeywordDetector", "TwilioKeyDetector",
)  # fmt: skip
_DICE = random.Random(7)  # the same secrets in each run


def _random(length: int, alphabet: str = string.ascii_letters + string.digits) -> str:
    return "".join(_DICE.choices(alphabet, k=length))


def _jwt() -> str:
    parts = [json.dumps(each).encode() for each in ({"alg": "HS256"}, {"sub": "1234567890"})]
    head, claims = (base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
    return f"{head}.{claims}.{_random(43)}"


def _session() -> list[ExchangeRecord]:
    jwt, session = _jwt(), _random(40, "0123456789abcdef")
    aws = "AKIA" + _random(16, string.ascii_uppercase + "234567")
    github = "ghp_" + _random(36)
    settings = {
        "aws_access_key_id": aws,
        "aws_secret_access_key": _random(40),
        "slack": "xoxb-" + _random(12, string.digits) + "-" + _random(24),
        "stripe": "sk_" + "live_" + _random(24),
        "database": f"postgres://app:{_random(12)}@db.example.com/shop",
        "private_key": "-----BEGIN RSA "
        + "PRIVATE KEY-----\n"
        + _random(640)
        + "\n-----END RSA PRIVATE KEY-----",
    }
    basic = base64.b64encode(f"alice:{_random(14)}".encode())
    return [
        make_record(
            1,
            request=f"GET /login?token={jwt} HTTP/1.1".encode(),
            url=f"https://shop.example.com/login?token={jwt}",
            request_headers=((b"Authorization", b"Basic " + basic), (b"Cookie", b"sid=" + session.encode())),
            request_body=json.dumps({"user": "alice", "password": _random(16)}).encode(),
            response_body=json.dumps({"access_token": jwt, "settings": settings}).encode(),
        ),
        make_record(
            2,
            request_headers=((b"Authorization", b"Bearer " + jwt.encode()), (b"X-Api-Key", github.encode())),
            response_body=f'<script>var apiKey = "{github}", s = "{session}", a = "{aws}"</script>'.encode(),
        ),
        make_record(
            3,
            messages=(make_message(json.dumps({"auth": jwt, "secret": _random(32)}).encode()),),
        ),
    ]


def _judged(text: str) -> set[tuple[str, str | None]]:
    """What the judge takes for a secret, unless its keyword plugin was shown a placeholder."""
    with transient_settings({"plugins_used": [{"name": name} for name in PLUGINS]}):
        found = [each for line in text.splitlines() for each in scan_line(line)]
    return {
        (each.type, each.secret_value)
        for each in found
        if not any(mark in (each.secret_value or "") for mark in ("_A", "_B", "_C", "_D", "_E", "_F", "_G"))
    }


@pytest.mark.parametrize("exporter", [each for each in EXPORTERS if each.name != "mitm"])
def test_the_judge_finds_nothing_in_an_export(exporter: type) -> None:
    """And much in the same export without redaction, so the judge can see."""
    session = _session()

    bare = _judged(written(exporter(), [shown(each) for each in session]).decode())
    hidden = _judged(written(exporter(), redacted(*session)).decode())

    assert set() == hidden
    assert bare
