"""A single-page app in a real Chromium: it works after one ``allow --suggested``, and nothing leaks.

The app draws on a script host (unlisted at first), a sign-in host (tunnel), telemetry (noise), a frame of
an excluded partner and a link to a stranger; it polls and holds a WebSocket open.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from fairwitness.model.record import ExchangeRow
from fairwitness.testing import Answer, Authority, Counts, Origin, Proxy, key_pin, policy_text

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))),
        reason="no Chromium on this machine: nothing was tested in a browser",
    ),
    pytest.mark.timeout(180),
]

HOME = """<!doctype html><title>App</title>
<link rel="stylesheet" href="/style.css">
<script src="{cdn}/lib.js"></script>
<img src="{cdn}/logo.svg" alt="">
<iframe src="{partner}/frame" id="frame"></iframe>
<a id="second" href="/second">second page</a>
<a id="sign-in" href="/start-sign-in">sign in</a>
<a id="stranger" href="{stranger}/page">stranger</a>
<script src="/app.js"></script>
"""
SCRIPT = """
window.state = {{polls: 0, echo: null, me: null, telemetry: null}};
fetch('/api/me', {{method: 'POST', body: '{{}}'}}).then(r => r.json()).then(me => state.me = me.method);
const socket = new WebSocket('{socket}/ws');
socket.onopen = () => socket.send('hello');
socket.onmessage = message => state.echo = message.data;
const poll = async () => {{
  await (await fetch('/poll')).json();
  state.polls += 1;
  if (state.polls < 5) setTimeout(poll, 20);
}};
poll();
fetch('{telemetry}/collect', {{method: 'POST', mode: 'no-cors', body: 'x'}})
  .then(r => state.telemetry = r.type, () => state.telemetry = 'failed');
