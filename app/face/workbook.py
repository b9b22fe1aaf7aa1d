"""A result as an Excel file: numbers, dates and times as such, each with its format, and texts as nothing but texts.

Excel counts with 15 digits and knows days from 1900 on. What it could not hold exactly is a text, with all its digits;
a text is never a formula, whatever it begins with. Times are UTC and say so; a fraction is shown to the millisecond.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import Any

from app import errors, extras
from app.face import values
from app.reporting.result import Result

_MOST_ROWS, _MOST_COLUMNS, _LONGEST = 1_048_575, 16_384, 32_767
_DIGITS = 15
_FIRST_DAY = date(1900, 1, 1)
_WIDEST, _LOOKED_AT = 60, 1000
_NOT_IN_A_NAME = re.compile(r"[\[\]:*?/\\\x00-\x1f]")
_SCALE = re.compile(r"DECIMAL\(\d+,(\d+)\)")


def write(batches: Iterable[Result], path: Path, title: str) -> None:
    """One sheet with a head that stays in sight. Raises `errors.QueryTooBig` for more than Excel can hold.

    Of several batches the first that has rows says how wide the columns are, and whether times have fractions.
    """
    package = installed()
    try:
        with package.Workbook(str(path), {"constant_memory": True}) as book:
            _fill(book, iter(batches), title)
    except package.exceptions.FileCreateError as error:
        raise OSError(*error.args[0].args) from error


def installed() -> Any:
    """The package that writes them. Raises `errors.MissingExtra`."""
    with extras.needed("web"):
        import xlsxwriter
    return xlsxwriter


def _fill(book: Any, batches: Iterator[Result], title: str) -> None:
    result = next(batches)
    result = result if result.rows else next(batches, result)
    book.set_properties({"title": title, "comments": f"as of {result.as_of.isoformat()}", "created": result.as_of})
    sheet = book.add_worksheet(_NOT_IN_A_NAME.sub(" ", title)[:31].strip("' ") or "result")
    sheet.freeze_panes(1, 0)
    for place, width in enumerate(_widths(result)):
        sheet.set_column(place, place, width)
    head = book.add_format({"bold": True, "bottom": 1})
    for place, name in enumerate(result.columns):
        sheet.write_string(0, place, name, head)
    formats = [book.add_format({"num_format": one}) for one in _formats(result)]
    before = 0
    for batch in chain([result], batches):
        _check(batch, before)
        for number, row in enumerate(batch.rows, start=before + 1):
            for place, value in enumerate(row):
                _cell(sheet, number, place, value, formats[place])
        before += len(batch.rows)


def _check(result: Result, before: int) -> None:
    """Raises `errors.QueryTooBig` for rows that don't fit, of which so many came before."""
    hint = "write a .parquet or a .csv"
    rows = before + len(result.rows)
    if rows > _MOST_ROWS or len(result.columns) > _MOST_COLUMNS:
        size = f"{rows:,} rows of {len(result.columns):,} columns"
        raise errors.QueryTooBig(f"{size} are more than a sheet of Excel has", hint=hint)
    for number, row in enumerate(result.rows, start=before + 1):
        for name, value in zip(result.columns, row, strict=True):
            if isinstance(value, str | bytes | list | dict | tuple) and len(values.plain(value)) > _LONGEST:
                message = f"row {number:,}: {name} is longer than the {_LONGEST:,} characters of a cell of Excel"
                raise errors.QueryTooBig(message, hint=hint)


def _cell(sheet: Any, row: int, column: int, value: Any, style: Any) -> None:
    if value is None:
        return
    if isinstance(value, bool):
        sheet.write_boolean(row, column, value)
    elif isinstance(value, int | float | Decimal) and _is_exact(value):
        sheet.write_number(row, column, float(value), style)
    elif isinstance(value, date | time) and _has_serial(value):
        sheet.write_datetime(row, column, _without_zone(value), style)
    else:
        sheet.write_string(row, column, values.plain(value))


def _is_exact(value: float | Decimal) -> bool:
    """Whether Excel shows the number that it is. A double is as exact there as anywhere, but for NaN and infinity."""
    if isinstance(value, float):
        return value - value == 0
    if isinstance(value, Decimal):
        return value.is_finite() and len(value.normalize().as_tuple().digits) <= _DIGITS
    return abs(value) < 10**_DIGITS


def _has_serial(value: date | time) -> bool:
    if isinstance(value, time):
        return value.tzinfo is None
    return (_without_zone(value).date() if isinstance(value, datetime) else value) >= _FIRST_DAY


def _without_zone(value: Any) -> Any:
    zoned = isinstance(value, datetime) and value.tzinfo is not None
    return value.astimezone(UTC).replace(tzinfo=None) if zoned else value


def _formats(result: Result) -> list[str]:
    """How Excel shows the numbers and times of each column."""
    described = zip(result.columns, result.types, strict=True)
    return [_format(name, kind, [row[place] for row in result.rows]) for place, (name, kind) in enumerate(described)]


def _format(name: str, kind: str, column: Sequence[Any]) -> str:
    seconds = "ss.000" if any(getattr(value, "microsecond", 0) for value in column) else "ss"
    scale = _SCALE.fullmatch(kind)
    whole = "0" if values.identifies(name) else "#,##0"
    if scale:
        return whole + ("." + "0" * int(scale[1]) if int(scale[1]) else "")
    if kind in ("DOUBLE", "FLOAT"):
        return "General"
    if values.is_number(kind):
        return whole
    return {
        "DATE": "yyyy-mm-dd",
        "TIME": f"hh:mm:{seconds}",
        "TIMESTAMP WITH TIME ZONE": f'yyyy-mm-dd hh:mm:{seconds} "UTC"',
    }.get(kind, f"yyyy-mm-dd hh:mm:{seconds}" if kind.startswith("TIMESTAMP") else "General")


def _widths(result: Result) -> list[int]:
    """Room for the longest of the first rows, within reason."""
    shown: Callable[[Any], str] = values.shown
    looked_at = result.rows[:_LOOKED_AT]
    return [
        min(_WIDEST, 2 + max([len(name), *(len(shown(row[place])) for row in looked_at)]))
        for place, name in enumerate(result.columns)
    ]
