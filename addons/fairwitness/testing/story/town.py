"""The places of the story, the program's rules, and a proxy before them."""

from __future__ import annotations

import contextlib
from pathlib import Path
from types import TracebackType
from typing import Self

from fairwitness.testing.authority import Authority, key_pin
from fairwitness.testing.origin import Origin
from fairwitness.testing.policy_text import Written, policy_text
from fairwitness.testing.proxy import Proxy
from fairwitness.testing.story.people import ACCOUNTS
from fairwitness.testing.story.rich import Desk
from fairwitness.testing.story.shop import Shop

_SAYS = {
    "automated-scanner": ("block", "Automated scanners are not permitted."),
    "content-discovery": ("block", "Automated scanners are not permitted."),
    "brute-force": ("block", "No brute force."),
    "enumeration": ("block", "Do not access data of other customers."),
    "destructive-request": ("hold", "Do not destroy or alter data."),
    "data-alteration": ("warn", "Do not destroy or alter data."),
    "heavy-request": ("hold", "No denial of service."),
    "server-distress": ("throttle", "Never disrupt our services."),
    "foreign-account": ("warn", "Use only your own accounts."),
    "foreign-credential": ("hold", "No stolen credentials."),
    "personal-data": ("warn", "Avoid privacy violations."),
    "bulk-download": ("warn", "Avoid privacy violations."),
    "spam": ("hold", "No spam."),
    "public-payload": ("hold", "Never disrupt other users."),
    "third-party-attack": ("block", "Third-party systems are out of scope."),
}
_RULES: dict[str, Written] = {
    name: {"action": action, "says": says} for name, (action, says) in _SAYS.items()
}
_LIMITS: dict[str, Written] = {
    "testing": {"per_host": {"rate": "5/s", "burst": 30}},
    "says": "No more than 5 requests per second.",
}


class StoryTown:
    """A shop, a desk and a sign-in host on loopback, and ``fairwitness run`` before them.

    A class, because it owns the servers and the proxy.

    Args:
        folder: Holds everything that they write.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.authority = Authority(folder / "authority")
        self.shop = Origin(self.authority, ["shop.story.test"], address="127.0.0.40")
        self.desk = Origin(self.authority, ["desk.story.test"], address="127.0.0.41")
        self.sign_in = Origin(self.authority, ["login.story.test"], address="127.0.0.42")
        self._stack = contextlib.ExitStack()
        self.proxy: Proxy

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            origins = (self.shop, self.desk, self.sign_in)
            for origin in origins:
                stack.enter_context(origin)
            self.shop.serve_with(Shop(self.sign_in.url("/authorize")))
            self.desk.serve_with(Desk())
            back = self.shop.url("/callback?code=8a1b&state=77")
            self.sign_in.put(
                "/authorize", f"<!doctype html><title>Login</title><a id=agree href='{back}'>agree</a>"
            )
            accounts = self._folder / "accounts.yaml"
            accounts.write_text(ACCOUNTS)
            accounts.chmod(0o600)
            self.proxy = stack.enter_context(
                Proxy(
                    self._folder,
                    policy=self._policy(),
                    upstream_ca=self.authority.pem,
                    resolve=[origin.resolve for origin in origins],
                    arguments=["--accounts", str(accounts)],
                )
            )
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def pins(self) -> tuple[str, ...]:
        """Keys that a browser is to trust: the proxy's, and those of the servers themselves."""
        files = (self.proxy.ca, self.shop.certificate, self.sign_in.certificate)
        pems = [file.read_bytes() for file in files]
        return tuple(key_pin(pem[pem.index(b"-----BEGIN CERTIFICATE") :]) for pem in pems)

    def _policy(self) -> str:
        return policy_text(
            include=[self.shop.host_port, self.desk.host_port],
            tunnel=[self.sign_in.host_port],
            noise=["preset:browser"],
            limits=_LIMITS,
            rules=_RULES,
        )
