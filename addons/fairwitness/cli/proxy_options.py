"""The options of every command that starts a proxy: run, exec, browser."""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from fairwitness.cli.terminal import MIN_HEIGHT, MIN_WIDTH, is_usable

DEFAULT_LISTEN = "127.0.0.1:8080"
F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyOptions:
    """How a proxy is to be started, as the command line says."""

    listen: str | None
    """``HOST:PORT``; None: the default, or any free port for a proxy that lives for one command."""
    mode: str
    resolve: tuple[str, ...]
    upstream_ca: Path | None
    ca_dir: Path | None
    options: tuple[tuple[str, str], ...]
    note: str | None
    proxy_password: str | None
    allow_remote: bool
    verbose: bool
    notices: bool | None
    """Whether to send desktop notices; None: where that is possible."""
    ui: str | None
    """``live`` | ``plain``; None: as the terminal is."""


def proxy_options(function: F) -> F:
    """Give a command the options; they arrive as one `ProxyOptions` named ``options``."""

    @functools.wraps(function)
    def gathered(**given: Any) -> object:
        own = {name: given.pop(name) for name in ProxyOptions.__slots__}
        options = ProxyOptions(**own)
        _refuse_open_door(options)
        return function(options=options, **given)

    for option in reversed(_OPTIONS):
        gathered = option(gathered)
    return gathered  # type: ignore[return-value]


def is_live(options: ProxyOptions, *, as_json: bool) -> bool:
    """Whether the live screen is shown: where it was asked for, or else where it can be.

    Raises:
        click.UsageError: It was asked for where it cannot be.
    """
    if options.ui == "live":
        if as_json:
            raise click.UsageError("--ui live is for people, --json for programs: choose one")
        if not is_usable():
            raise click.UsageError(
                f"--ui live needs a terminal in front of you, at least {MIN_WIDTH}x{MIN_HEIGHT}"
            )
        return True
    return options.ui is None and not options.verbose and not as_json and is_usable()


def split_listen(text: str) -> tuple[str, int]:
    """Host and port of ``HOST:PORT``, the host without brackets.

    Raises:
        click.BadParameter: It is no address and port.
    """
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    try:
        ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
        number = int(port)
    except ValueError:
        number = -1
    if not colon or not 0 <= number <= 65535 or not port.isascii():
        raise click.BadParameter(f"{text!r} is not ADDRESS:PORT, such as {DEFAULT_LISTEN}")
    return "127.0.0.1" if host == "localhost" else host, number


def _refuse_open_door(options: ProxyOptions) -> None:
    """A proxy that others can reach sends what they want in the researcher's name."""
    host, _ = split_listen(options.listen or DEFAULT_LISTEN)
    if ipaddress.ip_address(host).is_loopback:
        return
    if not (options.allow_remote and options.proxy_password):
        raise click.UsageError(
            f"--listen {options.listen} is not loopback: that needs --allow-remote and --proxy-password"
        )


def _check_listen(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None:
        split_listen(value)
    return value


def _say_who_reads_it(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    assert parameter.name
    if value and context.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE:
        words = "other users read --proxy-password in the list of processes, FAIRWITNESS_PROXY_PASSWORD not"
        click.echo(f"fairwitness: {words}", err=True)
    return value


def _read_settings(
    _context: click.Context, _parameter: click.Parameter, value: tuple[str, ...]
) -> tuple[tuple[str, str], ...]:
    pairs = []
    for each in value:
        name, equals, setting = each.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"{each!r} is not OPTION=VALUE")
        pairs.append((name, setting))
    return tuple(pairs)


_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False)
_OPTIONS = (
    click.option("--listen", metavar="HOST:PORT", callback=_check_listen, help=f"Default {DEFAULT_LISTEN}."),
    click.option("--allow-remote", is_flag=True, help="Listen on more than loopback; needs a password."),
    click.option(
        "--proxy-password",
        metavar="WORD",
        envvar="FAIRWITNESS_PROXY_PASSWORD",
        callback=_say_who_reads_it,
        help="What clients must give (else FAIRWITNESS_PROXY_PASSWORD).",
    ),
    click.option(
        "--mode",
        default="regular",
        metavar="regular|socks5",
        help="How clients speak to it; socks5: the port speaks SOCKS5 too.",
    ),
    click.option(
        "--resolve",
        multiple=True,
        metavar="HOST:PORT:ADDR",
        help="As curl's; recorded; adds nothing to the scope.",
    ),
    click.option(
        "--upstream-ca", type=_FILE, metavar="FILE", help="A root to trust beside the shipped ones; recorded."
    ),
    click.option("--ca-dir", type=_FOLDER, metavar="DIR", help="Where the proxy's own CA lies."),
    click.option(
        "--ui",
        type=click.Choice(["live", "plain"]),
        help="How events are shown; live needs a terminal, exec is plain.",
    ),
    click.option(
        "--set",
        "options",
        multiple=True,
        metavar="OPTION=VALUE",
        callback=_read_settings,
        help="A mitmproxy option from the safe list.",
    ),
    click.option(
        "--notices/--no-notices",
        default=None,
        help="Desktop notices of holds, blocks by rules and limits; needs the extra 'notices'.",
    ),
    click.option("--note", metavar="TEXT", help="Recorded with the session."),
    click.option("-v", "--verbose", is_flag=True, help="Show every exchange."),
)
