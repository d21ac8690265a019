"""Tests of fairwitness.rules.initiator: requests as Chromium sends them, and tools that pretend."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from fairwitness.model.exchange import Headers, Initiator, Metered, Request
from fairwitness.rules import Initiators
from fairwitness.rules.testing import NOON_US, make_exchange, make_request

SECOND = 1_000_000
MINUTE = 60 * SECOND
AGENT = (
    b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"
)
JA4_H2 = "t13d1517h2_8daaf6152771_cb7bf5808d99"
JA4_H1 = "t13d1516h1_8daaf6152771_02713d6af862"
PAGE = (
    b'<html><head><link rel=stylesheet href="/static/site.css"><script src="/app.js"></script></head>'
    b'<body><img src="/img/1.png"><img src="img/2.png"><a href="/search?q=a&amp;page=2">x</a>'
    b'<img src="https://cdn.test/banner.png"><iframe src="/frame"></iframe></body></html>'
)
ACCEPTS = {
    "document": b"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8",
    "iframe": b"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8",
    "image": b"image/avif,image/webp,*/*;q=0.8",
    "style": b"text/css,*/*;q=0.1",
}


@dataclass
class Browser:
    """Sends what Chromium sends, to `Initiators`."""

    scheme: str = "https"
    host: str = "shop.test"
    now_us: int = NOON_US
    initiators: Initiators = field(default_factory=Initiators)
    ja4: str | None = JA4_H2
    label: str | None = None

    def send(
        self,
        path: str,
        *,
        dest: str = "empty",
        mode: str = "cors",
        site: str = "same-origin",
        user: bool = False,
        referer: str | None = "/",
        method: str = "GET",
        in_scope: bool = True,
        host: str | None = None,
        more: Headers = (),
        ja4: str | None = None,
    ) -> Request:
        """One request, as judged."""
        is_navigation = mode == "navigate" and dest in {"document", "iframe"}
        headers: list[tuple[bytes, bytes]] = []
        if is_navigation:
            headers.append((b"upgrade-insecure-requests", b"1"))
        headers += [(b"user-agent", AGENT), (b"accept-language", b"en-US")]
        headers.append((b"accept", ACCEPTS.get(dest, b"*/*")))
        if self.scheme == "https":
            headers += [(b"sec-fetch-site", site.encode()), (b"sec-fetch-mode", mode.encode())]
            if user:
                headers.append((b"sec-fetch-user", b"?1"))
            headers.append((b"sec-fetch-dest", dest.encode()))
        if referer is not None:
            referer = referer if "://" in referer else f"{self.scheme}://{self.host}{referer}"
            headers.append((b"referer", referer.encode()))
        headers += [(b"accept-encoding", b"gzip, deflate, br, zstd"), *more]
        self.now_us += 1000
        request = make_request(
            f"{self.scheme}://{host or self.host}{path}",
            at_us=self.now_us,
            method=method,
            headers=tuple(headers),
            label=self.label,
            ja4=(ja4 or self.ja4) if self.scheme == "https" else None,
        )
        return self.initiators.judge(request, in_scope=in_scope)

    def answer(
        self,
        request: Request,
        body: bytes = b"",
        *,
        kind: bytes = b"text/html",
        status: int = 200,
        more: Headers = (),
    ) -> None:
        """The response arrives."""
        exchange = make_exchange(
            request, status=status, headers=((b"content-type", kind), *more), body=body, after_us=10
        )
        self.initiators.learn(exchange, in_scope=True)

    def visit(self, path: str = "/", body: bytes = PAGE, *, referer: str | None = None) -> Request:
        """A typed URL or a clicked link, with the page that comes back."""
        site = "none" if referer is None else "same-origin"
        request = self.send(path, dest="document", mode="navigate", site=site, user=True, referer=referer)
        self.answer(request, body)
        return request

    def prove(self) -> None:
        """Load a page with its style sheet and script, as every browser does."""
        self.visit()
        self.send("/static/site.css", dest="style", mode="no-cors")
        self.send("/app.js", dest="script", mode="no-cors")


def _seen(request: Request) -> tuple[Initiator, Metered]:
    return request.initiator, request.metered


PERSON = (Initiator.PERSON, Metered.TESTING)
TOOL = (Initiator.TOOL, Metered.TESTING)
FREE = (Initiator.PAGE, Metered.FREE)
BROWSING = (Initiator.PAGE, Metered.BROWSING)


@pytest.fixture
def browser() -> Browser:
    """A browser that has loaded a page over https."""
    browser = Browser()
    browser.prove()
    return browser


@pytest.fixture
def plain() -> Browser:
    """A browser that has loaded a page over plain http."""
    browser = Browser(scheme="http")
    browser.prove()
    return browser


def test_typed_url_and_clicked_link_are_a_person() -> None:
    """A navigation with Sec-Fetch-User counts on the testing meter; a link names its page."""
    browser = Browser()

    assert PERSON == _seen(browser.visit())
    clicked = browser.visit("/products", referer="/")
    assert (*PERSON, "https://shop.test/") == (*_seen(clicked), clicked.page)
    assert "navigation by the user (Sec-Fetch-User)" == clicked.initiator_why


def test_linked_sub_resource_is_free_and_names_its_page() -> None:
    """Over https the first linked sub-resource already shows a browser."""
    browser = Browser()
    browser.visit()
    style = browser.send("/static/site.css", dest="style", mode="no-cors")

    assert (*FREE, "https://shop.test/") == (*_seen(style), style.page)
    assert "style of a loaded page, which links it" == style.initiator_why


@pytest.mark.parametrize("path", ["/img/1.png", "/img/2.png"])
def test_relative_and_absolute_links_are_found(browser: Browser, path: str) -> None:
    """`img/2.png` on `/` links `/img/2.png`."""
    assert FREE == _seen(browser.send(path, dest="image", mode="no-cors"))


def test_link_with_escaped_ampersand_is_found(browser: Browser) -> None:
    """HTML writes `&amp;` for the `&` of a query."""
    assert FREE == _seen(browser.send("/search?q=a&page=2", mode="navigate", dest="empty"))


def test_fetch_with_a_query_is_browsing(browser: Browser) -> None:
    """A script puts it together, so that looking for it would cost much and find nothing."""
    assert BROWSING == _seen(browser.send("/search?q=a&page=2"))


def test_link_is_free_once_a_page_load(browser: Browser) -> None:
    """The second request for the same image counts, until the page is loaded again."""
    seen = [_seen(browser.send("/img/1.png", dest="image", mode="no-cors")) for _ in range(2)]
    browser.visit()

    assert [FREE, BROWSING, FREE] == [*seen, _seen(browser.send("/img/1.png", dest="image", mode="no-cors"))]


def test_page_gets_at_most_three_hundred_for_free() -> None:
    """A page with a thousand links is on the browsing meter from the 301st on."""
    browser = Browser()
    browser.visit("/", b"".join(b'<img src="/i/%d">' % i for i in range(1000)))
    seen = [_seen(browser.send(f"/i/{i}", dest="image", mode="no-cors")) for i in range(310)]

    assert [FREE] * 300 + [BROWSING] * 10 == seen


def test_link_older_than_an_hour_is_not_free(browser: Browser) -> None:
    """A tab that is left open goes on asking; after sixty minutes all of it counts."""
    browser.now_us += 61 * MINUTE

    assert BROWSING == _seen(browser.send("/img/1.png", dest="image", mode="no-cors"))


def test_fetch_that_no_page_links_is_browsing(browser: Browser) -> None:
    """What a script asks for is page-made, and counts."""
    fetched = browser.send("/api/session")

    assert (*BROWSING, "https://shop.test/") == (*_seen(fetched), fetched.page)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD"])
def test_only_get_is_free(browser: Browser, method: str) -> None:
    """A linked URL with another method is on the browsing meter."""
    assert BROWSING == _seen(browser.send("/img/1.png", method=method))


def test_script_navigation_is_page_made_and_never_free(browser: Browser) -> None:
    """`location = ...` has no user: a page that reloads itself does not do so for free."""
    seen = [
        _seen(browser.send("/search?q=a&page=2", dest="document", mode="navigate")),
        _seen(browser.send("/frame", dest="iframe", mode="navigate")),
    ]

    assert [BROWSING, FREE] == seen


def test_page_that_reloads_itself_gets_no_new_free_requests(browser: Browser) -> None:
    """Free requests are renewed by the user's own navigations only."""
    browser.send("/img/1.png", dest="image", mode="no-cors")
    reloaded = browser.send("/", dest="document", mode="navigate")
    browser.answer(reloaded, PAGE)

    assert BROWSING == _seen(browser.send("/img/1.png", dest="image", mode="no-cors"))


