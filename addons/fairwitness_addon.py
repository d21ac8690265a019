"""fairwitness under mitmproxy's own programs.

::

    mitmdump -s addons/fairwitness_addon.py --set fairwitness_policy=policy.yaml

Weaker than ``fairwitness run``: other scripts run in the same process and could undo what they like; there is
no control socket, so nothing can be halted or released from another terminal and a hold is a block; the port
is open before the gate is, and refuses until then; mitmproxy's own addons cost speed.  Unsafe options are
vetoed, at start and later.

The gates do not live in this file: reloading it, breaking it or deleting it leaves them standing.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from fairwitness.cli.guest import guest

addons = [guest()]
