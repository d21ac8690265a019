"""One JSON object a line, with the keys of ``show --json``."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import BinaryIO

from fairwitness.export.forms import record_form
from fairwitness.model.disclosure import Shown


class JsonlExporter:
    """Writes everything that is stored; bodies are base64, lines and headers Latin-1."""

    name = "jsonl"

    def write(self, shown: Iterable[Shown], out: BinaryIO) -> None:
        """Write a line an exchange, ASCII only."""
        for each in shown:
            form = {**record_form(each.record), "redacted": each.is_redacted}
            form["sizes_hidden"] = list(each.sizes_hidden)
            form["hidden"] = [{"name": hidden.name, "kind": hidden.kind} for hidden in each.hidden]
            out.write(json.dumps(form, separators=(",", ":")).replace("\x7f", "\\u007f").encode() + b"\n")
