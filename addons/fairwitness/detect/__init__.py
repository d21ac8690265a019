"""What is in these bytes: secrets, persons, tool names, attack families."""

from fairwitness.detect.headers import secrets_in_header
from fairwitness.detect.parts import parts_of
from fairwitness.detect.patterns import secrets_by_shape
from fairwitness.detect.secret import Secret
from fairwitness.detect.text import secrets_in, secrets_in_views
from fairwitness.detect.values import is_placeholder, spreads
from fairwitness.detect.views import View, views_of, without_escapes

__all__ = [
    "Secret",
    "View",
    "is_placeholder",
    "parts_of",
    "secrets_by_shape",
    "secrets_in",
    "secrets_in_header",
    "secrets_in_views",
    "spreads",
    "views_of",
    "without_escapes",
]
