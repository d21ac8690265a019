"""Properties of searches: whatever the index knows, the answer is that of reading everything."""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from fairwitness.evidence import Keep, Log, Reader
from fairwitness.evidence.testing import ALLOWED, BLOCKED, NOON_US, make_exchange, make_request, open_log
from fairwitness.evidence.wordfile import WORDS_NAME, WordFiller
from fairwitness.model.record import LogFilter

# Few letters, so that words occur by chance, at borders too.
letters = st.text(st.sampled_from('aAbB"*- é\x00\n\x7fÉ\u212a'), max_size=12)
raw = letters.map(str.encode) | st.binary(max_size=12)
shots = st.lists(st.tuples(st.sampled_from(["answered", "blocked", "open"]), raw, raw, raw), max_size=8)
words = st.lists(letters, min_size=1, max_size=3).map(tuple)


def _log(log: Log, shots: list[tuple[str, bytes, bytes, bytes]]) -> list[list[bytes]]:
    """Write them; gives the texts of each that are searched."""
    texts = []
    for number, (state, path, sent, received) in enumerate(shots):
        target = b"%d" % number + path  # identical blocks would be one
        request = replace(make_request(headers=((b"A", sent),), body=sent), target=b"/" + target)
        url = f"https://app.example.test/{target.decode('latin-1')}".lower().encode()
        head = b"GET /" + target + b" HTTP/1.1\r\nA: " + sent + b"\r\n"
        if state == "blocked":
            log.append_blocked(replace(request, headers=()), verdict=BLOCKED, time_us=NOON_US)
            texts.append([url, b"GET /" + target + b" HTTP/1.1\r\n"])
            continue
        log.append_request(request, verdict=ALLOWED, released_us=NOON_US, keep=Keep.WHOLE)
        texts.append([url, (head + sent).lower()])
        if state == "answered":
            exchange = make_exchange(request, body=received, headers=((b"B", sent),))
            log.append_response(exchange, body=None, keep=Keep.WHOLE)
            texts[-1].append((b"HTTP/1.1 200 OK\r\nB: " + sent + b"\r\n" + received).lower())
    return [[text.lower() for text in each] for each in texts]


@settings(max_examples=60, deadline=None)
@given(
    shots, st.lists(words, min_size=1, max_size=6), st.integers(0, 20), st.sampled_from(["", "cut", "gone"])
)
def test_search_finds_what_reading_everything_finds(
    shots: list[tuple[str, bytes, bytes, bytes]], asked: list[tuple[str, ...]], known: int, harm: str
) -> None:
    """With an index that is full, half filled, broken or missing."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        log = open_log(folder)
        texts = _log(log, shots)
        log.commit_now()
        filler = WordFiller(folder)
        with Reader.open(folder) as reader:
            stop = min(known, reader.counts().entries)
            while filler.size < stop:
                filler.fill(min(stop, filler.size + 3))
            filler.close()
            if harm == "gone":
                (folder / WORDS_NAME).unlink()
            elif harm == "cut":
                os.truncate(folder / WORDS_NAME, 20_000)
            expected = [_expected(texts, each) for each in asked]
            found = [[row.id for row in reader.exchanges(LogFilter(words=each))] for each in asked]
        log.close(time_us=NOON_US)

    assert expected == found


def _expected(texts: list[list[bytes]], words: tuple[str, ...]) -> list[int]:
    """The numbers of those whose texts hold all words: the slow way."""
    needles = [word.lower().encode() for word in words]
    return [
        number
        for number, each in enumerate(texts, start=1)
        if all(any(needle in text for text in each) for needle in needles)
    ]
