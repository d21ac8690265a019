"""Texts cut so that they fit a column, and still say what they are about."""

from __future__ import annotations

ELLIPSIS = "…"


def width_of(text: str) -> int:
    """How many columns of a terminal a printable text takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def cut_end(text: str, width: int) -> str:
    """The beginning of a text, in at most *width* columns."""
    if width_of(text) <= width:
        return text
    kept = text[: max(0, width - 1)]
    while kept and width_of(kept) > width - 1:
        kept = kept[:-1]
    return kept + ELLIPSIS


def fit_url(url: str, width: int) -> str:
    """A URL in at most *width* columns: its host and the last piece of its path stay as long as they can."""
    if width_of(url) <= width:
        return url
    place, mark, query = url.partition("?")
    room = width - width_of(place) - 1
    if mark and room >= 1:
        return f"{place}?{cut_end(query, room)}"
    scheme, separator, rest = place.partition("://")
    host, _, path = (rest if separator else scheme).partition("/")
    last = path.rstrip("/").rpartition("/")[2]
    tail = f"?{ELLIPSIS}" if mark else ""
    for beginning in (f"{scheme}{separator}{host}" if separator else host, host):
        short = f"{beginning}/{ELLIPSIS}/{last}{tail}"
        if last and width_of(short) <= width:
            return short
    room = width - width_of(host) - 3 - len(tail)
    return f"{host}/{ELLIPSIS}/{cut_end(last, room)}{tail}" if last and room >= 4 else cut_end(host, width)
