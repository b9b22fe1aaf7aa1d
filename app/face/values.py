"""One value as text: for people, for CSV, for JSON."""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from app import escapes
from app.reporting import columns

_ACTING = re.compile("[\x7f-\x9f]")
_LARGEST_SINGLE = 3.4028235e38
is_number, identifies = columns.is_number, columns.identifies


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
    return escapes.visible(plain(value))


def plain(value: object) -> str:
    """For CSV: NULL is empty, nothing is rounded or grouped, times are ISO 8601, nested values are JSON."""
    if value is None:
        return ""
    if isinstance(value, bool | dict | list | tuple):
        return as_json(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    return value.hex() if isinstance(value, bytes) else str(value)


def as_json(value: object) -> str:
    """For JSON: decimals are numbers with exactly their digits, the rest is text, as are "NaN" and "Infinity".

    JSON has no numbers for those; PostgreSQL's to_json spells them the same way.
    """
    if isinstance(value, Decimal) and value.is_finite():
        return format(value, "f")
    if value is None or isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return json.dumps(value)
    if isinstance(value, dict):
        return json_object((_key(key), item) for key, item in value.items())
    if isinstance(value, list | tuple | set):
        return f"[{', '.join(as_json(item) for item in value)}]"
    return _quoted(value.isoformat() if isinstance(value, date | time) else plain(value))


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


def single(value: Any) -> Any:
    """A number of DuckDB's FLOAT, or a value of such, with the fewest digits that mean it: 0.1, not 0.10000000149."""
    if isinstance(value, dict):
        return {key: single(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(single, value))
    if not isinstance(value, float) or not math.isfinite(value):
        return value
    short = (float(f"{value:.{digits}g}") for digits in range(1, 10))
    return next(one for one in short if abs(one) <= _LARGEST_SINGLE and _as_single(one) == _as_single(value))


def _as_single(value: float) -> bytes:
    return struct.pack("<f", value)


def _number(value: float | Decimal, grouped: bool) -> str:
    comma = "," if grouped else ""
    if isinstance(value, float):
        return _float(value, comma)
    return format(value, f"{comma}f" if isinstance(value, Decimal) else comma)


def _float(value: float, comma: str = "") -> str:
    """As PostgreSQL names what is no number."""
    if math.isnan(value):
        return "NaN"
    return format(value, comma) if math.isfinite(value) else f"{'-' if value < 0 else ''}Infinity"


def _key(key: object) -> str:
    """What a map calls an entry, as JSON's names can only be text."""
    text = as_json(key)
    return str(json.loads(text)) if text.startswith('"') else text


def _quoted(text: str) -> str:
    """Also what JSON would let pass although terminals act on it."""
    return _ACTING.sub(lambda match: f"\\u{ord(match[0]):04x}", json.dumps(text, ensure_ascii=False))


def _time(value: datetime | time, timespec: str) -> str:
    if isinstance(value, time):
        return value.isoformat(timespec)
    zone = " UTC" if value.tzinfo else ""
    moment = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    return moment.isoformat(" ", timespec) + zone
