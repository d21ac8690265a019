"""The bytes of an entry that are hashed, and the salts that let any part of them be hidden later.

::

    fairwitness/entry/v1
    kind request
    time 2026-11-23T22:39:16.062050Z
    exchange <32 hex digits>
    after <64 hex digits>
    meta <sha256 hex>            one line per segment: meta, head, body, trail

A line's hash is SHA-256(salt || segment).  The salts of an entry are the output of SHAKE-256 over its key,
16 bytes a segment, in the order **body, meta, head, trail**: the pieces of a body are hashed while it
streams, when nobody knows yet how many other segments there will be.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256, shake_256

from fairwitness.model.clock import iso_us

FORMAT = "fairwitness/entry/v1"
KEY_BYTES = 32
SALT_BYTES = 16
NO_TOKEN = b"\0" * 32  # what `after` holds before any time token is known

# At most 601 + 257 + 49 + 17 lines of about 70 bytes: below the 65,535 bytes that an entry may have.
HEAD_SEGMENTS = 600
BODY_SEGMENTS = 256
META_SEGMENTS = 48
TRAIL_SEGMENTS = 16

BODY_PIECE = 4096  # bytes of a body segment where no detector found anything to cut around
PIECED_BYTES = BODY_PIECE * BODY_SEGMENTS  # 1 MiB: what follows is one segment


def joined(pieces: Sequence[bytes], most: int) -> Sequence[bytes]:
    """*pieces*, those beyond *most* joined to one."""
    if len(pieces) <= most:
        return pieces
    return [*pieces[:most], b"".join(pieces[most:])]


def body_pieces(content: bytes) -> list[bytes]:
    """A body cut every 4 KiB; what lies beyond 256 pieces is one more."""
    if len(content) <= BODY_PIECE:
        return [content] if content else []
    pieced = min(len(content), PIECED_BYTES)
    pieces = [content[at : at + BODY_PIECE] for at in range(0, pieced, BODY_PIECE)]
    if len(content) > PIECED_BYTES:
        pieces.append(content[PIECED_BYTES:])
    return pieces


def body_salts(key: bytes, count: int) -> bytes:
    """The salts of the first *count* body segments, one behind the other."""
    return shake_256(key).digest(SALT_BYTES * count)


def body_digests(key: bytes, pieces: Sequence[bytes]) -> list[str]:
    """The hash of each body segment, in hex."""
    return _digests(body_salts(key, len(pieces)), 0, pieces)


def entry_text(
    kind: str,
    *,
    time_us: int,
    exchange: bytes,
    after: bytes = NO_TOKEN,
    key: bytes,
    meta: Sequence[bytes],
    head: Sequence[bytes],
    body: Sequence[str],
    trail: Sequence[bytes] = (),
) -> str:
    """The text of an entry, whose SHA-256 with a zero byte before it is the leaf of the tree.

    Args:
        kind: What it records, a word of docs/evidence.md.
        time_us: The local clock: a claim.
        exchange: 16 bytes; zeros where the entry belongs to no exchange.
        after: SHA-256 of the newest time token known.
        key: 32 random bytes of this entry alone.
        meta: One ``key: value`` line each, at least one.
        head: Start line and headers, cut; any number, what is too many is joined here.
        body: Hashes of the body's segments in hex, made with the first salts of *key*.
        trail: Trailers, one a segment.
    """
    meta, head, trail = (
        joined(meta, META_SEGMENTS),
        joined(head, HEAD_SEGMENTS),
        joined(trail, TRAIL_SEGMENTS),
    )
    at = SALT_BYTES * len(body)
    salts = shake_256(key).digest(at + SALT_BYTES * (len(meta) + len(head) + len(trail)))
    text = f"{FORMAT}\nkind {kind}\ntime {iso_us(time_us)}\nexchange {exchange.hex()}\nafter {after.hex()}"
    text += "\nmeta " + "\nmeta ".join(_digests(salts, at, meta))
    at += SALT_BYTES * len(meta)
    if head:
        text += "\nhead " + "\nhead ".join(_digests(salts, at, head))
        at += SALT_BYTES * len(head)
    if body:
        text += "\nbody " + "\nbody ".join(body)
    if trail:
        text += "\ntrail " + "\ntrail ".join(_digests(salts, at, trail))
    return text + "\n"


def _digests(salts: bytes, start: int, pieces: Sequence[bytes]) -> list[str]:
    """The hashes of *pieces* in hex, salted from byte *start* of *salts* on."""
    positions = range(start, start + SALT_BYTES * len(pieces), SALT_BYTES)
    # zip without strict: both are equally long by construction, and this is the hottest line of the log.
    return [
        sha256(salts[at : at + SALT_BYTES] + piece).hexdigest()
        for at, piece in zip(positions, pieces, strict=False)
    ]


def leaf_of(text: str) -> bytes:
    """The leaf hash of an entry (RFC 6962, 2.1)."""
    return sha256(b"\0" + text.encode("ascii")).digest()
