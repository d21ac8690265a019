"""``python -m fairwitness.testing.bench``: measures and prints; see ``scripts/bench --help``."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from fairwitness.rules import RULES
from fairwitness.testing.bench.cost import costs
from fairwitness.testing.bench.detection import judge_all
from fairwitness.testing.bench.page import Measured, markdown, text
from fairwitness.testing.bench.truth import read_recordings, shared_folder


def main() -> int:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench", description="How well the rules see, and what it costs."
    )
    parser.add_argument("--detection", action="store_true", help="judge recordings whose truth is known")
    parser.add_argument("--recordings", type=Path, metavar="DIR", help="others than ../shared/recordings")
    parser.add_argument(
        "--lab", type=Path, metavar="DIR", help="policy.yaml and accounts.yaml (../shared/lab)"
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--markdown", action="store_true", help="the tables of docs/rules.md")
    given = parser.parse_args()
    if not given.detection:
        parser.error("say what to measure: --detection")
    return detection(given)


def detection(given: argparse.Namespace) -> int:
    """Print recall, false alarms and cost; exit 1 where the goal is missed."""
    folder = given.recordings or shared_folder() / "recordings"
    recordings = read_recordings(folder, given.lab or shared_folder() / "lab")
    if recordings is None:
        print(f"scripts/bench: no recordings in {folder}: nothing can be judged.", file=sys.stderr)
        print("They lie in `shared` beside the checkout, or name a folder: --recordings DIR", file=sys.stderr)
        return 2
    found = judge_all(recordings)
    measured = Measured.of(found, costs(recordings, recordings.policy), rules=[rule.name for rule in RULES])
    if given.json:
        print(json.dumps(asdict(measured), indent=1))
    else:
        print(markdown(measured) if given.markdown else text(measured))
    return 0 if measured.is_as_wanted else 1


if __name__ == "__main__":
    sys.exit(main())