navigator.sendBeacon('{telemetry}/beacon', 'x');
"""
WORKS = "window.state && state.polls >= 5 && state.echo === 'hello' && state.me && state.telemetry"


@dataclass(frozen=True, slots=True)
class Visit:
    """What came of the visit, read after the browser was closed."""

    app: Origin
    script_host: Origin
    sign_in: Origin
    telemetry: Origin
    partner: Origin
    stranger: Origin
    rows: tuple[ExchangeRow, ...]
    cdn_before_allow: Counts
    first: dict[str, Any]
    wanted: list[dict[str, Any]]
    allowed: int
    policy: str
    second: dict[str, Any]
    after_sign_in: str
    block_page: str
    frame_text: object
    har: dict[str, Any]
    stderr: str

    def row(self, url: str) -> ExchangeRow:
        """The last exchange with a URL."""
        return [row for row in self.rows if row.url == url][-1]


@pytest.fixture(scope="module")
def visit(
    authority: Authority,
    make_chromium: Callable[..., AbstractContextManager[Any]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Visit]:
    """One visit of the app, from the first look to the block page."""
    names = ["app.test", "scripts.test", "login.test", "telemetry.test", "partner.test", "stranger.test"]
    with contextlib.ExitStack() as stack:
        origins = [
            stack.enter_context(Origin(authority, [name], address=f"127.0.0.{20 + number}"))
            for number, name in enumerate(names)
        ]
        app, scripts, login, telemetry, partner, stranger = origins
        _put_pages_up(app, scripts, login, telemetry, partner, stranger)
        folder: Path = tmp_path_factory.mktemp("visit")
        policy = policy_text(
            include=[app.host_port],
            tunnel=[login.host_port],
            noise=[telemetry.host_port, "preset:browser"],
            exclude=[partner.host_port],
        )
        proxy = stack.enter_context(
            Proxy(
                folder,
                policy=policy,
                upstream_ca=authority.pem,
                resolve=[origin.resolve for origin in origins],
            )
        )
        told = _visit(make_chromium, proxy, app, scripts, login)
        released = len(list(app.requests))
        proxy.wait_for_row(lambda row: _released_by_now(proxy, app) >= released)
        exported = proxy.command("export", "--format", "har", "-o", "-")
        har = json.loads(exported.stdout)
        yield Visit(*origins, rows=proxy.rows(), har=har, stderr=proxy.stderr, **told)


def _put_pages_up(
    app: Origin, scripts: Origin, login: Origin, telemetry: Origin, partner: Origin, stranger: Origin
) -> None:
    hosts = {
        "cdn": scripts.url(""),
        "partner": partner.url(""),
        "stranger": stranger.url(""),
        "telemetry": telemetry.url(""),
        "socket": app.url("", scheme="wss"),
    }
    back = app.url("/callback?code=1")
    app.put("/", HOME.format(**hosts))
    app.put("/app.js", SCRIPT.format(**hosts), kind="text/javascript")
    app.put("/style.css", "body { font: 16px sans-serif }", kind="text/css")
    app.put("/second", "<!doctype html><title>Second</title><p id=second-page>second")
    app.put("/callback", "<!doctype html><title>Signed in</title><p id=signed-in>yes")
    to_login = (b"Location", login.url("/authorize").encode())
    app.put("/start-sign-in", "", answer=Answer(status=302, headers=(to_login,)))
    login.put("/authorize", f"<!doctype html><title>Login</title><a id=agree href='{back}'>agree</a>")
    scripts.put("/lib.js", "window.lib = 'loaded';", kind="text/javascript")
    picture = '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"/>'
    scripts.put("/logo.svg", picture, kind="image/svg+xml")


def _visit(
    make_chromium: Callable[..., AbstractContextManager[Any]],
    proxy: Proxy,
    app: Origin,
    scripts: Origin,
    login: Origin,
) -> dict[str, Any]:
    told: dict[str, Any] = {}
    with make_chromium(proxy, pins=(_pin(login),)) as browser:
        browser.navigate(app.url("/"))
        browser.wait_for(WORKS)
        told["first"] = browser.evaluate("({...state, lib: window.lib || null})")
        told["cdn_before_allow"] = scripts.counts
        lines = proxy.command("wanted", "--json").stdout.splitlines()
        told["wanted"] = [json.loads(line) for line in lines]
        told["allowed"] = proxy.command("allow", "--suggested").returncode
        told["policy"] = proxy.policy_file.read_text()
        browser.navigate(app.url("/?again"))
        browser.wait_for(f"{WORKS} && location.search === '?again'")
        told["second"] = browser.evaluate("({...state, lib: window.lib || null})")
        told["frame_text"] = browser.evaluate("document.getElementById('frame').contentDocument")
        browser.click("#second")
        browser.wait_for("document.getElementById('second-page')")
        browser.navigate(app.url("/"))
        browser.wait_for(WORKS)
        browser.click("#sign-in")
        browser.click("#agree")
        browser.wait_for("document.getElementById('signed-in')")
        told["after_sign_in"] = browser.evaluate("location.href")
        browser.navigate(app.url("/"))
        browser.wait_for(WORKS)
        browser.click("#stranger")
        browser.wait_for("location.hostname === 'stranger.test' && document.readyState === 'complete'")
        told["block_page"] = browser.evaluate("document.documentElement.outerHTML")
    return told


def test_the_page_works_before_anything_is_allowed(visit: Visit) -> None:
    """Own scripts, calls, polling and the WebSocket work; the unlisted script host was never touched."""
    assert (
        visit.first["me"],
        visit.first["polls"],
        visit.first["echo"],
        visit.first["lib"],
    ) == ("POST", 5, "hello", None)
    assert Counts(0, 0, 0) == visit.cdn_before_allow


def test_what_the_page_wanted_is_offered(visit: Visit) -> None:
    """Only the script host is offered: not the noise, not the excluded partner, not the stranger."""
    assert ["scripts.test"] == sorted({str(each["host"]).split(":")[0] for each in visit.wanted})


def test_one_allow_makes_the_page_whole(visit: Visit) -> None:
    """After ``allow --suggested`` the script host is on `load` and its script runs."""
    load_list = visit.policy.partition("load:")[2].partition("tunnel:")[0]

    assert 0 == visit.allowed
    assert "scripts.test" in load_list
    assert "loaded" == visit.second["lib"]


def test_nothing_left_for_whom_the_policy_does_not_let_through(visit: Visit) -> None:
    """Stranger, excluded partner and telemetry were not touched by link, frame, fetch or beacon."""
    touched = {origin.name: origin.counts for origin in (visit.stranger, visit.partner, visit.telemetry)}

    assert {"stranger.test": (0, 0, 0), "partner.test": (0, 0, 0), "telemetry.test": (0, 0, 0)} == touched


def test_the_page_cannot_see_that_it_is_watched(visit: Visit) -> None:
    """A blocked call of a page fails or is opaque; it never reads the proxy's answer."""
    assert visit.second["telemetry"] in {"opaque", "failed"}
    assert visit.frame_text is None


