"""What real programs list: a sample of its shapes, and the whole corpus where that is present."""

import re
from pathlib import Path

from fairwitness.errors import PolicyError
from fairwitness.policy.entries import ParsedEntry, parse_entry

CORPUS = Path(__file__).parents[3] / "shared" / "corpora" / "bounty-targets"
SAMPLE = [
    "shop.example.com",
    "https://shop.example.com/",
    "*.example.com",
    "https://*.cdn.example.com/",
    "img*.example.com",
    "192.0.2.0/28",
    "192.0.2.1 - 192.0.2.9",
    "Example APIs",
    "com.example.app",
    "(stage|test).example.com",
    "<name>.example.com",
    "https://apps.apple.com/us/app/x/id1",
    "*.example.*",
    "example.com/*",
]
KEY = re.compile(r'"(?:asset_identifier|target|uri|endpoint)"\s*:\s*"((?:[^"\\]|\\.)*)"')


def test_what_programs_list_is_an_entry_or_an_error_with_a_mend():
    """No row of a real scope breaks the reader, and prose never becomes a host."""
    rows = SAMPLE + [
        row for file in sorted(CORPUS.glob("*.json")) for row in KEY.findall(file.read_text("utf-8"))
    ]
    understood = 0
    for row in rows:
        found = _entry_or_error(row)
        if isinstance(found, PolicyError):
            assert found.mend, row
            continue
        understood += 1
        assert not re.search(r"\s", row), row
        assert found.host is None or not re.search(r"[\s<>()|]", found.host), row

    assert len(rows) / 3 < understood


def _entry_or_error(row: str) -> ParsedEntry | PolicyError:
    try:
        return parse_entry(row)
    except PolicyError as error:
        return error
