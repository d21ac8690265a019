"""Where a program's policy lies: in the program's folder, or where it lay when its proxy last ran."""

from __future__ import annotations

import os
from pathlib import Path

from fairwitness.cli.folders import make_private, program_folder
from fairwitness.errors import EvidenceError, FairwitnessError, PolicyError
from fairwitness.model.policy import Policy

POLICY_NAME = "policy.yaml"
REMEMBERED_NAME = "policy-path"
_PATH_BYTES = 4096


def remember_policy(policy: Policy, policy_file: Path) -> None:
    """Note where the policy lies, so that ``--program`` and ``use`` find it from any folder.

    Raises:
        PolicyError: The note cannot be written.
    """
    from fairwitness.control.policy_file import replace_bytes

    folder = make_private(program_folder(policy.program))
    place = os.path.abspath(policy_file)
    note = folder / REMEMBERED_NAME
    if _remembered(folder) != place and Path(place) != folder / POLICY_NAME:
        replace_bytes(note, os.fsencode(place) + b"\n")


def policy_home(folder: Path) -> Path | None:
    """The policy file of a program's folder; None where there is none, or it is another program's by now."""
    own = folder / POLICY_NAME
    if own.is_file():
        return own
    place = _last_place(folder)
    return Path(place) if place and _belongs(Path(place), folder) else None


def needed_policy_home(folder: Path) -> Path:
    """The policy file of a program's folder.

    Raises:
        PolicyError: There is none, it is broken, or what lay there last is another program's now.
    """
    from fairwitness.policy import load_policy

    own = folder / POLICY_NAME
    if own.is_file():
        return own
    place = _last_place(folder)
    if place is None:
        what = f"{folder.name} has no policy.yaml"
    elif not Path(place).is_file():
        what = f"the policy of {folder.name} lay at {place} and is gone"
    elif program_folder(load_policy(Path(place)).program).name != folder.name:
        what = f"the policy of {folder.name} lay at {place}, which is another program's now"
    else:
        return Path(place)
    raise PolicyError(what, where=str(own), mend="Name it once with --policy FILE, or copy it there")


def _last_place(folder: Path) -> str | None:
    return _remembered(folder) or _recorded(folder)


def _remembered(folder: Path) -> str | None:
    try:
        with open(os.open(folder / REMEMBERED_NAME, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            place = os.fsdecode((file.read(_PATH_BYTES) or b"").removesuffix(b"\n"))
    except OSError:
        return None
    return place if os.path.isabs(place) else None


def _recorded(folder: Path) -> str | None:
    """Where the log's last session had it, as far as it was recorded whole."""
    from fairwitness.evidence import Reader

    place = None
    try:
        with Reader.open(folder / "evidence") as reader:
            for session in reader.sessions():
                place = dict(session.facts).get("policy", place)
    except EvidenceError:
        return None
    return place if place and os.path.isabs(place) else None


def _belongs(policy_file: Path, folder: Path) -> bool:
    """Whether a file is the policy of the program that has this folder; a broken one is nobody's."""
    from fairwitness.policy import load_policy

    try:
        return program_folder(load_policy(policy_file).program).name == folder.name
    except FairwitnessError:
        return False
