"""What a command may write into the log: everything that is no traffic and no judgement."""

from __future__ import annotations

from fairwitness.model.disclosure import Exported
from fairwitness.model.finding import FindingChange

Remark = FindingChange | Exported
