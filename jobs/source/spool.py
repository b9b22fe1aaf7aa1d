"""Reads for a run that may have one PostgreSQL session only, on a standby: COPY fills a file, and DuckDB reads that.

A snapshot that a standby exports lacks its subtransactions where a transaction has more than 64 of them open. Whoever
imports it takes their rows for rolled back, and leaves that in the rows' hint bits, which every other session of the
standby believes from then on. So none is exported there, and the session that took the run's snapshot reads for all.

The values are exact for the same reason as from a session of DuckDB's: its extension decodes the same binary form.
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from psycopg import postgres

from app import errors
from jobs import disk, quoting
from jobs.source import failures
from jobs.source.connection import Connection
from jobs.types import forms

# What is in the file at once, in bytes, and in DuckDB's memory while it reads it; a larger row goes alone.
PART = 32 * 2**20
# PostgreSQL manual, COPY, "Binary Format": signature, flags and the header's extension; then the trailer.
_HEADER, _TRAILER = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"

_TYPES = {
    "bool": "BOOLEAN", "int2": "SMALLINT", "int4": "INTEGER", "int8": "BIGINT", "float4": "FLOAT", "float8": "DOUBLE",
    "text": "VARCHAR", "json": "VARCHAR", "jsonb": "VARCHAR", "bytea": "BLOB", "uuid": "UUID", "date": "DATE",
    "time": "TIME", "timetz": "TIMETZ", "timestamp": "TIMESTAMP", "timestamptz": "TIMESTAMPTZ", "interval": "INTERVAL",
}  # fmt: skip
# Their binary form is not the text alone.
_SENT_AS_TEXT = ("json", "jsonb")


class Spool:
    """The run's one session, whose transaction is open and has its snapshot. Threads take turns."""

    def __init__(self, conn: Connection, folder: Path) -> None:
        self._conn = conn
        # A dry run may be somebody's who can't write there.
        self._folder = folder if os.access(folder, os.W_OK) else None
        self._turn = threading.Lock()

    @contextmanager
    def setting(self, setting: str) -> Iterator[None]:
        """Plan queries with this setting, `name = value`, while the block lasts."""
        with failures.translated(), self._conn.transaction(force_rollback=True):
            self._conn.execute(f"SET LOCAL {setting}".encode())
            yield

    def parts(self, query: str) -> Generator[str]:
        """DuckDB's expressions for the rows of a query, of a part after the other; at least one, maybe without rows.

        Each holds until the next is asked for. An error of the query leaves the transaction open and its snapshot
        alone. The file has no name, so that nobody else reads it and a killed run leaves nothing behind.
        """
        with disk.translated(), tempfile.TemporaryFile(dir=self._folder) as file:
            with self._turn, failures.translated(), self._conn.transaction():
                columns = self._columns(query)
                held = 0
                for row in self._rows(query, columns):
                    # Before it is written, not after: the last one is the trailer, and no part can do without one.
                    if held >= PART:
                        file.write(_TRAILER)
                        yield _expression(file, columns)
                        file.seek(0)
                        file.truncate()
                        held = file.write(_HEADER)
                    held += file.write(row)
            # Whoever waits for a turn has it now.
            yield _expression(file, columns)

    def _columns(self, query: str) -> list[_Column]:
        result = self._conn.execute(f"SELECT * FROM ({query}) AS q LIMIT 0".encode()).pgresult
        assert result is not None
        places = range(result.nfields)
        return [_column((result.fname(n) or b"").decode(), result.ftype(n), result.fmod(n)) for n in places]

    def _rows(self, query: str, columns: Sequence[_Column]) -> Iterator[bytes | bytearray | memoryview]:
        """What COPY sends: a row at a time, the header before the first and the trailer after the last of them."""
        fields = ", ".join(column.sent for column in columns)
        command = f"COPY (SELECT {fields} FROM ({query}) AS q) TO STDOUT (FORMAT binary)".encode()
        with self._conn.cursor() as cursor, cursor.copy(command) as copy:
            yield from copy


@dataclass(frozen=True)
class _Column:
    """A column of a query: its name, what PostgreSQL sends of it, and the type that DuckDB reads it as."""

    name: str
    sent: str
    duckdb: str


def _column(name: str, oid: int, modifier: int) -> _Column:
    kind = postgres.types.get(oid)
    if kind is None or not (kind.name in _TYPES or (kind.name == "numeric" and modifier != -1)):
        raise errors.Bug(f"the type {oid} of {name} has no binary form that DuckDB reads")
    size = f"DECIMAL({','.join(map(str, forms.digits(modifier)))})" if kind.name == "numeric" else ""
    listed = "[]" if oid == kind.array_oid else ""
    cast = f"::text{listed}" if kind.name in _SENT_AS_TEXT else ""
    return _Column(name, quoting.identifier(name) + cast, f"{size or _TYPES[kind.name]}{listed}")


def _expression(file: IO[bytes], columns: Sequence[_Column]) -> str:
    file.flush()
    types = ", ".join(f"{quoting.literal(column.name)}: {quoting.literal(column.duckdb)}" for column in columns)
    return f"read_postgres_binary('/dev/fd/{file.fileno()}', buffer_size={file.tell()}, columns={{{types}}})"
