"""Running a command through the proxy."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import certifi
import click

from fairwitness.cli.door import Door, check_command, spawn
from fairwitness.cli.options import Choices, choices, command
from fairwitness.cli.place import Place
from fairwitness.cli.proxy_options import ProxyOptions, proxy_options
from fairwitness.cli.text import machine, plural, printable
from fairwitness.cli.through import label_of, through_proxy
from fairwitness.control.policy_file import read_limited, replace_bytes
from fairwitness.model.record import LogFilter

_PROXY_NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
_CA_NAMES = (
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "GIT_SSL_CAINFO",
    "AWS_CA_BUNDLE",
)
_FAILED = "failed: "
_MOST_FAILURES = 3  # reasons that are shown
_MAX_FAILURE = 300  # characters of one
BUNDLE_NAME = "fairwitness-bundle.pem"


@command(
    name="exec",
    examples=[
        "fairwitness exec -- curl https://in-scope.example/",
        "fairwitness exec --policy policy.yaml -- python3 check_idor.py",
    ],
    context_settings={"allow_interspersed_args": False},
)
@proxy_options
@click.argument("words", nargs=-1, required=True, metavar="CMD...", type=click.UNPROCESSED)
@click.pass_context
def execute(context: click.Context, options: ProxyOptions, words: tuple[str, ...]) -> int:
    """Run a command through the proxy.

    Joins the running proxy when it follows the same policy, else starts one that ends with CMD.  CMD finds
    the proxy and its CA in its environment; its name is the label in the log.  Exits with CMD's code, 125
    when CMD could not be started, 3 or 4 when CMD was content but a fault closed the gate meanwhile.
    """
    chosen = choices(context)
    check_command(words[0])
    label = label_of(words[0])
    since_us = time.time_ns() // 1000

    async def work(door: Door) -> int:
        bundle = write_bundle(door.ca)
        return await spawn(
            door, list(words), environment=environment(os.environ, proxy=door.url(label), bundle=bundle)
        )

    went = through_proxy(chosen, options, work)
    _summarise(chosen, went.place, label=label, since_us=since_us)
    return went.exit_code()


def environment(inherited: Mapping[str, str], *, proxy: str, bundle: Path) -> dict[str, str]:
    """What CMD finds: the proxy for every scheme and no exception, and the roots it is to trust."""
    own = {name: value for name, value in inherited.items() if name.upper() != "NO_PROXY"}
    for name in _PROXY_NAMES:
        own[name] = own[name.lower()] = proxy
    return own | dict.fromkeys(_CA_NAMES, str(bundle))


def write_bundle(ca: Path) -> Path:
    """The shipped Mozilla roots, which tunnels need, and the proxy's own CA, in one file beside it."""
    bundle = ca.parent / BUNDLE_NAME
    content = read_limited(Path(certifi.where())) + b"\n" + read_limited(ca)
    if not bundle.is_file() or bundle.read_bytes() != content:
        replace_bytes(bundle, content)
    return bundle


def _summarise(chosen: Choices, place: Place, *, label: str, since_us: int) -> None:
    verdicts: Counter[str] = Counter()
    blocked: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    flags: dict[str, None] = {}
    with place.reader() as reader:
        for row in reader.exchanges(LogFilter(label=label, since_us=since_us)):
            verdicts[row.decision] += 1
            flags |= dict.fromkeys(row.flags)
            if row.outcome == "blocked":
                blocked[row.host] += 1
            if row.outcome.startswith(_FAILED):
                failed[row.outcome.removeprefix(_FAILED)] += 1
    if chosen.as_json:
        form = {
            "event": "summary",
            "label": label,
            "exchanges": verdicts.total(),
            "decisions": dict(verdicts),
            "blocked": dict(blocked),
            "flags": list(flags),
            "evidence": str(place.evidence),
        }
        print(machine(form), file=sys.stderr)
        return
    parts = [plural(verdicts.total(), "exchange")]
    parts += [f"{count} {word}" for word, count in sorted(verdicts.items())]
    parts += [f"blocked {host or '(no host)'} x{count}" for host, count in blocked.most_common(3)]
    parts += [f"flags {' '.join(flags)}"] if flags else []
    if not verdicts:
        parts.append("was it told to use another proxy? (Go's programs use none for localhost by themselves)")
    parts += [f"{failed.total()} failed"] if failed else []
    print(printable(f"fairwitness: {label}: {', '.join(parts)}"), file=sys.stderr)
    for why, count in failed.most_common(_MOST_FAILURES):
        times = f" ({count} times)" if count > 1 else ""
        print(printable(f"  failed: {why[:_MAX_FAILURE]}{times}{_mend(why)}"), file=sys.stderr)


def _mend(why: str) -> str:
    is_untrusted = "certificate verify failed" in why.lower()
    return "; in a lab of your own, start with --upstream-ca FILE" if is_untrusted else ""
