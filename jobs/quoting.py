"""Identifiers and literals for SQL that is built, and table names as config.toml writes them. Pure.

PostgreSQL and DuckDB quote alike: a double quote around an identifier and a single one around a string, doubled
inside (PostgreSQL with standard_conforming_strings, its default since 9.1).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from app import errors

_PART = r'(?:"(?:[^"]|"")+"|[^".]+)'
_NAME = re.compile(rf"(?P<schema>{_PART})\.(?P<name>(?:\"(?:[^\"]|\"\")+\"|.+))")
_PLAIN = re.compile(r"[^\".]+")


def identifier(name: str) -> str:
    """`name` as a quoted identifier."""
    return '"' + name.replace('"', '""') + '"'


def qualified(*names: str) -> str:
    """`names` as quoted identifiers with dots between them."""
    return ".".join(identifier(name) for name in names)


def literal(text: str) -> str:
    """`text` as a string literal."""
    return "'" + text.replace("'", "''") + "'"


def listed(names: Iterable[str]) -> str:
    """`names` as quoted identifiers with commas between them."""
    return ", ".join(identifier(name) for name in names)


def split_name(text: str) -> tuple[str, str]:
    """`shop.orders` to schema and name: the first dot splits, a part with a dot is quoted as in SQL.

    A name without a dot lies in `public`. Nothing is folded to lower case. Raises `errors.ConfigError`.
    """
    if _PLAIN.fullmatch(text):
        return "public", text
    found = _NAME.fullmatch(text)
    if not found:
        if re.fullmatch(_PART, text):
            return "public", _unquoted(text)
        raise errors.ConfigError(f"{text!r} is no table name", hint='write schema.table, or "a.b".table with quotes')
    return _unquoted(found["schema"]), _unquoted(found["name"])


def join_name(schema: str, name: str) -> str:
    """Schema and name as config.toml writes them; the inverse of `split_name`."""
    return ".".join(part if _PLAIN.fullmatch(part) else identifier(part) for part in (schema, name))


def _unquoted(part: str) -> str:
    if len(part) > 1 and part.startswith('"') and part.endswith('"'):
        return part[1:-1].replace('""', '"')
    return part
