"""Where things live: the data folder, a program's folder, and which of them is meant."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from pathlib import Path

import platformdirs

from fairwitness.errors import FairwitnessError, PolicyError
from fairwitness.model.policy import Program

_FOLDER_NAME = re.compile(r"(?P<slug>.+)-[0-9a-f]{8}")
CHOSEN_BY_USE = "'fairwitness use'"
USED_NAME = "used-program"
MAX_FOLDER_NAME = 255  # bytes, as file systems have it
MAX_NAME = 60  # characters of a slug: leaves room for the rest of a path


def data_folder() -> Path:
    """``<user data dir>/fairwitness``; not made by asking."""
    return Path(platformdirs.user_data_path("fairwitness", appauthor=False))


def slug(name: str) -> str:
    """*name* as a folder may be called: lower-case ASCII letters, digits and dashes, never empty."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:MAX_NAME].strip("-") or "program"


def program_folder(program: Program) -> Path:
    """The folder of *program*: slug of its name and eight hex digits of its policy's address."""
    address = hashlib.sha256(program.policy_url.encode()).hexdigest()[:8]
    return data_folder() / "programs" / f"{slug(program.name)}-{address}"


def program_folders() -> list[Path]:
    """The folders of all programs, by name.

    Raises:
        PolicyError: They cannot be listed.
    """
    programs = data_folder() / "programs"
    try:
        return sorted(each for each in programs.iterdir() if each.is_dir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise PolicyError(
            f"the folder cannot be listed ({error.strerror})",
            where=str(programs),
            mend="Mend its permissions",
        ) from error


def named_program_folder(name: str, *, by: str = "--program") -> Path:
    """The folder that ``--program NAME`` means: its whole name, or the slug that only one folder has.

    Args:
        name: As it was typed.
        by: What named it, for messages.

    Raises:
        PolicyError: No folder or several are called so.
    """
    programs = data_folder() / "programs"
    known = [each.name for each in program_folders()]
    if name in known:
        return programs / name
    wanted = slug(name)
    fitting = [each for each in known if (match := _FOLDER_NAME.fullmatch(each)) and match["slug"] == wanted]
    if len(fitting) == 1:
        return programs / fitting[0]
    raise PolicyError(
        f"{'several programs are' if fitting else 'no program is'} called {name!r}",
        where=by,
        mend="'fairwitness programs' lists them; 'fairwitness use --none' forgets the one that was chosen"
        if by == CHOSEN_BY_USE
        else f"Name one of: {', '.join(fitting or known)}"
        if known
        else "Run 'fairwitness run --policy FILE' once; that makes the program's folder",
    )


def used_program() -> str | None:
    """The folder's name that ``fairwitness use`` chose last; None: none.

    Raises:
        PolicyError: The choice cannot be read; to go on without it might be to test another program.
    """
    note = data_folder() / USED_NAME
    try:
        with open(os.open(note, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            name = (file.read(MAX_FOLDER_NAME + 2) or b"").decode("utf-8", "replace").strip()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise PolicyError(
            f"it cannot be read which program is in use ({error.strerror})",
            where=str(note),
            mend="Mend its permissions, or delete it",
        ) from error
    return name or None


def use_program(folder_name: str) -> None:
    """Let commands that name no program mean this one, until another is used.

    Raises:
        PolicyError: It cannot be noted.
    """
    from fairwitness.control.policy_file import replace_bytes

    replace_bytes(make_private(data_folder()) / USED_NAME, folder_name.encode() + b"\n")


def forget_used_program() -> None:
    """Let commands that name no program mean ./policy.yaml again."""
    (data_folder() / USED_NAME).unlink(missing_ok=True)


def make_private(folder: Path, *, refused: type[FairwitnessError] = PolicyError) -> Path:
    """Make *folder* and what is missing above it, with mode 0700.

    A folder of the researcher's own making keeps its mode; one in the data folder is always 0700.

    Args:
        folder: Which.
        refused: What is raised, which decides the exit code: another for the evidence than for options.

    Raises:
        FairwitnessError: It cannot be made, or belongs to another user.
    """
    try:
        for each in (*reversed(folder.parents), folder):
            if not each.exists():
                each.mkdir(mode=0o700, exist_ok=True)
        if folder.stat().st_uid != os.getuid() or not folder.is_dir():
            raise refused(
                "this is no folder of yours", where=str(folder), mend="Choose a folder that belongs to you"
            )
        if folder.resolve().is_relative_to(data_folder().resolve()):
            folder.chmod(0o700)
    except OSError as error:
        raise refused(
            f"the folder cannot be made ({error.strerror})",
            where=str(folder),
            mend="Choose another folder or mend its permissions",
        ) from error
    return folder
