"""``scripts/soak --minutes N``: random traffic and faults on a real proxy, and what came of them."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

from fairwitness.testing.soak.soak import soak
from fairwitness.testing.soak.table import is_good, table


def main() -> int:
    """Soak, print, and say by the exit code whether all was well."""
    parser = argparse.ArgumentParser(
        prog="scripts/soak",
        description="Random traffic and random faults on loopback; what came of them.",
        epilog="Other long runs, each with its own --help: --faults, --ends, --story, --fuzz.",
    )
    parser.add_argument("--minutes", type=float, default=3, help="how long (3, at most 600)")
    parser.add_argument("--seed", type=int, help="of the errands and faults; another one each time")
    parser.add_argument("--folder", type=Path, help="keep everything there; it must not exist yet")
    chosen = parser.parse_args()
    seed = chosen.seed if chosen.seed is not None else random.SystemRandom().randrange(1 << 16)
    minutes = min(chosen.minutes, 600)
    _say(f"seed {seed}")
    if chosen.folder is not None:
        chosen.folder.mkdir(parents=True)
        return _soak(chosen.folder, minutes=minutes, seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        return _soak(Path(folder), minutes=minutes, seed=seed)


def _soak(folder: Path, *, minutes: float, seed: int) -> int:
    outcome = soak(folder, minutes=minutes, seed=seed, say=lambda line: _say(f"{time.strftime('%X')} {line}"))
    _say(table(outcome))
    return 0 if is_good(outcome) else 1


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
