"""What the researcher does, chapter by chapter: with a browser, and by hand with curl."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from urllib.parse import quote

from fairwitness.testing.chromium import Chromium
from fairwitness.testing.client import Reply, curl
from fairwitness.testing.proxy import Proxy
from fairwitness.testing.story.people import PEOPLE
from fairwitness.testing.story.town import StoryTown

_STRINGS = ("'", "1 or 1=1", "<b>x</b>", "<script>alert(1)</script>", "{{7*7}}", "' or '1'='1")
Pause = Callable[[float], None]
"""Waits as many seconds as a person would, or fewer in a short story."""


def pauses(scale: float) -> Pause:
    """Pauses of people, scaled."""
    return lambda seconds: time.sleep(seconds * scale)


@contextlib.contextmanager
def letting_go(proxy: Proxy) -> Iterator[None]:
    """The researcher answers each hold with yes, as soon as it is told."""
    ended = threading.Event()

    def answer() -> None:
        known = 0
        while not ended.wait(0.2):
            told = proxy.told
            for each in told[known:]:
                if each.kind == "hold" and each.text("state") == "waiting":
                    proxy.command("release", each.text("hold"))
            known = len(told)

    thread = threading.Thread(target=answer, name="researcher", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


class ByHand:
    """The researcher at a command line, signed in as both accounts.

    A class, because tokens are kept from step to step.
    """

    def __init__(self, town: StoryTown, pause: Pause) -> None:
        self._town = town
        self._pause = pause
        self._tokens: list[str] = []

    def ask(self, url: str, *arguments: str, who: int | None = None) -> Reply:
        """One request, after a pause."""
        self._pause(3)
        given = ["--cacert", str(self._town.proxy.ca), *arguments]
        if who is not None:
            given += ["-H", f"Authorization: Bearer {self._tokens[who]}"]
        return curl(self._town.proxy.url, url, *given)

    def sign_in(self) -> None:
        """Both accounts, at the desk."""
        for person in PEOPLE:
            sent = json.dumps({"email": person.mail, "password": person.password})
            url = self._town.desk.url("/api/auth/login")
            reply = self.ask(url, "-H", "Content-Type: application/json", "--data", sent)
            self._tokens.append(json.loads(reply.body)["access_token"])

    def look_for_holes(self) -> None:
        """Strings in a search, endpoints guessed, and what is one account's asked for by the other."""
        for text in _STRINGS:
            self.ask(self._town.shop.url(f"/search?q={quote(text)}"))
        for path in ("/api/v2/me", "/api/users", "/api/internal", "/openapi.json", "/api/me/roles"):
            self.ask(self._town.desk.url(path), who=0)
        for who, person in enumerate(reversed(PEOPLE)):
            self.ask(self._town.desk.url(f"/api/users/{person.number}"), who=who)

    def own_tickets(self) -> None:
        """Made, read, changed and deleted again, and tried by the other account in between."""
        json_kind = ("-H", "Content-Type: application/json")
        for turn in range(2):
            url = self._town.desk.url("/api/tickets")
            sent = json.dumps({"title": f"A test of mine {turn}"})
            made = json.loads(self.ask(url, *json_kind, "--data", sent, who=0).body)
            one = self._town.desk.url(f"/api/tickets/{made['id']}")
            self.ask(one, who=0)
            self.ask(one, who=1)
            self.ask(one, "-X", "PATCH", *json_kind, "--data", '{"title": "changed"}', who=0)
            self.ask(one, "-X", "DELETE", who=0)

    def page_through(self) -> None:
        """A list, page by page, and some of what it names."""
        for page in range(1, 5):
            reply = self.ask(self._town.desk.url(f"/api/tickets?page={page}"), who=0)
            for ticket in json.loads(reply.body)["tickets"][:2]:
                self.ask(self._town.desk.url(f"/api/tickets/{ticket['id']}"), who=0)


