"""A plain list: one entry a line, ``-`` or ``!`` before what is out of scope, ``#`` before remarks."""

from __future__ import annotations

import re

from fairwitness.policy.importers.row import Nature, Row, Side, Source

_OUT_MARK = re.compile(r"[-!]\s*(?=\S)")
_REMARK = re.compile(r"(?:^|\s)#(.*)")
_MARKUP = re.compile(
    r"^\s*#{1,6} .*\b(?:scope|targets?|exclu)|\]\(|<\w+|^\s*[*-] \[", re.MULTILINE | re.IGNORECASE
)


class PlainList:
    """Every text that is nothing else and has no markup."""

    name = "plain list"

    def recognises(self, document: object) -> bool:
        """Lines of single words, mostly; where all have a dash before them, they are a page's list."""
        if not isinstance(document, str) or _MARKUP.search(document):
            return False
        lines = [line for line in map(_content, document.splitlines()) if line]
        bare = [_OUT_MARK.sub("", line, count=1) for line in lines]
        single = sum(1 for line in bare if len(line.split()) == 1)
        return 2 * single > len(lines) and any(not _OUT_MARK.match(line) for line in lines)

    def read(self, document: object, *, file: str, program: str | None) -> Source:  # noqa: ARG002 - one program a file
        """A row a line."""
        rows = []
        for number, line in enumerate(str(document).splitlines(), 1):
            content = _content(line)
            if not content:
                continue
            mark = _OUT_MARK.match(content)
            rows.append(
                Row(
                    raw=content[mark.end() :] if mark else content,
                    where=f"{file}:{number}",
                    side=Side.OUT if mark else Side.IN,
                    nature=Nature.OTHER,
                    note=_remark(line),
                )
            )
        return Source(rows=tuple(rows))


def _content(line: str) -> str:
    """The line without its remark; a ``#`` within a word is a fragment of a URL."""
    return _REMARK.sub("", line).strip().removeprefix("\ufeff")


def _remark(line: str) -> str:
    found = _REMARK.search(line)
    return found[1].strip() if found else ""
