"""How many bytes a table's rows take once they are read, so that memory is bounded by bytes and not by rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import psycopg

from jobs import quoting
from jobs.source.connection import Connection
from jobs.tables.table import Table
from jobs.types import column_plan

# What DuckDB takes of a result at once, and a row group unless something else is asked for.
VECTOR, ROW_GROUP = 2048, 122_880
# What DuckDB keeps of every value beside the value.
_SLOT = 16
_SAMPLED_PAGES, _SAMPLED_ROWS = 200, 2000
_PLAIN = ("text", "varchar", "bpchar", "bytea")
_FIXED = ("bool", "int2", "int4", "int8", "float4", "float8", "date", "timestamp", "timestamptz", "uuid", "numeric")
# TOAST compresses about so well.
_COMPRESSED = 4


def row_group(conn: Connection, tables: Iterable[Table], *, memory: int) -> int:
    """How many rows a row group may have, so that two of the widest table take less than two thirds of `memory`.

    DuckDB writes a row group when it is full, and holds it until then, whatever its memory limit is. `memory` is in
    bytes. A multiple of 2048, at most DuckDB's own 122,880.
    """
    widest = max((mean(conn, table) for table in tables), default=0)
    fits = memory // (3 * max(widest, 1))
    return max(VECTOR, min(ROW_GROUP, fits) // VECTOR * VECTOR)


def mean(conn: Connection, table: Table) -> int:
    """The mean bytes of a row, of a sample; 0 for what is no table, where a sample may cost as much as all of it."""
    if table.kind not in "rpm":
        return 0
    sample = f"FROM {table.quoted}"
    if table.kind == "r" and not table.parts and table.pages > _SAMPLED_PAGES:
        sample += f" TABLESAMPLE SYSTEM ({100 * _SAMPLED_PAGES / table.pages:.6f})"
    sample = f"SELECT {of_row(table.copied)} AS bytes {sample} LIMIT {_SAMPLED_ROWS}"
    try:
        with conn.transaction():
            row = conn.execute(f"SELECT avg(s.bytes)::bigint AS bytes FROM ({sample}) AS s".encode()).fetchone()
    except psycopg.Error as error:
        # A partition on another server that is down, say: the table's own load will tell, and fail that table alone.
        if conn.closed or isinstance(error, psycopg.errors.QueryCanceled):
            raise
        return 0
    return int(row["bytes"] or 0) if row else 0


def of_row(infos: Sequence[column_plan.ColumnInfo]) -> str:
    """PostgreSQL's expression for the bytes of a row. It reads no TOAST: the length of a text is known without it."""
    return " + ".join(f"coalesce({_of_value(info)}, 0) + {_SLOT}" for info in infos) or "0"


def _of_value(info: column_plan.ColumnInfo) -> str:
    if info.generated == "v":
        # Worked out when it is read, which may fail.
        return "0"
    name = quoting.identifier(info.name)
    if info.type.resolved.name in _PLAIN:
        return f"octet_length({name})::bigint"
    return f"pg_column_size({name})::bigint * {1 if info.type.resolved.name in _FIXED else _COMPRESSED}"


def ranges(conn: Connection, table: Table, most: int) -> Iterator[tuple[str, str | None]]:
    """Ranges of ctid, each of rows of at most `most` bytes together, or of one row; the last one has no end."""
    # A scan of a large table may begin in its middle, where another one is (synchronize_seqscans).
    query = f"SELECT ctid::text AS place, {of_row(table.copied)} AS bytes FROM ONLY {table.quoted} ORDER BY ctid"
    begin, held = "(0,0)", 0
    with conn.cursor("widths") as cursor:
        for row in cursor.execute(query.encode()):
            if held and held + row["bytes"] > most:
                yield begin, row["place"]
                begin, held = row["place"], 0
            held += row["bytes"]
    yield begin, None
