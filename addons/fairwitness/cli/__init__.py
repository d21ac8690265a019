"""The front door: the command line.  It alone prints errors and sets exit codes."""

from fairwitness.cli.main import main

__all__ = ["main"]
