"""Secrets in one header, by its name."""

from __future__ import annotations

import re
from binascii import Error, a2b_base64
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

from fairwitness.detect.secret import Secret
from fairwitness.detect.values import looks_random, says_nothing
from fairwitness.detect.words import kind_of_name

_AUTHORIZATIONS = (b"authorization", b"proxy-authorization")
_CHALLENGES = (b"www-authenticate", b"proxy-authenticate")
_SCHEME = re.compile(rb"\s*([A-Za-z][A-Za-z0-9_-]{0,40})(?:[ \t]+|$)")
_PARAMETER = re.compile(rb'([A-Za-z][\w-]{0,40})\s{0,2}=\s{0,2}(?:"([^"]*+)"|([^\s",;]++))')
_PUBLIC_PARAMETERS = {
    b"realm", b"uri", b"algorithm", b"qop", b"nc", b"username", b"opaque", b"signedheaders", b"headers",
    b"keyid", b"ts", b"nonce", b"cnonce", b"id", b"oauth_timestamp", b"oauth_signature_method",
    b"oauth_version", b"charset", b"created", b"expires", b"userhash", b"ext", b"v",
}  # fmt: skip
_WITH_PARAMETERS = (
    b"digest",
    b"hawk",
    b"oauth",
    b"signature",
    b"mac",
    b"sharedaccesssignature",
    b"googlelogin",
)
_SHORTEST_PROTOCOL = 16  # bytes of a WebSocket protocol that is a token


def secrets_in_header(name: bytes, value: bytes) -> Iterator[Secret]:
    """Those that the header's name tells; what any text may hold is found by the other detectors."""
    name = name.lower()
    if name in _AUTHORIZATIONS:
        yield from _in_authorization(value)
    elif name in _CHALLENGES:
        match = _SCHEME.match(value)
        if match is not None and match[1].lower() in (b"negotiate", b"ntlm"):
            yield from _in_authorization(value)
    elif name in (b"authentication-info", b"proxy-authentication-info"):
        yield from _in_parameters(value, 0)
    elif name == b"cookie":
        yield from _in_cookies(value)
    elif name in (b"set-cookie", b"set-cookie2"):
        yield from _cookie(value, 0, value.find(b";") if b";" in value else len(value))
    elif name == b"sec-websocket-protocol":
        for match in re.finditer(rb"[^\s,]+", value):
            if len(match[0]) >= _SHORTEST_PROTOCOL and looks_random(match[0]):
                yield Secret(match.start(), match.end(), "token", match[0])
    else:
        yield from _by_name(name, value)


def _by_name(name: bytes, value: bytes) -> Iterator[Secret]:
    kind = kind_of_name(name.decode("latin-1"))
    if kind is None or says_nothing(value.strip()) or name.startswith(b"access-control-"):
        return
    scheme = _SCHEME.match(value)
    if (
        scheme is not None
        and scheme[1].lower() in (b"bearer", b"basic", b"token")
        and scheme.end() < len(value)
    ):
        yield from _in_authorization(value)
    else:
        yield _trimmed(value, 0, len(value), kind)


def _in_authorization(value: bytes) -> Iterator[Secret]:
    match = _SCHEME.match(value)
    if match is None or match.end() == len(value):
        if not says_nothing(value.strip()):
            yield _trimmed(value, 0, len(value), "token")
        return
    scheme, start = match[1].lower(), match.end()
    if scheme == b"basic":
        yield from _in_basic(value, start)
    elif scheme in _WITH_PARAMETERS or scheme.startswith(b"aws4"):
        yield from _in_parameters(value, start)
    elif not says_nothing(value[start:].strip()):
        yield _trimmed(value, start, len(value), "token")


def _in_basic(value: bytes, start: int) -> Iterator[Secret]:
    """The whole, and beneath it the password, to be found elsewhere."""
    whole = _trimmed(value, start, len(value), "basic")
    if not says_nothing(whole.value):
        yield whole
    try:
        user, _, password = a2b_base64(whole.value).partition(b":")
    except Error:
        return
    if not says_nothing(password):
        yield Secret(whole.start, whole.end, "password", password)
    if password in (b"", b"x-oauth-basic", b"x") and looks_random(user):
        yield Secret(whole.start, whole.end, "token", user)


def _in_parameters(value: bytes, start: int) -> Iterator[Secret]:
    for match in _PARAMETER.finditer(value, start):
        group = match.lastindex or 0
        if match[1].lower() not in _PUBLIC_PARAMETERS and not says_nothing(match[group]):
            kind = kind_of_name(match[1].decode()) or "signature"
            yield Secret(match.start(group), match.end(group), kind, unquote_to_bytes(match[group]))


def _in_cookies(value: bytes) -> Iterator[Secret]:
    start = 0
    for part in value.split(b";"):
        yield from _cookie(value, start, start + len(part))
        start += len(part) + 1


def _cookie(value: bytes, start: int, end: int) -> Iterator[Secret]:
    """A cookie's value; one without a name is a value as a whole."""
    equals = value.find(b"=", start, end)
    secret = _trimmed(value, equals + 1 if equals >= 0 else start, end, "cookie")
    if not says_nothing(secret.value):
        yield secret
    elif equals >= 0:
        name = _trimmed(value, start, equals, "cookie")
        if len(name.value) >= _SHORTEST_PROTOCOL and looks_random(name.value) and name.value.isalnum():
            yield name  # a flag whose name is the session


def _trimmed(value: bytes, start: int, end: int, kind: str) -> Secret:
    """Without blanks and quotes around it."""
    run = value[start:end]
    start += len(run) - len(run.lstrip(b' \t"'))
    run = run.strip(b' \t"')
    return Secret(start, start + len(run), kind, unquote_to_bytes(run) if kind == "cookie" else run)