class InTheBrowser:
    """The researcher in Chromium.  A class, because one browser is used throughout."""

    def __init__(self, town: StoryTown, browser: Chromium, pause: Pause) -> None:
        self._town = town
        self._browser = browser
        self._pause = pause

    def _go(self, url: str, until: str) -> None:
        self._pause(3)
        self._browser.navigate(url)
        self._browser.wait_for(until)

    def _fill(self, **values: str) -> None:
        for name, value in values.items():
            self._browser.evaluate(f"document.getElementById({name!r}).value = {json.dumps(value)}")

    def sign_in(self) -> None:
        """At the shop, after one wrong password, and through the sign-in host."""
        person = PEOPLE[0]
        for password in ("mistyped", person.password):
            self._go(self._town.shop.url("/login"), "document.getElementById('send') !== null")
            self._fill(username=person.mail, password=password)
            self._browser.click("#send")
            self._browser.wait_for("document.getElementById('who') || document.getElementById('wrong')")
        self._go(self._town.shop.url("/elsewhere"), "document.getElementById('agree') !== null")
        self._browser.click("#agree")
        self._browser.wait_for("document.getElementById('welcome') !== null")

    def browse(self) -> None:
        """Pages, a gallery with dead pictures, a product, the orders."""
        for path in ("/", "/gallery", "/products", "/products?page=2", "/products/7", "/orders"):
            self._go(self._town.shop.url(path), "document.readyState === 'complete'")

    def search(self) -> None:
        """Typed letter by letter, then strings that test for injection."""
        self._go(self._town.shop.url("/"), "document.readyState === 'complete'")
        for end in range(1, 7):
            self._fill(q="teapot"[:end])
            self._browser.evaluate("document.getElementById('q').dispatchEvent(new Event('input'))")
        for text in _STRINGS[:4]:
            self._go(self._town.shop.url(f"/search?q={quote(text)}"), "document.getElementById('found')")

    def own_notes(self) -> None:
        """Private ones, with a string that would be a payload elsewhere; all deleted again."""
        for text in ("a note", "<b>bold</b> & 'quoted'"):
            self._go(self._town.shop.url("/notes"), "document.getElementById('send') !== null")
            self._fill(note=text)
            self._browser.click("#send")
            self._browser.wait_for("document.querySelector('.delete') !== null")
            self._pause(2)
            self._browser.click(".delete")
            self._browser.wait_for("document.querySelector('.delete') === null")

    def contact(self) -> None:
        """One message, from an address of one's own."""
        self._go(self._town.shop.url("/contact"), "document.getElementById('send') !== null")
        self._fill(email=PEOPLE[0].mail, message="Do you sell whisks?")
        self._browser.click("#send")
        self._browser.wait_for("document.getElementById('thanks') !== null")

    def dashboard(self) -> None:
        """A page that polls."""
        self._go(self._town.shop.url("/dashboard"), "document.getElementById('ticker').textContent !== '-'")
        self._pause(10)

    def desk(self) -> None:
        """The single-page app: sign-in, socket, tickets, a file, GraphQL, the admin's page."""
        person = PEOPLE[1]
        self._go(self._town.desk.url("/"), "window.desk !== undefined")
        self._run(f"desk.signIn({json.dumps(person.mail)}, {json.dumps(person.password)})")
        for script in (
            "desk.json('GET', '/api/tickets?page=1')",
            "desk.json('POST', '/api/tickets', {title: 'Mine'}).then(made => desk.made = made.id)",
            "desk.json('PATCH', '/api/tickets/' + desk.made, {title: 'Still mine'})",
            "desk.json('DELETE', '/api/tickets/' + desk.made)",
            "desk.upload('a.txt', 'some text').then(file => desk.made = file.id)",
            "desk.json('DELETE', '/api/files/' + desk.made)",
            "desk.graph('query { viewer { id username } tickets { id title } }', {})",
            "desk.json('GET', '/api/admin/settings')",
            "desk.json('GET', '/api/suggest?q=pri')",
        ):
            self._pause(2)
            self._run(script)

    def _run(self, script: str) -> None:
        self._browser.evaluate(f"{script}.then(() => 0)")
