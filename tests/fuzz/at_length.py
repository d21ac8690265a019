"""The fuzz tests for as long as one likes, each round with another seed; `scripts/soak --fuzz` calls it."""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILES = ("fuzz/test_policies.py", "fuzz/test_hosts.py", "fuzz/test_entries.py", "fuzz/test_recordings.py")
FILES += ("properties/test_policy_schema.py",)
ROUND_EXAMPLES = 400  # of each test: a minute or two a file


def main() -> int:
    """Print a row a round; 1 where a round failed, whose seed and smallest example are shown."""
    parser = argparse.ArgumentParser(prog="scripts/soak --fuzz")
    parser.add_argument("--fuzz", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    chosen = parser.parse_args()
    seeds, until, failed, rounds = random.Random(chosen.seed), time.monotonic() + chosen.minutes * 60, 0, 0
    print(f"{'seed':>10}  {'seconds':>7}  {'file':34}  outcome", flush=True)
    while time.monotonic() < until:
        file, seed, began = FILES[rounds % len(FILES)], seeds.randrange(2**32), time.monotonic()
        said = _round(file, seed)
        failed += said.returncode != 0
        last = said.stdout.strip().splitlines()[-1]
        print(f"{seed:>10}  {time.monotonic() - began:>7.0f}  {file:34}  {last}", flush=True)
        if said.returncode:
            print(said.stdout, flush=True)
        rounds += 1
    print(f"rounds {rounds}, failed {failed}; first seed {chosen.seed}")
    return 1 if failed or not rounds else 0


def _round(file: str, seed: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--timeout", "1200"),
            *(f"--hypothesis-seed={seed}", f"tests/{file}"),
        ],
        cwd=ROOT,
        env={**os.environ, "FAIRWITNESS_FUZZ_EXAMPLES": str(ROUND_EXAMPLES)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


if __name__ == "__main__":
    sys.exit(main())
