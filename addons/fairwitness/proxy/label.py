"""The user name in the proxy URL is a label; with --proxy-password the password must be right too."""

from __future__ import annotations

import base64
import binascii
import hmac

from mitmproxy import http

from fairwitness.proxy.translate import header_of

MAX_LABEL = 64  # characters


def credentials_of(flow: http.HTTPFlow) -> tuple[str, str] | None:
    """User name and password that were sent to the proxy, None where none can be read."""
    word, _, coded = header_of(flow, b"proxy-authorization").partition(" ")
    if word.lower() != "basic":
        return None
    try:
        text = base64.b64decode(coded.strip(), validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return None
    name, _, password = text.partition(":")
    return name, password


def label_of(flow: http.HTTPFlow) -> str | None:
    """The label, printable and short."""
    found = credentials_of(flow)
    return as_label(found[0]) if found else None


def as_label(name: str) -> str | None:
    """A user name as the label that it is, printable and short."""
    return "".join(each for each in name if each.isprintable())[:MAX_LABEL] or None


def refuse_stranger(flow: http.HTTPFlow, password: str | None, *, is_inside: bool) -> bool:
    """Answer 407 where a password is demanded and not given.  Whether it was refused.

    Args:
        flow: A CONNECT or a request.
        password: The demanded one, None where none is.
        is_inside: Whether it came through a CONNECT, which was asked already.
    """
    if password is None or is_inside:
        return False
    found = credentials_of(flow)
    if found is not None and is_right(found[1], password):
        return False
    flow.response = http.Response.make(
        407, b"", {"Proxy-Authenticate": 'Basic realm="fairwitness"', "Connection": "close"}
    )
    return True


def is_right(given: str, password: str | None) -> bool:
    """Whether the given password is the demanded one; any is, where none is demanded."""
    return password is None or hmac.compare_digest(given.encode(), password.encode())
