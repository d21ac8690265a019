"""The fuzz tests for as long as one likes, each round with another seed; `scripts/soak --fuzz` calls it.

Where atheris is installed, its rounds take turns with them.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import random
import subprocess
import sys
import time
from pathlib import Path

from guided import TARGETS

ROOT = Path(__file__).parents[2]
GUIDED = Path(__file__).with_name("guided.py")
FILES = ("fuzz/test_policies.py", "fuzz/test_hosts.py", "fuzz/test_entries.py", "fuzz/test_recordings.py")
FILES += ("properties/test_policy_schema.py",)
ROUND_EXAMPLES = 400  # of each test: a minute or two a file
ROUND_S = 30  # of a target of atheris


def main() -> int:
    """Print a row a round; 1 where a round failed, whose seed and smallest example are shown."""
    parser = argparse.ArgumentParser(prog="scripts/soak --fuzz")
    parser.add_argument("--fuzz", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    chosen = parser.parse_args()
    has_atheris = importlib.util.find_spec("atheris") is not None
    if not has_atheris:
        print("atheris is not installed here: only hypothesis is used (.venv/bin/pip install atheris)")
    pairs = zip(TARGETS, FILES * len(TARGETS), strict=False)
    parts = [each for pair in pairs for each in pair] if has_atheris else FILES
    seeds, until, failed, rounds = random.Random(chosen.seed), time.monotonic() + chosen.minutes * 60, 0, 0
    print(f"{'seed':>10}  {'seconds':>7}  {'file':34}  outcome", flush=True)
    while time.monotonic() < until:
        file, seed, began = parts[rounds % len(parts)], seeds.randrange(2**32), time.monotonic()
        said = _guided(file, seed) if file in TARGETS else _round(file, seed)
        failed += said.returncode != 0
        last = said.stdout.strip().splitlines()[-1]
        print(f"{seed:>10}  {time.monotonic() - began:>7.0f}  {file:34}  {last}", flush=True)
        if said.returncode:
            print(said.stdout, flush=True)
        rounds += 1
    print(f"rounds {rounds}, failed {failed}; first seed {chosen.seed}")
    return 1 if failed or not rounds else 0


def _round(file: str, seed: int) -> subprocess.CompletedProcess[str]:
    pytest = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "--timeout", "1200")
    return _run(*pytest, f"--hypothesis-seed={seed}", f"tests/{file}")


def _guided(target: str, seed: int) -> subprocess.CompletedProcess[str]:
    return _run(str(GUIDED), target, f"-max_total_time={ROUND_S}", f"-seed={seed}", "-verbosity=0")


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, "FAIRWITNESS_FUZZ_EXAMPLES": str(ROUND_EXAMPLES)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


if __name__ == "__main__":
    sys.exit(main())
