"""The text of a policy with its YAML nodes, so that every error can show the line it speaks of."""

from __future__ import annotations

import re
from typing import NoReturn

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from fairwitness.errors import PolicyError

MAX_BYTES = 4 << 20  # 4 MiB: more than a list of 50,000 hosts
MAX_NODES = 250_000
MAX_DEPTH = 16  # the deepest key of the format lies at 5
MAX_LINE = 110  # characters of a line that a code frame shows
_CONTEXT = 2  # lines above the one that is wrong

# libyaml's parser reads 10,000 entries in 20 ms, the one in Python takes 270.
_LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PLAIN_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}" for name in ("map", "seq", "str", "int", "float", "bool", "null", "timestamp")
)
_BREAK = re.compile(r"\r\n|[\n\r\x85\u2028\u2029]")  # lines as YAML counts them
_NULL = "tag:yaml.org,2002:null"
_BOOL = "tag:yaml.org,2002:bool"


class Source:
    """A policy's text and its root node.

    Args:
        raw: The file's bytes.
        path: Its name, for messages only.
        kind: What it is, for messages only.

    Raises:
        PolicyError: It is too large, no UTF-8, no YAML, or uses what a policy has no need of (anchors, tags).
    """

    def __init__(self, raw: bytes, *, path: str, kind: str = "a policy") -> None:
        self.path = path
        self.kind = kind
        self._lines: list[str] = []
        if len(raw) > MAX_BYTES:
            self._refuse_at(0, 0, f"it is larger than {MAX_BYTES >> 20} MiB", "Shorten the lists")
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = raw.count(b"\n", 0, error.start)
            self._refuse_at(line, 0, "it is not UTF-8", "Save the file as UTF-8")
        self._lines = _BREAK.split(text)
        self.root = self._compose(text)

    def error(self, node: Node, what: str, mend: str) -> PolicyError:
        """An error about *node*, with its place and a code frame."""
        mark = node.start_mark
        width = node.end_mark.column - mark.column if node.end_mark.line == mark.line else 1
        return self._error_at(mark.line, mark.column, what, mend, width=width)

    def line(self, node: Node) -> str:
        """``policy.yaml:12``, as clauses name their line."""
        return f"{self.path}:{node.start_mark.line + 1}"

    def _compose(self, text: str) -> Node:
        try:
            self._check_shape(text)
            root = yaml.compose(text, Loader=_LOADER)
        except yaml.MarkedYAMLError as error:
            self._refuse_syntax(error)
        except yaml.YAMLError as error:  # the reader's: a character that YAML does not know
            before = text[: getattr(error, "position", 0)]
            self._refuse_at(len(_BREAK.findall(before)), 0, "it has a control character", "Delete it")
        if root is None:
            self._refuse_at(0, 0, "it is empty", "Start from `fairwitness init`")
        return root

    def _check_shape(self, text: str) -> None:
        """Refuse bombs while events stream by, before any tree is built."""
        depth = nodes = 0
        for event in yaml.parse(text, Loader=_LOADER):
            nodes += isinstance(event, yaml.NodeEvent)
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            line, column = (event.start_mark.line, event.start_mark.column) if event.start_mark else (0, 0)
            if isinstance(event, yaml.NodeEvent) and event.anchor is not None:
                self._refuse_at(
                    line,
                    column,
                    f"anchors and aliases (& and *) are not used in {self.kind}",
                    'Write the value out; a host with a star stands in quotes: "*.example.com"',
                )
            if depth > MAX_DEPTH or nodes > MAX_NODES:
                self._refuse_at(line, column, "it is nested too deeply or too long", "Shorten it")

    def _refuse_syntax(self, error: yaml.MarkedYAMLError) -> NoReturn:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line, mark.column) if mark else (0, 0)
        line = min(line, len(self._lines) - 1)
        if error.context and "alias" in error.context:
            what, mend = (
                "a bare star has a meaning of its own in YAML",
                'Put quotes around it: "*.example.com"',
            )
        elif "\t" in self._lines[line][: column + 1]:
            what, mend = "a tab stands where YAML wants spaces", "Replace it by spaces"
        else:
            said = " ".join(filter(None, (error.context, error.problem))) or "it is no YAML"
            what, mend = f"it is no YAML ({said})", "Look at quotes, brackets and indentation here and above"
        self._refuse_at(line, column, what, mend)

    def _refuse_at(self, line: int, column: int, what: str, mend: str) -> NoReturn:
        raise self._error_at(line, column, what, mend)

    def _error_at(self, line: int, column: int, what: str, mend: str, *, width: int = 1) -> PolicyError:
        return PolicyError(
            what,
            where=f"{self.path}:{line + 1}:{column + 1}",
            mend=mend,
            frame=self._frame(line, column, width) if line < len(self._lines) else None,
        )

    def _frame(self, line: int, column: int, width: int) -> str:
        first = max(0, line - _CONTEXT)
        margin = len(str(line + 1))
        shift = max(0, column - MAX_LINE // 2)
        rows = []
        for number in range(first, line + 1):
            shown = _printable(self._lines[number][shift : shift + MAX_LINE])
            rows.append(f"{'>' if number == line else ' '} {number + 1:>{margin}} | {shown}".rstrip())
        carets = "^" * max(1, min(width, MAX_LINE - (column - shift)))
        rows.append(f"  {'':>{margin}} | {' ' * (column - shift)}{carets}")
        return "\n".join(rows)


def _printable(text: str) -> str:
    """One column a character: what is not printable (controls, direction marks) becomes a question mark."""
    return "".join(each if each.isprintable() else " " if each == "\t" else "?" for each in text)


def is_null(node: Node) -> bool:
    """Whether it says null, or nothing."""
    return isinstance(node, ScalarNode) and node.tag == _NULL


def is_bool(node: Node) -> bool:
    """Whether it is a bare true or false."""
    return isinstance(node, ScalarNode) and node.tag == _BOOL


def has_plain_tag(node: Node) -> bool:
    """Whether it has a tag that YAML gives by itself."""
    return node.tag in _PLAIN_TAGS


def quoted(text: str) -> str:
    """Foreign text for a message: one line, escaped, cut."""
    return repr(text if len(text) <= 60 else text[:57] + "...")


def kind_of(node: Node) -> str:
    """What a node is, in a researcher's words."""
    if isinstance(node, MappingNode):
        return "a block of keys"
    return "a list" if isinstance(node, SequenceNode) else "a single value"
