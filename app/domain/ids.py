"""Identifiers made by the caller: UUIDv7 (RFC 9562, 5.7), which sort by the time they were made.

48 bits of milliseconds since 1970, 4 bits of version, 74 bits of entropy, 2 bits of variant.
"""

from __future__ import annotations

import os
import time
from datetime import datetime
from uuid import UUID

from app.domain import errors

ENTROPY_BYTES = 10
_VERSION = 0x7 << 76
_VARIANT = 0b10 << 62


def new_id() -> UUID:
    """A fresh identifier: the clock and the system's randomness."""
    return _build(time.time_ns() // 1_000_000, os.urandom(ENTROPY_BYTES))


def id_at(moment: datetime, entropy: bytes) -> UUID:
    """The identifier for a moment and ten bytes of entropy: the same in, the same out, for seeded data.

    Raises `errors.InvalidTime` for a moment without offset, `errors.InvalidId` for any other number of bytes.
    """
    require_aware(moment)
    if len(entropy) != ENTROPY_BYTES:
        raise errors.InvalidId(f"an identifier needs {ENTROPY_BYTES} bytes of entropy, got {len(entropy)}")
    return _build(round(moment.timestamp() * 1000), entropy)


def require_id(value: object, what: str) -> None:
    """Raise `errors.InvalidId` unless `value` is a UUID."""
    if not isinstance(value, UUID):
        raise errors.InvalidId(f"{what} is not a UUID: {value!r}")


def require_aware(moment: object) -> None:
    """Raise `errors.InvalidTime` unless `moment` is a datetime with an offset."""
    if not isinstance(moment, datetime) or moment.utcoffset() is None:
        raise errors.InvalidTime(f"{moment!r} has no offset from UTC")


def _build(milliseconds: int, entropy: bytes) -> UUID:
    random = int.from_bytes(entropy, "big")
    high = (random >> 62) & 0xFFF
    low = random & ((1 << 62) - 1)
    return UUID(int=(milliseconds & ((1 << 48) - 1)) << 80 | _VERSION | high << 64 | _VARIANT | low)