def test_page_without_referrer_is_still_told_over_https(browser: Browser) -> None:
    """Referrer-Policy: no-referrer removes Referer and leaves Sec-Fetch."""
    fetched = browser.send("/api/session", referer=None)

    assert (*BROWSING, "https://shop.test/") == (*_seen(fetched), fetched.page)


def test_link_in_a_style_sheet_is_found_by_its_own_referer(browser: Browser) -> None:
    """A font's Referer is the CSS file, and its page the one that loaded the CSS."""
    browser.visit()
    style = browser.send("/static/site.css", dest="style", mode="no-cors")
    browser.answer(style, b"@font-face { src: url(fonts/a.woff2) }", kind=b"text/css")
    font = browser.send("/static/fonts/a.woff2", dest="font", mode="cors", referer="/static/site.css")

    assert (*FREE, "https://shop.test/") == (*_seen(font), font.page)


def test_redirect_of_a_linked_request_is_joined(browser: Browser) -> None:
    """What a free request is sent on to is free too, once."""
    image = browser.send("/img/1.png", dest="image", mode="no-cors")
    browser.answer(image, status=302, more=((b"location", b"/real/1.png"),))
    seen = [_seen(browser.send("/real/1.png", dest="image", mode="no-cors")) for _ in range(2)]

    assert [FREE, BROWSING] == seen


