"""Which of mitmproxy's options may be set, and which must stay as they are."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from pathlib import Path

from mitmproxy import exceptions, options, version
from mitmproxy.proxy import mode_specs

from fairwitness.errors import StartError

SAFE = frozenset(
    {
        "ciphers_client",
        "ciphers_server",
        "client_certs",
        "http2",
        "http2_ping_keepalive",
        "key_size",
        "tcp_timeout",
        "tls_ecdh_curve_client",
        "tls_ecdh_curve_server",
        "tls_version_client_max",
        "tls_version_client_min",
        "tls_version_server_max",
        "tls_version_server_min",
    }
)
"""What `--set` may change: how TLS and HTTP/2 are spoken, never what passes."""

_REQUIRED: dict[str, tuple[object, ...]] = {
    "allow_hosts": ([],),
    "anticache": (False,),
    "anticomp": (False,),
    "block_list": ([],),
    "body_size_limit": (None,),
    "client_replay": ([],),
    "connection_strategy": ("eager",),
    "http_connect_send_host_header": (True,),
    "ignore_hosts": ([],),
    "intercept": (None, ""),
    "keep_host_header": (False,),
    "map_local": ([],),
    "map_remote": ([],),
    "modify_body": ([],),
    "modify_headers": ([],),
    "onboarding": (False,),
    "proxy_debug": (False,),
    "proxyauth": (None, ""),
    "rawtcp": (False,),
    "server_replay": ([],),
    "show_ignored_hosts": (False,),
    "ssl_insecure": (False,),
    "stickyauth": (None, ""),
    "stickycookie": (None, ""),
    "store_streamed_bodies": (False,),
    "stream_large_bodies": (None,),
    "tcp_hosts": ([],),
    "udp_hosts": ([],),
    "upstream_auth": (None, ""),
    "validate_inbound_headers": (True,),
    "websocket": (True,),
}
"""What would let traffic past the gates or change it behind them."""

if int(version.VERSION.split(".", 1)[0]) < 12:
    # mitmproxy 11 pins an old h2 with known request smuggling (GHSA-847f): HTTP/1 there.
    _REQUIRED["http2"] = (False,)


def forced(names: Iterable[str]) -> dict[str, object]:
    """The required values, for the options that there are."""
    return {name: _REQUIRED[name][0] for name in _REQUIRED if name in set(names)}


def refuse_unsafe(opts: options.Options, updated: Iterable[str], *, mode: str = "regular") -> None:
    """Veto an option that opens a way round the gates.

    Args:
        opts: mitmproxy's.
        updated: Names of those that are about to change.
        mode: The one that the proxy was started in.

    Raises:
        exceptions.OptionsError: mitmproxy then takes the change back.
    """
    for name in updated:
        if name in _REQUIRED and not any(getattr(opts, name) == each for each in _REQUIRED[name]):
            raise exceptions.OptionsError(f"fairwitness: option {name} must stay {_REQUIRED[name][0]!r}")
        if name == "client_certs" and opts.client_certs and not Path(opts.client_certs).expanduser().is_dir():
            raise exceptions.OptionsError(
                "fairwitness: client_certs must be a folder with a HOST.pem for each host: "
                "one file would be shown to every server that asks"
            )
        if name == "mode" and not all(each.split("@")[0] == mode for each in opts.mode):
            raise exceptions.OptionsError(f"fairwitness: only mode {mode} is supported")


def refuse_remote(opts: options.Options) -> None:
    """Veto an address to listen on that other machines can reach.

    Raises:
        exceptions.OptionsError: mitmproxy then takes the change back.
    """
    for each in opts.mode:
        host = mode_specs.ProxyMode.parse(each).listen_host(opts.listen_host)
        if not _is_loopback(host):
            raise exceptions.OptionsError("fairwitness: listen_host must stay a loopback address")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def check_settable(given: Iterable[tuple[str, str]]) -> None:
    """Check what was given with `--set`.

    Raises:
        StartError: One is not on the safe list.
    """
    for name, _ in given:
        if name not in SAFE:
            raise StartError(
                f"option {name} is not one that may be set",
                where="--set",
                mend=f"Set only these: {', '.join(sorted(SAFE))}",
            )
