"""Datasette, for as long as the process that started it lives: run as ``python -m fairwitness.cli.tethered``.

Standard input is a pipe from that process.  Its end comes however that process ends, SIGKILL too.
"""

from __future__ import annotations

import os
import runpy
import shutil
import sys
import threading


def main() -> None:
    """Watch the pipe and serve."""
    threading.Thread(target=_end_with_parent, args=(os.getcwd(),), daemon=True).start()
    sys.argv[0] = "datasette"
    runpy.run_module("datasette", run_name="__main__", alter_sys=True)


def _end_with_parent(folder: str) -> None:
    while os.read(0, 1):
        pass
    shutil.rmtree(folder, ignore_errors=True)  # the copy, which nobody else would remove
    os._exit(0)


if __name__ == "__main__":
    main()
