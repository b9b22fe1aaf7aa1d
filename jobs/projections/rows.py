"""What a handler writes with: the rows of its table, put into the file when all events are handled."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from app import errors
from jobs import quoting
from jobs.engine.session import DuckSession
from jobs.projections.projection import SCHEMA, Projection

Key = tuple[str, ...]


class Rows:
    """The rows of one projection, by key."""

    def __init__(self, file: DuckSession, projection: Projection) -> None:
        self._file, self._of = file, projection
        self._changed: dict[Key, dict[str, Any] | None] = {}

    def put(self, **values: Any) -> None:
        """Insert the row of this key, or change those columns of it that are given."""
        self._check(values)
        row = {} if len(values) == len(self._of.columns) else self.get(**self._key_of(values)) or {}
        self._changed[self._texts(values)] = {**dict.fromkeys(self._of.columns), **row, **values}

    def get(self, **key: Any) -> dict[str, Any] | None:
        """The row of this key as it is now; None where there is none."""
        texts = self._texts(key)
        if texts not in self._changed:
            return self._read(texts)
        row = self._changed[texts]
        return None if row is None else dict(row)

    def delete(self, **key: Any) -> None:
        """Take the row of this key away, if it is there."""
        self._changed[self._texts(key)] = None

    def flush(self) -> None:
        """Write what was changed."""
        if not self._changed:
            return
        names = list(self._of.key)
        gone = [dict(zip(names, key, strict=True)) for key in self._changed]
        self._run(f"DELETE FROM {self.table} AS t USING ({self._listed(names)}) AS d WHERE {self._same}", gone)
        rows = [{name: text(row[name]) for name in self._of.columns} for row in self._changed.values() if row]
        if rows:
            self._run(f"INSERT INTO {self.table} {self._listed(list(self._of.columns))}", rows)
        self._changed.clear()

    @property
    def table(self) -> str:
        """Its place in the file."""
        return f"out.{quoting.qualified(SCHEMA, self._of.name)}"

    @property
    def _same(self) -> str:
        return " AND ".join(f"t.{quoting.identifier(name)} = d.{quoting.identifier(name)}" for name in self._of.key)

    def _listed(self, names: list[str]) -> str:
        """The rows of the one parameter, which is JSON, as a SELECT with the columns' types."""
        shape = quoting.literal(json.dumps([dict.fromkeys(names, "VARCHAR")]))
        fields = ", ".join(
            f"r.{quoting.identifier(name)}::{self._of.columns[name]} AS {quoting.identifier(name)}" for name in names
        )
        return f"SELECT {fields} FROM (SELECT unnest(from_json(?::JSON, {shape})) AS r)"

    def _read(self, key: Key) -> dict[str, Any] | None:
        names = list(self._of.columns)
        listed = ", ".join(f"t.{quoting.identifier(name)}" for name in names)
        query = f"SELECT {listed} FROM {self.table} AS t, ({self._listed(list(self._of.key))}) AS d WHERE {self._same}"
        row = self._run(query, [dict(zip(self._of.key, key, strict=True))]).fetchone()
        return None if row is None else dict(zip(names, row, strict=True))

    def _run(self, query: str, rows: list[dict[str, Any]]) -> Any:
        return self._file.connection.execute(query, [json.dumps(rows)])

    def _check(self, values: Mapping[str, Any]) -> None:
        unknown = sorted(values.keys() - self._of.columns.keys())
        if unknown:
            raise errors.UsageError(f"the projection {self._of.name} has no column {unknown[0]}")

    def _key_of(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return {name: values.get(name) for name in self._of.key}

    def _texts(self, values: Mapping[str, Any]) -> Key:
        texts = [text(values.get(name)) for name in self._of.key]
        if None in texts:
            raise errors.UsageError(f"a row of the projection {self._of.name} needs {', '.join(self._of.key)}")
        return tuple(str(one) for one in texts)


def text(value: Any) -> str | None:
    """As DuckDB casts it to any type."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, datetime | date):
        return value.isoformat()
    return json.dumps(value) if isinstance(value, bool | dict | list) else str(value)
