"""Whether an evidence folder is as it was written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fairwitness.cli.options import EXIT_LOOK, choices, command
from fairwitness.cli.text import machine, printable

if TYPE_CHECKING:
    from fairwitness.cli.forms import Form
    from fairwitness.evidence.claims import Claim

_SHOWN = 20  # problems of one claim, for people


@command(name="verify", examples=["fairwitness verify evidence", "fairwitness verify --json evidence"])
@click.argument("path", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.pass_context
def verify(context: click.Context, path: Path) -> int:
    """Say whether an evidence folder is as it was written.

    All of it is computed anew, and nothing is changed; a proxy may go on writing. Exit code 1 says that
    something is broken. It does not say who wrote the folder: logs are not signed yet.
    """
    from fairwitness.evidence.claims import Result, claims_of
    from fairwitness.evidence.problems import find_problems

    claims = claims_of(find_problems(path))
    is_ok = all(each.result is not Result.FAIL for each in claims)
    if choices(context).as_json:
        print(machine({"ok": is_ok, "claims": [_form(each) for each in claims]}))
    else:
        for each in claims:
            _show(each)
    return 0 if is_ok else EXIT_LOOK


def _show(claim: Claim) -> None:
    print(f"{claim.result.value:<5} {claim.name:<12} {claim.says}")
    for problem in claim.problems[:_SHOWN]:
        print(f"      {printable(problem.where)}: {printable(problem.what)}")
    if claim.count > _SHOWN:
        print(f"      and {claim.count - _SHOWN:,} more")


def _form(claim: Claim) -> Form:
    return {
        "claim": claim.name,
        "result": claim.result.value,
        "reason": claim.reason,
        "problems": [{"where": each.where, "what": each.what} for each in claim.problems],
    }
