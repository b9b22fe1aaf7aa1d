"""The tables of a lake that a statement names, and the views that Spark sees them by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app import errors
from app.reporting.exposure import Exposure
from app.reporting.lakes import LakeStore
from app.spark import files, forms, frames, oracle

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_NEAPTIDE = "neaptide"
# Schema and name of a table, and the files of each; None for one that this process reads itself.
Name = tuple[str, str]
Known = dict[Name, files.TableFiles | None]


class LakeTables:
    """The tables of the store that a statement names, each with the view that Spark will know it by."""

    def __init__(self, base: LakeStore) -> None:
        self._base, self._exposure = base, Exposure(base.session)
        self.named: dict[Name, tuple[str, list[tuple[str, str]]]] = {}

    def find(self, schema: str, name: str) -> tuple[str, list[tuple[str, str]]] | None:
        if (schema, name) not in self.named:
            relation = ".".join(_quoted(part) for part in (schema, name) if part)
            columns = [(str(row[0]), str(row[1])) for row in self._base.query(f"DESCRIBE {relation}").rows]
            self.named[schema, name] = (f"t{len(self.named)}", columns)
        return self.named[schema, name]

    def stored(self, schema: str, name: str) -> tuple[str, str] | None:
        """The lake's table behind a name; None where it is a view."""
        return self._exposure.stored(schema, name)

    def located(self, catalog: files.Catalog) -> Known:
        """The files of all tables that were named. Raises `errors.NotOnSpark` for a view."""
        return {name: self._file(catalog, name) for name in self.named}

    def show(self, spark: SparkSession, known: Known) -> None:
        """Make each table a view of Spark's."""
        for name, table_files in known.items():
            self._view(spark, name, table_files)

    def _file(self, catalog: files.Catalog, name: Name) -> files.TableFiles | None:
        """The files of a table; None for what this process reads itself: Neaptide's own few rows."""
        behind = self.stored(*name)
        if name[0] == _NEAPTIDE:
            return None
        if behind is None:
            raise errors.NotOnSpark(f"{'.'.join(name)} is a view, which can't be carried over to Spark",
                                    hint="write its query into the report")  # fmt: skip
        return catalog.files(*behind)

    def _view(self, spark: SparkSession, name: Name, table_files: files.TableFiles | None) -> None:
        view, columns = self.named[name]
        held = [(n, kind) for n, (_, kind) in enumerate(columns) if forms.spark(kind) and not kind.endswith("[]")]
        if table_files is None:
            frames.of_rows(spark, view, frames.values(held, self._local(name, columns, held)))
            return
        fields = [frames.Field(n, kind, table_files.fields[columns[n][0].lower()]) for n, kind in held
                  if columns[n][0].lower() in table_files.fields]  # fmt: skip
        kinds = [(field.place, field.type) for field in fields]
        rows = self._inlined(name, columns, kinds, table_files.inlined) if table_files.inlined else None
        frames.of_files(spark, view, fields, table_files, rows)

    def _local(self, name: Name, columns: list[tuple[str, str]], held: list[tuple[int, str]]) -> list[Any]:
        relation = ".".join(map(_quoted, name))
        return self._base.read(f"SELECT {_carried(columns, held)} FROM {relation}")

    def _inlined(
        self, name: Name, columns: list[tuple[str, str]], held: list[tuple[int, str]], within: tuple[str, ...]
    ) -> str:
        """The SQL of the rows that lie in the catalog itself, which DuckDB reads."""
        schema, table = self.stored(*name) or name
        relation = f"reporting.{_quoted(schema)}.{_quoted(table)}"
        listed = ", ".join(f"'{one}'" for one in within)
        sql = f"SELECT {_carried(columns, held)} FROM {relation} WHERE filename IN ({listed})"
        return frames.values(held, self._base.read(sql))


def _carried(columns: list[tuple[str, str]], held: list[tuple[int, str]]) -> str:
    return ", ".join(oracle.carried(kind).replace("{v}", _quoted(columns[n][0])) for n, kind in held)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
