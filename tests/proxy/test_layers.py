"""What is put in the place of mitmproxy's own."""

from __future__ import annotations

import pytest
from mitmproxy.proxy.layers import tls

from fairwitness.proxy.layers import watch_layers


def test_an_endless_tls_hello_is_given_up() -> None:
    """Records that promise 16 MiB of hello are refused after 64 KiB, not parsed again with every packet."""
    watch_layers()
    watch_layers()
    record = b"\x16\x03\x01\x40\x00" + b"\xff" * 0x4000

    waiting = tls.parse_client_hello(record)

    assert waiting is None
    with pytest.raises(ValueError, match="too long"):
        tls.parse_client_hello(record * 5)
