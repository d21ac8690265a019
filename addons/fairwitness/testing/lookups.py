"""Which names a process under test looks up, and a domain of which every name has an address."""

from __future__ import annotations

from pathlib import Path

MANY = "many.test"
"""Every name below it lies at `MANY_ADDRESS`: a list of them would be too long for --resolve."""
MANY_ADDRESS = "127.0.0.2"

_WATCHER = """\
import _socket

def _place(host):
    return {address!r} if isinstance(host, str) and host.endswith({below!r}) else host

def _noting(ask):
    def noted(host, *args, **options):
        try:
            return ask(_place(host), *args, **options)
        except PermissionError:  # refused before anybody was asked
            host = None
            raise
        finally:
            if host is not None:
                with open({file!r}, "a", encoding="utf-8") as file:
                    file.write((host.decode("latin-1") if isinstance(host, bytes) else str(host)) + "\\n")
    return noted

for _name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "gethostbyaddr"):
    setattr(_socket, _name, _noting(getattr(_socket, _name)))
"""


class Lookups:
    """Notes every name that a Python process asks the system for, from its first line on, and answers for
    those below `MANY`.

    Not seen: names that C or Rust code resolves by itself.

    Args:
        folder: Of the process; a folder for the watcher is made in it.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "lookups"
        self._path.mkdir(parents=True, exist_ok=True)
        self._file = self._path / "names.txt"
        # Python imports a module of this name at its start, wherever its path has one.
        watcher = _WATCHER.format(file=str(self._file), below=f".{MANY}", address=MANY_ADDRESS)
        (self._path / "sitecustomize.py").write_text(watcher)

    @property
    def environment(self) -> dict[str, str]:
        """What the process must be started with."""
        return {"PYTHONPATH": str(self._path)}

    @property
    def names(self) -> frozenset[str]:
        """What was asked for so far: names, and addresses that were given as names."""
        return frozenset(self._file.read_text("utf-8").splitlines()) if self._file.exists() else frozenset()
