"""Disks that are small, and folders that cannot be written: root ignores modes, but not mounts."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path


class NotAllowedError(Exception):
    """Nothing may be mounted here."""


@contextlib.contextmanager
def small_disk(folder: Path, *, size_bytes: int) -> Iterator[None]:
    """A file system of its own on *folder*, as long as the block lasts.

    Raises:
        NotAllowedError: Nothing may be mounted here.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _mount("-t", "tmpfs", "-o", f"size={size_bytes},mode=0700", "tmpfs", str(folder))
    with _mounted(folder):
        yield


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """*folder* as it is, but nothing in it can be written through its path, as long as the block lasts.

    Raises:
        NotAllowedError: Nothing may be mounted here.
    """
    _mount("--bind", str(folder), str(folder))
    with _mounted(folder):
        _mount("-o", "remount,bind,ro", str(folder))
        yield


@contextlib.contextmanager
def _mounted(folder: Path) -> Iterator[None]:
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _mount(*words: str) -> None:
    try:
        done = subprocess.run(["mount", *words], capture_output=True, check=False)
    except OSError as error:
        raise NotAllowedError(str(error)) from error
    if done.returncode != 0:
        raise NotAllowedError(done.stderr.decode(errors="replace").strip())
