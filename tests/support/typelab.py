"""Carries tables from PostgreSQL to DuckDB by their plans, and reads both sides in ways that owe the plans nothing.

What is compared is a value's spelling, made on each side by other means than the plan's: microseconds since 1970 for
times, three numbers for an interval, digits for a decimal, bits for a float.
"""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import psycopg
from duckdb_extension_postgres_scanner import __file__ as package
from psycopg import conninfo

from app import config
from jobs import quoting
from jobs.source.connection import Source
from jobs.source.spool import Spool
from jobs.types import column_plan
from jobs.types.wire import Wire
from tests.support import otherserver
from tests.support.cluster import Cluster

EXTENSION = Path(package).parent / "extensions/v1.5.5/postgres_scanner.duckdb_extension"

SCHEMA = """
    CREATE EXTENSION hstore; CREATE EXTENSION citext; CREATE EXTENSION ltree; CREATE EXTENSION cube;
    CREATE EXTENSION isn; CREATE EXTENSION seg;
    CREATE TYPE mood AS ENUM ('ok', 'so "so"', 'it''s {a}, b\\c', ' ', '');
    CREATE TYPE "My Type" AS (a integer, "b c" text, d numeric);
    CREATE TYPE nest AS (one "My Type", many "My Type"[], how mood);
    CREATE DOMAIN price AS numeric(10, 2) CHECK (value >= 0);
    CREATE DOMAIN cheap AS price;
    CREATE DOMAIN list AS integer[];
    CREATE DOMAIN moods AS mood[];
    CREATE DOMAIN code AS char(4);
    CREATE TYPE floatrange AS RANGE (subtype = float8);
    CREATE TYPE raw;
    CREATE FUNCTION raw_in(cstring) RETURNS raw LANGUAGE internal IMMUTABLE STRICT AS 'textin';
    CREATE FUNCTION raw_out(raw) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
    CREATE TYPE raw (INPUT = raw_in, OUTPUT = raw_out, LIKE = text);
"""
# What a database may have set for its users must not change a single value.
_HOSTILE = """
    ALTER DATABASE {db} SET datestyle = 'German, DMY'; ALTER DATABASE {db} SET intervalstyle = 'sql_standard';
    ALTER DATABASE {db} SET timezone = 'Asia/Kathmandu'; ALTER DATABASE {db} SET extra_float_digits = -10;
    ALTER DATABASE {db} SET bytea_output = 'escape'; ALTER DATABASE {db} SET search_path = public, pg_catalog;
    ALTER DATABASE {db} SET quote_all_identifiers = on;
"""


@dataclass(frozen=True)
class Reading:
    """How to spell a value on each side, in SQL over `{v}`, and how to make spellings comparable."""

    postgres: str = "{v}::text"
    duckdb: str = "CAST({v} AS VARCHAR)"
    canonical: Callable[[str], Any] = str


def _digits(text: str) -> Any:
    return Decimal(text).as_tuple()


