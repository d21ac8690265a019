"""Firefox: a profile with the proxy's address and CA in it.

Firefox has no key pin on the command line, so the CA goes into the profile's own certificate database; the
system's and other profiles' trust stay as they are.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

from fairwitness.cli.door import CannotStartError, Door
from fairwitness.control.policy_file import replace_bytes

_CERTUTIL_S = 60  # making a database on a slow disk; more means that it waits for a password
_PREFERENCES: dict[str, str | int | bool] = {
    "network.proxy.type": 1,
    "network.proxy.share_proxy_settings": True,
    "network.proxy.no_proxies_on": "",
    "network.proxy.allow_hijacking_localhost": True,  # loopback goes through the proxy as well
    "network.proxy.failover_direct": False,
    "network.proxy.allow_bypass": False,
    "network.http.http3.enable": False,
    "network.trr.mode": 5,  # no DNS over HTTPS
    "network.dns.disablePrefetch": True,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "media.peerconnection.ice.proxy_only": True,  # no WebRTC outside the proxy
    "app.update.auto": False,
    "app.normandy.enabled": False,
    "browser.aboutwelcome.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.safebrowsing.downloads.remote.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "toolkit.telemetry.enabled": False,
}


def firefox_command(program: str, door: Door, *, profile: Path) -> list[str]:
    """Prepare the profile and give the command line.

    Raises:
        CannotStartError: certutil is missing or fails.
    """
    _trust(door.ca, profile)
    preferences = dict(_PREFERENCES)
    for scheme in ("http", "ssl"):
        preferences[f"network.proxy.{scheme}"] = door.host
        preferences[f"network.proxy.{scheme}_port"] = door.port
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in preferences.items()]
    replace_bytes(profile / "user.js", ("\n".join(lines) + "\n").encode())
    return [program, "--no-remote", "--profile", str(profile)]


def _trust(ca: Path, profile: Path) -> None:
    certutil = shutil.which("certutil")
    if certutil is None:
        raise CannotStartError(
            "Firefox needs certutil to trust the proxy in its own profile only",
            where="browser --firefox",
            mend="Install it (Debian: apt install libnss3-tools), or use Chromium",
        )
    database = f"sql:{profile}"
    if not (profile / "cert9.db").exists():
        _certutil(certutil, "-N", "-d", database, "--empty-password")
    _certutil(certutil, "-A", "-n", "fairwitness", "-t", "C,,", "-d", database, "-i", str(ca))


def _certutil(certutil: str, *words: str) -> None:
    try:
        subprocess.run(
            [certutil, *words], check=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=_CERTUTIL_S
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise CannotStartError(
            "certutil could not put the proxy's CA into the profile",
            where="browser --firefox",
            mend="Remove that profile's folder and try again, or use Chromium",
        ) from error