def test_redirect_over_plain_http_is_joined_without_any_referer(plain: Browser) -> None:
    """The Location alone tells whose request it is."""
    image = plain.send("/img/1.png", dest="image")
    plain.answer(image, status=302, more=((b"location", b"http://shop.test/real/1.png"),))

    assert FREE == _seen(plain.send("/real/1.png", dest="image", referer=None))


def test_redirect_of_a_counted_request_is_counted(browser: Browser) -> None:
    """A fetch that no page linked and that is redirected stays on the browsing meter."""
    fetched = browser.send("/api/a")
    browser.answer(fetched, status=307, more=((b"location", b"/api/b"),))

    assert BROWSING == _seen(browser.send("/api/b"))


def test_reload_that_was_not_modified_keeps_its_links(browser: Browser) -> None:
    """304 has no body: the one that the browser has still is taken."""
    request = browser.send("/", dest="document", mode="navigate", site="none", user=True, referer=None)
    browser.answer(request, status=304)

    assert FREE == _seen(browser.send("/img/1.png", dest="image", mode="no-cors"))


def test_web_socket_is_told_by_its_origin(browser: Browser) -> None:
    """It has no Sec-Fetch, no Referer, and another ALPN than the page."""

    def handshake(origin: bytes) -> Request:
        headers = (
            (b"user-agent", AGENT),
            (b"upgrade", b"websocket"),
            (b"origin", origin),
            (b"accept-language", b"en-US"),
            (b"accept-encoding", b"gzip, deflate"),
        )
        request = make_request("wss://live.test/", at_us=browser.now_us, headers=headers, ja4=JA4_H1)
        return browser.initiators.judge(request, in_scope=True)

    opened = handshake(b"https://shop.test")
    assert (*BROWSING, "https://shop.test/") == (*_seen(opened), opened.page)
    assert TOOL == _seen(handshake(b"https://elsewhere.test"))
    assert TOOL == _seen(handshake(b""))


