"""What a stream can show: its width, its colours, its characters."""

from __future__ import annotations

import os
import shutil
from typing import TextIO

WIDTH = 80


def width(out: TextIO) -> int:
    """The columns of a terminal; 80 elsewhere."""
    return shutil.get_terminal_size((WIDTH, 24)).columns if out.isatty() else WIDTH


def wants_colour(out: TextIO) -> bool:
    """Only on a terminal, and not where NO_COLOR is set (https://no-color.org)."""
    return out.isatty() and not os.environ.get("NO_COLOR")


def encodable(text: str, out: TextIO) -> str:
    """The text with a question mark for what the stream can't say."""
    encoding = out.encoding or "utf-8"
    return text.encode(encoding, "replace").decode(encoding)
