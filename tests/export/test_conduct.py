"""Tests of the conduct report's renderers: what stands in it, and that text stays text."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from fairwitness.evidence.testing import NOON_US
from fairwitness.export.charts import Column, Gauge, gauges, stacked
from fairwitness.export.conduct_hide import without_secrets
from fairwitness.export.conduct_html import conduct_html
from fairwitness.export.conduct_markdown import conduct_markdown, escaped
from fairwitness.export.conduct_words import page_of
from fairwitness.model.conduct import (
    Amount,
    Bar,
    Blocked,
    BlockedHost,
    Conduct,
    ConductFlag,
    ConductSession,
    Dials,
    HostDay,
    LogState,
    PolicyChange,
    PolicyDigest,
    Remark,
    Span,
    Stray,
    TopRate,
)

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
HOUR_US = 3_600_000_000
_READER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
HOSTILE = (
    "</table></svg></style><script>alert(1)</script><img src=x onerror=alert(1)>|a|`code`|"
    "[x](http://evil.test)![i](//evil.test/i.png) https://evil.test *b* _i_ ~~s~~ &lt; <!-- --> \u202eright"
    "\u0000\x1b[31m\ud800\n# heading\n- item\r\n| --- |\n```\n<b>\n{{ 7*7 }}{% x %}"
)
assert len(HOSTILE) < 300, "longer texts are cut"


def make_conduct(words: str = "app.example.test", *, strays: int = 0) -> Conduct:
    """A report in which every recorded text is *words*."""
    day = HostDay(
        host=words,
        day="2026-11-23",
        scope_list="include",
        requests=3,
        first_us=NOON_US,
        last_us=NOON_US + HOUR_US,
        first_id=1,
        last_id=3,
        by_status=(0, 2, 0, 1, 0),
        unanswered=0,
        by_initiator=(0, 1, 2),
        sent_bytes=10,
        received_bytes=2000,
        labels=(words,),
        marks=(words,),
        addresses=(words,),
    )
    flag = ConductFlag(
        flag="f1",
        rule="request-rate",
        severity="stop",
        action="throttle",
        clause=words,
        where=words,
        sentence=words,
        says=words,
        initiator="tool",
        time_us=NOON_US,
        count=2,
        first_id=1,
        last_id=2,
        exchanges=2,
        answered_as=None,
        answer_note=None,
    )
    digest = PolicyDigest(
        entries=(("include", words),),
        rate_per_host=(5, 1_000_000),
        at_once=5,
        is_courtesy=False,
        rate_total=None,
        total_at_once=0,
        total_is_courtesy=True,
        approvals=(words,),
        identify=(words,),
        judged=("request-rate",),
        not_judged=("spam",),
        declare=(words,),
    )
    rate = TopRate(
        host=words,
        most=12,
        window_us=1_000_000,
        at_us=NOON_US,
        id=2,
        limit="5/s",
        allowed=10,
        is_courtesy=False,
    )
    stray = Stray(
        id=7,
        connection=None,
        time_us=NOON_US,
        method=words,
        host=words,
        scope_list="none",
        decision="allow",
    )
    return Conduct(
        program=words,
        policy_url=words,
        contact=words,
        version="0.1.0",
        made_us=NOON_US,
        span=Span(),
        sessions=(
            ConductSession(
                session=1,
                started_us=NOON_US,
                ended_us=None,
                last_us=NOON_US + HOUR_US,
                is_running=False,
                recorded_us=HOUR_US,
                facts=(("fairwitness", words), ("note", words), ("resolve", words), ("upstream-ca", words)),
            ),
        ),
        released=(Amount(scope_list="include", requests=3, sent_bytes=10, received_bytes=2000),),
        strays=(stray,) * strays,
        stray_count=strays,
        stray_dials=(),
        held_back=0,
        blocked=Blocked(page=1, person=2, tool=3),
        blocked_hosts=(
            BlockedHost(
                host=words,
                scope_list="none",
                decision="block",
                blocked=Blocked(page=1, person=2, tool=3),
                first_us=NOON_US,
                first_id=4,
            ),
        ),
        host_days=(day, replace(day, scope_list="load")),
        rates=(rate, replace(rate, host="*")),
        bars=(Bar(start_us=NOON_US, page=0, person=1, tool=2, blocked=6),),
        bar_us=HOUR_US,
        flags=(flag, replace(flag, flag="f2", answered_as="accident", answer_note=words)),
        policies=(
            PolicyChange(
                time_us=NOON_US,
                session=1,
                sha256="0" * 64,
                why=words,
                is_waiting=False,
                reviewed=words,
                added=(("include", words),),
                removed=(("load", words),),
                digest=digest,
            ),
        ),
        gaps=(Remark(kind="gate", time_us=NOON_US, session=1, says=words),),
        remarks=(
            Remark(kind="note", time_us=NOON_US, session=1, says=words),
            Remark(kind="declare", time_us=NOON_US, session=1, says=f"declare {words}"),
        ),
        dials=Dials(
            total=1,
            by_list=(("include", 1),),
            overridden=1,
            tunnels=0,
            tunnel_sent_bytes=0,
            tunnel_received_bytes=0,
        ),
        exports=0,
        log=LogState(entries=9, root="ab" * 32, bytes=1000),
    )


class Tags(HTMLParser):
    """Every element and attribute of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.texts: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def _rendered(conduct: Conduct) -> str:
    return _READER.render(conduct_markdown(conduct))


