"""The `identify` block: how the program wants its researchers to be recognised."""

from __future__ import annotations

import re

from fairwitness.model.policy import Identify
from fairwitness.model.verdict import Clause
from fairwitness.policy.blocks import Block, scalar
from fairwitness.policy.source import quoted

MAX_HEADERS = 16
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}")
_VALUE = re.compile(r"[\x20-\x7e]{1,512}")

# Headers that say where a message ends, where it goes or who pays for it: no identification.
_FRAMING = frozenset(
    {
        "connection",
        "content-length",
        "content-encoding",
        "content-type",
        "expect",
        "forwarded",
        "host",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-real-ip",
    }
)
_CREDENTIALS = frozenset({"authorization", "cookie", "proxy-authorization", "set-cookie"})


def read_identify(block: Block | None, clause: Clause) -> Identify:
    """Headers and suffixes to be added to in-scope requests."""
    if block is None:
        return Identify(clause=clause)
    headers = block.block("headers", None)
    suffix = block.text("user_agent_suffix")
    if suffix is not None and not _VALUE.fullmatch(suffix):
        raise block.source.error(
            block.value("user_agent_suffix"),
            "identify.user_agent_suffix has a character that no header can carry",
            "Write printable ASCII, at most 512 characters",
        )
    nonce = block.text("nonce_header")
    if nonce is not None:
        _check_name(block, "nonce_header", nonce)
    return Identify(
        headers=tuple(_read_header(headers, name) for name, _ in headers) if headers else (),
        user_agent_suffix=suffix,
        nonce_header=nonce,
        clause=clause,
    )


def _read_header(headers: Block, name: str) -> tuple[str, str]:
    _check_name(headers, name, name)
    node = headers.value(name)
    value = scalar(headers.source, node, f"identify.headers.{name}")
    if not _VALUE.fullmatch(value):
        raise headers.source.error(
            node,
            f"the value of header {name} has a character that no header can carry",
            "Write printable ASCII, at most 512 characters",
        )
    earlier = [other for other, _ in headers if other.lower() == name.lower()]
    if len(earlier) > 1 or len(list(headers)) > MAX_HEADERS:
        raise headers.source.error(
            headers.key(name),
            f"header {name} stands twice, or more than {MAX_HEADERS} do",
            "Keep one of each",
        )
    return name, value


def _check_name(block: Block, key: str, name: str) -> None:
    place = block.value(key) if key == "nonce_header" else block.key(key)
    low = name.lower()
    if not _TOKEN.fullmatch(name):
        raise block.source.error(place, f"{quoted(name)} is no header name", "Write it as X-Bug-Bounty")
    if low == "user-agent":
        raise block.source.error(place, "User-Agent is not replaced", "Write user_agent_suffix: ... instead")
    if low in _CREDENTIALS:
        raise block.source.error(place, f"{name} is a credential", "Credentials never stand in a policy")
    if low in _FRAMING or low.startswith(("sec-", "proxy-", "access-control-")):
        raise block.source.error(
            place, f"{name} changes how a message is read", "Write the header that the program asks for"
        )
