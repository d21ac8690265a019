from __future__ import annotations

import os
import threading

from fairwitness.cli.printer import MAX_WAITING, Printer


def _missed(count: int) -> str:
    return f"missed {count}"


def test_lines_come_out_in_order() -> None:
    """What is written comes out whole and in order."""
    reading, writing = os.pipe()
    with open(writing, "w") as stream:
        printer = Printer(stream, missed=_missed)
        for number in range(100):
            printer.line(f"line {number}")
        printer.close()

    with open(reading) as stream:
        assert [f"line {number}" for number in range(100)] == stream.read().splitlines()


def test_a_reader_that_does_not_read_never_stops_the_writer() -> None:
    """With the pipe full, writing still returns at once, and what did not fit is counted."""
    reading, writing = os.pipe()
    with open(writing, "w") as stream:
        printer = Printer(stream, missed=_missed)
        total = MAX_WAITING + 5_000
        for number in range(total):
            printer.line(f"{number} " + "x" * 100)

        got: list[str] = []

        def read() -> None:
            with open(reading) as source:
                got.extend(source.read().splitlines())

        thread = threading.Thread(target=read)
        thread.start()
        printer.close()
    thread.join()

    missed = [int(line.split()[1]) for line in got if line.startswith("missed")]
    assert missed
    assert total == len(got) - len(missed) + sum(missed)


def test_a_reader_that_left_is_no_error() -> None:
    """When the reader closed the pipe, lines go nowhere and nothing is raised."""
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w") as stream:
        printer = Printer(stream, missed=_missed)
        for number in range(10):
            printer.line(str(number))
        printer.close()
        printer.line("afterwards")
