"""What a column of a result is for, by its DuckDB type and its name: an amount, a moment, or what rows are told by."""

from __future__ import annotations

_IDENTIFYING = ("id", "no", "number", "version", "year", "position", "port")
_TIMES = ("DATE", "TIMESTAMP")


def is_number(kind: str) -> bool:
    """Whether a DuckDB type is one whose values are aligned to the right."""
    return (
        kind.startswith(("DECIMAL", "DOUBLE", "FLOAT")) or kind.lstrip("U").endswith("INT") or kind.endswith("INTEGER")
    )


def is_time(kind: str) -> bool:
    """Whether a DuckDB type is one of days or moments."""
    return kind.startswith(_TIMES) and not kind.endswith("]")


def identifies(column: str) -> bool:
    """Whether a number of this name is a name rather than an amount: it gets no thousands separators."""
    return column.lower().rsplit("_", 1)[-1] in _IDENTIFYING
