"""Identifiers and literals for SQL that is built, and table names as config.toml writes them. Pure.

PostgreSQL and DuckDB quote alike: a double quote around an identifier and a single one around a string, doubled
inside (PostgreSQL with standard_conforming_strings, its default since 9.1).
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Iterator
from itertools import count

from app import errors

_ASCII_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)

_LOWER = re.compile(r"[a-z_][a-z0-9_]*")
_PART = r'(?:"(?:[^"]|"")+"|[^".]+)'
_NAME = re.compile(rf"(?P<schema>{_PART})\.(?P<name>(?:\"(?:[^\"]|\"\")+\"|.+))", re.S)
_PLAIN = re.compile(r"[^\".]+")
# A `*` outside of quotes makes a pattern.
_SIMPLE = re.compile(r"[^\".*]+")


def identifier(name: str) -> str:
    """`name` as a quoted identifier."""
    return '"' + name.replace('"', '""') + '"'


def qualified(*names: str) -> str:
    """`names` as quoted identifiers with dots between them."""
    return ".".join(identifier(name) for name in names)


def as_argument(*names: str) -> str | None:
    """`names` for a function of DuckDB's that takes a table's name as text; None where it could not read them.

    It knows quotes, but no doubled ones: with a quote in a name it would look at another table.
    """
    return None if any('"' in name for name in names) else qualified(*names)


def fold(name: str) -> str:
    """What DuckDB goes by when it compares names: it folds the case of ASCII letters, and no others."""
    return name.translate(_ASCII_LOWER)


def readable(*names: str) -> str:
    """`names` with dots between them, quoted only where they have to be: for people to go on writing."""
    return ".".join(name if _LOWER.fullmatch(name) else identifier(name) for name in names)


def literal(text: str) -> str:
    """`text` as a string literal."""
    return "'" + text.replace("'", "''") + "'"


def dollar(text: str) -> str:
    """`text` between dollar quotes, with a tag that does not occur in it."""
    tag = next(tag for tag in _tags() if tag not in text)
    return f"{tag}{text}{tag}"


def _tags() -> Iterator[str]:
    yield "$neaptide$"
    yield from (f"$neaptide{number}$" for number in count(2))


def listed(names: Iterable[str]) -> str:
    """`names` as quoted identifiers with commas between them."""
    return ", ".join(identifier(name) for name in names)


def split_name(text: str) -> tuple[str, str]:
    """`shop.orders` to schema and name: the first dot splits, a part with a dot is quoted as in SQL.

    A name without a dot lies in `public`. Nothing is folded to lower case. Raises `errors.ConfigError`.
    """
    parts = [unquoted(part) for part in raw_split(text)]
    return (parts[0], parts[1]) if len(parts) > 1 else ("public", parts[0])


def raw_split(text: str) -> tuple[str, ...]:
    """The same with quotes left as they are: schema and name, or only a name."""
    if _PLAIN.fullmatch(text) or re.fullmatch(_PART, text):
        return (text,)
    match = _NAME.fullmatch(text)
    if not match:
        raise errors.ConfigError(f"{text!r} is no table name", hint='write schema.table, or "a.b".table with quotes')
    return match["schema"], match["name"]


def join_name(schema: str, name: str) -> str:
    """Schema and name as config.toml writes them; the inverse of `split_name`."""
    return ".".join(part if _SIMPLE.fullmatch(part) else identifier(part) for part in (schema, name))


def unquoted(part: str) -> str:
    """A part of a name without its quotes."""
    if len(part) > 1 and part.startswith('"') and part.endswith('"'):
        return part[1:-1].replace('""', '"')
    return part
