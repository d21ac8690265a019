"""Which policy and which evidence folder a command is about."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fairwitness.cli.folders import named_program_folder, program_folder
from fairwitness.cli.options import Choices
from fairwitness.cli.policy_home import POLICY_NAME, needed_policy_home, policy_home
from fairwitness.cli.progress import Progress
from fairwitness.cli.text import printable
from fairwitness.errors import PolicyError

if TYPE_CHECKING:
    from fairwitness.evidence import Reader
    from fairwitness.model.policy import Policy, Program

_PATIENCE_S = 2.0  # a command that takes longer says why
ACCOUNTS_NAME = "accounts.yaml"


@dataclass(frozen=True, slots=True)
class Place:
    """A program's evidence folder, with the policy file where one was named or found."""

    evidence: Path
    policy_file: Path | None
    """None: the policy is the newest of the log."""
    accounts: Path | None = None
    """The researcher's accounts at this program; None: in the program's folder."""

    def is_at_home(self, program: Program) -> bool:
        """Whether the evidence lies in the program's own folder."""
        return self.evidence == program_folder(program) / "evidence"

    def accounts_file(self) -> Path:
        """Where the accounts are, or would be.

        Raises:
            PolicyError: The policy is broken.
            EvidenceError: There is neither a policy nor a log.
        """
        return self.accounts or program_folder(self.program()) / ACCOUNTS_NAME

    def reader(self) -> Reader:
        """Open the log for reading.

        Raises:
            EvidenceError: There is none.
        """
        from fairwitness.evidence import Reader

        progress = Progress(after_s=_PATIENCE_S)

        def tell(done: int, total: int) -> None:
            progress.tell(f"listing the log: {done} of {total} entries")
            if done == total:
                progress.clear()

        return Reader.open(self.evidence, tell=tell)

    def policy(self) -> Policy:
        """The policy file, or without one the newest policy of the log.

        Raises:
            PolicyError: It is broken.
            EvidenceError: There is neither.
        """
        from fairwitness.policy import load_policy, read_policy

        if self.policy_file:
            return load_policy(self.policy_file)
        with self.reader() as reader:
            return read_policy(reader.policy_text(), path=f"{self.evidence}: policy")

    def program(self) -> Program:
        """Whose evidence it is: as the policy file says, else as the log says."""
        if self.policy_file:
            return self.policy().program
        with self.reader() as reader:
            return reader.program


def find_policy_file(chosen: Choices) -> Path | None:
    """The policy file that is meant; None where an evidence folder alone was named.

    The file need not exist.
    """
    if chosen.policy:
        return chosen.policy
    if chosen.program:
        folder = named_program_folder(chosen.program, by=chosen.says_program)
        return policy_home(folder) or folder / POLICY_NAME
    return None if chosen.evidence else Path(POLICY_NAME)


def find_place(chosen: Choices) -> Place:
    """The place of a command that starts no proxy.

    Raises:
        PolicyError: No such program, or the policy that tells the folder is broken.
    """
    if chosen.program and not (chosen.policy or chosen.evidence):
        folder = named_program_folder(chosen.program, by=chosen.says_program)
        _say_which(chosen, folder)
        return _place_of_folder(folder, policy_home(folder), chosen)
    policy_file = find_policy_file(chosen)
    if chosen.evidence:
        return Place(chosen.evidence, policy_file, chosen.accounts)
    assert policy_file
    return Place(_evidence_of(policy_file), policy_file, chosen.accounts)


def find_proxy_place(chosen: Choices) -> tuple[Place, Policy]:
    """The place of a command that starts a proxy, with its policy, which must be a file.

    Raises:
        PolicyError: There is no policy file, or it is broken.
    """
    from fairwitness.policy import load_policy

    folder: Path | None = None
    if chosen.program and not chosen.policy:
        folder = named_program_folder(chosen.program, by=chosen.says_program)
        _say_which(chosen, folder)
        policy_file = needed_policy_home(folder)
    else:
        policy_file = chosen.policy or Path(POLICY_NAME)
    policy = load_policy(policy_file)
    if chosen.evidence:
        return Place(chosen.evidence, policy_file, chosen.accounts), policy
    if folder:
        return _place_of_folder(folder, policy_file, chosen), policy
    return Place(program_folder(policy.program) / "evidence", policy_file, chosen.accounts), policy


def _place_of_folder(folder: Path, policy_file: Path | None, chosen: Choices) -> Place:
    return Place(folder / "evidence", policy_file, chosen.accounts or folder / ACCOUNTS_NAME)


def _say_which(chosen: Choices, folder: Path) -> None:
    """Say so where the current folder's policy would have meant another program than the chosen one."""
    here = Path(POLICY_NAME)
    if chosen.program_by == "--program" or not here.is_file():
        return
    from fairwitness.policy import load_policy

    try:
        program = load_policy(here).program
    except PolicyError:
        whose = "cannot be read"
    else:
        if program_folder(program) == folder:
            return
        whose = f"is of another program ({program.name})"
    words = (
        f"fairwitness: this is about {folder.name}, as {chosen.says_program} says; ./{POLICY_NAME} {whose}. "
        f"For that one: --policy {POLICY_NAME}"
    )
    undo = ", or once 'fairwitness use --none'." if chosen.program_by == "use" else "."
    print(printable(words + undo), file=sys.stderr, flush=True)


def needed_policy_file(place: Place) -> Path:
    """The policy file to edit.

    Raises:
        PolicyError: Only an evidence folder was named.
    """
    if place.policy_file is None:
        raise PolicyError(
            "it is not known which policy file to edit",
            where=str(place.evidence),
            mend="Name it with --policy FILE",
        )
    return place.policy_file


def _evidence_of(policy_file: Path) -> Path:
    from fairwitness.policy import load_policy

    return program_folder(load_policy(policy_file).program) / "evidence"
