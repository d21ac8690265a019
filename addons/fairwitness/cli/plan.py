"""What is to be run, and what of it the proxy and the log must know."""

from __future__ import annotations

import hashlib
import os
import platform
import socket
import stat
from dataclasses import dataclass
from pathlib import Path

from fairwitness import __version__
from fairwitness.cli.folders import data_folder, make_private
from fairwitness.cli.place import Place
from fairwitness.cli.proxy_options import DEFAULT_LISTEN, ProxyOptions, split_listen
from fairwitness.errors import PolicyError, StartError
from fairwitness.model.policy import Policy
from fairwitness.policy import check_policy
from fairwitness.proxy.serve import ServeSettings, check_settings

_CA_KEYS = ("mitmproxy-ca.pem", "mitmproxy-ca.p12")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be run."""

    place: Place
    policy: Policy
    options: ProxyOptions
    serves_one_command: bool
    """It ends with the command; Ctrl-C is that command's affair, and the port may be any free one."""


def warnings_of(policy: Policy, *, now_us: int) -> list[str]:
    """What `fairwitness check` warns of.

    Raises:
        PolicyError: It finds an error.
    """
    words = []
    for remark in check_policy(policy, now_us=now_us):
        if remark.severity == "error":
            raise PolicyError(remark.what, where=remark.where, mend=remark.mend)
        if remark.severity == "warning":
            words.append(f"{remark.where}: {remark.what}. {remark.mend}")
    return words


def settings_of(plan: Plan) -> ServeSettings:
    """How to listen and whom to trust; makes the CA's folder.

    Raises:
        StartError: The folder cannot be made, or others have, or could put there, the authority's key; or
            it must not start with these options.
    """
    options = plan.options
    host, port = split_listen(options.listen or DEFAULT_LISTEN)
    if plan.serves_one_command and options.listen is None and _is_taken(host, port):
        port = 0
    settings = ServeSettings(
        listen_host=host,
        listen_port=port,
        ca_dir=private_ca(options.ca_dir or data_folder() / "ca"),
        upstream_ca=options.upstream_ca,
        options=options.options,
        proxy_password=options.proxy_password,
        allow_remote=options.allow_remote,
        mode=options.mode,
    )
    check_settings(settings)
    return settings


def private_ca(folder: Path) -> Path:
    """The folder of the proxy's authority, made where it is missing.

    Who has its key can pose as any site to the browser that trusts it.

    Raises:
        StartError: It cannot be made, or others have, or could put there, the key.
    """
    make_private(folder, refused=StartError)
    if folder.stat().st_mode & stat.S_IWOTH:
        raise StartError(
            "everybody can put an authority of their own here",
            where=str(folder),
            mend="Name a folder of mode 0700, or let --ca-dir out",
        )
    for path in (folder / name for name in _CA_KEYS):
        if not os.path.lexists(path):
            continue
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.getuid():
            what, mend = "the authority's key is no plain file of yours", "Move it away; a new one is made"
        elif found.st_mode & 0o077:
            what = "others can read the authority's key"
            mend = "Give it mode 0600; if others use this machine, delete the folder, and a new one is made"
        else:
            continue
        raise StartError(what, where=str(path), mend=mend)
    return folder


def _is_taken(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return True
    return False


def facts_of(plan: Plan, settings: ServeSettings) -> list[tuple[str, str]]:
    """What a reader of the log must know of this session."""
    options = plan.options
    facts = [
        ("fairwitness", __version__),
        ("python", platform.python_version()),
        ("system", f"{platform.system()} {platform.release()}"),
        ("listen", f"{settings.listen_host}:{settings.listen_port}"),
        ("mode", settings.mode),
        ("policy", str(plan.place.policy_file)),
        ("posture", plan.policy.posture.value),
    ]
    facts += [("resolve", each) for each in options.resolve]
    if options.upstream_ca:
        facts.append(("upstream-ca", f"{options.upstream_ca} {_sha256(options.upstream_ca)}"))
    facts += [("set", f"{name}={value}") for name, value in options.options]
    if options.allow_remote:
        facts.append(("allow-remote", "yes"))
    if options.note:
        facts.append(("note", options.note))
    return facts


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise PolicyError(
            f"the file cannot be read ({error.strerror})", where=str(path), mend="Name a PEM file"
        ) from error
