"""accounts.yaml, read and written: by the running proxy, or by a command while none runs."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from fairwitness.control.policy_file import replace_bytes
from fairwitness.errors import PolicyError
from fairwitness.model.account import Account, plain_identity
from fairwitness.policy import accounts_text, read_accounts

MAX_BYTES = 1 << 20  # 1 MiB; what is larger is not read at all


class AccountsFile:
    """A class, because whoever changes the file must know which one it is.

    Args:
        path: The file; it need not exist.
        make_folder: Makes the folder in which it is to lie.
    """

    def __init__(self, path: Path, make_folder: Callable[[Path], Path]) -> None:
        self.path = path
        self._make_folder = make_folder
        self._looked: tuple[int, int, int] | None = None

    def look(self) -> tuple[Account, ...] | None:
        """All accounts, if the file changed since the last look; else None.

        A missing file changes nothing: editors do that.

        Raises:
            PolicyError: It cannot be read, or is broken; said once a change.
        """
        try:
            found = self.path.stat()
        except OSError:
            return None
        looks = (found.st_mtime_ns, found.st_size, found.st_ino)
        if looks == self._looked:
            return None
        self._looked = looks
        return self.load()

    def load(self) -> tuple[Account, ...]:
        """All accounts; none where there is no file.

        Raises:
            PolicyError: The file cannot be read, or is broken.
        """
        raw = read_personal(self.path)
        return read_accounts(raw, path=str(self.path)) if raw is not None else ()

    def add(self, name: str, identities: tuple[str, ...]) -> tuple[Account, ...]:
        """Give an account more identities, be it a new one; all accounts then.

        Raises:
            PolicyError: They cannot be used, belong to another account, or cannot be written.
        """

        name = _one_line(name)
        identities = tuple(map(_one_line, identities))

        def change(before: tuple[Account, ...]) -> tuple[Account, ...]:
            old = next((each for each in before if each.name == name), Account(name, ()))
            known = {plain_identity(each): each for each in (*identities, *old.identities)}
            grown = Account(name, tuple(sorted(known.values(), key=lambda each: each not in old.identities)))
            return tuple(grown if each is old else each for each in before) + (
                () if old in before else (grown,)
            )

        return self._change(change)

    def remove(self, name: str) -> tuple[Account, ...]:
        """Take an account out; those that are left.

        Raises:
            PolicyError: There is none of that name, or it cannot be written.
        """

        name = _one_line(name)

        def change(before: tuple[Account, ...]) -> tuple[Account, ...]:
            if not any(each.name == name for each in before):
                raise PolicyError(
                    f"no account is called {name[:80]!r}",
                    where=str(self.path),
                    mend="'fairwitness accounts list' shows them",
                )
            return tuple(each for each in before if each.name != name)

        return self._change(change)

    def _change(self, change: Callable[[tuple[Account, ...]], tuple[Account, ...]]) -> tuple[Account, ...]:
        self._make_folder(self.path.parent)
        with _alone(self.path):
            text = accounts_text(change(self.load()))
            accounts = read_accounts(text, path="accounts")  # what would be written must be readable
            replace_bytes(self.path, text)
            self.path.chmod(0o600)  # one that was written by hand may be open to others
        return accounts


def _one_line(text: str) -> str:
    """As the file's reader has it, so that what is typed is found again."""
    return " ".join(text.split())


def read_personal(path: Path) -> bytes | None:
    """A personal file, None where there is none.

    Raises:
        PolicyError: It cannot be read, is too large, or belongs to another user.
    """
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            if os.fstat(file.fileno()).st_uid not in {os.getuid(), 0}:
                raise PolicyError(
                    "the file belongs to another user", where=str(path), mend="Use a file of your own"
                )
            raw = file.read(MAX_BYTES + 1) or b""
    except FileNotFoundError:
        return None
    except OSError as error:
        raise PolicyError(
            f"the file cannot be read ({error.strerror})", where=str(path), mend="Mend its permissions"
        ) from error
    if len(raw) > MAX_BYTES:
        raise PolicyError("the file is larger than 1 MiB", where=str(path), mend="Delete what is not needed")
    return raw


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One change at a time: two commands must not lose each other's."""
    try:
        folder = os.open(path.parent, os.O_RDONLY)
    except OSError as error:
        raise PolicyError(
            f"the folder cannot be opened ({error.strerror})",
            where=str(path.parent),
            mend="Mend its permissions",
        ) from error
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)
