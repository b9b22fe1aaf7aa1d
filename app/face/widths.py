"""How wide the columns of a table are, so that it fits: numbers, names and ids stay whole, sentences are wrapped."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rich.cells import cell_len

from app.face import values

GAP = 2
# No width holds every word, so a longer one may be cut; a UUID has 36 characters.
_LONGEST_WORD = 40
# In a column of sentences it may already be cut to so many characters, if nothing else makes the table fit.
_NARROWEST = 12
_PARTS = re.compile(r"[^_ ]*[_ ]+|[^_ ]+")


def fitting(
    names: Sequence[str], kinds: Sequence[str], columns: Sequence[Sequence[str]], width: int
) -> list[int] | None:
    """The width of each column; None where they can't stand side by side.

    Each gets the least that it can do with; what is left goes first to those that need little more.
    """
    described = list(zip(names, kinds, columns, strict=True))
    for words in (_LONGEST_WORD, _NARROWEST):
        least = [_least(*one, words) for one in described]
        spare = width - sum(least) - GAP * (len(least) - 1)
        if spare >= 0:
            wanted = [natural(name, column) - given for (name, _, column), given in zip(described, least, strict=True)]
            return [given + more for given, more in zip(least, _shares(wanted, spare), strict=True)]
    return None


def needed(names: Sequence[str], columns: Sequence[Sequence[str]]) -> int:
    """The width of a table in which nothing is wrapped."""
    return sum(map(natural, names, columns)) + GAP * (len(names) - 1)


def natural(name: str, column: Sequence[str]) -> int:
    """The width in which nothing of a column is wrapped."""
    return max([cell_len(name), *map(cell_len, column)])


def heading(name: str, width: int) -> str:
    """A column's name in lines of this width, broken behind underscores and spaces; not a character is lost."""
    lines = [""]
    for part in _PARTS.findall(name):
        if lines[-1] and cell_len(lines[-1] + part.rstrip()) > width:
            lines.append("")
        lines[-1] += part
    return "\n".join(lines)


def _least(name: str, kind: str, column: Sequence[str], words: int) -> int:
    head = max((cell_len(part.rstrip()) for part in _PARTS.findall(name)), default=0)
    if values.is_number(kind) or kind == "DATE":
        return max([head, *map(cell_len, column)])
    longest = max((cell_len(word) for cell in column for word in cell.split(" ")), default=0)
    most = words if any(" " in cell for cell in column) else _LONGEST_WORD
    return max(min(head, _LONGEST_WORD), min(longest, most))


def _shares(wanted: Sequence[int], spare: int) -> list[int]:
    shares = [0] * len(wanted)
    order = sorted(range(len(wanted)), key=wanted.__getitem__)
    for waiting, place in zip(range(len(order), 0, -1), order, strict=True):
        shares[place] = max(0, min(wanted[place], spare // waiting))
        spare -= shares[place]
    return shares
