"""Fuzzing led by the code that it reaches (atheris): raw bytes for one reader, checked as its own tests do.

``scripts/soak --fuzz`` calls it where atheris is installed, which has no wheel for many machines.
"""

from __future__ import annotations

import importlib
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

TARGETS = ("policy", "host", "row", "meta", "HAR", "dump", "Burp")
_MOST_BYTES = 1 << 16
_HANGS_S = 20
Target = tuple[Callable[[bytes], object], Sequence[bytes]]


def target_of(name: str) -> Target:
    """What reads the bytes and checks what became of them, and what to begin with."""
    module = {"policy": "policies", "host": "hosts", "row": "entries", "meta": "entries"}
    tests = importlib.import_module(f"tests.fuzz.test_{module.get(name, 'recordings')}")
    if name == "policy":
        check = tests.test_a_changed_policy_allows_only_what_it_spells_out
        return check.hypothesis.inner_test, tests.TEXTS
    if name == "host":
        return _hosts(tests)
    if name == "row":
        return tests.check_row, tests.seed_rows()
    if name == "meta":
        return tests.check_meta, [b"".join(tests.meta_lines(tests.META))]
    return lambda raw: tests.check_recording(name, raw), tests.seeds(name)


def _hosts(tests: Any) -> Target:
    def check(raw: bytes) -> None:
        spelled = raw.decode("utf-8", "replace")
        tests.test_whatever_is_allowed_is_listed.hypothesis.inner_test(spelled, ("host", "/"), "https")
        tests.test_a_host_has_one_canonical_form_or_none.hypothesis.inner_test(spelled)

    return check, [each.encode("utf-8", "replace") for each in (*tests.SEEDS, *tests.PUTS)]


def main(arguments: Sequence[str]) -> None:
    """Fuzz one target, with options of libFuzzer; it ends the process by itself, with 0 where all held."""
    sys.path.insert(0, str(Path(__file__).parents[2]))
    atheris: Any = importlib.import_module("atheris")
    name, *options = arguments
    with atheris.instrument_imports(include=["fairwitness"]):
        check, seeds = target_of(name)
    with tempfile.TemporaryDirectory() as folder:
        for number, seed in enumerate(seeds):
            (Path(folder) / str(number)).write_bytes(seed)
        limits = (f"-max_len={_MOST_BYTES}", f"-timeout={_HANGS_S}", f"-artifact_prefix={folder}/")
        atheris.Setup([__file__, *limits, *options, folder], check)
        atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
