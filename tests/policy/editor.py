"""policy.yaml as an editor reads it: YAML 1.2 made into JSON, and held against the shipped schema."""

from __future__ import annotations

import json
import re
from importlib import resources
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

SCHEMA: dict[str, Any] = json.loads(
    resources.files("fairwitness.policy").joinpath("shipped", "policy.schema.json").read_text("utf-8")
)
VALIDATOR = Draft202012Validator(SCHEMA)

STRICTER = {
    "a day that no month has": r"^\S+: '.*' (day|month|year) (must be|is|[0-9]+ is) ",
    "a host, address or path that has no single meaning": r"^scope entry '",
    "a preset or a port in `approvals.hosts`": "^an approval names hosts only",
    "a path in `tunnel`": "^a tunnel is never decrypted",
    "a host that is in `tunnel` and in `include`": "^scope.tunnel: .* must be on record$",
    "a window that ends before it begins": "^window ends before it begins$",
    "a size over 1 GiB": "^limits.request_body: '.*' is larger than 1 GiB$",
    "a number that is no whole one": r"'-?[0-9.e+]+' is no (number|size)",
    "a credential or a framing header in `identify`": (
        "is a credential$|changes how a message is read$|^User-Agent is not replaced$|stands twice"
    ),
    "a control character": "has a control character$",
    "a key that stands twice": "stands here twice$",
    '`"yes"` in quotes': "is neither true nor false$",
}
"""What the schema lets through and the loader refuses, as docs/policy.md says it, with the loader's words."""

_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


def is_underlined(text: str) -> bool:
    """Whether an editor with the schema complains about this text."""
    try:
        root = yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError:
        return True
    return not VALIDATOR.is_valid(as_json(root))


def as_json(node: Node) -> Any:
    """The core schema of YAML 1.2; blanks are folded, since the loader forgives them around every value."""
    if isinstance(node, MappingNode):
        return {key.value: as_json(value) for key, value in node.value}
    if isinstance(node, SequenceNode):
        return [as_json(item) for item in node.value]
    assert isinstance(node, ScalarNode)
    text = node.value
    if not node.style:
        if text in _WORDS:
            return _WORDS[text]
        if _INTEGER.fullmatch(text):
            return int(text)
        if _FLOAT.fullmatch(text):
            return float(text)
    return " ".join(text.split())
