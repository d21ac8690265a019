"""What is in these bytes: secrets, persons, tool names, attack families."""

from fairwitness.detect.attacks import LOOKED_AT_BYTES, SURE, Attack, attacks_in, is_harmless
from fairwitness.detect.destruction import destruction_in
from fairwitness.detect.headers import secrets_in_header
from fairwitness.detect.parts import parts_of
from fairwitness.detect.patterns import secrets_by_shape
from fairwitness.detect.persons import Person, is_role, persons_in
from fairwitness.detect.probes import probe_in
from fairwitness.detect.secret import Secret
from fairwitness.detect.shape import shape_of
from fairwitness.detect.text import secrets_in, secrets_in_views
from fairwitness.detect.tools import Tool, ToolKind, tool_in, tool_of
from fairwitness.detect.values import is_placeholder, spreads
from fairwitness.detect.views import View, views_of, without_escapes

__all__ = [
    "LOOKED_AT_BYTES",
    "SURE",
    "Attack",
    "Person",
    "Secret",
    "Tool",
    "ToolKind",
    "View",
    "attacks_in",
    "destruction_in",
    "is_harmless",
    "is_placeholder",
    "is_role",
    "parts_of",
    "persons_in",
    "probe_in",
    "secrets_by_shape",
    "secrets_in",
    "secrets_in_header",
    "secrets_in_views",
    "shape_of",
    "spreads",
    "tool_in",
    "tool_of",
    "views_of",
    "without_escapes",
]
