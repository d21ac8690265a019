"""researcher.yaml: how programs know the researcher.  Never exported, never in the log."""

from __future__ import annotations

from pathlib import Path

from fairwitness.cli.folders import data_folder, make_private
from fairwitness.model.account import Researcher


def researcher_file() -> Path:
    """Where it is, or would be."""
    return data_folder() / "researcher.yaml"


def known_researcher() -> Researcher:
    """Who tests, as far as it is known.

    Raises:
        PolicyError: The file cannot be read, or is broken.
    """
    from fairwitness.control.accounts_file import read_personal
    from fairwitness.policy import read_researcher

    raw = read_personal(researcher_file())
    return read_researcher(raw, path=str(researcher_file())) if raw is not None else Researcher(None, None)


def remember_handle(handle: str) -> None:
    """Note the handle for the next program, unless one is noted already.

    Raises:
        PolicyError: The file cannot be written.
    """
    from fairwitness.control.policy_file import replace_bytes
    from fairwitness.policy import researcher_text

    known = known_researcher()
    if known.handle is None and handle:
        make_private(data_folder())
        replace_bytes(researcher_file(), researcher_text(Researcher(handle, known.contact)))
        researcher_file().chmod(0o600)
