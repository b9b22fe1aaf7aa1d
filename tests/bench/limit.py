"""The bare limit of a run with few changed rows, measured beside it: what no way of doing it could leave out.

The rows are read from PostgreSQL by one COPY of a query by key and thrown away. DuckDB alone then brings a file over
the changes of two runs, since each of two files is written by every other run: attach, DELETE by key, INSERT, a commit
that writes the file itself, detach, fsync. How the rows get from the one to the other is not in it.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import duckdb
import psycopg

from tests.bench import source

_KEYS = "SELECT 1 + g * {step} + {turn} % {step} FROM generate_series(0, {count}::bigint - 1) AS g"


class Limit:
    """Two files of the published one's content, to which each turn's changes are made in turns."""

    def __init__(self, url: str, published: Path, extension: Path | None, change: tuple[str, int, int]) -> None:
        self._url = url
        self._table, self._count, self._rows = change
        self._files = [published.with_name(f"limit_{place}.duckdb") for place in range(2)]
        for file in self._files:
            shutil.copyfile(published, file)
        self._session = duckdb.connect()
        self._session.execute("SET preserve_insertion_order = false")
        self._session.execute(f"LOAD '{extension}'" if extension else "INSTALL postgres; LOAD postgres")

    def turn(self, turn: int) -> tuple[float, float]:
        """Seconds of PostgreSQL's COPY and of DuckDB's part, for what `source.change` changed in this turn."""
        keys = self._keys(turn)
        read = self._copied(f"SELECT * FROM {self._table} WHERE id IN ({keys})")
        self._fetch(turn, keys)
        return read, self._applied(self._files[turn % 2], turn)

    def close(self) -> None:
        """End the session and remove the files."""
        self._session.close()
        for file in self._files:
            file.unlink(missing_ok=True)

    def _keys(self, turn: int) -> str:
        return _KEYS.format(step=max(1, self._rows // self._count), turn=turn * source.TURN, count=self._count)

    def _copied(self, query: str) -> float:
        with closing(psycopg.connect(self._url)) as conn, conn.cursor() as cursor:
            began = time.monotonic()
            with cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT binary)".encode()) as copy:
                for _ in copy:
                    pass
            return time.monotonic() - began

    def _fetch(self, turn: int, keys: str) -> None:
        """This turn's rows, in a table of the session; those of the turn before stay."""
        run = self._session.execute
        with _attached(self._session, f"'{self._url}' AS pg (TYPE postgres, READ_ONLY)", "pg"):
            query = f"SELECT * FROM {self._table} WHERE id IN ({keys})"
            run(f"CREATE TEMP TABLE turn_{turn} AS SELECT * FROM postgres_query('pg', '{query}')")
        if turn > 1:
            run(f"DROP TABLE turn_{turn - 2}")

    def _applied(self, file: Path, turn: int) -> float:
        both = [f"temp.turn_{turn}"] + ([f"temp.turn_{turn - 1}"] if turn else [])
        keys = " UNION ALL ".join(f"SELECT id FROM {name}" for name in both)
        older = f" UNION ALL SELECT * FROM {both[1]} ANTI JOIN {both[0]} USING (id)" if turn else ""
        began = time.monotonic()
        run = self._session.execute
        with _attached(self._session, f"'{file}' AS out", "out"):
            run("BEGIN")
            run(f"DELETE FROM out.{self._table} WHERE id IN ({keys})")
            run(f"INSERT INTO out.{self._table} SELECT * FROM {both[0]}{older}")
            run("SET checkpoint_threshold = '0b'")
            run("SET max_vacuum_tasks = 0")
            run("COMMIT")
        _sync(file)
        return time.monotonic() - began


@contextmanager
def _attached(session: duckdb.DuckDBPyConnection, what: str, name: str) -> Iterator[None]:
    session.execute(f"ATTACH {what}")
    yield
    session.execute(f"DETACH {name}")


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
