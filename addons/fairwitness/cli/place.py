"""Which policy and which evidence folder a command is about."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fairwitness.cli.folders import named_program_folder, program_folder
from fairwitness.cli.options import Choices
from fairwitness.errors import PolicyError

if TYPE_CHECKING:
    from fairwitness.evidence import Reader
    from fairwitness.model.policy import Policy, Program

ACCOUNTS_NAME = "accounts.yaml"


@dataclass(frozen=True, slots=True)
class Place:
    """A program's evidence folder, with the policy file where one was named or found."""

    evidence: Path
    policy_file: Path | None
    """None: the policy is the newest of the log."""
    accounts: Path | None = None
    """The researcher's accounts at this program; None: in the program's folder."""

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

        return Reader.open(self.evidence)

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
        return named_program_folder(chosen.program) / "policy.yaml"
    return None if chosen.evidence else Path("policy.yaml")


def find_place(chosen: Choices) -> Place:
    """The place of a command that starts no proxy.

    Raises:
        PolicyError: No such program, or the policy that tells the folder is broken.
    """
    policy_file = find_policy_file(chosen)
    if chosen.evidence:
        return Place(chosen.evidence, policy_file, chosen.accounts)
    if chosen.program and not chosen.policy:
        assert policy_file
        return _place_of_folder(policy_file.parent, policy_file if policy_file.is_file() else None, chosen)
    assert policy_file
    return Place(_evidence_of(policy_file), policy_file, chosen.accounts)


def find_proxy_place(chosen: Choices) -> tuple[Place, Policy]:
    """The place of a command that starts a proxy, with its policy, which must be a file.

    Raises:
        PolicyError: There is no policy file, or it is broken.
    """
    from fairwitness.policy import load_policy

    policy_file = find_policy_file(chosen) or Path("policy.yaml")
    policy = load_policy(policy_file)
    if chosen.evidence:
        return Place(chosen.evidence, policy_file, chosen.accounts), policy
    if chosen.program and not chosen.policy:
        return _place_of_folder(policy_file.parent, policy_file, chosen), policy
    return Place(program_folder(policy.program) / "evidence", policy_file, chosen.accounts), policy


def _place_of_folder(folder: Path, policy_file: Path | None, chosen: Choices) -> Place:
    return Place(folder / "evidence", policy_file, chosen.accounts or folder / ACCOUNTS_NAME)


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