def test_preflight_beacon_ping_worker_and_prefetch_are_page_made(browser: Browser) -> None:
    """All the ways in which a page asks for something by itself."""
    origin = ((b"origin", b"https://shop.test"),)
    seen = [
        browser.send("/api", method="OPTIONS", more=(*origin, (b"access-control-request-method", b"PUT"))),
        browser.send("/beacon", mode="no-cors", method="POST", more=origin),
        browser.send(
            "/ping", mode="no-cors", method="POST", referer=None, more=(*origin, (b"ping-from", b"x"))
        ),
        browser.send(
            "/sw.js", dest="serviceworker", mode="same-origin", more=((b"service-worker", b"script"),)
        ),
        browser.send("/next", mode="no-cors", more=((b"sec-purpose", b"prefetch"),)),
        browser.send("/favicon.ico", dest="image", mode="no-cors"),
    ]

    assert [BROWSING] * 6 == [_seen(request) for request in seen]
    assert "CORS preflight of a loaded page" == seen[0].initiator_why


def test_browsers_own_calls_are_no_page(browser: Browser) -> None:
    """Sec-Fetch-Site none without a navigation: the browser asks for itself."""
    own = browser.send("/update", site="none", mode="no-cors", referer=None)

    assert (*TOOL, "the browser's own call, asked for by no page") == (*_seen(own), own.initiator_why)


def test_host_outside_the_scope_is_page_made_and_names_the_page() -> None:
    """What suggestions are made of: a stranger that the page links, on its very first load."""
    browser = Browser()
    browser.visit()
    banner = browser.send(
        "/banner.png", dest="image", mode="no-cors", site="cross-site", host="cdn.test", in_scope=False
    )

    assert (*BROWSING, "https://shop.test/") == (*_seen(banner), banner.page)


def test_page_outside_the_scope_is_named(browser: Browser) -> None:
    """A frame of somebody else that asks for our host is a page, and not free."""
    fetched = browser.send("/img/1.png", site="cross-site", referer="https://frame.test/ad")

    assert (*BROWSING, "https://frame.test/ad") == (*_seen(fetched), fetched.page)


def test_plain_http_is_told_by_referer_and_accept(plain: Browser) -> None:
    """No Sec-Fetch there: two linked sub-resources show a browser, then Referer and links are enough."""
    fetched, image = plain.send("/api/session"), plain.send("/img/1.png", dest="image")

    assert (BROWSING, FREE) == (_seen(fetched), _seen(image))
    assert PERSON == _seen(plain.visit("/products", referer="/"))


def test_plain_http_needs_two_proofs() -> None:
    """The first linked sub-resource is not yet enough where no header has to fit."""
    browser = Browser(scheme="http")
    browser.visit()
    seen = [_seen(browser.send(path)) for path in ("/static/site.css", "/app.js", "/img/1.png")]

    assert [TOOL, FREE, FREE] == seen


def test_plain_http_without_referer_is_page_made_only_where_it_is_linked(plain: Browser) -> None:
    """Nothing else is left there to tell it by."""
    linked, other = plain.send("/img/1.png", referer=None), plain.send("/api/session", referer=None)

    assert (FREE, TOOL) == (_seen(linked), _seen(other))


def test_plain_localhost_is_told_as_https_is() -> None:
    """Browsers send Sec-Fetch to what they trust like https."""
    browser = Browser(scheme="http", host="127.0.0.1:8000")
    headers = (
        (b"user-agent", AGENT),
        (b"sec-fetch-site", b"none"),
        (b"sec-fetch-mode", b"navigate"),
        (b"sec-fetch-user", b"?1"),
        (b"sec-fetch-dest", b"document"),
    )
    request = make_request("http://127.0.0.1:8000/", headers=headers)

    assert PERSON == _seen(browser.initiators.judge(request, in_scope=True))


def test_frames_over_plain_http_do_not_use_up_the_testing_meter(plain: Browser) -> None:
    """Navigations faster than anybody clicks are the page's own."""
    seen = [_seen(plain.send(f"/f/{i}", dest="document", mode="navigate")) for i in range(20)]

    assert [PERSON] * 2 + [BROWSING] * 18 == seen


# ---- tools that pretend


def test_sec_fetch_over_plain_http_is_a_tool(plain: Browser) -> None:
    """No browser sends it there; whoever does has to show again that it is one."""
    fake = plain.send("/img/1.png", more=((b"sec-fetch-site", b"same-origin"),))

    assert TOOL == _seen(fake)
    assert TOOL == _seen(plain.send("/img/1.png"))