def test_hostile_text_adds_no_element_to_the_html() -> None:
    """The page has the same elements and attributes whatever was recorded, and no script or reference."""
    page, plain = Tags(conduct_html(make_conduct(HOSTILE))), Tags(conduct_html(make_conduct()))

    assert plain.names == page.names
    assert [name for name, _ in plain.attributes] == [name for name, _ in page.attributes]
    assert not {"script", "img", "link", "iframe", "a", "object", "form", "base"} & set(page.names)
    assert not {
        name for name, _ in page.attributes if name in ("src", "href", "style") or name.startswith("on")
    }
    assert "url(" not in conduct_html(make_conduct(HOSTILE)).partition("</style>")[0]


def test_hostile_text_adds_no_markup_to_the_markdown() -> None:
    """A renderer with tables, links and raw HTML switched on sees text in cells, and the same tables."""
    page, plain = _rendered(make_conduct(HOSTILE)), _rendered(make_conduct())

    assert Tags(plain).names == Tags(page).names
    assert not {"script", "img", "a", "code", "h3", "hr", "s", "b"} & set(Tags(page).names)
    assert page.count("<table>") == plain.count("<table>") > 5


@given(
    st.text(
        alphabet=st.one_of(st.sampled_from("-+*_`|[]()<>#~&!@$=.:/\\ 1w\n\t"), st.characters()), max_size=40
    )
)
def test_any_text_is_shown_as_it_is(text: str) -> None:
    """Whatever a host is called: in a list and in a cell it is one run of text and nothing else."""
    one_line = " ".join(page_of(make_conduct(text or "x")).title.split())
    rendered = _READER.render(f"- {escaped(one_line)}\n\n|a|\n|-|\n| {escaped(one_line)} |\n")

    assert ["ul", "li", "table", "thead", "tr", "th", "tbody", "tr", "td"] == Tags(rendered).names


@pytest.mark.parametrize("start", ["- - -", "---", "+ x", "1. x", "12) x", "===", "    x", "-", "#", "> x"])
def test_a_text_cannot_begin_a_block(start: str) -> None:
    """What would be a list, a rule, a heading or a quotation at the start of an item is text."""
    rendered = _READER.render(f"- {escaped(start)}\n")

    assert ["ul", "li"] == Tags(rendered).names
    assert start.strip() == "".join(Tags(rendered).texts).strip()


