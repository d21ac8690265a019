"""Asking the policy: is it sound, and what would it do?"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from fairwitness.cli.options import EXIT_LOOK, choices, command
from fairwitness.cli.place import find_place, find_policy_file
from fairwitness.cli.text import machine, plural, printable
from fairwitness.errors import PolicyError
from fairwitness.model.exchange import STANDARD_PORTS, Destination
from fairwitness.model.verdict import Action, ScopeList, Verdict

if TYPE_CHECKING:
    from fairwitness.control.wire import Value
    from fairwitness.model.policy import Policy
    from fairwitness.policy import Remark

EXIT_BROKEN = 2


@command(name="check", examples=["fairwitness check", "fairwitness check policy.yaml --json"])
@click.argument("policy_file", metavar="[policy.yaml]", required=False, type=click.Path(path_type=Path))
@click.pass_context
def check(context: click.Context, policy_file: Path | None) -> int:
    """Validate a policy and say what is odd in it.

    Conflicts between the lists, wide entries, a review long ago.  Exits with 2 when it cannot be used.
    """
    from fairwitness.policy import check_policy

    chosen = choices(context)
    try:
        policy = _load(policy_file) if policy_file else find_place(chosen).policy()
    except PolicyError as error:
        if chosen.as_json:
            broken = {"severity": "error", "where": error.where, "what": error.what, "mend": error.mend}
            name = str(policy_file or find_policy_file(chosen) or "")
            print(
                machine({"ok": False, "policy": name, "sha256": None, "program": None, "remarks": [broken]})
            )
        raise
    remarks = check_policy(policy, now_us=time.time_ns() // 1000)
    sound = all(remark.severity != "error" for remark in remarks)
    if chosen.as_json:
        print(machine(_check_form(policy, remarks, sound=sound)))
    else:
        _print_remarks(policy, remarks)
    return 0 if sound else EXIT_BROKEN


def _load(path: Path) -> Policy:
    from fairwitness.policy import load_policy

    return load_policy(path)


def _check_form(policy: Policy, remarks: tuple[Remark, ...], *, sound: bool) -> dict[str, Value]:
    listed: list[Value] = [
        {"severity": each.severity, "where": each.where, "what": each.what, "mend": each.mend}
        for each in remarks
    ]
    return {
        "ok": sound,
        "policy": policy.path,
        "sha256": policy.sha256,
        "program": policy.program.name,
        "remarks": listed,
    }


def _print_remarks(policy: Policy, remarks: tuple[Remark, ...]) -> None:
    for remark in remarks:
        advice = "" if remark.mend == "-" else f" {remark.mend}."
        print(printable(f"{remark.where}: {remark.severity}: {remark.what}.{advice}"))
    included = sum(entry.scope_list is ScopeList.INCLUDE for entry in policy.entries)
    found = f"{included} in scope, {plural(len(remarks), 'remark')}, SHA-256 {policy.sha256[:12]}"
    print(printable(f"{policy.path}: {policy.program.name}: {found}"))


@command(
    name="explain",
    examples=[
        "fairwitness explain https://api.example.com/v2/users",
        "fairwitness explain example.com:8443 --json",
    ],
)
@click.argument("url", metavar="URL")
@click.option("--method", default="GET", metavar="M", help="The request's method, GET unless said.")
@click.pass_context
def explain(context: click.Context, url: str, method: str) -> int:
    """Say what would happen to a URL, and which line says so.

    Exits with 0 when it would be allowed, with 1 when not.  URL may be HOST:PORT, as in CONNECT.
    """
    chosen = choices(context)
    policy = find_place(chosen).policy()
    verdict = _judge(policy, split_url(url, method=method), now_us=time.time_ns() // 1000)
    clause = verdict.clauses[0] if verdict.clauses else None
    if chosen.as_json:
        form = {
            "url": url,
            "canonical_host": verdict.host or None,
            "decision": verdict.action.word,
            "clause": clause.id if clause else None,
            "line": clause.where if clause else None,
            "reason": verdict.reason,
            "method": method,
            "list": verdict.scope_list.value if verdict.scope_list else None,
            "says": clause.says if clause else None,
            "mend": verdict.mend,
        }
        print(machine(form))
    else:
        print(printable(f"{verdict.action.word}: {verdict.reason}"))
        if clause:
            print(printable(f"  {clause.where}: {clause.id}" + (f': "{clause.says}"' if clause.says else "")))
        if verdict.mend:
            print(printable(f"  {verdict.mend}"))
    return 0 if verdict.is_released else EXIT_LOOK


def _judge(policy: Policy, destination: Destination, *, now_us: int) -> Verdict:
    from fairwitness.policy import Scope

    verdict = Scope(policy).decide([destination])
    window = policy.window
    if not verdict.is_released or window is None:
        return verdict
    if now_us >= (window.from_us or 0) and (window.until_us is None or now_us < window.until_us):
        return verdict
    return replace(
        verdict,
        action=Action.BLOCK,
        clauses=(window.clause, *verdict.clauses),
        reason=f"today lies outside the permitted dates, though {verdict.reason}",
        mend=None,
    )


def split_url(url: str, *, method: str) -> Destination:
    """Where *url* leads, read as a browser reads it; ``HOST[:PORT]`` alone is a CONNECT.

    Raises:
        PolicyError: It is no address that a request could have.
    """
    # As browsers do: a backslash is a slash (else https://evil.example\\@in-scope would look in scope).
    read = url.strip().replace("\\", "/")
    bare = "://" not in read
    try:
        parts = urlsplit(f"https://{read}" if bare else read)
        port = parts.port
    except ValueError as error:
        raise _no_url(url, str(error)) from error
    scheme = parts.scheme.lower()
    if scheme not in STANDARD_PORTS:
        raise _no_url(url, f"scheme {scheme!r} is not http, https, ws or wss")
    authority = parts.netloc.rpartition("@")[2]
    host = authority if parts.port is None and not authority.endswith(":") else authority.rpartition(":")[0]
    if not host:
        raise _no_url(url, "it names no host")
    host = host.removeprefix("[").removesuffix("]") if host.startswith("[") else host
    path = None if method.upper() == "CONNECT" or (bare and not parts.path) else parts.path or "/"
    return Destination("url", scheme, host, STANDARD_PORTS[scheme] if port is None else port, path)


def _no_url(url: str, why: str) -> PolicyError:
    return PolicyError(
        f"{url!r} is no usable URL ({why})",
        where="explain",
        mend="Write it as https://host/path or host:port",
    )
