"""Which errors are a matter of one table, and which row is to blame: a query's error doesn't say whose value it was."""

from __future__ import annotations

import codecs
from collections.abc import Generator, Sequence
from contextlib import closing
from typing import Any

import psycopg
from psycopg.rows import tuple_row

from app import errors
from jobs import quoting
from jobs.source import widths
from jobs.source.connection import Connection
from jobs.tables import filters
from jobs.tables.table import Table
from jobs.types import column_plan

# To look at every row of a table of more pages takes too long for what it tells.
_FEW_PAGES = 100_000
# Rows that are fetched at once: one of them may be very large.
_AT_ONCE = 100
# PostgreSQL's words for a text that has no form in UTF-8, which the file's texts are in.
_NO_TEXT = ("invalid byte sequence for encoding", "has no equivalent in encoding")
# What Python calls the encodings of PostgreSQL that it has another name for. SQL_ASCII is whatever was written.
_CODECS = {"SQL_ASCII": "utf-8", "EUC_CN": "gb2312", "KOI8R": "koi8_r", "KOI8U": "koi8_u", "UHC": "cp949"}

Text = tuple[column_plan.ColumnInfo, column_plan.ColumnPlan]


def is_of_a_table(error: errors.NeaptideError) -> bool:
    """Whether an error met while a table was read is a matter of that table: not of the server, the file or us."""
    if isinstance(error, errors.OutOfMemory):
        # A row that is too large: the other tables' may do with what there is.
        return True
    return not isinstance(error, errors.Retryable | errors.TargetUnusable | errors.Bug)


def explained(conn: Connection, table: Table, error: errors.NeaptideError) -> errors.NeaptideError:
    """The same error, or a better one that names the row."""
    try:
        return _naming_row(conn, table, error)
    except psycopg.Error:
        # It is enough to fail for one reason.
        if conn.closed:
            raise
        return error


def _naming_row(conn: Connection, table: Table, error: errors.NeaptideError) -> errors.NeaptideError:
    if isinstance(error, errors.OutOfMemory):
        return _too_large(conn, table, error)
    if "can't be kept" in error.message:
        return lossy(conn, table) or error
    if any(sign in error.message for sign in _NO_TEXT):
        return _no_text(conn, table, error)
    return error


def lossy(conn: Connection, table: Table) -> errors.UnsupportedValue | None:
    """The error that names the first row with a value its column can't keep under the rule `fail`."""
    for plan in table.columns:
        if plan.rule != "fail" or not plan.lossy_sql:
            continue
        row = _first(conn, table, where=plan.lossy_sql)
        if row is not None:
            return errors.UnsupportedValue(
                f"{table.name}, column {plan.name}{_place(conn, table, row)}: the value can't be kept as"
                f" {plan.duckdb_type}",
                hint=f'set rules.{plan.name} = "text" or "null" for the table in config.toml',
            )
    return None


def _too_large(conn: Connection, table: Table, error: errors.OutOfMemory) -> errors.OutOfMemory:
    """The error, with the table's largest row."""
    row = None
    if table.kind in "rpm" and table.pages <= _FEW_PAGES:
        size = widths.of_row(table.copied)
        row = _first(conn, table, [f"({size})::text"], order=f"{size} DESC")
    largest = f", whose largest row{_place(conn, table, row)} takes about {_megabytes(row[-1])}" if row else ""
    return errors.OutOfMemory(f"{table.name}{largest}: {error.message}", hint=error.hint)


def _megabytes(raw: bytes) -> str:
    return f"{max(1, round(int(raw) / 1e6)):,} MB"


