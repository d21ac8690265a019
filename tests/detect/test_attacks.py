"""Tests of fairwitness.detect.attacks, destruction, probes and tools: what is named, and what is ordinary."""

from __future__ import annotations

import time

import pytest

from fairwitness.detect import SURE, ToolKind, attacks_in, destruction_in, probe_in, tool_in


def families(text: bytes) -> set[str]:
    """The families that are sure in a value."""
    return {attack.family for attack in attacks_in(text) if attack.weight >= SURE}


@pytest.mark.parametrize(
    ("text", "family"),
    [
        (b"1 OR 1=1", "sql"),
        (b"-1839' or '1'='1", "sql"),
        (b"1%20OR%201%3D1", "sql"),
        (b"1%2520UNION%2520SELECT%2520null", "sql"),
        (b"1/**/union/**/select/**/1,2", "sql"),
        (b"x'; drop table users--", "sql"),
        (b"<img src=x onerror=alert(1)>", "xss"),
        (b"&lt;script&gt;alert(1)&lt;/script&gt;", "xss"),
        (b"\\u003cscript\\u003e", "xss"),
        (b"../../../../etc/passwd", "lfi"),
        (b"..%2f..%2fetc%2fpasswd", "lfi"),
        (b"; cat /etc/hosts", "rce"),
        (b"$(sleep 5)", "rce"),
        (b"${jndi:ldap://x.test/a}", "java"),
        (b"{{7*7}}", "template"),
        (b"http://169.254.169.254/latest/meta-data", "ssrf"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]>', "xxe"),
        (b"a\r\nSet-Cookie: a=b", "crlf"),
        (b"php://filter/convert.base64-encode/resource=index", "lfi"),
    ],
)
def test_payload_is_recognised_in_any_usual_spelling(text: bytes, family: str):
    """Percent, entities, escapes and comments hide nothing."""
    assert family in families(text)


@pytest.mark.parametrize(
    "text",
    [
        b"select a product from our list where you live",
        b"O'Reilly",
        b"rock & roll",
        b"Tom; and Jerry",
        b"it's -- well -- fine",
        b"price > 10 and price < 20",
        b"https://shop.test/back?x=1",
        b"<b>bold</b> text",
        b"<p>Hello</p><p>World</p>",
        b"a <3 b",
        b"let x = 5; y = 6;",
        b"# Title\n\n- a\n- b `code`",
        b"50% off + more",
        b"{{name}} ${name}",
        b"I'd like to order by 5 pm",
        b"he said 'or' and 'and'",
        b"It's 'like' that",
        b"a || b",
        b"please update your settings and delete from my list",
    ],
)
def test_ordinary_text_is_no_attack(text: bytes):
    """People write quotes, tags and the words of SQL."""
    assert families(text) == set()


@pytest.mark.parametrize(
    ("text", "destroys"),
    [
        (b"1; DROP TABLE users--", True),
        (b"'; delete from users", True),
        (b"'; UPDATE users SET role='admin'--", True),
        (b"; rm -rf /", True),
        (b"DROP TABLE users", True),
        (b"drop table shop.users", True),
        (b"drop table if exists users", True),
        (b"drop table users; --", True),
        (b"drop table saw", False),
        (b"Drop view camera", False),
        (b"truncate table lamp", False),
        (b"1 OR 1=1", False),
        (b"' UNION SELECT password FROM users--", False),
        (b"; cat /etc/passwd", False),
        (b"please delete from my list", False),
        (b"I want to drop table tennis", False),
        (b"truncate the text", False),
        (b"Delete from cart", False),
    ],
)
def test_only_what_would_destroy_data_is_destruction(text: bytes, destroys: bool):
    """A test for injection reads; a statement that drops does not."""
    assert bool(destruction_in(text)) is destroys


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (b"/.git/config", "/.git/config"),
        (b"/app/.env", ".env"),
        (b"/phpMyAdmin/index.php", "/phpmyadmin"),
        (b"/products/1", None),
        (b"/static/app.js", None),
        (b"/.well-known/openid-configuration", None),
        (b"/environment", None),
    ],
)
def test_probe_path_is_told_by_whole_names(path: bytes, name: str | None):
    """`/environment` is no `.env`."""
    found = probe_in(path)

    assert (found or "").strip("/") == (name or "").strip("/")


@pytest.mark.parametrize(
    ("agent", "name", "kind"),
    [
        (b"sqlmap/1.8#stable (https://sqlmap.org)", "sqlmap", ToolKind.SCANNER),
        (b"Fuzz Faster U Fool v2.1.0", "fuzz faster u fool", ToolKind.SCANNER),
        (b"Mozilla/5.0 (compatible; Googlebot/2.1)", "googlebot", ToolKind.CRAWLER),
        (b"Scrapy/2.11 (+https://scrapy.org)", "scrapy", ToolKind.CRAWLER),
        (b"curl/8.5.0", "curl", ToolKind.LIBRARY),
        (b"python-requests/2.32", "python-requests", ToolKind.LIBRARY),
    ],
)
def test_program_is_told_by_the_name_that_it_gives(agent: bytes, name: str, kind: ToolKind):
    """Its own word for itself."""
    tool = tool_in([(b"User-Agent", agent)])

    assert tool is not None
    assert (name, kind) == (tool.name, tool.kind)


def test_browser_names_no_tool():
    """What a browser sends says nothing."""
    chrome = b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/156.0 Safari/537.36"

    assert tool_in([(b"user-agent", chrome), (b"accept", b"*/*")]) is None


def test_scanner_is_told_by_its_own_header():
    """Some mark every request, whatever the User-Agent says."""
    tool = tool_in([(b"user-agent", b"Mozilla/5.0"), (b"X-Scan-Memo", b"a")])

    assert tool is not None
    assert tool.kind is ToolKind.SCANNER


@pytest.mark.parametrize("piece", [b"' or ", b"<a ", b"../", b"%25", b"/*", b"${", b"union ", b"(select "])
def test_hostile_value_costs_linear_time(piece: bytes):
    """Sixteen times the bytes take less than sixty times as long."""

    def took(count: int) -> float:
        text = piece * count
        start = time.thread_time()  # of the processor: others use the machine too
        for _ in range(5):
            attacks_in(text[:-1] + b"x" * 2100)
        return time.thread_time() - start

    took(10)

    assert took(3200) < 60 * took(200) + 0.01
