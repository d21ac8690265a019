"""Every part broken in every way on a real proxy: ``scripts/soak --faults``.

A hook that fails three times within a minute closes the gate, so a proxy meets two faults of each part.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from fairwitness.evidence import Reader
from fairwitness.testing.authority import Authority
from fairwitness.testing.faults import Fault, FaultDoor
from fairwitness.testing.faults_tried import Account, Tried
from fairwitness.testing.proxy import Proxy
from fairwitness.testing.soak.vitals import is_quiet
from fairwitness.testing.tally import PATIENCE_S
from fairwitness.testing.tour import EVERYTHING, another_proxy, attempt, errands_for, https, unlogged
from fairwitness.testing.town import Town

KINDS = (
    ("RuntimeError", True),
    ("OSError", False),
    ("MemoryError", True),
    ("CancelledError", True),
    ("KeyError", False),
    ("RecursionError", True),
    ("OperationalError", False),
    ("UnicodeDecodeError", True),
    ("RuntimeError", False),
    ("OSError", True),
    ("MemoryError", False),
    ("TimeoutError", True),
    ("EvidenceError", True),
    ("EvidenceError", False),
)
"""Kinds of errors, and whether before the part's work."""
NEVER_CALLED = (
    "Front.dns_request",  # only in modes that are refused at start
    "Messages.tcp_error",  # only where the dial fails after the stream began; here it is made before
)
WORKERS = 2  # rounds at a time, each with origins of its own
_SOON_S = 0.25  # how long after its traffic a part is called at the latest, mostly


def try_fault(town: Town, proxy: Proxy, door: FaultDoor, fault: Fault) -> Tried:
    """Break a part, send what calls it, mend it.  What is wrong then, a line each."""
    mark = secrets.token_hex(8)
    before = len(proxy.told)
    with door.broken(fault):
        for errand in errands_for(fault.part.rpartition(".")[2]):
            attempt(errand, town, proxy, mark)
            if door.has_failed(fault.part, timeout=_SOON_S):
                break
        else:
            return Tried(fault, was_called=False, wrong=())
    found = unlogged(town, proxy, mark)
    if not _is_so(lambda: any(each.kind == "store" for each in proxy.told[before:])):
        found.append("nobody was told")
    if not proxy.is_running:
        found.append("the proxy has ended")
    return Tried(fault, was_called=True, wrong=tuple(found))


def is_closed(proxy: Proxy) -> bool:
    """Whether it has told that nothing passes any more."""
    return any(
        each.kind == "store" and each.text("state") in {"failed", "gate-closed"} for each in proxy.told
    )


def check_closed(town: Town, proxy: Proxy) -> list[str]:
    """What still passes a closed gate, once what passed before has arrived."""
    if not _is_so(lambda: all(is_quiet(origin.port) for origin in town.origins)):
        return ["the closed gate leaves connections open"]
    before = [(origin.counts, len(origin.messages)) for origin in town.origins]
    for errand in EVERYTHING:
        attempt(errand, town, proxy, secrets.token_hex(8))
    after = [(origin.counts, len(origin.messages)) for origin in town.origins]
    return [] if before == after else [f"something passed the closed gate: {before} became {after}"]


def check_end(town: Town, folder: Path, proxy: Proxy, *, ended: bool = False) -> list[str]:
    """Stop a proxy that met faults: its log must verify, and the next start must pass traffic.

    Args:
        town: The origins.
        folder: That of the proxy.
        proxy: The one that met them.
        ended: Whether it has ended by itself, with a code that somebody else looks at.
    """
    return _check_stop(folder, proxy, ended=ended) + check_next_start(town, folder)


def check_next_start(town: Town, folder: Path) -> list[str]:
    """What is wrong with a start on that folder, and with what passes then."""
    with FaultDoor() as door, another_proxy(town, folder, door.program) as again:
        return _check_start(town, again)


def check_town_end(town: Town) -> list[str]:
    """As `check_end`, of the town's own proxy, which may have been killed before."""
    town.proxy.stop()
    with town.another_proxy() as again:
        return _problems(again.evidence) + _check_start(town, again)


def _check_stop(folder: Path, proxy: Proxy, *, ended: bool = False) -> list[str]:
    was_closed = is_closed(proxy)
    code = proxy.stop()
    found = [] if ended or (code == 0) != was_closed else [f"exit code {code}"]
    return found + _problems(folder / "evidence")


def _check_start(town: Town, proxy: Proxy) -> list[str]:
    mark = secrets.token_hex(8)
    why = attempt(https, town, proxy, mark)
    passes = town.inside.requests_for(f"/{mark}/https")
    told = [each.text("reason") for each in proxy.told if each.kind == "store"]
    return ([] if passes else [f"the next start passes nothing: {why}; {told}"]) + unlogged(town, proxy, mark)


def _problems(evidence: Path) -> list[str]:
    with Reader.open(evidence) as reader:
        return [f"the log does not verify: {each}" for each in reader.problems()]


def _is_so(ask: Callable[[], bool]) -> bool:
    ends = time.monotonic() + PATIENCE_S
    while not ask():
        if time.monotonic() > ends:
            return False
        time.sleep(0.01)
    return True


