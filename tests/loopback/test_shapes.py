"""Where the policy wishes it, an answer that shows other persons is kept as a shape only."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from fairwitness.model.record import ExchangeRecord
from fairwitness.testing import Answer, Authority, Town

PEOPLE = [
    {"id": i, "name": f"Person {i}", "email": f"planted.{i}@mail.example", "phone": f"+1 202 555 01{i:02}"}
    for i in range(1, 6)
]
BODY = json.dumps({"users": PEOPLE}).encode()


@pytest.fixture
def town(authority: Authority, tmp_path: Path) -> Iterator[Town]:
    """One whose policy wants shapes."""
    rule = {"action": "warn", "says": "Avoid privacy violations.", "bodies": "shape"}
    with Town(authority, tmp_path / "town", rules={"personal-data": rule}) as town:
        yield town


def ask(town: Town, path: str) -> ExchangeRecord:
    """The record of a request that a signed-in client made."""
    url = town.inside.url(path)
    reply = town.curl(url, "--compressed", "-H", "Authorization: Bearer abcdefgh12345678")
    assert b"planted.3@mail.example" in reply.body
    row = town.proxy.wait_for_row(lambda row: row.url == url and row.outcome != "open")
    return town.proxy.record(row)


def test_values_of_others_are_nowhere_in_the_evidence(town: Town) -> None:
    """The client gets all of it; the log has a shape, the hash and the size, and nothing to read."""
    kind = (b"Content-Type", b"application/json")
    large = json.dumps({"users": PEOPLE, "more": [f"row {i} of some text" for i in range(30_000)]}).encode()
    town.inside.put("/plain", "", answer=Answer(headers=(kind,), body=BODY))
    coded = Answer(headers=(kind, (b"Content-Encoding", b"gzip")), body=gzip.compress(BODY))
    town.inside.put("/coded", "", answer=coded)
    town.inside.put("/large", "", answer=Answer(headers=(kind,), body=large))

    records = [ask(town, path) for path in ("/plain", "/coded", "/large")]
    shown = town.proxy.command("show", str(records[0].row.id))
    town.proxy.stop()

    files = [path for path in town.proxy.evidence.rglob("*") if path.is_file()]
    assert files
    assert [] == [path.name for path in files if b"planted." in path.read_bytes()]
    assert [] == [path.name for path in files if "bodies" in path.parts]
    assert [None] * 3 == [record.response_body for record in records]
    assert len(BODY) == records[0].response_body_bytes
    assert '"email":"text 22 ' in dict(records[0].meta)["body-shape"]
    assert "kept as a shape" in shown.stdout
    assert "planted" not in shown.stdout


def test_the_log_stays_sound(town: Town) -> None:
    """What is kept as a shape leaves no gap that a check would call damage."""
    answer = Answer(headers=((b"Content-Type", b"application/json"),), body=BODY)
    town.inside.put("/plain", "", answer=answer)
    ask(town, "/plain")
    exported = town.proxy.command("export", "--format", "jsonl", "-o", "-")
    town.proxy.stop()

    from fairwitness.evidence import Reader

    with Reader.open(town.proxy.evidence) as reader:
        assert [] == list(reader.problems())
        flags = [row.flag for row in reader.flags() if row.flag.rule == "personal-data"]
    assert 1 == len(flags)
    assert "planted" not in exported.stdout + flags[0].says
