"""The process that sends desktop notices: one JSON line on stdin is one notice; it ends with its stdin."""

from __future__ import annotations

import asyncio
import json
import sys

from desktop_notifier import DesktopNotifier

_MOST_KEPT = 10  # notices on the desktop at once


async def _send_all() -> None:
    notifier = DesktopNotifier(app_name="fairwitness", app_icon=None, notification_limit=_MOST_KEPT)
    while line := await asyncio.to_thread(sys.stdin.readline):
        form = json.loads(line)
        await notifier.send(title=form["title"], message=form["message"])


if __name__ == "__main__":
    asyncio.run(_send_all())
