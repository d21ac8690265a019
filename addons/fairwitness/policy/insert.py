"""Writing into a YAML file at one place, so that every other character stays.

ruamel.yaml keeps comments too, but it writes the whole file anew: it re-indents, re-aligns comments, and
writes ``null`` as nothing.  A researcher's diff should show the added line only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import yaml
from yaml.nodes import CollectionNode, MappingNode, Node, SequenceNode

from fairwitness.policy.source import Source, is_null

_BARE = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*(?:\.[A-Za-z0-9-]+)+|preset:[a-z0-9-]+")
_BREAK = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True, slots=True)
class Item:
    """An item of a scope list."""

    host: str
    says: str | None = None

    def inline(self) -> str:
        """As it stands between brackets."""
        if self.says is None:
            return yaml_text(self.host)
        return f"{{host: {yaml_text(self.host)}, says: {yaml_text(self.says)}}}"

    def lines(self, indent: str) -> list[str]:
        """As it stands on lines of its own."""
        if self.says is None:
            return [f"{indent}- {yaml_text(self.host)}"]
        return [f"{indent}- host: {yaml_text(self.host)}", f"{indent}  says: {yaml_text(self.says)}"]


def yaml_text(text: str) -> str:
    """Foreign text as one YAML value on one line; in quotes unless it is a plain host."""
    if _BARE.fullmatch(text):
        return text
    written = yaml.safe_dump(" ".join(text.split()), default_style='"', width=1 << 30, allow_unicode=True)
    return str(written).strip()


def insert_items(raw: bytes, key: str, items: tuple[Item, ...]) -> bytes:
    """The text of a usable policy with items at the end of one list of its scope.

    Args:
        raw: The policy file.
        key: The list, which may be missing, null, empty, in brackets or on lines.
        items: What to add.
    """
    scope = _child(Source(raw, path="policy.yaml").root, "scope")
    mark = b"\xef\xbb\xbf" if raw.startswith(b"\xef\xbb\xbf") else b""
    text = raw.decode("utf-8-sig")
    found = _child(scope, key)
    assert scope is not None
    inline = ", ".join(item.inline() for item in items)
    if found is None:
        edited = _add_key(text, scope, key, items, inline)
    elif isinstance(found, SequenceNode) and found.flow_style:
        edited = _add_between_brackets(text, found, inline)
    elif isinstance(found, SequenceNode):
        indent = " " * found.start_mark.column
        edited = _with_lines(text, found, [line for item in items for line in item.lines(indent)])
    else:
        edited = _replace_null(text, found, inline)
    return mark + edited.encode()


def _child(node: Node | None, key: str) -> Node | None:
    assert isinstance(node, MappingNode)
    found: list[Node] = [value for name, value in node.value if name.value == key]
    return found[0] if found else None


def _add_key(text: str, scope: Node, key: str, items: tuple[Item, ...], inline: str) -> str:
    assert isinstance(scope, MappingNode)
    if scope.flow_style:
        end = scope.value[-1][1].end_mark.index
        return f"{text[:end]}, {key}: [{inline}]{text[end:]}"
    indent = " " * scope.start_mark.column
    lines = [f"{indent}{key}:", *(line for item in items for line in item.lines(indent + "  "))]
    return _with_lines(text, scope, lines)


def _add_between_brackets(text: str, node: SequenceNode, inline: str) -> str:
    if node.value:
        end = node.value[-1].end_mark.index
        return f"{text[:end]}, {inline}{text[end:]}"
    start = node.start_mark.index + 1
    return text[:start] + inline + text[start:]


def _replace_null(text: str, node: Node, inline: str) -> str:
    assert is_null(node)
    start, end = node.start_mark.index, node.end_mark.index
    blank = "" if text[start - 1 : start].isspace() else " "
    return f"{text[:start]}{blank}[{inline}]{text[end:]}"


def _with_lines(text: str, node: Node, lines: list[str]) -> str:
    """Text with lines put behind the line on which a block collection's last value ends."""
    ending = _BREAK.search(text)
    line_end = ending.group() if ending else "\n"
    last = _last(node).end_mark
    if last.column == 0:  # a folded text ends where the next line begins
        place = last.index
    else:
        following = _BREAK.search(text, last.index)
        place = following.end() if following else len(text)
    before = text[:place]
    if not before.endswith(("\n", "\r")):
        before += line_end
    return before + line_end.join(lines) + line_end + text[place:]


def _last(node: Node) -> Node:
    """The node at which a block collection ends; its own end mark lies behind the comments that follow."""
    while isinstance(node, CollectionNode) and not node.flow_style and node.value:
        node = node.value[-1][1] if isinstance(node, MappingNode) else node.value[-1]
    return node
