"""A finding as a Markdown file for the editor, and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from fairwitness.cli.text import printable
from fairwitness.errors import PolicyError
from fairwitness.model.finding import Finding
from fairwitness.model.record import ExchangeRow

FIELD_CHARACTERS = 64_000  # of one field: some twenty printed pages
_LISTED = 200  # exchanges that are listed beforehand; more are counted
_INTRODUCTION = """\
<!--
fairwitness finding: {name}
{exchanges}

Write below the headings and leave the headings as they are. A field that you leave empty is not written
yet. What stands here before the first heading is not read. Values in URLs are left out: add what a reader
needs, never a password or a token.
-->
"""


def fields_of(finding: Finding, demanded: Sequence[str]) -> tuple[str, ...]:
    """The fields to write: those that the policy demands, then others that were written before."""
    return tuple(dict.fromkeys([*demanded, *(name for name, _ in finding.fields)]))


def compose(finding: Finding, rows: Sequence[ExchangeRow], fields: Sequence[str]) -> str:
    """The file, filled with what is written or known."""
    known = {
        "affected": affected,
        "proof_of_concept": proof_of_concept,
        "steps": steps,
    }
    ids = " ".join(f"#{row.id}" for row in rows[:_LISTED]) or "none yet: fairwitness mark ID --finding NAME"
    parts = [_INTRODUCTION.format(name=finding.name.replace("--", "- -"), exchanges=f"exchanges: {ids}")]
    for field in fields:
        text = finding.field(field)
        if not text and field in known:
            text = known[field](rows)
        parts.append(f"\n{_heading(field)}\n\n{text}\n" if text else f"\n{_heading(field)}\n")
    return "".join(parts)


def parse(text: str, fields: Sequence[str]) -> dict[str, str]:
    """What a file says in each field whose heading is there; a heading that repeats is text.

    Raises:
        PolicyError: A field is too long, or no heading is left.
    """
    headings = {_heading(field): field for field in fields}
    lines: dict[str, list[str]] = {}
    current = None
    for line in text.split("\n"):
        field = headings.get(line.rstrip())
        if field is not None and field not in lines:
            current = field
            lines[field] = []
        elif current is not None:
            lines[current].append(line.rstrip())
    if not lines:
        raise PolicyError(
            "no heading is left in the file, nothing was written",
            where="finding edit",
            mend=f"Leave headings such as '{_heading(fields[0])}' as they are",
        )
    said = {field: "\n".join(each).strip("\n") for field, each in lines.items()}
    for field, value in said.items():
        if len(value) > FIELD_CHARACTERS:
            raise PolicyError(
                f"it has more than {FIELD_CHARACTERS} characters",
                where=field,
                mend="Attach a file instead: fairwitness finding attach NAME FILE",
            )
    return said


def affected(rows: Iterable[ExchangeRow]) -> str:
    """The hosts and paths that were asked."""
    places = dict.fromkeys(_place(row) for row in rows)
    return _listed([f"- {place}" for place in places])


def proof_of_concept(rows: Iterable[ExchangeRow]) -> str:
    """The requests that show it."""
    return _listed([f"- {_request(row)} (exchange {row.id})" for row in rows])


def steps(rows: Iterable[ExchangeRow]) -> str:
    """The requests in their order, with what came of each."""
    return _listed([f"{number}. {_request(row)}: {_outcome(row)}" for number, row in enumerate(rows, 1)])


def _listed(lines: Sequence[str]) -> str:
    more = [f"- and {len(lines) - _LISTED} more"] if len(lines) > _LISTED else []
    return "\n".join([*lines[:_LISTED], *more])


def _heading(field: str) -> str:
    return f"## {field}"


def _request(row: ExchangeRow) -> str:
    """Method and URL as code; the names of query parameters without their values, which may be secrets."""
    query = _split(row.url)[2]
    names = "&".join(f"{part.partition('=')[0]}=..." for part in query.split("&")) if query else ""
    return _code(f"{row.method} {_base(row)}{'?' + names if names else ''}")


def _place(row: ExchangeRow) -> str:
    return _code(_base(row))


def _base(row: ExchangeRow) -> str:
    origin, path, _ = _split(row.url)
    return f"{origin}{path}"


def _split(url: str) -> tuple[str, str, str]:
    try:
        parts = urlsplit(url)
    except ValueError:  # a recorded URL may be anything
        return "", url.partition("?")[0], ""
    if not parts.netloc:
        return "", url.partition("?")[0], ""
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}", parts.path, parts.query


def _code(text: str) -> str:
    return f"`{printable(text.replace('`', '%60'))[:2000]}`"


def _outcome(row: ExchangeRow) -> str:
    if row.outcome == "blocked":
        return "blocked by fairwitness, never sent"
    return f"answered {row.status}" if row.status is not None else printable(row.outcome)
