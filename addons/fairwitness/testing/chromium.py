"""A real Chromium, driven over its debugging pipe: no port, no library."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from fairwitness.cli.browser import chromium_command
from fairwitness.testing.tally import PATIENCE_S

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

# puts the two pipes where Chromium wants them, 3 and 4, whatever numbers they have here
_LAUNCH = """
import fcntl, os, sys
read, write = (fcntl.fcntl(int(number), fcntl.F_DUPFD, 10) for number in sys.argv[1:3])
os.dup2(read, 3)
os.dup2(write, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""


class Chromium:
    """One headless browser with one page, whose only way out is a proxy.

    Args:
        profile: An empty folder.
        proxy: URL of the proxy that it is given.
        pins: Key pins that it trusts: of the proxy's CA and of tunnelled origins.
        arguments: Further arguments of its command.
    """

    def __init__(
        self, profile: Path, proxy: str, *, pins: Sequence[str], arguments: Sequence[str] = ()
    ) -> None:
        if CHROMIUM is None:
            raise FileNotFoundError("no Chromium on this machine")
        self._command = [
            *chromium_command(CHROMIUM, proxy=proxy, pins=pins, profile=profile),
            *arguments,
            "--headless=new",
            "--remote-debugging-pipe",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            *(["--no-sandbox"] if os.geteuid() == 0 else []),
            "about:blank",
        ]
        self._home = profile.parent
        self._replies: dict[int, dict[str, Any]] = {}
        self._changed = threading.Condition()
        self._number = 0
        self._is_gone = False
        self._page = ""
        self._process: subprocess.Popen[bytes]

    def __enter__(self) -> Self:
        to_read, self._to = os.pipe()
        self._from, to_write = os.pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-c", _LAUNCH, str(to_read), str(to_write), *self._command],
            pass_fds=(to_read, to_write),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={"PATH": os.environ["PATH"], "HOME": str(self._home)},
        )
        os.close(to_read)
        os.close(to_write)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._page = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime"):
            self.call(f"{domain}.enable")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(Exception):
            self._page = ""
            self.call("Browser.close")
        try:
            self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(PATIENCE_S)
        os.close(self._to)
        os.close(self._from)

    def call(self, method: str, **parameters: object) -> dict[str, Any]:
        """Ask the browser for something; its answer."""
        self._number += 1
        number = self._number
        message: dict[str, object] = {"id": number, "method": method, "params": parameters}
        if self._page:
            message["sessionId"] = self._page
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._to, data) :]
        with self._changed:
            if not self._changed.wait_for(lambda: number in self._replies or self._is_gone, PATIENCE_S):
                raise TimeoutError(f"no answer to {method}")
            reply = self._replies.pop(number, {"error": {"message": "the browser is gone"}})
        if "error" in reply:
            raise RuntimeError(f"{method}: {reply['error']['message']}")
        result: dict[str, Any] = reply["result"]
        return result

    def navigate(self, url: str) -> str:
        """Go to *url* as the address bar does; gives the network error, empty if there was none."""
        return str(self.call("Page.navigate", url=url).get("errorText", ""))

    def evaluate(self, expression: str) -> Any:
        """The value of a script, promises awaited."""
        result = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in result:
            raise RuntimeError(f"{expression}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def wait_for(self, condition: str) -> None:
        """Wait until a script's *condition* holds on the page; the page may be replaced meanwhile."""
        script = (
            "new Promise(done => { const look = () => { let is = false; try { is = !!("
            f"{condition}"
            ") } catch (e) {} if (is) done(true); else setTimeout(look, 20) }; look() })"
        )
        for _ in range(20):  # pages that came and went while it waited
            try:
                self.evaluate(script)
            except RuntimeError:
                continue
            return
        raise TimeoutError(f"{condition} never held")

    def click(self, selector: str) -> None:
        """Click an element as a person does."""
        self.wait_for(f"document.querySelector({json.dumps(selector)})")
        box = self.evaluate(
            f"(() => {{ const b = document.querySelector({json.dumps(selector)}); b.scrollIntoView();"
            " const r = b.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2] })()"
        )
        where = {"x": box[0], "y": box[1], "button": "left", "clickCount": 1}
        self.call("Input.dispatchMouseEvent", type="mousePressed", **where)
        self.call("Input.dispatchMouseEvent", type="mouseReleased", **where)

    def _read(self) -> None:
        pending = b""
        while data := os.read(self._from, 1 << 16):
            *whole, pending = (pending + data).split(b"\0")
            for each in whole:
                message = json.loads(each)
                if "id" in message:
                    with self._changed:
                        self._replies[message["id"]] = message
                        self._changed.notify_all()
        with self._changed:
            self._is_gone = True
            self._changed.notify_all()