@pytest.mark.parametrize("render", [conduct_html, conduct_markdown])
def test_what_left_out_of_scope_stands_in_red(render: object) -> None:
    """One such request and the report says 1, with its number, in red; none and there is no such section."""
    assert callable(render)
    with_one, without = render(make_conduct(strays=1)), render(make_conduct())

    assert "Requests that left for hosts not in scope: 1." in with_one
    assert "Left for hosts not in scope" in with_one
    assert "Requests that left for hosts not in scope: 0." in without
    assert "Left for hosts not in scope" not in without
    red = (
        '<li class="red">Requests that left'
        if render is conduct_html
        else "**\N{LARGE RED CIRCLE} Requests that left"
    )
    assert red in with_one
    assert red not in without


def test_what_lifts_a_guard_stands_in_red() -> None:
    """--resolve and --upstream-ca, each in the summary, once with its values; no path of the researcher's."""
    conduct = make_conduct()
    facts = (("resolve", "a.test:443:10.0.0.1"), ("resolve", "b.test:443:10.0.0.2"))
    session = replace(conduct.sessions[0], facts=(*facts, ("upstream-ca", "/people/ada/lab.pem 00ff")))
    conduct = replace(conduct, sessions=(session, replace(session, session=2)))
    red = [line.text for line in page_of(conduct).sections[0].lines if line.is_red]

    assert [
        "--resolve was in use: these addresses stood in place of what DNS says: "
        "a.test:443:10.0.0.1 (session 1, 2); b.test:443:10.0.0.2 (session 1, 2).",
        "--upstream-ca was in use: roots beside the shipped Mozilla ones were trusted: "
        "lab.pem 00ff (session 1, 2).",
    ] == [text for text in red if text.startswith("--")]
    assert "ada" not in conduct_markdown(conduct)
    red = [line.text for line in page_of(make_conduct()).sections[0].lines if line.is_red]

    assert any("--resolve was in use" in text for text in red)
    assert any("--upstream-ca was in use" in text for text in red)


@pytest.mark.parametrize("is_courtesy", [True, False])
def test_words_that_must_not_be_used(is_courtesy: bool) -> None:
    """Never the word for a spotless session, and a courtesy limit is never "exceeded"."""
    conduct = make_conduct()
    conduct = replace(conduct, rates=tuple(replace(each, is_courtesy=is_courtesy) for each in conduct.rates))

    for text in (conduct_html(conduct), conduct_markdown(conduct)):
        assert not re.search(
            r"\bclean|exceed|forensically|immutable|court", text.replace("courtesy", ""), re.I
        )
        assert ("courtesy limit lets through" in text) == is_courtesy
    red = [line.text for line in page_of(conduct).sections[0].lines if line.is_red]
    assert (not is_courtesy) == any("More than the limit" in text for text in red)


def test_ten_thousand_hosts_stay_readable() -> None:
    """A table shows a hundred rows and says how many more there are; long notes are cut."""
    conduct = make_conduct("x" * 1_000_000)
    day = replace(make_conduct().host_days[0], labels=(), marks=None, addresses=())
    days = tuple(replace(day, host=f"h{number}.test") for number in range(10_000))

    for text in (
        conduct_html(replace(conduct, host_days=days)),
        conduct_markdown(replace(conduct, host_days=days)),
    ):
        assert "and 9,900 more: --json lists all" in text
        assert "(1000000 characters)" in text
        assert len(text) < 200_000


def test_charts_are_xml_with_a_title_and_a_description() -> None:
    """Any XML reader takes them; a reader of screens finds what is shown in words; nothing lies outside."""
    columns = [Column(f"<{n}>&", (n, 2 * n, 0, 1)) for n in range(50)]
    rows = [Gauge("h\"'<" * 30, 7.0, None, "7", is_red=True), Gauge("", 0.0, 3.0, "0", is_red=False)]
    for svg in (
        stacked(columns, ("tool", "person", "page", "blocked"), name="a", title="T<", about="D&"),
        stacked([], (), name="b", title="T<", about="D&"),
        gauges(rows, name="c", title="T<", about="D&"),
    ):
        root = ElementTree.fromstring(str(svg))
        assert ["T<", "D&"] == [root.findtext("title"), root.findtext("desc")]
        for each in root.iter("rect"):
            assert 0 <= float(each.get("y", -1)) <= 10_000
            assert 0 <= float(each.get("x", -1)) + float(each.get("width", 0)) <= 860


