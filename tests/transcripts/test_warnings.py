"""What a researcher is told of a breach, through a real proxy: lines of the terminal and JSON events."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from tests.transcripts.test_proxy_commands import running

from fairwitness.testing import Origin, curl, policy_text

if TYPE_CHECKING:
    from tests.transcripts.conftest import Home

SAYS = "Never disrupt our services or other users"
SCRIPT = "text=<script>alert(1)</script>"
COMMON = (
    "--user-agent",
    "Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0.0.0",
    "--header",
    "Accept-Language: en",
)
NAVIGATION = ("upgrade-insecure-requests: 1", "accept: text/html", "sec-fetch-site: none")
NAVIGATION += ("sec-fetch-mode: navigate", "sec-fetch-user: ?1", "sec-fetch-dest: document")
STYLE = (
    "accept: text/css",
    "sec-fetch-site: same-origin",
    "sec-fetch-mode: no-cors",
    "sec-fetch-dest: style",
)
FETCH = ("accept: */*", "sec-fetch-site: same-origin", "sec-fetch-mode: cors", "sec-fetch-dest: empty")


def _headers(*headers: str) -> list[str]:
    return [word for header in headers for word in ("--header", header)]


@pytest.fixture
def shop(home: Home, make_origin: Callable[..., Origin]) -> Origin:
    """A shop with a page, a list of persons and reviews."""
    origin = make_origin("shop.test")
    origin.put("/", "<link rel=stylesheet href=/a.css>")
    origin.put("/a.css", "a{}", kind="text/css")
    persons = [{"name": "Ada Smith", "email": "ada.smith@post.test", "phone": "+44 20 7946 0958"}]
    origin.put("/v2/people", json.dumps(persons), kind="application/json")
    rules: Any = {
        "public-payload": {"action": "block", "says": SAYS},
        "personal-data": {"action": "warn", "says": SAYS},
    }
    home.write("policy.yaml", policy_text(include=[origin.host_port], rules=rules))
    return origin


def _asks(proxy: str, ca: str, shop: Origin) -> None:
    def get(path: str, *words: str) -> int:
        return curl(f"http://{proxy}", shop.url(path), "--cacert", ca, *COMMON, *words).status

    assert 200 == get("/", *_headers(*NAVIGATION))
    assert 200 == get("/a.css", *_headers(*STYLE))
    assert 403 == get("/reviews", *_headers(*FETCH), "--data", SCRIPT)
    assert 403 == get("/comments", "--data", SCRIPT)
    assert 403 == get("/comments", "--data", SCRIPT)
    assert 200 == get("/v2/people")


def test_warnings_of_each_severity_are_events(home: Home, shop: Origin, authority: Any) -> None:
    """Each with clause and line, the program's sentence, what was seen and what to do; a page's apart."""
    lab = ("--resolve", shop.resolve, "--upstream-ca", str(authority.pem))
    with running(home, "--json", *lab) as proxy:
        ready = json.loads(proxy.wait_for("ready"))
        _asks(ready["listen"], ready["ca"], shop)
        proxy.wait_for_event(event="flag", rule="personal-data")
        proxy.stop()
        flags = [form for form in map(json.loads, proxy.lines) if form["event"] == "flag"]

    found = {(each["rule"], each["severity"], each["initiator"]): each for each in flags}
    wanted = {
        ("public-payload", "info", "page"),
        ("public-payload", "stop", "tool"),
        ("personal-data", "check", "tool"),
    }
    assert wanted <= set(found)
    assert len(found) == len(flags)
    for key in wanted:
        assert SAYS == found[key]["program_says"]
        assert f"rules.{key[0]}" == found[key]["clause"]
        assert "policy.yaml:" in found[key]["where"]
        assert found[key]["says"]
        assert found[key]["advice"]


def test_warnings_are_lines_that_say_how_to_answer(home: Home, shop: Origin, authority: Any) -> None:
    """The same in the plain terminal; what a page made says so and wants no answer."""
    lab = ("--resolve", shop.resolve, "--upstream-ca", str(authority.pem))
    with running(home, *lab) as proxy:
        listen = proxy.wait_for("  proxy ").split("//")[1]
        ca = proxy.wait_for("  CA ").split(maxsplit=1)[1]
        _asks(listen, ca, shop)
        seen = proxy.wait_for("personal-data (check, action warn)")
        proxy.stop()
        page = proxy.wait_for("public-payload (info, made by a page)")
        own = proxy.wait_for("public-payload (stop, action ")

    for line in (seen, own):
        assert f'"{SAYS}"] Answer: fairwitness answer f' in line
    assert "Answer:" not in page
