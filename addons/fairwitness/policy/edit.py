"""Adding to a policy file without touching a comment."""

from __future__ import annotations

import io
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from fairwitness.errors import PolicyError
from fairwitness.model.policy import Policy
from fairwitness.model.verdict import ScopeList
from fairwitness.policy.change import plain
from fairwitness.policy.entries import parse_entry
from fairwitness.policy.meet import key_of
from fairwitness.policy.reader import read_policy

_PATH = "policy.yaml"
_BY_HAND = "Add the line by hand"


def add_hosts(text: bytes, additions: Sequence[tuple[ScopeList, str]]) -> bytes:
    """The policy's text with entries added to its lists; what stands there already is left as it is.

    Args:
        text: The policy file.
        additions: List and entry (a host, ``preset:NAME``, ...).

    Raises:
        PolicyError: The list is include, the entry is none, or the policy would not be usable.
    """
    if any(scope_list is ScopeList.INCLUDE for scope_list, _ in additions):
        raise PolicyError(
            "a host is never added to scope.include without the program's own sentence",
            where="allow",
            mend='Use: fairwitness scope add HOST --says "its sentence"',
        )
    before = read_policy(text, path=_PATH)
    document = _Document(text)
    for scope_list, entry in additions:
        if not _is_listed(before, scope_list, entry):
            document.append(scope_list, entry)
    return _checked(before, document.text(), additions)


def add_scope(text: bytes, host: str, *, says: str) -> bytes:
    """The policy's text with a host added to include, with the program's sentence beside it.

    Raises:
        PolicyError: The host is no entry, the sentence is empty, or the policy would not be usable.
    """
    sentence = " ".join(says.split())
    if not sentence:
        raise PolicyError(
            "the program's sentence is empty", where="scope add", mend="Copy it from the program's page"
        )
    before = read_policy(text, path=_PATH)
    document = _Document(text)
    if not _is_listed(before, ScopeList.INCLUDE, host):
        document.append(ScopeList.INCLUDE, {"host": host, "says": sentence})
    return _checked(before, document.text(), [(ScopeList.INCLUDE, host)])


def _is_listed(policy: Policy, scope_list: ScopeList, text: str) -> bool:
    """Whether the entry stands on the list.  On another list too: then nobody can say which is meant."""
    parsed = parse_entry(text)
    for entry in policy.entries:
        same_preset = parsed.preset is not None and entry.preset == parsed.preset
        here = (entry.host, entry.network, entry.ports, entry.names_port, entry.scheme, entry.path)
        wanted = (parsed.host, parsed.network, parsed.ports, parsed.names_port, parsed.scheme, parsed.path)
        if not same_preset and (entry.preset is not None or here != wanted):
            continue
        if entry.scope_list is scope_list:
            return True
        raise PolicyError(
            f"{text!r} stands on scope.{entry.scope_list} already ({entry.clause.where})",
            where="policy",
            mend="Take it out there first, if the program allows it",
        )
    return False


class _Document:
    """The file as ruamel.yaml keeps it: comments, quotes and order included."""

    def __init__(self, text: bytes) -> None:
        self._crlf = b"\r\n" in text
        self._source = text.decode("utf-8-sig").replace("\r\n", "\n")
        self._yaml = YAML(typ="rt")
        self._yaml.preserve_quotes = True
        self._yaml.width = 1 << 16  # never wrap what the researcher wrote on one line
        mapping, sequence, offset = _indentation(self._source)
        self._yaml.indent(mapping=mapping, sequence=sequence, offset=offset)
        try:
            self._root: Any = self._yaml.load(self._source)
        except (YAMLError, ValueError) as error:
            raise PolicyError(
                f"the file cannot be edited ({type(error).__name__})", where=_PATH, mend=_BY_HAND
            ) from None
        self._unchanged = self._dump()

    def append(self, scope_list: ScopeList, item: str | dict[str, str]) -> None:
        scope = self._root["scope"]
        if scope.get(scope_list.value) is None:
            scope[scope_list.value] = []
        scope[scope_list.value].append(item)

    def text(self) -> bytes:
        """The edited text.  Where lines can be matched, those that the edit does not touch stay."""
        lines, before, after = _lines(self._source), self._unchanged, self._dump()
        if len(lines) == len(before):
            kept: list[str] = []
            for tag, i, j, k, m in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
                kept.extend(lines[i:j] if tag == "equal" else after[k:m])
            after = kept
        end = "\r\n" if self._crlf else "\n"
        return (end.join(after) + end).encode()

    def _dump(self) -> list[str]:
        out = io.StringIO()
        self._yaml.dump(self._root, out)
        return _lines(out.getvalue())


def _lines(text: str) -> list[str]:
    return text.removesuffix("\n").split("\n")


def _indentation(text: str) -> tuple[int, int, int]:
    """How the file indents: keys, items, and the dash within an item's indentation."""
    previous = 0
    for line in text.splitlines():
        bare = line.lstrip(" ")
        depth = len(line) - len(bare)
        if bare.startswith("- ") and previous >= 0:
            offset = max(0, depth - previous)
            return 2, offset + 2, offset
        if bare and not bare.startswith("#"):
            previous = depth
    return 2, 4, 2


def _checked(before: Policy, text: bytes, additions: Sequence[tuple[ScopeList, str]]) -> bytes:
    """The edited text, if it says what it said before plus the additions, and nothing else."""
    after = read_policy(text, path=_PATH)
    known = {key_of(entry) for entry in before.entries}
    wanted = {
        (scope_list, parse_entry(entry).preset or parse_entry(entry).text) for scope_list, entry in additions
    }
    new = [entry for entry in after.entries if key_of(entry) not in known]
    others_kept = len(after.entries) - len(new) == len(before.entries)
    as_wanted = all((entry.scope_list, entry.preset or entry.text) in wanted for entry in new)
    if not (others_kept and as_wanted and plain(before) == plain(after)):
        raise PolicyError(
            "the file is written in a way that cannot be edited without changing more",
            where=_PATH,
            mend=_BY_HAND,
        )
    return text