def _no_text(conn: Connection, table: Table, error: errors.NeaptideError) -> errors.UnsupportedValue:
    """The error that names the first text that has no form in UTF-8, if it is found."""
    texts = [one for one in zip(table.copied, table.columns, strict=True) if _is_text(table, *one)]
    misfit = _first_bad(conn, table, texts) if table.pages <= _FEW_PAGES else None
    if misfit is None:
        return errors.UnsupportedValue(f"{table.name}: {error.message}", hint=_as_bytes("column"))
    (info, plan), row = misfit
    where = f"{table.name}, column {plan.name}{_place(conn, table, row)}"
    hint = _as_bytes(info.name)
    if info.name in table.spec.mask:
        hint = f'set mask.{info.name} = "redact" for the table in config.toml, or leave the column out'
    return errors.UnsupportedValue(f"{where}: {error.message.removeprefix('PostgreSQL: ')}", hint=hint)


def _as_bytes(column: str) -> str:
    return f'set rules.{column} = "bytes" for the table in config.toml, which keeps the bytes as they are'


def _is_text(table: Table, info: column_plan.ColumnInfo, plan: column_plan.ColumnPlan) -> bool:
    """Whether the column is read as text, however it is masked."""
    shown = table.spec.mask.get(info.name) not in ("null", "redact")
    return shown and plan.duckdb_type.startswith(("VARCHAR", "JSON", "MAP"))


def _first_bad(conn: Connection, table: Table, texts: Sequence[Text]) -> tuple[Text, tuple[Any, ...]] | None:
    codec = _codec(conn)
    with closing(_rows(conn, table, [_bytes(plan.key_text_sql) for _info, plan in texts])) as rows:
        for row in rows:
            for text, value in zip(texts, row[len(row) - len(texts) :], strict=True):
                if value is not None and not _decodes(value, codec):
                    return text, row
    return None


def _codec(conn: Connection) -> str:
    """What Python calls the server's encoding; UTF-8 where it has no name for it."""
    name = conn.info.parameter_status("server_encoding") or "UTF8"
    name = _CODECS.get(name, name.replace("WIN", "cp"))
    try:
        return codecs.lookup(name).name
    except LookupError:
        return "utf-8"


def _decodes(value: bytes, codec: str) -> bool:
    try:
        value.decode(codec)
    except UnicodeDecodeError:
        return False
    return True


def _bytes(text: str) -> str:
    """PostgreSQL's expression for a text as the server has it, which no client's encoding stands against."""
    return f"convert_to({text}, 'SQL_ASCII')"


def _named(table: Table) -> list[str]:
    """The columns that tell a row from others and may be shown: a masked key is not for showing."""
    shown = [name for name in table.source_key if name not in table.spec.mask]
    return shown or (["ctid"] if table.kind in "rpm" else [])


def _first(conn: Connection, table: Table, fields: Sequence[str] = (), **which: str) -> tuple[Any, ...] | None:
    with closing(_rows(conn, table, fields, **which)) as rows:
        return next(rows, None)


def _rows(
    conn: Connection, table: Table, fields: Sequence[str] = (), *, where: str = "", order: str = ""
) -> Generator[tuple[Any, ...], None, None]:
    """Rows of the table that belong in the file: what names them, as bytes, and these fields."""
    texts = {info.name: plan.key_text_sql for info, plan in zip(table.copied, table.columns, strict=True)}
    names = [_bytes(texts.get(name, f"{quoting.identifier(name)}::text")) for name in _named(table)]
    listed = ", ".join([*names, *fields]) or "true"
    condition = filters.both(where, filters.belongs(table)) or "true"
    query = f"SELECT {listed} FROM {table.quoted} WHERE {condition}" + (f" ORDER BY {order}" if order else "")
    with conn.transaction(), conn.cursor("misfits", row_factory=tuple_row) as cursor:
        cursor.itersize = _AT_ONCE
        yield from cursor.execute(query.encode())


def _place(conn: Connection, table: Table, row: Sequence[Any]) -> str:
    """`, row id = 7`, in the form in which PostgreSQL shows it."""
    names = _named(table)
    codec = _codec(conn)
    shown = [f"{name} = {value.decode(codec, 'backslashreplace')}" for name, value in zip(names, row, strict=False)]
    return f", row {', '.join(shown)}" if shown else ""
