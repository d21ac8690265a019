"""Whether a TLS hello is that of another program than the User-Agent names.

A JA4 names a library, not a tool, so it says something only where it contradicts.
"""

from __future__ import annotations

import re

_DECLARED = re.compile(r"burp|caido|\bzap\b|zaproxy", re.IGNORECASE)
_LIBRARIES = frozenset(  # the middle part, the ciphers; seen with these programs, and in no browser
    {
        "85036bcba153",  # CPython 3.11+ with OpenSSL 3: requests, httpx, aiohttp
        "e8f1e7e78f70",  # OpenSSL 3 with its own defaults: ab, programs on libcurl
        "9dc949149365",  # Go crypto/tls
        "c7886603b240",  # OpenSSL with a longer list: httpx of wapiti
        "1d37bd780c83",  # Twisted
        "723694b0fccc",  # GnuTLS: wget
    }
)
_MOST_CIPHERS = 24  # Safari offers 20, Firefox 17, Chromium 15


def contradicts(ja4: str | None, *, agent: str, label: str | None) -> bool:
    """Whether the hello of a client that calls itself a browser is a library's; unknown ones are not.

    Never behind a proxy that people work with, which says hello by itself.
    """
    if not ja4 or ja4.count("_") != 2 or _DECLARED.search(label or "") or _DECLARED.search(agent):
        return False
    start, ciphers, _ = ja4.split("_")
    number = start[4:6]
    return ciphers in _LIBRARIES or (number.isdigit() and int(number) > _MOST_CIPHERS)