_MOMENT = Reading(
    "CASE WHEN isfinite({v}) THEN (extract(epoch FROM {v}) * 1000000)::bigint::text ELSE {v}::text END",
    "CASE WHEN isfinite({v}) THEN CAST(epoch_us({v}) AS VARCHAR) ELSE CAST({v} AS VARCHAR) END",
)
_PARTS = ("year", "month", "day", "hour", "minute", "microsecond")
READINGS = {
    "FLOAT": Reading(canonical=lambda text: struct.pack("<f", float(text))),
    "DOUBLE": Reading(canonical=lambda text: struct.pack("<d", float(text))),
    "DATE": Reading(canonical=lambda text: text.replace(" (BC)", " BC")),
    "TIMESTAMP": _MOMENT,
    "TIMESTAMPTZ": _MOMENT,
    # As text, DuckDB 1.5.5 leaves out an offset's minutes where they are 0, and its seconds become the minutes.
    "TIMETZ": Reading(
        "concat_ws(' ', {v}::time, extract(timezone FROM {v})::integer)",
        "concat_ws(' ', CAST({v} AS TIME), datepart('timezone', {v}))",
    ),
    "INTERVAL": Reading(
        "concat_ws(' ', " + ", ".join(f"extract({part} FROM {{v}})::bigint" for part in _PARTS) + ")",
        "concat_ws(' ', " + ", ".join(f"datepart('{part}', {{v}})" for part in _PARTS) + ")",
    ),
    "BLOB": Reading(duckdb="'\\x' || lower(hex({v}))"),
    "DECIMAL": Reading(canonical=_digits),
    # PostgreSQL types whose own text is not what the file should hold.
    "money": Reading("({v}::numeric)::text", canonical=_digits),
    "hstore": Reading(
        "CASE WHEN {v} IS NOT NULL THEN jsonb_build_array(public.akeys({v}), public.avals({v})) END",
        "CASE WHEN {v} IS NOT NULL THEN [map_keys({v}), map_values({v})] END",
    ),
}


class Lab:
    """One PostgreSQL database, with a DuckDB that reads from it as a run does."""

    def __init__(self, url: str) -> None:
        source = Source(url, config.Source())
        self.postgres = psycopg.connect(_conninfo(url, source), autocommit=True, prepare_threshold=None)
        self.spool = Spool(self.postgres, Path(tempfile.gettempdir()))  # type: ignore[arg-type]  whatever its rows are
        self.duckdb = duckdb.connect()
        self.duckdb.execute("SET TimeZone = 'UTC'")
        self.duckdb.execute(f"LOAD {quoting.literal(str(EXTENSION))}")
        attached = quoting.literal(_conninfo(url, source))
        self.duckdb.execute(f"ATTACH {attached} AS pg (TYPE postgres, READ_ONLY)")

    def close(self) -> None:
        self.duckdb.close()
        self.postgres.close()

    def columns(self, table: str) -> list[column_plan.ColumnInfo]:
        found = self.postgres.execute("SELECT %s::regclass::oid", (table,)).fetchone()
        assert found is not None
        return column_plan.read_columns(self.postgres, found[0])

    def plans(self, table: str, rule: column_plan.Rule | None = None) -> list[column_plan.ColumnPlan]:
        return [column_plan.plan_column(info, rule) for info in self.columns(table)]

    def copy(self, table: str, plans: Sequence[column_plan.ColumnPlan]) -> None:
        """Fill DuckDB's table `copy` from PostgreSQL's `table`, and assert that it arrives the same through a spool."""
        named = ", ".join(f"{plan.source_sql} AS {quoting.identifier(plan.name)}" for plan in plans)
        fields = ", ".join(f"{quoting.identifier(plan.name)} {plan.duckdb_type}" for plan in plans)
        wire = Wire(plans, f"SELECT {named} FROM {table}")
        for name, parts in (("copy", [wire.joined()]), ("spooled", map(wire.rows, self.spool.parts(wire.query)))):
            self.duckdb.execute(f"CREATE OR REPLACE TABLE {name} ({fields})")
            for rows in parts:
                self.duckdb.execute(f"INSERT INTO {name} {rows}")
        for chosen in ("*", "columns(*)::VARCHAR"):
            one, other = (f"SELECT {chosen} FROM {name}" for name in ("copy", "spooled"))
            differing = f"({one} EXCEPT ALL {other}) UNION ALL ({other} EXCEPT ALL {one})"
            assert not self.duckdb.execute(f"SELECT count(*) FROM ({differing})").fetchall()[0][0]

    def make(self, kind: str, values: Sequence[str | None]) -> None:
        """A table `public.t` of a column v of these values, and NULL last, in the order of its column n."""
        self.postgres.execute("DROP TABLE IF EXISTS public.t")
        query = f"INSERT INTO public.t VALUES (%s, CAST(%s::text AS {kind}))"
        with otherserver.able(self.postgres), self.postgres.cursor() as cursor:
            cursor.execute(f"CREATE TABLE public.t (n integer, v {kind})")  # type: ignore[arg-type]
            cursor.executemany(query, list(enumerate([*values, None])))  # type: ignore[arg-type]

    def compare(self, table: str = "public.t") -> list[column_plan.ColumnPlan]:
        """Copy a table that has a column n to order by, and assert that every column arrived."""
        infos, plans = self.columns(table), self.plans(table)
        self.copy(table, plans)
        for info, plan in zip(infos, plans, strict=True):
            assert self.stored_values(info, plan) == self.source_values(table, info, plan), (info.name, plan)
        return plans

    def source_values(self, table: str, info: column_plan.ColumnInfo, plan: column_plan.ColumnPlan) -> list[Any]:
        """The column's spellings in PostgreSQL, in the order of column n."""
        reading, column, kind = _reading(info, plan), quoting.identifier(info.name), info.type.resolved
        spelled = reading.postgres.replace("{v}", column)
        if plan.duckdb_type.endswith("]"):
            parts = f"{column}::float4[]" if kind.extension == "vector" and not kind.element else column
            inner = reading.postgres.replace("{v}", f"({parts})[i]")
            listed = f"array(SELECT {inner} FROM generate_subscripts({parts}, 1) AS i ORDER BY i)"
            spelled = f"CASE WHEN {column} IS NOT NULL THEN {listed} END"
        rows = self.postgres.execute(f"SELECT {spelled} FROM {table} AS t ORDER BY t.n").fetchall()  # type: ignore[arg-type]
        return [_canonical(reading, row[0]) for row in rows]

    def stored_values(self, info: column_plan.ColumnInfo, plan: column_plan.ColumnPlan) -> list[Any]:
        """The column's spellings in DuckDB, in the order of column n."""
        reading, column = _reading(info, plan), quoting.identifier(plan.name)
        spelled = reading.duckdb.replace("{v}", column)
        if plan.duckdb_type.endswith("]"):
            spelled = f"list_transform({column}, lambda e: {reading.duckdb.replace('{v}', 'e')})"
        rows = self.duckdb.execute(f"SELECT {spelled} FROM copy ORDER BY copy.n").fetchall()
        return [_canonical(reading, row[0]) for row in rows]