def test_secrets_in_any_text_are_hidden_and_nothing_else_is() -> None:
    """A note that quotes a token, a password in a URL: none is shown, and hosts stay."""
    token = "ghp_" + "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8"
    words = (
        f"sent Authorization: Bearer {token} to https://ada:hunter2secret@x.test/?access_token=Zq8vK2mW9xT4"
    )
    shown = without_secrets(make_conduct(words))
    plain = make_conduct("a1b2c3d4e5f6.cloudfront.example.net")

    for text in (conduct_html(shown), conduct_markdown(shown), repr(shown)):
        assert [] == [secret for secret in (token, "hunter2secret", "Zq8vK2mW9xT4") if secret in text]
        assert "x.test" in text
    assert plain == without_secrets(plain)


def test_a_huge_note_costs_little() -> None:
    """Only as much of a text is looked at as could be shown."""
    shown = without_secrets(make_conduct("é" * 5_000_000))

    assert "bytes more" in shown.gaps[0].says
    assert len(shown.gaps[0].says) < 70_000


def test_an_empty_report_is_a_report() -> None:
    """Nothing on record: both renderers say so."""
    empty = replace(
        make_conduct(),
        sessions=(),
        released=(),
        blocked=Blocked(page=0, person=0, tool=0),
        blocked_hosts=(),
        host_days=(),
        rates=(),
        bars=(),
        flags=(),
        policies=(),
        gaps=(),
        remarks=(),
    )

    for text in (conduct_html(empty), conduct_markdown(empty)):
        assert "No session lies in this period: nothing is on record." in text
        assert "No flag was raised." in text
        assert "<svg" not in text


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="needs a Chromium")
def test_chromium_shows_the_page_and_asks_for_nothing(tmp_path: Path) -> None:
    """A real browser draws it, runs nothing in it, and looks up no name and opens no connection for it."""
    assert CHROMIUM is not None
    page, picture, log = tmp_path / "c.html", tmp_path / "c.png", tmp_path / "net.json"
    page.write_text(conduct_html(make_conduct(HOSTILE, strays=1)), "utf-8")
    subprocess.run(
        [
            CHROMIUM,
            "--headless=new",
            "--no-sandbox",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-gpu",
            "--no-first-run",
            f"--user-data-dir={tmp_path / 'profile'}",
            f"--log-net-log={log}",
            "--window-size=1200,1600",
            f"--screenshot={picture}",
            page.as_uri(),
        ],
        check=True,
        capture_output=True,
        timeout=100,
    )

    asked = re.findall(r'"url":"((?:https?|wss?|ftp):[^"]*)"', log.read_text("utf-8", "replace"))
    assert [] == [url for url in asked if "evil.test" in url]
    assert 20_000 < picture.stat().st_size
    assert "evil.test" not in json.dumps(asked)


def test_what_was_made_and_is_still_there_is_listed() -> None:
    """What was deleted again is not; a report without such flags says nothing of it."""
    conduct = make_conduct()
    said = ("made post 7 at a.test", "made post 8 at a.test", "deleted again post 7 at a.test")
    flags = tuple(replace(conduct.flags[0], rule="left-behind", says=each) for each in said)

    assert "Made and still there: 1 object (post 8 at a.test)." in _plain(replace(conduct, flags=flags))
    assert "was deleted again." in _plain(replace(conduct, flags=(flags[0], flags[2])))
    assert "still there" not in _plain(conduct)


def _plain(conduct: Conduct) -> str:
    return " ".join(line.text for section in page_of(conduct).sections for line in section.lines)
