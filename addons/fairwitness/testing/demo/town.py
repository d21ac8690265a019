"""The places of the story: a shop in scope, two hosts that its pages need, a stranger."""

from __future__ import annotations

import contextlib
import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from fairwitness.testing.authority import Authority
from fairwitness.testing.origin import Origin
from fairwitness.testing.site import Answer, text_answer

PASSWORD = "correct-horse-battery-staple"  # noqa: S105 - planted, to be looked for in the exports
SESSION = "s3ss10n-4f9d2a7c61e8"
PRODUCTS = '[{"id": 1, "name": "Teapot"}, {"id": 2, "name": "Kettle"}]\n'
_HOME = """<!doctype html><title>Example shop</title>
<link rel="stylesheet" href="/style.css">
<script src="{cdn}"></script>
<h1>Example shop</h1><a href="{stranger}">pay elsewhere</a>
"""
_OFFERS = """<!doctype html><title>Offers</title>
<link rel="stylesheet" href="/style.css">
<img src="{image}" alt="">
"""
_POLICY = """version: 1
program:
  name: Example shop
  policy_url: https://shop.example.com/security
  reviewed: {today}
scope:
  include: [{shop}]
  noise: [preset:browser, preset:analytics]
identify:
  headers: {{X-Bug-Bounty: demo}}
limits:
  testing: {{per_host: {{rate: 5/s, burst: 20}}, per_endpoint: {{rate: 600/min, burst: 60}}}}
  says: No more than 5 requests per second.
rules:
  request-rate: {{action: throttle, says: No more than 5 requests per second.}}
"""


class DemoTown:
    """Servers on loopback that count; usable as a context manager.

    A class, because it owns the servers.

    Args:
        folder: Holds the key that signs them.
    """

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder / "authority")
        self.shop = Origin(self.authority, ["shop.example.com"], address="127.0.0.2")
        self.cdn = Origin(self.authority, ["cdn.example.net"], address="127.0.0.4")
        self.images = Origin(self.authority, ["images.example.net"], address="127.0.0.5")
        self.stranger = Origin(self.authority, ["pay.example.org"], address="127.0.0.3")
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            for origin in self.origins:
                stack.enter_context(origin)
            self._stack = stack.pop_all()
        self._put_pages_up()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def origins(self) -> tuple[Origin, ...]:
        """All of them."""
        return self.shop, self.cdn, self.images, self.stranger

    @property
    def policy(self) -> str:
        """The shop's rules, as policy.yaml."""
        return _POLICY.format(
            today=f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}", shop=self.shop.host_port
        )

    def _put_pages_up(self) -> None:
        shop, cdn = self.shop, self.cdn
        home = _HOME.format(cdn=cdn.url("/lib.js"), stranger=self.stranger.url("/pay"))
        shop.put("/", home, kind="text/html")
        shop.put("/offers", _OFFERS.format(image=self.images.url("/banner.svg")), kind="text/html")
        shop.put("/style.css", "h1 { color: teal }", kind="text/css")
        shop.put("/products", PRODUCTS, kind="application/json")
        shop.put("/login", "", answer=_signed_in())
        cdn.put("/lib.js", "document.title = 'ready'", kind="text/javascript")


def _signed_in() -> Answer:
    cookie = (b"Set-Cookie", f"session={SESSION}; Path=/; HttpOnly; Secure".encode())
    return text_answer('{"signed_in": true}', kind="application/json", headers=(cookie,))
