"""JA4: a fingerprint of the client's TLS hello.

Source:
    FoxIO's JA4 specification (the TLS client part, BSD 3-Clause), written anew from its description.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

_VERSIONS = {0x0304: "13", 0x0303: "12", 0x0302: "11", 0x0301: "10", 0x0300: "s3", 0x0002: "s2"}
_SNI, _SIGNATURE_ALGORITHMS, _ALPN, _SUPPORTED_VERSIONS = 0x0000, 0x000D, 0x0010, 0x002B


def ja4(
    ciphers: Sequence[int],
    extensions: Sequence[tuple[int, bytes]],
    *,
    alpn: Sequence[bytes],
    legacy_version: int = 0x0303,
) -> str:
    """The fingerprint, such as ``t13d1516h2_8daaf6152771_e5627efa2ab1``.

    Args:
        ciphers: As offered, GREASE included.
        extensions: Type and content, as offered, GREASE included.
        alpn: Protocols as offered.
        legacy_version: The hello's version field, used where no versions are offered by extension.
    """
    ciphers = [each for each in ciphers if not _is_grease(each)]
    extensions = [each for each in extensions if not _is_grease(each[0])]
    kinds = [kind for kind, _ in extensions]
    content = dict(extensions)
    first = (
        "t"
        + _version(content.get(_SUPPORTED_VERSIONS), legacy_version)
        + ("d" if _SNI in kinds else "i")
        + f"{min(len(ciphers), 99):02d}{min(len(kinds), 99):02d}"
        + _protocol(alpn)
    )
    cipher_words = ",".join(sorted(f"{each:04x}" for each in ciphers))
    kind_words = ",".join(sorted(f"{each:04x}" for each in kinds if each not in (_SNI, _ALPN)))
    algorithms = _pairs((content.get(_SIGNATURE_ALGORITHMS) or b"")[2:])
    if algorithms:
        kind_words += "_" + ",".join(f"{each:04x}" for each in algorithms if not _is_grease(each))
    return f"{first}_{_hash(cipher_words)}_{_hash(kind_words)}"


def _is_grease(value: int) -> bool:
    return value & 0x0F0F == 0x0A0A and value >> 8 == value & 0xFF


def _pairs(data: bytes) -> list[int]:
    return [int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data) - 1, 2)]


def _version(supported: bytes | None, legacy_version: int) -> str:
    offered = [each for each in _pairs((supported or b"")[1:]) if not _is_grease(each)]
    return _VERSIONS.get(max(offered, default=legacy_version), "00")


def _protocol(alpn: Sequence[bytes]) -> str:
    if not alpn or not alpn[0]:
        return "00"
    first, last = alpn[0][:1], alpn[0][-1:]
    if first.isalnum() and last.isalnum():
        return (first + last).decode("ascii")
    return alpn[0].hex()[0] + alpn[0].hex()[-1]


def _hash(words: str) -> str:
    return hashlib.sha256(words.encode()).hexdigest()[:12] if words else "0" * 12
