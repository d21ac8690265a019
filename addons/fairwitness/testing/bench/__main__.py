"""``python -m fairwitness.testing.bench``: measures and prints; see ``scripts/bench --help``."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from fairwitness.rules import RULES
from fairwitness.testing.bench.bounds import bounds
from fairwitness.testing.bench.cost import GOAL_US, costs
from fairwitness.testing.bench.detection import judge_all
from fairwitness.testing.bench.page import Measured, markdown, speed_page, text, tools_page
from fairwitness.testing.bench.speed import slowed, speeds, the_policy
from fairwitness.testing.bench.tools import inside, is_inside, missing_tools, run_tools
from fairwitness.testing.bench.truth import read_recordings, shared_folder
from fairwitness.testing.rule_set import measure


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
    parser.add_argument("--rules", action="store_true", help="what the rules cost, and where they are slowed")
    parser.add_argument("--tools", action="store_true", help="run real tools through a live proxy (root, ip)")
    parser.add_argument(
        "--lab-python", type=Path, metavar="FILE", help="a Python that has what the shop needs"
    )
    parser.add_argument("--only", metavar="WORD", help="one of the tools; bounds with this word")
    parser.add_argument("--bounds", action="store_true", help="what hostile amounts cost a live proxy")
    parser.add_argument("--scale", type=float, default=1.0, metavar="PART", help="of those amounts, 0.01 say")
    given = parser.parse_args()
    if given.bounds:
        for line in bounds(scale=given.scale, words=[given.only] if given.only else ()):
            print(line, flush=True)
        return 0
    if given.tools:
        return tools(given)
    if given.rules:
        return rules(given)
    if not given.detection:
        parser.error("say what to measure: --detection, --rules, --tools or --bounds")
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
    corpus = shared_folder() / "corpora" / "crs-tests"
    measured = Measured.of(
        found,
        costs(recordings, recordings.policy),
        rules=[rule.name for rule in RULES],
        families=measure(corpus) if corpus.exists() else (),
    )
    if given.json:
        print(json.dumps(asdict(measured), indent=1))
    else:
        print(markdown(measured) if given.markdown else text(measured))
    return 0 if measured.is_as_wanted else 1


def rules(given: argparse.Namespace) -> int:
    """Print what the rules cost an exchange; exit 1 where that is more than the goal."""
    policy = the_policy()
    fast, slow = speeds(policy), slowed(policy)
    if given.json:
        print(
            json.dumps({"speeds": [asdict(each) for each in fast], "slowed": [asdict(each) for each in slow]})
        )
    else:
        print(speed_page(fast, slow, is_markdown=given.markdown))
    return 0 if fast[0].median_us <= GOAL_US else 1


def tools(given: argparse.Namespace) -> int:
    """Print how many requests of each tool reached the shop; exit 1 where one was never blocked."""
    lab = given.lab or shared_folder() / "lab"
    if not (lab / "ns.sh").exists() or given.lab_python is None:
        print(f"scripts/bench: no lab shop in {lab}, or no --lab-python for it", file=sys.stderr)
        return 2
    if not is_inside():
        return inside(lab, sys.argv[1:])
    for tool in missing_tools():
        print(f"scripts/bench: {tool.name} is missing; to run it: {tool.package}", file=sys.stderr)
    runs = []
    for run in run_tools(lab, given.lab_python, given.only):
        print(f"{run.tool} ({run.agent}): {run.reached} of {run.asked} got through", file=sys.stderr)
        if not run.asked:
            print(f"scripts/bench: it asked for nothing, and said: {run.said}", file=sys.stderr)
        runs.append(run)
    if given.json:
        print(json.dumps([asdict(run) for run in runs], indent=1))
    else:
        print(tools_page(runs, is_markdown=given.markdown))
    return 0 if all(run.blocked for run in runs) else 1


if __name__ == "__main__":
    sys.exit(main())
