"""The files of a lake's tables at one snapshot, as its catalog has them.

Only this process asks the catalog: Spark is given paths, and rows that lie in the catalog itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import psycopg
from psycopg import sql

from app import errors, statements
from app.lakes import Lake
from app.reporting import lakes

_FLUSH = "run `neaptide lake tidy`"


@dataclass(frozen=True)
class File:
    """One Parquet file: `number` is the data file's that it is, or is about."""

    number: int
    path: str

    @property
    def name(self) -> str:
        return PurePosixPath(self.path).name


@dataclass(frozen=True)
class TableFiles:
    """What a table consists of. `fields`: the number of each column in the files, by its name in lower case.

    `gone` are rows of files that the catalog itself says are deleted, `inlined` the catalog's tables with rows.
    """

    fields: dict[str, int]
    data: tuple[File, ...]
    deletes: tuple[File, ...]
    gone: tuple[tuple[int, int], ...]
    inlined: tuple[str, ...]


class Catalog:
    """The catalog of a lake at one snapshot, in one transaction."""

    def __init__(self, lake: Lake, snapshot: int, connection: psycopg.Connection[Any]) -> None:
        self._lake, self._snapshot, self._connection = lake, snapshot, connection

    def files(self, schema: str, name: str) -> TableFiles:
        """The files of a table; its names are in lower case. Raises `errors.NotOnSpark`, `errors.SnapshotGone`."""
        tables = self._rows("table_at", schema=schema, name=name)
        if len(tables) != 1:
            raise errors.NotOnSpark(f"{schema}.{name} is {'no table' if not tables else 'several tables'} of the lake")
        number, *places = tables[0]
        folder = _within(_within(self._lake.data, *places[:2]), *places[2:])
        table = f"{schema}.{name}"
        data, deletes = (self._files(table, one, number, folder) for one in ("data_files_at", "delete_files_at"))
        gone, inlined = self._inlined(number)
        columns = self._rows("columns_at", table=number)
        fields = {str(column).lower(): int(field) for column, field, is_filled in columns if not is_filled}
        return TableFiles(fields, data, deletes, gone, inlined)

    def _files(self, table: str, block: str, number: int, folder: str) -> tuple[File, ...]:
        files = []
        for data_file, path, is_relative, kind, is_encrypted, is_mapped, newest in self._rows(block, table=number):
            if str(kind).lower() != "parquet" or is_encrypted or is_mapped:
                raise errors.NotOnSpark(f"{table} has files that Neaptide never wrote: encrypted, added, or no Parquet")
            if newest > self._snapshot:
                raise errors.SnapshotGone(f"files of {table} were put together meanwhile: ask again")
            files.append(File(int(data_file), _within(folder, path, is_relative)))
        return tuple(files)

    def _inlined(self, number: int) -> tuple[tuple[tuple[int, int], ...], tuple[str, ...]]:
        gone: list[tuple[int, int]] = []
        holding: list[str] = []
        for name, is_of_deletes in self._rows("inlined_tables", table=number):
            if is_of_deletes:
                text = "SELECT file_id, row_id FROM {} WHERE begin_snapshot <= %s"
                gone += self._asked(text, name, [self._snapshot])
            elif self._asked(_ANY_ROW, name, [self._snapshot, self._snapshot]):
                holding.append(str(name))
        return tuple(gone), tuple(holding)

    def _asked(self, text: str, table: str, given: list[int]) -> list[tuple[Any, ...]]:
        query = sql.SQL(text).format(sql.Identifier(table))
        return self._connection.execute(query, given).fetchall()

    def _rows(self, block: str, **given: object) -> list[tuple[Any, ...]]:
        query = statements.get("spark", block).encode()
        return self._connection.execute(query, {"snapshot": self._snapshot, **given}).fetchall()


_ANY_ROW = "SELECT 1 FROM {} WHERE begin_snapshot <= %s AND (end_snapshot IS NULL OR end_snapshot > %s) LIMIT 1"


@contextmanager
def opened(lake: Lake, snapshot: int) -> Iterator[Catalog]:
    """The catalog, at a snapshot that is there. Raises `errors.SnapshotGone`, `errors.CatalogUnavailable`."""
    try:
        with psycopg.connect(lake.conninfo) as connection:
            connection.read_only = True
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            if not exists(connection, snapshot):
                raise errors.SnapshotGone
            yield Catalog(lake, snapshot, connection)
    except psycopg.Error as error:
        raise lakes.failure(error) from error


def exists(connection: psycopg.Connection[Any], snapshot: int) -> bool:
    """Whether a snapshot was not cleaned away yet."""
    row = connection.execute(statements.get("lake", "has_snapshot").encode(), {"id": snapshot}).fetchone()
    return row is not None


def _within(folder: str, path: str, is_relative: bool) -> str:
    return str(PurePosixPath(folder) / path) if is_relative else path
