"""A browser that trusts this proxy alone and cannot go round it."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shlex
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import click
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from fairwitness.cli.door import CannotStartError, Door, spawn
from fairwitness.cli.firefox import firefox_command
from fairwitness.cli.folders import make_private, program_folder
from fairwitness.cli.options import choices, command
from fairwitness.cli.proxy_options import ProxyOptions, proxy_options
from fairwitness.cli.through import through_proxy
from fairwitness.errors import PolicyError

_CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "brave-browser")
_INTERRUPTED = 128 + signal.SIGINT
_MAC_CHROMIUMS = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
# What keeps a Chromium from calling its maker or leaving the proxy; each was watched on the wire.
_CHROMIUM_FLAGS = (
    "--disable-quic",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-breakpad",
    "--no-pings",
    "--password-store=basic",
)


@command(
    name="browser",
    examples=["fairwitness browser https://console.example.com/", "fairwitness browser --account victim"],
)
@proxy_options
@click.option("--account", default="default", metavar="NAME", help="Whose profile; each is kept.")
@click.option("--firefox", is_flag=True, help="Firefox in place of Chromium.")
@click.argument("url", metavar="[URL]", required=False)
@click.pass_context
def browser(
    context: click.Context, options: ProxyOptions, account: str, firefox: bool, url: str | None
) -> int:
    """Open a browser that cannot bypass the proxy.

    Joins the running proxy when it follows the same policy, else starts one that ends with the browser.  The
    system's trust store is not touched.  A proxy of its own shows the live screen where the terminal has one.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}", account):
        raise click.BadParameter("use letters, digits, dots and dashes", ctx=context, param_hint="--account")
    if url and not re.match(r"https?://", url, re.IGNORECASE):
        raise click.BadParameter("write it with http:// or https://", ctx=context, param_hint="URL")
    program = find_browser(firefox=firefox)
    extra = shlex.split(os.environ.get("FAIRWITNESS_BROWSER_ARGS", ""))

    async def work(door: Door) -> int:
        profiles = program_folder(door.policy.program) / "browser"
        profile = make_private(profiles / (f"{account}-firefox" if firefox else account))
        if firefox:
            words = firefox_command(program, door, profile=profile)
        else:
            proxy = f"http://{_authority(door)}"
            words = chromium_command(program, proxy=proxy, pins=[spki_pin(door.ca)], profile=profile)
        is_quiet = not door.is_alone or (sys.stdout.isatty() and sys.stderr.isatty())
        output = profile / "browser.log" if is_quiet else None
        words = [*words, *extra, *([url] if url else [])]
        code = await spawn(door, words, environment=dict(os.environ), output=output)
        if code not in (0, _INTERRUPTED) and output and not door.asked_to_stop.is_set():
            raise CannotStartError(
                f"the browser ended with code {code}", where=program, mend=f"Read {output}"
            )
        return code

    return through_proxy(choices(context), options, work, has_screen=True).exit_code()


def find_browser(*, firefox: bool) -> str:
    """The browser's program: FAIRWITNESS_CHROMIUM or FAIRWITNESS_FIREFOX, else the first that is installed.

    Raises:
        PolicyError: There is none.
    """
    variable = "FAIRWITNESS_FIREFOX" if firefox else "FAIRWITNESS_CHROMIUM"
    named = os.environ.get(variable)
    candidates: Sequence[str] = ("firefox", "firefox-esr") if firefox else (*_CHROMIUMS, *_MAC_CHROMIUMS)
    for candidate in [named] if named else candidates:
        found = shutil.which(candidate)
        if found:
            return found
    what = "Firefox" if firefox else "Chromium"
    raise PolicyError(
        f"there is no program {named!r}" if named else f"no {what} was found",
        where=variable if named else "browser",
        mend=f"Install {what} or name its program in {variable}",
    )


def chromium_command(program: str, *, proxy: str, pins: Sequence[str], profile: Path) -> list[str]:
    """The command line: a profile of its own, everything through the proxy, trust by key pin.

    Args:
        program: Chromium.
        proxy: Its URL.
        pins: Of the keys to trust, as `spki_pin` gives them.
        profile: A folder.
    """
    return [
        program,
        f"--user-data-dir={profile}",
        f"--proxy-server={proxy}",
        "--proxy-bypass-list=<-loopback>",
        f"--ignore-certificate-errors-spki-list={','.join(pins)}",
        *_CHROMIUM_FLAGS,
    ]


def spki_pin(ca: Path) -> str:
    """Base64 of the SHA-256 of the CA's public key, which the proxy's leaf certificates share.

    Raises:
        CannotStartError: The CA's certificate cannot be read.
    """
    try:
        key = x509.load_pem_x509_certificate(ca.read_bytes()).public_key()
    except (OSError, ValueError) as error:
        raise CannotStartError(
            "the proxy's CA certificate cannot be read",
            where=str(ca),
            mend="Start the proxy with another --ca-dir",
        ) from error
    encoded = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(encoded).digest()).decode("ascii")


def _authority(door: Door) -> str:
    return f"[{door.host}]:{door.port}" if ":" in door.host else f"{door.host}:{door.port}"
