"""Fingerprints of TLS hellos."""

from fairwitness.proxy.ja4 import ja4

CHROME_CIPHERS = [
    0x2A2A, 0x1301, 0x1302, 0x1303, 0xC02B, 0xC02F, 0xC02C, 0xC030,
    0xCCA9, 0xCCA8, 0xC013, 0xC014, 0x009C, 0x009D, 0x002F, 0x0035,
]  # fmt: skip
CHROME_EXTENSIONS = [
    0x4A4A, 0x001B, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002D,
    0x000D, 0x0005, 0x0023, 0x0012, 0x002B, 0xFF01, 0x000B, 0x000A, 0x0015, 0x5A5A,
]  # fmt: skip
ALGORITHMS = [0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601]


def extension(kind: int) -> tuple[int, bytes]:
    """An extension with what JA4 reads of it."""
    if kind == 0x000D:
        listed = b"".join(each.to_bytes(2, "big") for each in ALGORITHMS)
        return kind, len(listed).to_bytes(2, "big") + listed
    if kind == 0x002B:
        return kind, b"\x06\x1a\x1a\x03\x04\x03\x03"
    return kind, b""


def test_the_published_example_gives_the_published_fingerprint() -> None:
    """The Chrome hello of the specification's own example (FoxIO, JA4.md)."""
    found = ja4(CHROME_CIPHERS, [extension(each) for each in CHROME_EXTENSIONS], alpn=[b"h2", b"http/1.1"])

    assert "t13d1516h2_8daaf6152771_e5627efa2ab1" == found


def test_the_order_of_ciphers_and_extensions_does_not_matter() -> None:
    """Chromium shuffles its extensions; the fingerprint stays."""
    shuffled = [extension(each) for each in reversed(CHROME_EXTENSIONS)]

    assert ja4(CHROME_CIPHERS, [extension(each) for each in CHROME_EXTENSIONS], alpn=[b"h2"]) == ja4(
        list(reversed(CHROME_CIPHERS)), shuffled, alpn=[b"h2"]
    )


def test_an_empty_hello_has_a_fingerprint_too() -> None:
    """Nothing offered, no name, no protocol."""
    assert "t12i000000_000000000000_000000000000" == ja4([], [], alpn=[])
