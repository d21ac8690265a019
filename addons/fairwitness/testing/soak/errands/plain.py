"""Short requests over HTTP/1, in the clear and in TLS, and some that must not go out."""

from __future__ import annotations

import contextlib

from fairwitness.testing.client import RawClient
from fairwitness.testing.soak.errands.errand import Errand


def get(errand: Errand) -> None:
    """One request in the clear."""
    with errand.town.client() as client:
        errand.ask(client, "/page", is_inside=False)


def get_in_tls(errand: Errand) -> None:
    """One request inside TLS."""
    with errand.town.tunnel(errand.town.inside) as client:
        errand.ask(client, "/page", is_inside=True)


def keep_alive(errand: Errand) -> None:
    """Several on one connection."""
    is_inside = errand.luck.random() < 0.5
    with _connection(errand, is_inside) as client:
        for number in range(errand.luck.randint(2, 6)):
            errand.ask(
                client, errand.luck.choice(("/page", "/poll", "/status/404")), number, is_inside=is_inside
            )


def head(errand: Errand) -> None:
    """A HEAD, whose answer has a length and no body."""
    with errand.town.client() as client:
        client.request(errand.url("/bytes/5000"), host=errand.host, method="HEAD")
        errand.ask(client, "/page", 1, is_inside=False)


def redirect(errand: Errand) -> None:
    """A redirect, not followed."""
    with errand.town.client() as client:
        client.request(f"{errand.url('/redirect')}&to=/page", host=errand.host)


def stranger(errand: Errand) -> None:
    """Requests to a host out of scope: it is never touched."""
    outside = errand.town.outside
    with errand.town.client() as client:
        client.request(outside.url(errand.target("/"), scheme="http"), host=outside.host_port)
    with errand.town.tunnel(outside) as client:
        client.request(errand.target("/"), host=outside.host_port)


def undecrypted(errand: Errand) -> None:
    """TLS end to end through a tunnel host."""
    login = errand.town.login
    with errand.town.client() as client:
        client.connect(login.host_port)
        client.start_tls(login.name, ca=errand.town.authority.pem)
        client.request(errand.target("/login"), host=login.host_port)


def nobody_there(errand: Errand) -> None:
    """A host in scope on whose port nobody listens."""
    with errand.town.client() as client:
        client.request(f"http://dead.test:9{errand.target('/')}", host="dead.test:9")


def _connection(errand: Errand, is_inside: bool) -> contextlib.AbstractContextManager[RawClient]:
    return errand.town.tunnel(errand.town.inside) if is_inside else errand.town.client()


PLAIN = (get, get_in_tls, keep_alive, head, redirect, stranger, undecrypted, nobody_there)