def sweep(
    town: Town,
    folder: Path,
    faults: list[Fault],
    *,
    is_over: Callable[[], bool] = lambda: False,
    note: Callable[[Tried], None] = lambda _: None,
) -> list[str]:
    """Try faults in turn, on as few proxies as can be.  What was wrong, a line each.

    Each start is the check of how the proxy before it ended.

    Args:
        town: The origins.
        folder: For the proxies.
        faults: Taken from this list when their turn comes.
        is_over: Whether no more are to be tried; the rest stays in the list.
        note: Hears of each fault.
    """
    found: list[str] = []
    while faults and not is_over():
        with FaultDoor() as door, another_proxy(town, folder, door.program) as proxy:
            found += _check_start(town, proxy)
            while faults and not is_closed(proxy) and not is_over():
                tried = try_fault(town, proxy, door, faults.pop(0))
                note(tried)
                found += tried.says
            if is_closed(proxy):
                found += check_closed(town, proxy)
            found += _check_stop(folder, proxy)
    return found + check_next_start(town, folder)


@dataclass(frozen=True, slots=True)
class Round:
    """Faults that share a folder."""

    kind: str
    errors: str
    faults: list[Fault]
    """Those not tried yet."""


def _rounds(parts: dict[str, list[str]], kinds: Sequence[str]) -> Iterator[Round]:
    ways = [each for each in KINDS if not kinds or each[0] in kinds]
    for kind in ("learning", "hook", "store"):
        names = [each for each in parts[kind] if each.partition(":")[2] not in NEVER_CALLED]
        for pair in [ways[at : at + 2] for at in range(0, len(ways), 2)]:
            faults = [
                Fault(part=name, error=error, is_before=is_before)
                for name in names
                for error, is_before in pair
            ]
            if faults:
                yield Round(kind, " ".join(sorted({error for error, _ in pair})), faults)


def _work(rounds: Iterator[Round], folder: Path, account: Account, is_over: Callable[[], bool]) -> int:
    """One of those that take rounds from the same heap; gives how much was wrong."""
    wrong = 0
    with Town(Authority(folder / "authority"), folder / "town") as town:
        town.proxy.stop()
        for number, each in enumerate(rounds):
            if not each.faults:
                continue
            if is_over():
                break
            began, count = time.monotonic(), len(each.faults)
            try:
                found = sweep(
                    town, folder / f"round-{number}", each.faults, is_over=is_over, note=account.note
                )
            except TimeoutError as error:  # a proxy that does not start costs the rest of its round only
                found = [str(error)]
            wrong += len(found)
            seconds = time.monotonic() - began
            tried = count - len(each.faults)
            _say(
                f"{f'{each.kind} {each.errors}':<45} {tried:>4} faults {seconds:>6.1f} s  {len(found)} wrong",
                *found,
            )
    return wrong


def _say(head: str, *details: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in (head, *(f"    {each}" for each in details))))
    sys.stdout.flush()


def _known_parts(folder: Path, word: str) -> dict[str, list[str]]:
    with Town(Authority(folder / "authority"), folder / "town") as town:
        town.proxy.stop()
        with FaultDoor() as door, another_proxy(town, folder / "first", door.program):
            parts = door.parts()
    return {kind: [name for name in names if word in name] for kind, names in parts.items()}


def main(arguments: Sequence[str]) -> int:
    """Break everything, and print a line a round; 1 where anything was wrong or was not reached."""
    parser = argparse.ArgumentParser(prog="scripts/soak --faults", description=__doc__)
    parser.add_argument("--faults", action="store_true", help="what brought you here")
    parser.add_argument("--part", default="", help="only parts whose name has this in it")
    parser.add_argument(
        "--kind", action="append", default=[], help="only this kind of error; may be repeated"
    )
    parser.add_argument("--minutes", type=float, default=30.0, help="what was not tried by then is named")
    parser.add_argument(
        "--account", type=Path, help="a file of what held; what stands there is not tried again"
    )
    parser.add_argument("--width", type=int, default=WORKERS, help="how many proxies at a time")
    options = parser.parse_args(arguments)
    account = Account(options.account)
    with tempfile.TemporaryDirectory(prefix="sweep-") as place:
        rounds = list(_rounds(_known_parts(Path(place), options.part), options.kind))
        faults = [(each.kind, fault) for each in rounds for fault in each.faults]
        for each in rounds:
            each.faults[:] = [fault for fault in each.faults if not account.has(fault)]
        count = sum(len(each.faults) for each in rounds)
        heap = iter(rounds)
        ends = time.monotonic() + options.minutes * 60
        with ThreadPoolExecutor(options.width) as pool:
            works = [
                pool.submit(
                    _work, heap, Path(place) / f"worker-{number}", account, lambda: time.monotonic() > ends
                )
                for number in range(options.width)
            ]
        wrong = sum(each.result() for each in works)
    left = [fault for each in rounds for fault in each.faults]
    tried = count - len(left)
    _say(*account.table(faults))
    _say(f"{tried} of {count} faults tried, {wrong} wrong", *(f"not reached: {each}" for each in left))
    return 1 if wrong or left else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
