"""One value as text: for people, for CSV, for JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from decimal import Decimal

_IDENTIFYING = ("id", "no", "number", "version", "year", "position", "port")


def is_number(kind: str) -> bool:
    """Whether a DuckDB type is one whose values are aligned to the right."""
    return (
        kind.startswith(("DECIMAL", "DOUBLE", "FLOAT")) or kind.lstrip("U").endswith("INT") or kind.endswith("INTEGER")
    )


def identifies(column: str) -> bool:
    """Whether a number of this name is a name rather than an amount: it gets no thousands separators."""
    return column.lower().rsplit("_", 1)[-1] in _IDENTIFYING


def shown(value: object, *, grouped: bool = True, fraction: bool = False) -> str:
    """For a table: NULL is `-`, numbers have thousands separators, times say UTC, control characters are harmless.

    With `fraction` all times have microseconds, also those of whole seconds.
    """
    if value is None:
        return "-"
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return _number(value, grouped)
    if isinstance(value, datetime | time):
        return _time(value, "microseconds" if fraction else "auto")
    return "".join(char if char.isprintable() else _visible(char) for char in plain(value))


def plain(value: object) -> str:
    """For CSV: NULL is empty, nothing is rounded or grouped, times are ISO 8601, nested values are JSON."""
    if value is None:
        return ""
    if isinstance(value, bool | dict | list | tuple):
        return as_json(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    return value.hex() if isinstance(value, bytes) else str(value)


def as_json(value: object) -> str:
    """For JSON: decimals are numbers with exactly their digits, NaN and infinities are null, the rest is text."""
    if isinstance(value, Decimal):
        return format(value, "f") if value.is_finite() else "null"
    if isinstance(value, float):
        return json.dumps(value) if math.isfinite(value) else "null"
    if value is None or isinstance(value, bool | int | str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, dict):
        return json_object((str(key), item) for key, item in value.items())
    if isinstance(value, list | tuple | set):
        return f"[{', '.join(as_json(item) for item in value)}]"
    return json.dumps(value.isoformat() if isinstance(value, date | time) else plain(value), ensure_ascii=False)


def json_object(pairs: Iterable[tuple[str, object]]) -> str:
    """Names and values as one JSON object on one line."""
    return "{" + ", ".join(f"{as_json(name)}: {as_json(value)}" for name, value in pairs) + "}"


def freshness(as_of: datetime, now: datetime) -> str:
    """`As of 2026-11-23 20:45:11 UTC (3 s ago).`"""
    moment = as_of.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    return f"As of {moment} UTC ({age((now - as_of).total_seconds())} ago)."


def age(seconds: float) -> str:
    """A span in one unit; less than nothing, where two clocks differ, is `0 s`."""
    whole = max(0, int(seconds))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if whole >= 2 * size:
            return f"{whole // size} {unit}"
    return f"{whole} s"


def _number(value: float | Decimal, grouped: bool) -> str:
    if isinstance(value, Decimal):
        return format(value, ",f" if grouped else "f")
    return format(value, ",") if grouped else str(value)


def _time(value: datetime | time, timespec: str) -> str:
    if isinstance(value, time):
        return value.isoformat(timespec)
    zone = " UTC" if value.tzinfo else ""
    moment = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    return moment.isoformat(" ", timespec) + zone


def _visible(char: str) -> str:
    """Line breaks become spaces, so that a value stays in its cell; others can't reach the terminal."""
    return " " if char.isspace() else "\N{REPLACEMENT CHARACTER}"
