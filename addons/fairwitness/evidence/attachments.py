"""Files that belong to findings: copied into the evidence folder, named after their content."""

from __future__ import annotations

import contextlib
import os
from hashlib import file_digest, sha256
from pathlib import Path

from fairwitness.errors import EvidenceError, PolicyError
from fairwitness.evidence.plain import make_folder, open_plain
from fairwitness.model.finding import Attachment

FOLDER = "attachments"
MOST_BYTES = 256 << 20  # 256 MiB: a long screen recording; a disk image is no attachment
_SPARE_BYTES = 64 << 20  # 64 MiB: what stays free for the log, whose writing must not fail
_CHUNK = 1 << 20
_NAME_CHARACTERS = 120


def attachment_path(evidence: Path, attachment: Attachment) -> Path:
    """Where the bytes of an attachment lie."""
    return evidence / FOLDER / attachment.sha256


def keep_attachment(evidence: Path, source: Path) -> Attachment:
    """Copy a file into the evidence folder; durable when it returns.  The caller writes the entry.

    Raises:
        PolicyError: *source* is no plain file, too large, or cannot be read.
        EvidenceError: It cannot be stored.
    """
    descriptor = _opened(source)
    with open(descriptor, "rb", buffering=0) as file:
        announced = os.fstat(descriptor).st_size
        if announced > MOST_BYTES:
            raise _too_large(source)
        folder = evidence / FOLDER
        try:
            make_folder(folder)
            free = os.statvfs(folder)
            if free.f_bavail * free.f_frsize < announced + _SPARE_BYTES:
                raise _full(folder, "the disk has too little room left")
            return _copied(file.fileno(), folder, source)
        except OSError as error:
            raise _full(folder, f"it cannot be stored ({error.strerror})") from error


def _copied(descriptor: int, folder: Path, source: Path) -> Attachment:
    part = folder / f".part-{os.getpid()}"
    part.unlink(missing_ok=True)
    digest, size = sha256(), 0
    try:
        out = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with open(out, "wb") as copy:
            while chunk := os.read(descriptor, _CHUNK):
                size += len(chunk)
                if size > MOST_BYTES:  # it grows while it is read
                    raise _too_large(source)
                digest.update(chunk)
                copy.write(chunk)
            copy.flush()
            os.fsync(copy.fileno())
        # A file of that name holds the same content, or half of it after a power cut: either way replaced.
        os.replace(part, folder / digest.hexdigest())
        _sync_folder(folder)
    finally:
        part.unlink(missing_ok=True)
    return Attachment(name=attachment_name(source.name), sha256=digest.hexdigest(), size=size)


def attachment_problem(evidence: Path, attachment: Attachment) -> str | None:
    """What is wrong with the kept copy of a file; None while it is what was attached."""
    try:
        with open(open_plain(attachment_path(evidence, attachment), os.O_RDONLY), "rb") as file:
            digest = file_digest(file, "sha256").hexdigest()
    except OSError as error:
        return f"it cannot be read ({error.strerror})"
    return None if digest == attachment.sha256 else "it is not the file that was attached"


def attachment_name(name: str) -> str:
    """A file's name as it is kept: no folder, nothing that steers a terminal or another system's paths."""
    last = name.replace("\\", "/").rpartition("/")[2]
    kept = "".join(character if character.isprintable() else "_" for character in last)
    for odd in ':*?"<>|':
        kept = kept.replace(odd, "_")
    stem = kept.strip(" .") or "file"
    if len(stem) > _NAME_CHARACTERS:
        head, dot, ending = stem.rpartition(".")
        short = dot and len(ending) <= 10
        stem = f"{head[: _NAME_CHARACTERS - 11]}.{ending}" if short else stem[:_NAME_CHARACTERS]
    return stem


def _opened(source: Path) -> int:
    """A descriptor of a plain file: no link, no device, no pipe that would never end."""
    try:
        return open_plain(source, os.O_RDONLY)
    except OSError as error:
        raise PolicyError(
            f"it cannot be read ({error.strerror})",
            where=str(source),
            mend="Name a plain file that you may read",
        ) from error
    except ValueError as error:
        raise PolicyError("this is no file name", where=repr(source), mend="Name a plain file") from error


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):  # not every file system lets a folder be synced
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _too_large(source: Path) -> PolicyError:
    return PolicyError(
        f"it is larger than {MOST_BYTES >> 20} MiB",
        where=str(source),
        mend="Attach a smaller part of it, such as a cut of the recording",
    )


def _full(folder: Path, what: str) -> EvidenceError:
    return EvidenceError(what, where=str(folder), mend="Make room ('fairwitness prune' may), and try again")
