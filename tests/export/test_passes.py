from __future__ import annotations

import hashlib
import io
import tempfile
from collections.abc import Iterable

import pytest

from fairwitness.errors import ExportError
from fairwitness.export.jsonl import JsonlExporter
from fairwitness.export.passes import Unredacted, write_checked
from fairwitness.export.testing import make_record
from fairwitness.model.disclosure import Shown
from fairwitness.model.record import ExchangeRecord


class Watchful(Unredacted):
    """A redactor that remembers in which order it was asked, and finds what it is told to find."""

    def __init__(self, finds: bytes = b"no such thing") -> None:
        self.asked: list[str] = []
        self.learnt: set[int] = set()
        self._finds = finds

    def learn(self, record: ExchangeRecord) -> None:
        self.asked.append(f"learn {record.row.id}")
        self.learnt.add(record.row.id)

    def show(self, record: ExchangeRecord) -> Shown:
        self.asked.append(f"show {record.row.id}")
        if record.row.id not in self.learnt:
            raise ValueError("never learnt")
        return Shown(record=record, hidden=(), is_redacted=True)

    def check(self, finished: Iterable[bytes]) -> str | None:
        self.asked.append("check")
        return "password" if self._finds in b"".join(finished) else None


def test_all_is_learnt_before_anything_is_shown() -> None:
    """And the finished file is looked at last."""
    redactor, out = Watchful(), io.BytesIO()
    written = write_checked(
        lambda: [make_record(1), make_record(2)], JsonlExporter(), redactor, out, where="x"
    )

    assert ["learn 1", "learn 2", "show 1", "show 2", "check"] == redactor.asked
    assert (2, len(out.getvalue()), hashlib.sha256(out.getvalue()).hexdigest()) == (
        written.count,
        written.bytes,
        written.sha256,
    )


def test_a_secret_in_the_finished_file_is_an_error() -> None:
    """It names the kind, never the value."""
    with pytest.raises(ExportError, match=r"a secret was still in the finished file \(password\)"):
        write_checked(
            lambda: [make_record(label="hunter2")],
            JsonlExporter(),
            Watchful(b"hunter2"),
            io.BytesIO(),
            where="x",
        )


def test_a_record_that_was_never_learnt_is_an_error() -> None:
    """It could hold anything."""
    turns = iter([[make_record(1)], [make_record(1), make_record(2)]])
    with pytest.raises(ExportError, match="exchange 2 changed while it was exported"):
        write_checked(lambda: next(turns), JsonlExporter(), Watchful(), io.BytesIO(), where="x")


def test_the_hash_is_that_of_a_real_file() -> None:
    """Read back from the disk, of more than one piece."""
    with tempfile.TemporaryFile() as file:
        written = write_checked(
            lambda: [make_record(response_body=b"x" * 600_000)],
            JsonlExporter(),
            Unredacted(),
            file,
            where="x",
        )
        file.seek(0)

        assert hashlib.sha256(file.read()).hexdigest() == written.sha256
