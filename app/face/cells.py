"""One column's values as the cells of a table: what belongs together looks alike."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, time

from app.face import values

_NUMBER = re.compile(r"-?[\d,]+(?:\.(?P<decimals>\d+))?")


def of_column(kind: str, column: Sequence[object], *, grouped: bool) -> list[str]:
    """The cells of a column of this DuckDB type: numbers with one scale, times with or without a fraction."""
    if values.is_number(kind):
        return _one_scale([values.shown(value, grouped=grouped) for value in column])
    fraction = any(isinstance(value, datetime | time) and value.microsecond for value in column)
    return [values.shown(value, grouped=grouped, fraction=fraction) for value in column]


def _one_scale(cells: Sequence[str]) -> list[str]:
    """As many decimals for each as the longest has; what is no number in plain digits stays as it is."""
    matches = [_NUMBER.fullmatch(cell) for cell in cells]
    scale = max((len(one["decimals"] or "") for one in matches if one), default=0)
    return [_padded(cell, one, scale) if one and scale else cell for cell, one in zip(cells, matches, strict=True)]


def _padded(cell: str, number: re.Match[str], scale: int) -> str:
    decimals = number["decimals"] or ""
    return cell + ("" if decimals else ".") + "0" * (scale - len(decimals))
