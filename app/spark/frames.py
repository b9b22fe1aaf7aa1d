"""A lake's tables in Spark: Parquet files by the numbers of their fields, without deleted rows, and what else there is.

Each becomes a view whose columns are called k0, k1, … in the order of the table's.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app import errors, statements
from app.spark import forms
from app.spark.files import File, TableFiles

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

# Names of Hadoop's that would mean several files.
_PATTERNS = "{}[]*?\\"
_READ = {"recursiveFileLookup": "true", "ignoreMissingFiles": "false", "ignoreCorruptFiles": "false"}
_ASKED = f"neaptide_{secrets.token_hex(8)}_"
_MOST_INLINED = 100_000


@dataclass(frozen=True)
class Field:
    """A column of a view: its place, its DuckDB type, and its number in the files."""

    place: int
    type: str
    number: int

    @property
    def asked(self) -> str:
        """What it is called while files are read: where a file had another column of that name, Spark took that."""
        return f"{_ASKED}{self.place}"


def of_files(spark: SparkSession, name: str, fields: Sequence[Field], files: TableFiles, rows: str | None) -> None:
    """Make the view of a table that consists of files; `rows` is the SQL of those that lie in the catalog."""
    names = Counter(file.name for file in files.data)
    if names and max(names.values()) > 1:
        raise errors.NotOnSpark("two files of a table have one name, so their deleted rows can't be told apart")
    touched = {file.number for file in files.deletes} | {number for number, _ in files.gone}
    whole = [file for file in files.data if file.number not in touched]
    parts = [_read(spark, whole, fields)] if whole or not files.data else []
    if touched:
        parts.append(_without_deleted(spark, [file for file in files.data if file.number in touched], fields, files))
    if rows is not None:
        parts.append(spark.sql(rows))
    frame = parts[0]
    for part in parts[1:]:
        frame = frame.unionByName(part)
    frame.createOrReplaceTempView(name)


def of_rows(spark: SparkSession, name: str, rows: str) -> None:
    """Make the view of a few rows that are known."""
    spark.sql(rows).createOrReplaceTempView(name)


def values(kinds: Sequence[tuple[int, str]], rows: Iterable[Sequence[Any]]) -> str:
    """The SQL of rows in the form that the oracle hands out, for columns of these places and types."""
    names = [f"k{place}" for place, _ in kinds]
    literals = [_row(kinds, row) for row in rows]
    if len(literals) > _MOST_INLINED:
        raise errors.NotOnSpark("the catalog itself holds too many rows", hint="run `neaptide lake tidy`")
    if not literals:
        nulls = ", ".join(f"{forms.null(kind)} AS k{place}" for place, kind in kinds)
        return f"SELECT {nulls} WHERE FALSE"
    return f"SELECT * FROM VALUES {', '.join(literals)} AS v({', '.join(names)})"


def _row(kinds: Sequence[tuple[int, str]], row: Sequence[Any]) -> str:
    return f"({', '.join(str(forms.constant(kind, value)) for (_, kind), value in zip(kinds, row, strict=True))})"


def _read(spark: SparkSession, files: Sequence[File], fields: Sequence[Field]) -> DataFrame:
    """Files, each column found by its number: a column that a file doesn't have yet is NULL."""
    schema = _schema(fields)
    if not files:
        return spark.sql(values([(field.place, field.type) for field in fields], []))
    paths = [_escaped(file.path) for file in files]
    return _formed(spark.read.options(**_READ).schema(schema).parquet(*paths), fields)


def _without_deleted(
    spark: SparkSession, files: Sequence[File], fields: Sequence[Field], table_files: TableFiles
) -> DataFrame:
    from pyspark.sql import functions

    read = spark.read.options(**_READ).schema(_schema(fields)).parquet(*[_escaped(file.path) for file in files])
    placed = read.select(
        "*", functions.col("_metadata.file_name").alias("f"), functions.col("_metadata.row_index").alias("p")
    )
    gone = _gone(spark, {file.number: file.name for file in files}, table_files)
    remaining = placed.join(gone, (placed.f == gone.file) & (placed.p == gone.pos), "left_anti")
    return _formed(remaining, fields)


def _gone(spark: SparkSession, names: dict[int, str], table_files: TableFiles) -> DataFrame:
    """Which rows are deleted: the name of their file, and their place in it."""
    from pyspark.sql import functions

    listed = [(forms.text(names[number]), str(place)) for number, place in table_files.gone]
    text = ", ".join(f"({name}, CAST({place} AS BIGINT))" for name, place in listed)
    known = spark.sql(
        f"SELECT * FROM VALUES {text} AS v(file, pos)" if listed else statements.get("spark", "none_gone")
    )
    if not table_files.deletes:
        return known
    about = ", ".join(f"({forms.text(file.name)}, {forms.text(names[file.number])})" for file in table_files.deletes)
    pairs = spark.sql(f"SELECT * FROM VALUES {about} AS v(d, file)")
    paths = [_escaped(file.path) for file in table_files.deletes]
    read = spark.read.options(**_READ).schema("pos BIGINT").parquet(*paths)
    placed = read.select("pos", functions.col("_metadata.file_name").alias("d")).join(functions.broadcast(pairs), "d")
    return known.unionByName(placed.select("file", "pos"))


def _schema(fields: Sequence[Field]) -> Any:
    from pyspark.sql.types import BinaryType, StructField, StructType, _parse_datatype_string

    return StructType(
        [
            StructField(
                field.asked,
                # A UUID is sixteen bytes there.
                BinaryType() if field.type == "UUID" else _parse_datatype_string(str(forms.spark(field.type))),
                True,
                {"parquet.field.id": field.number},
            )
            for field in fields
        ]
    )


def _formed(frame: DataFrame, fields: Sequence[Field]) -> DataFrame:
    expressions = [(_UUID if field.type == "UUID" else "{k}").replace("{k}", field.asked) for field in fields]
    return frame.selectExpr(*[f"{sql} AS k{field.place}" for sql, field in zip(expressions, fields, strict=True)])


_UUID = (
    r"CASE WHEN {k} IS NOT NULL THEN regexp_replace(lower(hex({k})), '^(.{8})(.{4})(.{4})(.{4})(.{12})$',"
    r" '$1-$2-$3-$4-$5') END"
)


def _escaped(path: str) -> str:
    return "file:" + "".join(f"\\{sign}" if sign in _PATTERNS else sign for sign in path)