def test_https_without_sec_fetch_is_a_tool(browser: Browser) -> None:
    """Even with Referer, cookies and the browser's very User-Agent and TLS."""
    headers = ((b"user-agent", AGENT), (b"accept-language", b"en-US"), (b"referer", b"https://shop.test/"))
    request = make_request("https://shop.test/img/1.png", at_us=browser.now_us, headers=headers, ja4=JA4_H2)

    assert TOOL == _seen(browser.initiators.judge(request, in_scope=True))


def test_sec_fetch_without_any_page_is_a_tool() -> None:
    """Copied headers alone are nothing: no page was loaded."""
    assert TOOL == _seen(Browser().send("/img/1.png", dest="image", mode="no-cors"))


def test_tool_that_never_loads_what_pages_link_is_no_browser() -> None:
    """It visits a page and walks over a word list with a script's headers."""
    tool = Browser()
    tool.visit()

    assert {TOOL} == {_seen(tool.send(f"/{word}")) for word in ("admin", "backup", "login")}


@pytest.mark.parametrize(
    ("dest", "mode", "user"),
    [
        ("document", "cors", False),
        ("image", "navigate", False),
        ("image", "no-cors", True),
        ("", "cors", False),
        ("image", "sideways", False),
    ],
)
def test_sec_fetch_that_contradicts_itself_is_a_tool(
    browser: Browser, dest: str, mode: str, user: bool
) -> None:
    """Combinations that no browser makes."""
    assert TOOL == _seen(browser.send("/img/1.png", dest=dest, mode=mode, user=user))


def test_image_that_does_not_ask_for_images_is_a_tool(browser: Browser) -> None:
    """Dest says image, Accept says anything: a header was copied without the rest."""
    headers = (
        (b"user-agent", AGENT),
        (b"accept-language", b"en-US"),
        (b"accept", b"*/*"),
        (b"sec-fetch-site", b"same-origin"),
        (b"sec-fetch-mode", b"no-cors"),
        (b"sec-fetch-dest", b"image"),
        (b"accept-encoding", b"gzip"),
    )
    request = make_request("https://shop.test/img/1.png", at_us=browser.now_us, headers=headers, ja4=JA4_H2)

    assert TOOL == _seen(browser.initiators.judge(request, in_scope=True))


def test_copied_headers_over_another_tls_stack_are_a_tool(browser: Browser) -> None:
    """The ciphers of its hello give a tool away that copies the browser's headers."""
    fake = browser.send(
        "/img/1.png", dest="image", mode="no-cors", ja4="t13d1715h1_5b57614c22b0_3d5424432f57"
    )

    assert TOOL == _seen(fake)


def test_other_header_order_is_another_actor(plain: Browser) -> None:
    """Over plain http the order of three headers is what is left of a fingerprint."""
    headers = (
        (b"accept-encoding", b"gzip"),
        (b"accept-language", b"en-US"),
        (b"user-agent", AGENT),
        (b"referer", b"http://shop.test/"),
    )
    request = make_request("http://shop.test/img/1.png", at_us=plain.now_us, headers=headers)

    assert TOOL == _seen(plain.initiators.judge(request, in_scope=True))


def test_label_is_part_of_who_acts(browser: Browser) -> None:
    """A tool under a label of its own gains nothing from the browser beside it."""
    browser.label = "ffuf"

    assert TOOL == _seen(browser.send("/img/1.png", dest="image", mode="no-cors"))


def test_perfect_forgery_gains_no_more_than_the_browsing_meter(browser: Browser) -> None:
    """Whatever it sends as a page's fetches, what no page links counts."""
    seen = {_seen(browser.send(f"/word/{i}")) for i in range(500)}

    assert {BROWSING} == seen


def test_crawler_that_sends_upgrade_insecure_requests_stays_on_the_testing_meter() -> None:
    """Every page it walks to is a navigation of its own."""
    crawler = Browser(scheme="http")
    seen = set()
    for i in range(50):
        crawler.now_us += 300_000
        seen.add(_seen(crawler.visit(f"/p/{i}", referer="/")))

    assert {PERSON} == seen


