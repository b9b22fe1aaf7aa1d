"""How a deleted row's key is written down: the values that the triggers record and the run reads back. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from jobs import quoting
from jobs.types import ColumnInfo

# Types whose JSON form casts back to the same value, whatever the deleting session has set. Others go as text.
_SAME_IN_JSON = (
    *("bool", "bpchar", "bytea", "date", "int2", "int4", "int8", "name"),
    *("numeric", "text", "timestamp", "timestamptz", "uuid", "varchar"),
)


def recorded(row: str, infos: Iterable[ColumnInfo]) -> str:
    """PostgreSQL's expression for the key of `row`, OLD or the alias of a transition table."""
    names = [(info, f"{row}.{quoting.identifier(info.name)}") for info in infos]
    return f"jsonb_build_array({', '.join(name if same_in_json(info) else f'{name}::text' for info, name in names)})"


def same_in_json(info: ColumnInfo) -> bool:
    """Whether the type's JSON form casts back to the same value, whatever the deleting session has set."""
    kind = info.type.resolved
    return (
        kind.typtype == "e"
        or kind.extension == "citext"
        or (kind.schema == "pg_catalog" and kind.name in _SAME_IN_JSON)
    )
