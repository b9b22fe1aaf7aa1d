"""How a deleted row's key is written down: the values that the triggers record and the run reads back. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from jobs import quoting
from jobs.types import output
from jobs.types.column_plan import ColumnInfo, ColumnPlan, TypeInfo

# Appended to a text: equal only to the letter, also under a collation that holds other spellings equal.
EXACT = ' COLLATE "C"'

# What the text of a type hangs on in the session that writes it, in lower case; of one that isn't named here, nobody
# knows. A zone is no matter: an ISO date shows its own.
_EVERY = frozenset({"datestyle=iso, ymd", "intervalstyle=postgres", "extra_float_digits=3"})
_DATES = frozenset({"datestyle=iso, ymd"})
_TEXT_SETTINGS = {
    **dict.fromkeys(("date", "timestamp", "timestamptz"), _DATES),
    **dict.fromkeys(("float4", "float8"), frozenset({"extra_float_digits=3"})),
    "interval": frozenset({"intervalstyle=postgres"}),
    **dict.fromkeys(("bool", "bpchar", "bytea", "char", "int2", "int4", "int8", "name"), frozenset[str]()),
    **dict.fromkeys(("numeric", "oid", "text", "time", "timetz", "uuid", "varchar"), frozenset[str]()),
    **dict.fromkeys(("bit", "cidr", "inet", "macaddr", "macaddr8", "pg_lsn", "varbit", "xid8"), frozenset[str]()),
}


def recorded(value: str) -> str:
    """PostgreSQL's expression for the text of a key's column as it is written down, by the type's own output."""
    return f"pg_catalog.concat({value})"


def text_settings(infos: Iterable[ColumnInfo]) -> frozenset[str]:
    """What has to be set so that the text of these columns' values can be read back everywhere, as `name=value`."""
    return frozenset[str]().union(*(_settings(info) for info in infos))


def _settings(info: ColumnInfo) -> frozenset[str]:
    kind = info.type.resolved
    if kind.typtype == "e" or kind.extension == "citext":
        return frozenset()
    return _TEXT_SETTINGS.get(kind.name, _EVERY) if kind.schema == "pg_catalog" else _EVERY


def read_back(value: str, info: ColumnInfo) -> str:
    """PostgreSQL's expression for what was recorded as this text, as a value of the column.

    By the type under all domains: a CHECK may have come after the row was deleted.
    """
    return f"{value}::{_unchecked(info.type.resolved)}"


def _unchecked(kind: TypeInfo) -> str:
    if kind.element is None or kind.element.base is None or kind.element.resolved.element is not None:
        return kind.type_name
    return f"{kind.element.resolved.type_name}[]"


def _has_operator(kind: TypeInfo) -> bool:
    """Whether a session that sees only pg_catalog finds an equality: that of arrays, enums and so on is there, too."""
    return kind.schema == "pg_catalog" or kind.typtype != "b" or kind.element is not None


def equal(info: ColumnInfo, plan: ColumnPlan, one: str, other: str) -> str:
    """PostgreSQL's condition: the column `one` and the key read back as `other` are the same key in the file.

    By the operator of the key's index, where the reading session, which sees only pg_catalog, can name it; and to the
    letter where PostgreSQL holds values equal that the file tells apart.
    """
    kind = info.type.resolved
    letters = f"{output.text(kind, one)}{EXACT} = {output.text(kind, other)}{EXACT}"
    if _unchecked(kind) != kind.type_name:
        # An array of a domain's values has no equality with one of the type under it.
        one = f"{one}::{_unchecked(kind)}"
    if not _has_operator(kind) and not kind.extension:
        return letters
    operator = "=" if _has_operator(kind) else f"OPERATOR({quoting.identifier(kind.schema)}.=)"
    condition = f"{one} {operator} {other}"
    return condition if plan.same_equality else f"{condition} AND {letters}"