def test_crawler_with_referer_and_without_navigations_is_a_tool() -> None:
    """wget -r: Referer of the page before, links of that page, and nothing else of a browser."""
    initiators = Initiators()
    headers = ((b"referer", b"http://shop.test/"), (b"user-agent", AGENT), (b"accept-encoding", b"identity"))
    first = initiators.judge(make_request("http://shop.test/", headers=headers[1:]), in_scope=True)
    initiators.learn(make_exchange(first, body=PAGE), in_scope=True)
    second = make_request("http://shop.test/img/1.png", at_us=NOON_US + SECOND, headers=headers)

    assert TOOL == _seen(initiators.judge(second, in_scope=True))


def test_links_outside_the_scope_are_not_learned(browser: Browser) -> None:
    """A page of somebody else makes nothing free."""
    frame = browser.send("/ad", dest="iframe", mode="navigate", host="frame.test", in_scope=False)
    exchange = make_exchange(frame, body=b'<img src="https://shop.test/secret">')
    browser.initiators.learn(exchange, in_scope=False)

    assert BROWSING == _seen(browser.send("/secret", dest="image", mode="no-cors", referer=None))


def test_many_names_do_not_push_the_browser_out(browser: Browser) -> None:
    """A tool with a thousand User-Agents leaves the browser its standing."""
    for i in range(1000):
        headers = (
            (b"upgrade-insecure-requests", b"1"),
            (b"user-agent", b"agent/%d" % i),
            (b"accept", b"text/html"),
        )
        request = make_request("http://shop.test/", at_us=browser.now_us, headers=headers)
        judged = browser.initiators.judge(request, in_scope=True)
        browser.initiators.learn(make_exchange(judged, body=PAGE), in_scope=True)

    assert FREE == _seen(browser.send("/img/1.png", dest="image", mode="no-cors"))


def test_response_that_was_never_asked_about_is_ignored() -> None:
    """A recording may begin in the middle."""
    initiators = Initiators()
    initiators.learn(make_exchange(make_request(), body=PAGE), in_scope=True)

    assert TOOL == _seen(initiators.judge(make_request(), in_scope=True))


def test_failed_page_gives_no_links() -> None:
    """Without a response there is nothing to link from."""
    browser = Browser()
    request = browser.send("/", dest="document", mode="navigate", site="none", user=True, referer=None)
    browser.initiators.learn(replace(make_exchange(request), response=None, failure="reset"), in_scope=True)

    assert TOOL == _seen(browser.send("/img/1.png", dest="image", mode="no-cors"))


def test_location_that_is_no_url_leads_nowhere(browser: Browser) -> None:
    """A hostile Location neither raises nor frees anything."""
    for location in (b"http://[", b"//[::1", b"\xff\xfe", b"x" * 10_000, b""):
        image = browser.send("/img/1.png", dest="image", mode="no-cors")
        browser.answer(image, status=302, more=((b"location", location),))

    assert BROWSING == _seen(browser.send("/[", dest="image", mode="no-cors"))


def test_redirect_that_nobody_follows_for_an_hour_is_forgotten(plain: Browser) -> None:
    """A Location joins for as long as a link counts."""
    image = plain.send("/img/1.png", dest="image")
    plain.answer(image, status=302, more=((b"location", b"/real/1.png"),))
    plain.now_us += 61 * MINUTE

    assert TOOL == _seen(plain.send("/real/1.png", dest="image", referer=None))


def test_client_that_takes_no_compression_is_a_tool(plain: Browser) -> None:
    """Every browser sends gzip; a copied User-Agent and Referer do not make up for it."""
    headers = (
        (b"user-agent", AGENT),
        (b"accept-language", b"en-US"),
        (b"referer", b"http://shop.test/"),
        (b"accept-encoding", b"identity"),
    )
    request = make_request("http://shop.test/img/1.png", at_us=plain.now_us, headers=headers)

    assert TOOL == _seen(plain.initiators.judge(request, in_scope=True))