def test_signing_in_through_the_tunnel_works(visit: Visit) -> None:
    """The redirect to the sign-in host is followed undecrypted, and the way back is logged."""
    tunnels = [row for row in visit.rows if row.method == "CONNECT" and row.scope_list == "tunnel"]

    assert visit.app.url("/callback?code=1") == visit.after_sign_in
    assert 1 == len(visit.sign_in.requests_for("/authorize"))
    assert visit.sign_in.host_port in {row.url for row in tunnels}
    assert not [row for row in visit.rows if "/authorize" in row.url]


def test_a_click_on_a_strangers_link_shows_the_block_page(visit: Visit) -> None:
    """A person who leaves the scope sees why, and what to write into the policy."""
    row = visit.row(visit.stranger.url("/page"))

    assert "stranger.test" in visit.block_page
    assert "policy.yaml" in visit.block_page
    assert ("block", "person") == (row.decision, row.initiator)


@pytest.mark.parametrize(
    ("path", "scheme", "initiator"),
    [
        ("/?again", "https", "person"),
        ("/second", "https", "person"),
        ("/style.css", "https", "page"),
        ("/app.js", "https", "page"),
        ("/api/me", "https", "page"),
        ("/poll", "https", "page"),
        ("/ws", "wss", "page"),
    ],
)
def test_who_made_a_request_is_on_record(visit: Visit, path: str, scheme: str, initiator: str) -> None:
    """Navigation is the person's; styles, scripts, calls and the WebSocket are the page's."""
    assert initiator == visit.row(visit.app.url(path, scheme=scheme)).initiator


def test_page_made_requests_name_their_page(visit: Visit) -> None:
    """What a page made stands in the log with the page that made it."""
    row = visit.row(visit.script_host.url("/lib.js"))

    assert ("allow", "load", "page") == (row.decision, row.scope_list, row.initiator)
    assert (row.page or "").startswith(visit.app.url("/"))


def test_the_log_is_the_origins_own_list(visit: Visit) -> None:
    """The released exchanges of the app are exactly the requests that the app's server saw."""
    seen = Counter((each.method, each.target.decode()) for each in visit.app.requests)
    logged = Counter(
        (row.method, "/" + row.url.split("/", 3)[3])
        for row in visit.rows
        if row.host == "app.test" and row.outcome != "blocked" and row.method != "CONNECT"
    )

    assert seen == logged


def test_the_proxy_had_nothing_to_complain_of(visit: Visit) -> None:
    """A browser's session leaves no error on the proxy's terminal."""
    assert "" == visit.stderr


def _pin(origin: Origin) -> str:
    pem = origin.certificate.read_bytes()
    return key_pin(pem[pem.index(b"-----BEGIN CERTIFICATE") :])


def _released_by_now(proxy: Proxy, app: Origin) -> int:
    return len(
        [row for row in proxy.rows() if row.host == app.name and row.outcome not in {"blocked", "open"}]
    )


def test_the_har_has_what_the_servers_saw(visit: Visit) -> None:
    """As many entries for each server as it had requests: nothing blocked, nothing twice, no tunnel."""
    seen = {
        origin.host_port: len(origin.requests)
        for origin in (visit.app, visit.script_host, visit.telemetry, visit.partner, visit.stranger)
    }
    entries = visit.har["log"]["entries"]
    counted = Counter(urlsplit(entry["request"]["url"]).netloc for entry in entries)
    pages = {page["id"] for page in visit.har["log"]["pages"]}

    assert {name: count for name, count in seen.items() if count} == dict(counted)
    assert {entry["pageref"] for entry in entries if "pageref" in entry} <= pages
    assert any(entry.get("_webSocketMessages") for entry in entries)
