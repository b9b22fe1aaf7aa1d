"""What HMAC-SHA256 makes of the masks' key before it meets a value: as good as the key. Pure."""

from __future__ import annotations

import hashlib

_BLOCK = 64  # bytes, of SHA-256


def pads(key: str | None) -> str:
    """The inner and the outer pad (RFC 2104) as 256 hex digits; empty where no key is configured."""
    if key is None:
        return ""
    block = _block(key)
    return (bytes(b ^ 0x36 for b in block) + bytes(b ^ 0x5C for b in block)).hex()


def _block(key: str) -> bytes:
    """A key longer than a block is hashed first, a shorter one filled up."""
    raw = key.encode()
    return (hashlib.sha256(raw).digest() if len(raw) > _BLOCK else raw).ljust(_BLOCK, b"\0")
