"""A scanner is told by several things that it does; a person is none, however sharp the payloads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from urllib.parse import quote

import pytest

from fairwitness.model.exchange import Headers
from fairwitness.model.flag import Answer, AnswerAs, Flag, Severity
from fairwitness.model.verdict import Action
from fairwitness.rules import Knowledge, Runner
from fairwitness.rules.automated_scanner import AutomatedScanner
from fairwitness.rules.content_discovery import ContentDiscovery
from fairwitness.rules.reading import Reading
from fairwitness.rules.testing import NOON_US, make_exchange, make_line, make_policy, make_request

CHROME = (
    b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"
)
FALSE: Headers = ((b"user-agent", CHROME), (b"accept-encoding", b"gzip"), (b"accept", b"*/*"))
CURL: Headers = ((b"user-agent", b"curl/8.5.0"), (b"accept", b"*/*"))
PAYLOADS = [
    "' or 1=1--",
    "<script>alert(1)</script>",
    "../../etc/passwd",
    "{{7*7}}",
    ";id",
    "' union select null--",
]
SITE = "https://shop.test"
Step = tuple[str, dict[str, object]]


class Session:
    """Both rules over what is asked, as live traffic is judged: what is blocked gets no answer."""

    def __init__(self) -> None:
        lines = [make_line(name, Action.BLOCK) for name in ("automated-scanner", "content-discovery")]
        self.known = Knowledge()
        kinds = (AutomatedScanner, ContentDiscovery)
        policy = make_policy(rules=lines)
        self.runner = Runner(policy, next_flag=1, now_us=NOON_US, known=self.known, rules=kinds)
        self.at_us = NOON_US
        self.released = 0
        self.asked = 0
        self.first: int | None = None

    def ask(
        self,
        path: str,
        *,
        after_s: float = 1.0,
        status: int = 200,
        gives: bytes = b"ok",
        kind: bytes = b"text/html",
        takes_s: float = 0.01,
        **more: object,
    ) -> bool:
        """Ask for something; whether it went out."""
        self.at_us += round(after_s * 1_000_000)
        made = make_request(SITE + path, at_us=self.at_us, **({"headers": FALSE} | more))  # type: ignore[arg-type]
        request = self.known.who(made, in_scope=True)
        self.asked += 1
        judgement = self.runner.judge_request(request, in_scope=True)
        if judgement.action >= Action.BLOCK:
            self._note()
            return False
        self.runner.started(request)
        self.released += 1
        answers = ((b"content-type", kind),)
        exchange = make_exchange(
            request, status=status, body=gives, headers=answers, after_us=round(takes_s * 1_000_000)
        )
        self.at_us = max(self.at_us, exchange.ended_us)
        self.runner.ended(request, time_us=exchange.ended_us)
        self.known.learn(exchange, in_scope=True)
        self.runner.judge_response(exchange)
        self._note()
        return True

    def run(self, steps: Iterable[Step]) -> Session:
        """Ask for one thing after the other."""
        for path, more in steps:
            self.ask(path, **more)  # type: ignore[arg-type]
        return self

    def _note(self) -> None:
        if self.first is None and self.loud("automated-scanner"):
            self.first = self.asked

    def loud(self, rule: str = "") -> list[Flag]:
        return [f for f in self.runner.flags if f.severity > Severity.INFO and rule in {"", f.rule}]


def _mixed(count: int) -> Iterator[str]:
    for i in range(count):
        yield quote(f"{PAYLOADS[i % len(PAYLOADS)]}{i}")


def _nikto() -> Iterator[Step]:
    for name in (
        "cgi-bin/test.cgi",
        "admin.php",
        ".git/config",
        "phpinfo.php",
        "server-status",
        "icons/",
        "_vti_bin/x",
        "scripts/root.exe",
        "test.asp",
        "wp-login.php",
        "README.TXT",
        "webmail/",
        "perl.cgi",
        "db.sql",
        "dump.tar",
        "login.jsp",
        "examples/",
        "jmx-console/",
        "web.config",
        "old.zip",
    ):
        yield f"/{name}", {"status": 404, "after_s": 0.1}


def _feroxbuster() -> Iterator[Step]:
    page = b"<html><body>Welcome to our shop, nothing here, try the home page please</body></html>"
    for i in range(60):
        word = f"{'abcdefghij'[i % 10]}{'klmnopqrst'[i // 10]}word"
        yield f"/{word}", {"status": 200, "gives": page, "after_s": 0.03}


def _nuclei() -> Iterator[Step]:
    for i, (path, more) in enumerate(_nikto()):
        agent = f"Mozilla/5.0 (Windows NT 10.0; rv:{90 + i}.0) Gecko/20100101 Firefox/{90 + i}.0".encode()
        yield path, more | {"headers": ((b"user-agent", agent), (b"accept", b"*/*")), "after_s": 0.05}


def _xsstrike() -> Iterator[Step]:
    for i in range(25):
        yield f"/search?q={quote(f'<d3v/onmouseover=confirm({i})>')}", {"after_s": 0.3}


def _intruder() -> Iterator[Step]:
    for payload in _mixed(25):
        body = f"name=test&comment={payload}".encode()
        form = (*FALSE, (b"content-type", b"application/x-www-form-urlencoded"))
        yield "/profile", {"method": "POST", "body": body, "after_s": 0.2, "headers": form}


def _wfuzz() -> Iterator[Step]:
    for i in range(200):
        yield f"/item?name{chr(97 + i % 26)}{chr(97 + i // 26)}=1", {"after_s": 0.02}


def _methods() -> Iterator[Step]:
    for path in ("/a", "/b"):
        for method in ("TRACE", "DEBUG", "PUT", "DELETE", "PATCH", "FOO", "OPTIONS"):
            yield path, {"method": method, "status": 405, "after_s": 0.1}


def _slow() -> Iterator[Step]:
    for payload in _mixed(80):
        yield f"/search?q={payload}", {"after_s": 4.0, "status": 500}


def _steady() -> Iterator[Step]:
    for payload in _mixed(40):
        yield f"/search?q={payload}", {"after_s": 1.6, "headers": CURL}


def _waiting() -> Iterator[Step]:
    for payload in _mixed(30):
        yield f"/search?q={payload}", {"after_s": 0.1, "takes_s": 1.2, "headers": CURL}


def _in_headers() -> Iterator[Step]:
    for payload in _mixed(30):
        name = (b"x-forwarded-for", b"cookie", b"x-api-version")[len(payload) % 3]
        yield "/account", {"after_s": 0.3, "headers": (*CURL, (name, b"a=" + payload.encode()))}


def _round_a_filter() -> Iterator[Step]:
    for ends in ("", "/", "/.", "//", "/./", "..;/", "%20", "%09", ";x", "~", "/*", "%00", ".."):
        yield f"/admin{ends}", {"after_s": 0.2, "status": 403, "headers": CURL}
    for name in (
        b"x-original-url",
        b"x-rewrite-url",
        b"x-forwarded-for",
        b"x-real-ip",
        b"x-host",
        b"client-ip",
    ):
        for value in (b"/admin", b"127.0.0.1"):
            yield "/admin", {"after_s": 0.2, "status": 403, "headers": (*CURL, (name, value))}


def _wafw00f() -> Iterator[Step]:
    yield "/", {"headers": NAVIGATION}
    values = [quote(each) for each in ("<script>alert(1)</script>", "' or 1=1--", "../../../etc/passwd")]
    yield "/?a={}&b={}&c={}".format(*values), {"headers": NAVIGATION}
    for value in values[:2]:
        yield "/", {"headers": NAVIGATION, "after_s": 1.2}
        yield f"/?s={value}", {"headers": NAVIGATION, "after_s": 0.4}


def _two_names() -> Iterator[Step]:
    for i, payload in enumerate(PAYLOADS):
        agent = CHROME if i % 2 else b"python-requests/2.32"
        yield f"/search?q={quote(payload)}", {"headers": ((b"user-agent", agent), *CURL[1:]), "after_s": 0.9}


def _origins() -> Iterator[Step]:
    for i in range(10):
        yield "/api/me", {"headers": (*CURL, (b"origin", b"https://%d.example" % i)), "after_s": 0.3}


def _fields() -> Iterator[Step]:
    answer = b'{"errors": [{"message": "Cannot query field \\"x\\" on type \\"Query\\"."}]}'
    for i in range(40):
        body = f'{{"query": "{{ field{chr(97 + i % 26)}{i} {{ id }} }}"}}'.encode()
        more = {"method": "POST", "body": body, "gives": answer, "kind": b"application/json"}
        yield "/graphql", {"headers": (*CURL, (b"content-type", b"application/json")), "after_s": 0.3} | more


def _numbers() -> Iterator[Step]:
    for number in range(60):
        yield f"/{number:02}", {"after_s": 0.1, "status": 404, "headers": CURL}


WGET: Headers = ((b"user-agent", b"Wget/1.21.3"), (b"accept", b"*/*"), (b"accept-encoding", b"identity"))


def _links(paths: Iterable[str]) -> bytes:
    return "".join(f'<a href="{path}">x</a>' for path in paths).encode()


def _site(pages: int) -> list[str]:
    """Addresses of pages: eight lists, and what they list."""
    lists = [f"/{name}" for name in ("goods", "blog", "help", "jobs", "team", "press", "shops", "news")]
    return lists + [f"{lists[at % 8]}/{at}" for at in range(pages - 8)]


def _crawl(after_s: float = 0.2, headers: Headers = WGET) -> Iterator[Step]:
    pages = _site(80)
    yield "/", {"headers": headers, "gives": _links(pages[:8])}
    yield "/robots.txt", {"headers": headers, "kind": b"text/plain", "after_s": after_s}
    for page in pages:
        below = _links(each for each in pages if each.startswith(f"{page}/"))
        yield page, {"headers": headers, "gives": below, "after_s": after_s}


def _polite_crawl() -> Iterator[Step]:
    return _crawl(after_s=1.0, headers=CURL)


def _crawl_as_browser() -> Iterator[Step]:
    return _crawl(headers=NAVIGATION)


def _wafw00f_at_once() -> Iterator[Step]:
    plain: Headers = (*FALSE, (b"accept-language", b"en"))
    for path, more in _wafw00f():
        yield path.replace("?s=", f"?{quote(path[-4:], safe='')}="), more | {"headers": plain, "after_s": 0.1}


SCANNERS = {
    "wafw00f": (_wafw00f_at_once, 2),
    "every second and a half": (_steady, 30),
    "slow answers": (_waiting, 30),
    "payloads in headers": (_in_headers, 30),
    "round a filter": (_round_a_filter, 30),
    "numbers": (_numbers, 30),
    "wafw00f, slowed down": (_wafw00f, 6),
    "two names": (_two_names, 6),
    "origins": (_origins, 10),
    "fields of GraphQL": (_fields, 30),
    "nikto": (_nikto, 30),
    "feroxbuster": (_feroxbuster, 30),
    "nuclei": (_nuclei, 30),
    "XSStrike": (_xsstrike, 30),
    "Intruder": (_intruder, 30),
    "wfuzz": (_wfuzz, 60),
    "methods": (_methods, 30),
    "slow": (_slow, 80),
}


@pytest.mark.parametrize("name", SCANNERS)
def test_scanner_without_its_name_is_seen_early(name: str) -> None:
    """Whatever it is called, it is flagged by what it does."""
    steps, within = SCANNERS[name]
    session = Session().run(steps())

    assert session.first is not None
    assert session.first <= within


NAVIGATION: Headers = (
    (b"user-agent", CHROME),
    (b"accept-language", b"en"),
    (b"accept", b"text/html,*/*;q=0.8"),
    (b"upgrade-insecure-requests", b"1"),
    (b"sec-fetch-site", b"none"),
    (b"sec-fetch-mode", b"navigate"),
    (b"sec-fetch-user", b"?1"),
    (b"sec-fetch-dest", b"document"),
    (b"accept-encoding", b"gzip, br"),
)


def _of_page(accept: bytes, mode: bytes, dest: bytes) -> Headers:
    return (
        (b"user-agent", CHROME),
        (b"accept-language", b"en"),
        (b"accept", accept),
        (b"sec-fetch-site", b"same-origin"),
        (b"sec-fetch-mode", mode),
        (b"sec-fetch-dest", dest),
        (b"referer", SITE.encode() + b"/app"),
        (b"accept-encoding", b"gzip, br"),
    )


IMAGE = _of_page(b"image/avif,*/*;q=0.8", b"no-cors", b"image")
FETCH = _of_page(b"*/*", b"cors", b"empty")


def _spa() -> Iterator[Step]:
    links = "".join(f'<img src="/i/{chr(97 + i)}x.png">' for i in range(26))
    yield "/app", {"headers": NAVIGATION, "gives": links.encode()}
    for i in range(26):
        yield f"/i/{chr(97 + i)}x.png", {"headers": IMAGE, "status": 404, "after_s": 0.01}
    for i in range(60):
        yield f"/api/poll?since={i}", {"headers": FETCH, "after_s": 0.4, "kind": b"application/json"}
    for i in range(30):
        yield (
            f"/api/part{chr(97 + i % 26)}{i}",
            {"headers": FETCH, "after_s": 0.05, "kind": b"application/json"},
        )


def _unfinished_app() -> Iterator[Step]:
    yield "/app", {"headers": NAVIGATION, "gives": b'<img src="/logo.png">'}
    yield "/logo.png", {"headers": IMAGE}
    for i in range(90):
        yield f"/api/poll?since=c{i}", {"headers": FETCH, "after_s": 0.1, "kind": b"application/json"}
    for i in range(24):
        yield f"/api/part{chr(97 + i)}", {"headers": FETCH, "after_s": 0.05, "status": 404}


def _autocomplete() -> Iterator[Step]:
    typed = "o'brien & sons <limited> co"
    yield "/app", {"headers": NAVIGATION, "gives": b'<img src="/logo.png">'}
    yield "/logo.png", {"headers": IMAGE}
    for i in range(1, 24):
        yield f"/suggest?q={quote(typed[:i])}", {"headers": FETCH, "after_s": 0.15}


def _by_hand() -> Iterator[Step]:
    for i, payload in enumerate(_mixed(30)):
        yield f"/search?q={payload}", {"headers": CURL, "after_s": 6 + i % 5, "status": 500 if i % 3 else 200}


def _repeater() -> Iterator[Step]:
    edited = (*_of_page(b"*/*", b"cors", b"empty"), (b"content-type", b"application/json"))
    for payload in [*PAYLOADS, *PAYLOADS]:
        body = f'{{"name": "{payload}"}}'.encode()
        yield "/api/me", {"method": "PUT", "headers": edited, "body": body, "after_s": 3.0}


def _slow_origin() -> Iterator[Step]:
    for payload in _mixed(20):
        yield f"/search?q={payload}", {"after_s": 1.5, "takes_s": 6.0, "headers": CURL}


def _filter_by_hand() -> Iterator[Step]:
    for i, ends in enumerate(("", "/", "/.", "//", "..;/", "%20", ";x", "~")):
        address = b"127.0.0.%d" % i
        headers = (*CURL, (b"x-forwarded-for", address), (b"origin", b"https://%d.example" % i))
        yield f"/admin{ends}", {"after_s": 9.0, "status": 403, "headers": headers}


def _payloads_in_paths() -> Iterator[Step]:
    for i in range(8):
        for payload in ("../../etc/passwd", "' or 1=1--", "<script>alert(1)</script>"):
            path = quote(f"{payload}{i}", safe="")
            yield f"/download/{path}", {"headers": CURL, "after_s": 11.0, "status": 404}


def _two_slashes() -> Iterator[Step]:
    for page in range(30):
        yield f"//v1/items/{page}", {"after_s": 0.2, "headers": CURL, "kind": b"application/json"}


def _paging() -> Iterator[Step]:
    script: Headers = (
        (b"user-agent", b"python-requests/2.32"),
        (b"accept", b"*/*"),
        (b"accept-encoding", b"gzip"),
    )
    for i in range(200):
        yield (
            f"/api/items?page={i}&size=50",
            {"headers": script, "after_s": 0.05, "kind": b"application/json"},
        )
    for i in range(100):
        yield f"/api/items/{i}", {"headers": script, "after_s": 0.05, "status": 404 if i % 2 else 200}


def _collection() -> Iterator[Step]:
    postman: Headers = (
        (b"user-agent", b"PostmanRuntime/7.43.0"),
        (b"accept", b"*/*"),
        (b"accept-encoding", b"gzip"),
    )
    for i in range(40):
        status = 401 if i % 3 else 200
        yield (
            f"/api/v1/{chr(97 + i % 26)}thing{chr(97 + i // 26)}",
            {"headers": postman, "after_s": 0.2, "status": status},
        )


def _guesses() -> Iterator[Step]:
    for name in (
        "admin",
        "v1",
        "v2",
        "api",
        "api/v3",
        "users",
        "me",
        "debug",
        "status",
        "health",
        "metrics",
        "docs",
    ):
        yield f"/{name}", {"headers": CURL, "after_s": 7.0, "status": 404}


def _form_by_hand() -> Iterator[Step]:
    values = [quote(each) for each in PAYLOADS[:3]]
    yield "/form?name={}&mail={}&city={}".format(*values), {"headers": CURL}
    yield f"/form?zip={values[1]}", {"headers": CURL, "after_s": 8.0}


def _own_objects() -> Iterator[Step]:
    pages = [f"/orders/{number}" for number in range(60)]
    yield "/orders", {"headers": CURL, "gives": _links(pages)}
    for page in pages:
        yield page, {"headers": CURL, "after_s": 0.2}


def _map_of_site() -> Iterator[Step]:
    pages = _site(14)
    yield "/", {"headers": CURL, "gives": _links(pages)}
    yield "/robots.txt", {"headers": CURL, "kind": b"text/plain"}
    for page in pages:
        yield page, {"headers": CURL, "after_s": 0.2}


def _packages() -> Iterator[Step]:
    for at in range(60):
        pip: Headers = ((b"user-agent", b"pip/25.3"), (b"accept", b"text/html"))
        yield (
            f"/simple/{chr(97 + at % 26)}{at}/",
            {"headers": pip, "after_s": 0.1, "gives": _links([f"p{at}.whl"])},
        )


def _many_tabs() -> Iterator[Step]:
    pages = _site(60)
    yield "/app", {"headers": NAVIGATION, "gives": _links(pages) + b'<img src="/logo.png">'}
    yield "/logo.png", {"headers": IMAGE}
    for page in pages:
        yield page, {"headers": NAVIGATION, "after_s": 0.5}


def _passwords() -> Iterator[Step]:
    form = (*FALSE, (b"content-type", b"application/x-www-form-urlencoded"))
    for i in range(60):
        yield (
            "/login",
            {
                "method": "POST",
                "headers": form,
                "body": f"user=a&password=Winter{i}!".encode(),
                "after_s": 0.1,
            },
        )


PEOPLE = [
    _spa,
    _autocomplete,
    _unfinished_app,
    _by_hand,
    _repeater,
    _slow_origin,
    _filter_by_hand,
    _payloads_in_paths,
    _two_slashes,
    _paging,
    _collection,
    _guesses,
    _passwords,
    _form_by_hand,
    _own_objects,
    _map_of_site,
    _packages,
    _many_tabs,
]


@pytest.mark.parametrize("steps", PEOPLE, ids=lambda steps: steps.__name__.strip("_"))
def test_person_page_or_script_is_no_scanner(steps: Callable[[], Iterable[Step]]) -> None:
    """What people, pages and plain scripts do gives no flag above info and is not blocked."""
    session = Session().run(steps())

    assert [] == [flag.says for flag in session.loud()]
    assert session.asked == session.released


@pytest.mark.parametrize(
    ("steps", "says"),
    [
        (_crawl, "faster than a person"),
        (_polite_crawl, "linked pages without what belongs to a page"),
        (_crawl_as_browser, "faster than a person"),
    ],
)
def test_crawl_is_told_of_and_goes_on(steps: Callable[[], Iterable[Step]], says: str) -> None:
    """A hint, however slowly the pages are read."""
    session = Session().run(steps())

    told = [flag for flag in session.runner.flags if flag.rule == "automated-scanner"]
    assert session.asked == session.released
    assert {Severity.INFO} == {flag.severity for flag in told}
    assert any(says in flag.says.lower() for flag in told)


def test_filter_that_is_tried_out_is_refused() -> None:
    """Several families at once, then one by one under made-up names: the second payload does not leave."""
    session = Session().run(_wafw00f_at_once())

    assert session.released <= 4


def test_few_requests_of_a_caught_scanner_get_through() -> None:
    """It walks on from place to place and is blocked at each afresh."""
    session = Session().run(_intruder())
    before = session.released
    session.run(("/other" + path, more) for path, more in _xsstrike())

    assert before == session.released


def test_person_beside_a_scanner_goes_on() -> None:
    """Another actor at the same address is not blocked."""
    session = Session().run(_intruder())

    assert session.ask("/profile", headers=NAVIGATION)
    assert session.ask("/search?q=mug", headers=CURL)


def test_same_actor_goes_on_by_hand() -> None:
    """After a quarter of an hour everything goes again, a single payload too."""
    session = Session().run(_intruder())

    assert session.ask("/profile", after_s=16 * 60, method="POST", body=b"name=x")
    assert session.ask("/search?q=%27", after_s=30)


def test_false_alarm_lifts_it() -> None:
    """Who answers is not stopped again for the same."""
    session = Session().run(_intruder())
    for flag in session.loud():
        session.runner.answer(
            Answer(flag=flag.flag, answered_as=AnswerAs.FALSE_ALARM, note="", time_us=session.at_us)
        )
    before = session.released
    session.run(_intruder())

    assert before + 25 == session.released


def test_name_is_enough_and_label_is_a_name() -> None:
    """A scanner that says so is blocked at its first request."""
    for more in ({"headers": ((b"user-agent", b"sqlmap/1.9"),)}, {"label": "nuclei"}):
        session = Session()

        assert not session.ask("/", **more)  # type: ignore[arg-type]


def test_payload_in_a_trailer_is_read_as_in_a_header() -> None:
    """Some servers put trailers beside the headers."""
    asked = replace(
        make_request(SITE), trailers=((b"x-name", b"<script>alert(1)</script>"), (b"x-sum", b"9"))
    )

    assert [("header", "x-name")] == [(each.place, each.name) for each in Reading(asked).sure_attacks]


def test_flag_lists_its_parts() -> None:
    """Whoever reads it can check the sum, and no payload is repeated."""
    says = Session().run(_intruder()).loud()[0].says

    assert "score" in says
    assert "payloads" in says
    assert "Accept-Language" in says
    assert "script" not in says.replace("images or scripts", "")


def test_page_cannot_frame_its_visitor() -> None:
    """A hostile page that sends payloads is flagged as info, and its visitor is not blocked."""
    session = Session()
    session.ask("/app", headers=NAVIGATION, gives=b'<img src="/logo.png">')
    session.ask("/logo.png", headers=IMAGE)
    for payload in _mixed(60):
        session.ask(f"/x?q={payload}", headers=FETCH, after_s=0.05)

    assert [] == session.loud()
    assert session.ask("/x?q=1", headers=NAVIGATION)
    assert session.released < session.asked
