"""How a deleted row's key is written down: the values that the triggers record and the run reads back. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from jobs import quoting
from jobs.types import ColumnInfo, ColumnPlan, TypeInfo

# Appended to a value: equal only to the letter, also under a collation that holds other spellings equal.
EXACT = '::text COLLATE "C"'

# Types whose JSON form casts back to the same value, whatever the deleting session has set. Others go as text.
_SAME_IN_JSON = (
    *("bool", "bpchar", "bytea", "date", "int2", "int4", "int8", "name"),
    *("numeric", "text", "timestamp", "timestamptz", "uuid", "varchar"),
)


def recorded(row: str, infos: Iterable[ColumnInfo]) -> str:
    """PostgreSQL's expression for the key of `row`, OLD or the alias of a transition table."""
    names = [(info, f"{row}.{quoting.identifier(info.name)}") for info in infos]
    return f"jsonb_build_array({', '.join(name if same_in_json(info) else f'{name}::text' for info, name in names)})"


def read_back(value: str, info: ColumnInfo) -> str:
    """PostgreSQL's expression for what was recorded as this text, as a value of the column.

    By the type under all domains: a CHECK may have come after the row was deleted.
    """
    return f"{value}::{_unchecked(info.type.resolved)}"


def _unchecked(kind: TypeInfo) -> str:
    if kind.element is None or kind.element.base is None or kind.element.resolved.element is not None:
        return kind.type_name
    return f"{kind.element.resolved.type_name}[]"


def changed(infos: Sequence[ColumnInfo], plans: Sequence[ColumnPlan]) -> str:
    """PostgreSQL's condition for a trigger: the key of NEW is another one in the file than that of OLD.

    1.0 and 1.00, or two spellings that a collation calls equal, are two keys in the file. Their bytes are compared and
    not their texts, which hang on what the writer's session has set, nor by an operator that it may not see.
    """
    names = [quoting.identifier(info.name) for info in infos]
    plain = [plan.same_equality and _has_operator(info.type.resolved) for info, plan in zip(infos, plans, strict=True)]
    tests = [f"OLD.{name} IS DISTINCT FROM NEW.{name}" for name, yes in zip(names, plain, strict=True) if yes]
    others = [name for name, yes in zip(names, plain, strict=True) if not yes]
    if others:
        old, new = (", ".join(f"{row}.{name}" for name in others) for row in ("OLD", "NEW"))
        tests.append(f"ROW({old})::record OPERATOR(pg_catalog.*<>) ROW({new})::record")
    return " OR ".join(tests)


def _has_operator(kind: TypeInfo) -> bool:
    """Whether a session that sees only pg_catalog finds an equality: that of arrays, enums and so on is there, too."""
    return kind.schema == "pg_catalog" or kind.typtype != "b" or kind.element is not None


def equal(info: ColumnInfo, plan: ColumnPlan, one: str, other: str) -> str:
    """PostgreSQL's condition: the column `one` and the key read back as `other` are the same key in the file.

    By the operator of the key's index, where the reading session, which sees only pg_catalog, can name it; and to the
    letter where PostgreSQL holds values equal that the file tells apart.
    """
    kind, letters = info.type.resolved, f"{one}{EXACT} = {other}{EXACT}"
    if _unchecked(kind) != kind.type_name:
        # An array of a domain's values has no equality with one of the type under it.
        one = f"{one}::{_unchecked(kind)}"
    if not _has_operator(kind) and not kind.extension:
        return letters
    operator = "=" if _has_operator(kind) else f"OPERATOR({quoting.identifier(kind.schema)}.=)"
    found = f"{one} {operator} {other}"
    return found if plan.same_equality else f"{found} AND {letters}"


def same_in_json(info: ColumnInfo) -> bool:
    """Whether the type's JSON form casts back to the same value, whatever the deleting session has set."""
    kind = info.type.resolved
    if kind.element is not None:
        return False
    return (
        kind.typtype == "e"
        or kind.extension == "citext"
        or (kind.schema == "pg_catalog" and kind.name in _SAME_IN_JSON)
    )
