"""Who do we show it to?  One format a file; each takes what is shown and a stream, never a database."""

from __future__ import annotations

from fairwitness.export.csv import CsvExporter
from fairwitness.export.curl import CurlExporter
from fairwitness.export.exporter import Exporter
from fairwitness.export.har import HarExporter
from fairwitness.export.html import HtmlExporter
from fairwitness.export.http import HttpExporter
from fairwitness.export.jsonl import JsonlExporter
from fairwitness.export.markdown import MarkdownExporter

EXPORTERS: tuple[type[Exporter], ...] = (
    HarExporter,
    JsonlExporter,
    CsvExporter,
    MarkdownExporter,
    HtmlExporter,
    CurlExporter,
    HttpExporter,
)
"""The formats that need no other room; ``mitm`` is written by `fairwitness.proxy.dump_writer`."""

__all__ = ["EXPORTERS", "Exporter"]
