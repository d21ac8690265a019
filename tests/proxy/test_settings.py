"""Options of mitmproxy that open a way round the gates."""

import pytest
from mitmproxy import exceptions
from mitmproxy.options import Options

from fairwitness.errors import StartError
from fairwitness.proxy.settings import SAFE, check_settable, forced, refuse_remote, refuse_unsafe


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ignore_hosts", [".*"]),
        ("allow_hosts", ["example.com"]),
        ("tcp_hosts", [".*"]),
        ("udp_hosts", [".*"]),
        ("rawtcp", True),
        ("client_certs", __file__),
        ("ssl_insecure", True),
        ("mode", ["upstream:http://127.0.0.1:1"]),
        ("mode", ["regular", "dns"]),
        ("mode", ["transparent"]),
    ],
)
def test_an_unsafe_value_is_vetoed(name: str, value: object) -> None:
    """mitmproxy takes a change back when OptionsError is raised."""
    options = Options()
    options.update(**{name: value})

    with pytest.raises(exceptions.OptionsError, match="fairwitness"):
        refuse_unsafe(options, {name})


def test_what_is_forced_is_accepted() -> None:
    """The forced values pass the veto."""
    options = Options()
    options.update(**forced(options.keys()))

    refuse_unsafe(options, set(options.keys()))


@pytest.mark.parametrize(
    "name", ["ssl_insecure", "mode", "ignore_hosts", "scripts", "listen_host", "nonsense"]
)
def test_only_safe_options_may_be_set(name: str) -> None:
    """`--set` takes how TLS and HTTP/2 are spoken, never what passes."""
    with pytest.raises(StartError, match="not one that may be set"):
        check_settable([(name, "x")])


def test_safe_options_may_be_set() -> None:
    """All of them."""
    check_settable([(each, "x") for each in SAFE])


@pytest.mark.parametrize(
    "settings",
    [
        {"listen_host": "0.0.0.0"},
        {"listen_host": ""},
        {"listen_host": "example.com"},
        {"mode": ["regular@0.0.0.0:8080"], "listen_host": "127.0.0.1"},
    ],
)
def test_an_address_for_other_machines_is_vetoed(settings: dict[str, object]) -> None:
    """By the option and by a mode's own address."""
    options = Options(**settings)

    with pytest.raises(exceptions.OptionsError, match="loopback"):
        refuse_remote(options)


def test_loopback_is_no_address_for_other_machines() -> None:
    """IPv6, and the whole of 127.0.0.0/8."""
    refuse_remote(Options(listen_host="127.0.0.9", mode=["regular", "regular@[::1]:8080"]))
