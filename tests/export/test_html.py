from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from fairwitness.export.html import HtmlExporter
from fairwitness.export.testing import make_message, make_record, shown, written
from fairwitness.model.record import ExchangeRecord

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
HOSTILE = [
    "<script>document.title='owned'</script>",
    "</pre></details><img src=x onerror=\"document.title='owned'\">",
    "'\"><svg onload=document.title='owned'>",
    "</title></style><base href=//evil.test/>",
    "{{ 7*7 }}{% raw %}",
    "]]><!--",
    "&lt;script&gt;",
    "\x00\u202e\udc80",
]


def _record(text: str, number: int = 1) -> ExchangeRecord:
    raw = text.encode("utf-8", "surrogateescape")
    return make_record(
        number,
        request=b"GET /" + raw + b" HTTP/1.1",
        request_headers=((raw, raw),),
        request_body=raw,
        response=b"HTTP/1.1 200 " + raw,
        response_headers=((b"Content-Type", raw),),
        response_body=raw,
        messages=(make_message(raw, kind=text),),
        meta=(("note", text),),
        method=text,
        url=f"https://shop.example.com/{text}",
        reason=text,
        page=text,
        label=text,
        account=text,
        outcome=text,
        status=None,
        clause=text,
    )


class Tags(HTMLParser):
    """The tags and attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)


def _tags(page: str) -> tuple[set[str], set[str]]:
    found = Tags()
    found.feed(page)
    return found.tags, found.attributes


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_nothing_that_was_recorded_is_a_tag(text: str) -> None:
    """The page has the tags and attributes of a harmless one."""
    harmless = written(HtmlExporter(), [shown(_record("x"))]).decode()
    page = written(HtmlExporter(), [shown(_record(text))]).decode()

    assert _tags(harmless) == _tags(page)
    assert harmless.count("<") == page.count("<")


def test_it_loads_and_runs_nothing() -> None:
    """A policy that forbids both, no script, no address."""
    page = written(HtmlExporter(), [shown(make_record())]).decode()

    assert "default-src 'none'; style-src 'unsafe-inline'" in page
    assert not re.search(r"<script|<link|<img|<iframe|src=|href=|url\(|@import", page)


def test_no_exchanges_make_a_page_that_says_so() -> None:
    """None."""
    assert "<p>None.</p>" in written(HtmlExporter(), []).decode()


def _dom(path: Path, folder: Path) -> str:
    assert CHROMIUM
    done = subprocess.run(
        [
            CHROMIUM,
            *("--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
            *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
            *(["--no-sandbox"] if os.geteuid() == 0 else []),
            *(f"--user-data-dir={folder}", "--virtual-time-budget=3000", "--dump-dom", path.as_uri()),
        ],
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        capture_output=True,
        timeout=100,
        check=True,
    )
    return done.stdout.decode()


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_a_browser_runs_and_asks_for_nothing(tmp_path: Path) -> None:
    """The title stays and nobody is connected to; the same strings in a page of their own do both."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        attacks = [f"<img src={url}/a><script src={url}/b></script>", *HOSTILE[:4]]
        attacks.append(f"</pre><iframe src={url}/c></iframe><style>@import '{url}/d';</style>")
        page, bare = tmp_path / "page.html", tmp_path / "bare.html"
        page.write_bytes(
            written(HtmlExporter(), [shown(_record(text, at)) for at, text in enumerate(attacks, start=1)])
        )
        bare.write_text("<title>Exchanges</title>" + HOSTILE[0])
        dom = _dom(page, tmp_path / "profile")
        owned = _dom(bare, tmp_path / "profile")
        server.settimeout(0)
        with pytest.raises(BlockingIOError):
            server.accept()

    assert "<title>Exchanges</title>" in dom
    assert "<title>owned</title>" in owned
    assert dom.count("<details") == len(attacks)
