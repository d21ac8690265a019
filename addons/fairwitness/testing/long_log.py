"""A long log to measure with: exchanges of an engagement of weeks, made up but written as real ones are.

Run as ``python -m fairwitness.testing.long_log FOLDER COUNT``; about 150 us an exchange.
"""

from __future__ import annotations

import random
import sys
import time
from dataclasses import replace
from pathlib import Path

from fairwitness.evidence import Keep, Log
from fairwitness.evidence.testing import (
    ALLOWED,
    BLOCKED,
    NOON_US,
    make_client,
    make_exchange,
    make_flag,
    make_request,
    open_log,
)

_BETWEEN_US = 700_000  # from one exchange to the next: a million fill eight days
_SESSION = 10_000  # exchanges of one run of the proxy
_STEMS = (
    "account",
    "amount",
    "basket",
    "campaign",
    "category",
    "checkout",
    "company",
    "country",
    "created",
    "customer",
    "discount",
    "error",
    "favourite",
    "filter",
    "group",
    "image",
    "item",
    "listing",
    "merchant",
    "method",
    "number",
    "order",
    "page",
    "payment",
    "policy",
    "product",
    "quantity",
    "reason",
    "region",
    "result",
    "reward",
    "search",
    "service",
    "setting",
    "status",
    "street",
    "support",
    "total",
    "transfer",
    "user",
    "variant",
    "voucher",
)
HOSTS = ("app.example.test", "api.example.test", "www.example.test", "static.example.test")
RARE_HOST = "admin.example.test"
RARE_WORD = "zanzibar"
"""Stands in the body of every 5000th exchange."""


def fill(log: Log, count: int, *, seed: int = 1, page_bytes: int = 30_000) -> None:
    """Add *count* exchanges to a log: small JSON mostly, an HTML page of *page_bytes* every tenth.

    Every 50th goes to a rare host, every 97th fails with 503, every 40th is blocked, every 1000th is flagged.
    """
    chance = random.Random(seed)  # noqa: S311 - made up, not secret
    for number in range(count):
        at_us = NOON_US + number * _BETWEEN_US
        if number % _SESSION == 0:
            log.append_session([("version", "1")], time_us=at_us)
        host = RARE_HOST if number % 50 == 49 else chance.choice(HOSTS)
        path = f"/{chance.choice(_STEMS)}/{chance.randrange(10**6)}?{chance.choice(_STEMS)}={number}"
        client = replace(make_client(), label="ffuf" if number % 3 == 0 else None)
        request = make_request(host=host, target=path.encode(), client=client, at_us=at_us)
        if number % 40 == 20:
            log.append_blocked(request, verdict=BLOCKED, time_us=at_us)
            continue
        flags = (f"f{number}",) if number % 1000 == 999 else ()
        verdict = replace(ALLOWED, host=host, flags=flags)
        log.append_request(request, verdict=verdict, released_us=at_us, keep=Keep.WHOLE)
        if flags:
            log.append_flag(make_flag(flags[0], request.exchange))
        body = _page(chance, page_bytes) if number % 10 == 0 else _json(chance)
        if number % 5000 == 4998:
            body += RARE_WORD.encode()
        status = 503 if number % 97 == 96 else 200
        log.append_response(make_exchange(request, status=status, body=body), body=None, keep=Keep.WHOLE)
        if number % 16 == 15:
            log.commit_now()
    log.commit_now()


def _json(chance: random.Random) -> bytes:
    fields = (f'"{_name(chance)}": "{chance.choice(_STEMS)} {chance.randrange(10**9)}"' for _ in range(25))
    return f"{{{', '.join(fields)}}}".encode()


def _page(chance: random.Random, size: int) -> bytes:
    parts = ["<!doctype html><html><head><title>Shop</title></head><body>"]
    length = len(parts[0])
    while length < size:
        words = " ".join(chance.choices(_STEMS, k=8))
        link = f"/{_name(chance)}/{chance.randrange(10**5)}"
        row = f'<div class="{_name(chance)}"><a href="{link}">{words}</a></div>'
        parts.append(row)
        length += len(row)
    return "".join(parts).encode()


def _name(chance: random.Random) -> str:
    return f"{chance.choice(_STEMS)}_{chance.choice(_STEMS)}"


def main() -> None:
    """Make the log that the command line names."""
    folder, count = Path(sys.argv[1]), int(sys.argv[2])
    began = time.perf_counter()
    log = open_log(folder)
    fill(log, count)
    log.close(time_us=NOON_US + count * _BETWEEN_US)
    sys.stdout.write(f"{count} exchanges in {time.perf_counter() - began:.1f} s\n")


if __name__ == "__main__":
    main()
