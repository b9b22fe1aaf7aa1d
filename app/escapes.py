"""Text that somebody else chose, such as a table's name, made harmless for a terminal and whoever reads it there."""

from __future__ import annotations

import re
import unicodedata

# What a terminal is told to show colours with.
_COLOUR = re.compile(r"(\x1b\[[\d;]*m)")


def visible(text: str) -> str:
    r"""The text with escapes for what would act on a terminal or hide in it: `\n`, `\x1b`, `\u202e`."""
    return text if text.isprintable() else "".join(char if char.isprintable() else _escaped(char) for char in text)


def lines(text: str) -> str:
    """A message of several lines, each `visible`."""
    return "\n".join(map(visible, text.split("\n")))


def coloured(line: str) -> str:
    """A line that was given colours, otherwise `visible`."""
    return "".join(part if place % 2 else visible(part) for place, part in enumerate(_COLOUR.split(line)))


def _escaped(char: str) -> str:
    return " " if unicodedata.category(char) == "Zs" else char.encode("unicode_escape").decode()
