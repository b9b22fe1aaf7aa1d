"""Texts that a person typed: trimmed, not empty, of bounded length, and such that PostgreSQL can keep them."""

from __future__ import annotations

from app.domain import errors

# A unique text is indexed, and an index entry has at most about 2,700 bytes.
MAX_KEY = 100
MAX_TEXT = 500


def required(value: object, what: str, *, longest: int = MAX_TEXT) -> str:
    """The trimmed text. Raises `errors.InvalidText` naming `what`."""
    if not isinstance(value, str):
        raise errors.InvalidText(f"{what} is not a text: {value!r}")
    text = value.strip()
    if not text:
        raise errors.InvalidText(f"{what} is empty")
    if len(text) > longest:
        raise errors.InvalidText(f"{what} is longer than {longest} characters")
    _storable(text, what)
    return text


def optional(value: object, what: str, *, longest: int = MAX_TEXT) -> str | None:
    """The trimmed text, or None where there is nothing in it."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    return required(value, what, longest=longest)


def _storable(text: str, what: str) -> None:
    """PostgreSQL keeps UTF-8 without the NUL character; a lone surrogate has no UTF-8."""
    if text.isascii() and text.isprintable():
        return
    if "\x00" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise errors.InvalidText(f"{what} holds a character that can't be kept")