def _conninfo(url: str, source: Source) -> str:
    """Sessions with a run's settings from their login on, which last outside of transactions, too."""
    settings = {name: value.replace(" ", "\\ ") for name, value in column_plan.READER_SETTINGS.items()}
    options = " ".join(f"-c {name}={value}" for name, value in settings.items())
    return conninfo.make_conninfo(url, **source.options(), options=options)


def _reading(info: column_plan.ColumnInfo, plan: column_plan.ColumnPlan) -> Reading:
    kind = info.type.resolved
    base = plan.duckdb_type.split("(")[0].split("[")[0]
    own = READINGS.get((kind.element.resolved if kind.element else kind).name) if base != "VARCHAR" else None
    return own or READINGS.get(base, Reading())


def _canonical(reading: Reading, value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_canonical(reading, part) for part in value]
    return value if value is None else reading.canonical(value)


@contextmanager
def laboratory(postgres: Cluster) -> Iterator[Lab]:
    """A new database with types of every kind, settings that would change values, and a Lab on it."""
    url = postgres.create_database()
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(SCHEMA)
        if conn.execute("SELECT FROM pg_available_extensions WHERE name = 'vector'").fetchone() is not None:
            conn.execute("CREATE EXTENSION vector")
        name = quoting.identifier(url.rsplit("/", 1)[1])
        conn.execute(_HOSTILE.format(db=name))  # type: ignore[arg-type]
    lab = Lab(url)
    try:
        yield lab
    finally:
        lab.close()
        postgres.drop_database(url)
