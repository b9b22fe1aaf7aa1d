"""Compares one table of the file with the source, by value, in bounded memory.

First a count and a sum of row hashes per range of keys, on both sides, both computed by DuckDB over the same converted
values; then only the rows of the ranges that differ. An integer key is cut into ranges of its values, so that the
second step reads only those from PostgreSQL; any other key into ranges of its hash.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from app import exact, statements
from jobs import quoting
from jobs.engine import intake
from jobs.engine import rows as apply
from jobs.engine.session import DuckSession
from jobs.tables import filters
from jobs.tables.table import Table
from jobs.types import column_plan
from jobs.types.wire import Wire
from jobs.verify.results import Difference

_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT")
_ROWS_PER_RANGE = 2_000
_MOST_RANGES = 50_000
# More ranges than this in one WHERE cost PostgreSQL more than reading the table.
_MOST_CONDITIONS = 500


@dataclass(frozen=True)
class Outcome:
    """What the comparison of one table found; `differences` is cut at the asked-for number, the counts are not."""

    rows_source: int
    rows_file: int
    missing: int
    extra: int
    different: int
    differences: tuple[Difference, ...]

    @property
    def equal(self) -> bool:
        return not (self.missing or self.extra or self.different)


class Comparison:
    """Compares the table in `out` with the source in the joined snapshot. `sample` is the share of ranges looked at."""

    def __init__(self, session: DuckSession, table: Table, *, limit: int = 20, sample: float | None = None) -> None:
        self._session = session
        self._table = table
        self._limit = limit
        self._sample = sample
        self._ranges = _Ranges.of(session, table)

    def run(self) -> Outcome:
        """Sums, then the rows of the ranges whose sums differ. Leaves `temp.found` for `mend`."""
        self._sums()
        n_source, n_file = (self._session.one(f"SELECT coalesce(sum(n), 0)::BIGINT FROM temp.{t}") for t in _SUMS)
        bad = [row["range"] for row in self._session.rows(statements.get("verify", "bad_ranges"))]
        self._fetch(bad)
        counts = {row["kind"]: row["n"] for row in self._session.rows(statements.get("verify", "counts"))}
        if self._table.deletes.keeps:
            counts.pop("extra", None)
        differences = self._differences(counts)
        return Outcome(
            n_source, n_file, counts.get("missing", 0), counts.get("extra", 0), counts.get("different", 0), differences
        )

    def mend(self) -> int:
        """Write what the source has over what differs; the number of rows mended. After `run`, in a transaction."""
        table, name = self._table, apply.out(self._table)
        columns = quoting.listed(plan.name for plan in table.columns)
        if not table.key:
            self._session.execute(f"DELETE FROM {name}")
            return intake.insert(self._session, name, self._source(""))
        kinds = "('missing', 'different')" if table.deletes.keeps else "('missing', 'different', 'extra')"
        wrong = f"SELECT {_listed_keys(table)} FROM temp.found WHERE kind IN {kinds}"
        key = quoting.listed(table.key)
        self._session.execute(f"DELETE FROM {name} WHERE ({key}) IN ({wrong})")
        self._session.execute(
            f"INSERT INTO {name} ({columns}) SELECT {columns} FROM temp.in_source WHERE ({key}) IN ({wrong})"
        )
        return int(self._session.one(f"SELECT count(*) FROM temp.found WHERE kind IN {kinds}"))

    def drop(self) -> None:
        """Free the temporary tables."""
        for name in (*_SUMS, "in_source", "in_file", "found"):
            self._session.execute(f"DROP TABLE IF EXISTS temp.{name}")

    def _source(self, where: str) -> Wire:
        both = " AND ".join(f"({part})" for part in (where, filters.belongs(self._table)) if part)
        return apply.source_rows(self._table, self._table.columns, both)

    def _sums(self) -> None:
        drawn = self._ranges.drawn(self._sample)
        rows = ", ".join(plan.exact_sql for plan in self._table.columns)
        source, file = _SUMS

        def summed(side: str) -> str:
            return (
                f"SELECT {self._ranges.expression} AS range, count(*) AS n, sum(hash({rows})) AS sum"
                f" FROM ({side}) WHERE {drawn} GROUP BY 1"
            )

        intake.make(self._session, source, self._source(""), summed)
        self._session.execute(f"CREATE TEMP TABLE {file} AS {summed(f'SELECT * FROM {apply.out(self._table)}')}")

    def _fetch(self, bad: Sequence[int]) -> None:
        """The rows of these ranges from both sides, and which of them differ and how."""
        listed = f"{self._ranges.expression} IN ({', '.join(map(str, bad)) or 'NULL'})"
        where = self._ranges.condition(bad)

        def chosen(rows: str) -> str:
            return f"SELECT * FROM ({rows}) WHERE {listed}"

        intake.make(self._session, "in_source", self._source(where), chosen)
        self._session.execute(f"CREATE TEMP TABLE in_file AS SELECT * FROM {apply.out(self._table)} WHERE {listed}")
        self._session.execute(_found_by_key(self._table) if self._table.key else _found_by_row(self._table))

    def _differences(self, counts: dict[str, int]) -> tuple[Difference, ...]:
        names = self._table.key or tuple(plan.name for plan in self._table.columns)
        kinds = {plan.name: plan.duckdb_type for plan in self._table.columns}
        columns = ", ".join(
            f"{self._held(kinds[name], f'k{place}')} AS {quoting.identifier(name)}" for place, name in enumerate(names)
        )
        rows = self._session.rows(f"SELECT kind, columns, {columns} FROM temp.found ORDER BY ALL LIMIT {self._limit}")
        counted = [row for row in rows if row["kind"] in counts]
        return tuple(
            Difference({name: row[name] for name in names}, row["kind"], tuple(row["columns"] or ())) for row in counted
        )

    def _held(self, duckdb_type: str, value: str) -> str:
        """The value in the form that Python can hold; of 32-bit numbers the double with the same digits."""
        if duckdb_type.startswith("FLOAT"):
            texts, doubles = (duckdb_type.replace("FLOAT", other) for other in ("VARCHAR", "DOUBLE"))
            return f"CAST(CAST({value} AS {texts}) AS {doubles})"
        return exact.expression(self._session.connection.type(duckdb_type), value)


_SUMS = ("sums_source", "sums_file")


@dataclass(frozen=True)
class _Ranges:
    """How the keys are cut: `expression` is DuckDB's SQL for a row's range, a number from 0; `column` PostgreSQL's."""

    expression: str
    count: int
    column: str = ""
    lowest: int = 0
    width: int = 0

    @classmethod
    def of(cls, session: DuckSession, table: Table) -> _Ranges:
        rows = session.one(f"SELECT count(*) FROM {apply.out(table)}")
        count = max(1, min(max(rows, table.rows) // _ROWS_PER_RANGE, _MOST_RANGES))
        keys = table.key_plans()
        if len(keys) == 1 and keys[0].duckdb_type in _INTEGERS:
            return cls._of_integers(session, table, keys[0], count)
        cut = keys or table.columns
        return cls(f"(hash({', '.join(plan.exact_sql for plan in cut)}) % {count})::BIGINT", count)

    @classmethod
    def _of_integers(cls, session: DuckSession, table: Table, key: column_plan.ColumnPlan, count: int) -> _Ranges:
        name = quoting.identifier(key.name)
        bounds = session.rows(f"SELECT min({name}) AS lowest, max({name}) AS highest FROM {apply.out(table)}")[0]
        lowest, highest = bounds["lowest"] or 0, bounds["highest"] or 0
        width = max(1, -(-(highest - lowest + 1) // count))
        # Keys outside of what the file holds fall into the first and the last range.
        place = f"(({name}::HUGEINT - {lowest}) // {width})::HUGEINT"
        column = quoting.identifier(table.source_key[0])
        return cls(f"greatest(0, least({count - 1}, {place}))::BIGINT", count, column, lowest, width)

    def drawn(self, sample: float | None) -> str:
        """DuckDB's condition for the ranges that are looked at: all, or a random share of them."""
        if sample is None or sample >= 1:
            return "true"
        wanted = random.sample(range(self.count), max(1, round(self.count * sample)))
        return f"{self.expression} IN ({', '.join(map(str, wanted))})"

    def condition(self, ranges: Sequence[int]) -> str:
        """PostgreSQL's condition for the rows of these ranges; empty where reading all costs less."""
        if not self.width or len(ranges) > _MOST_CONDITIONS or not ranges:
            return "" if ranges else "false"
        return " OR ".join(self._one(place) for place in ranges)

    def _one(self, place: int) -> str:
        low = self.lowest + place * self.width
        tests = [f"{self.column} >= {low}"] if place > 0 else []
        if place < self.count - 1:
            tests.append(f"{self.column} < {low + self.width}")
        return f"({' AND '.join(tests)})" if tests else "true"


def _found_by_key(table: Table) -> str:
    """Keys on one side only, keys whose columns differ (and which), and keys that the file holds more than once."""
    keys = [quoting.identifier(name) for name in table.key]
    joined = " AND ".join(f"s.{name} = f.{name}" for name in keys)
    parts = ", ".join(f"coalesce(s.{name}, f.{name}) AS k{place}" for place, name in enumerate(keys))
    differing = ", ".join(
        f"CASE WHEN {apply.exact(plan, 's')} IS DISTINCT FROM {apply.exact(plan, 'f')}"
        f" THEN {quoting.literal(plan.name)} END"
        for plan in table.columns
    )
    doubled = ", ".join(f"{name} AS k{place}" for place, name in enumerate(keys))
    there = _free("there", table)
    return f"""
    CREATE TEMP TABLE found AS
    WITH pairs AS (
        SELECT
            CASE WHEN f.{there} IS NULL THEN 'missing' WHEN s.{there} IS NULL THEN 'extra' ELSE 'different' END AS kind,
            list_filter([{differing}], lambda c: c IS NOT NULL) AS columns,
            {parts}
        FROM (SELECT *, 1 AS {there} FROM temp.in_source) AS s
        FULL JOIN (SELECT *, 1 AS {there} FROM temp.in_file) AS f ON {joined}
    )
    SELECT DISTINCT kind, CASE WHEN kind = 'different' THEN columns END AS columns, * EXCLUDE (kind, columns)
    FROM pairs WHERE kind <> 'different' OR len(columns) > 0
    UNION ALL
    SELECT 'extra', NULL, {doubled} FROM temp.in_file GROUP BY {", ".join(keys)} HAVING count(*) > 1
    """


def _found_by_row(table: Table) -> str:
    """Without a key a row is what it holds: rows that one side has more often than the other."""
    names = [quoting.identifier(plan.name) for plan in table.columns]
    values = ", ".join(f"{name} AS k{place}" for place, name in enumerate(names))
    exact = ", ".join(plan.exact_sql for plan in table.columns)
    side = _free("side", table)
    return f"""
    CREATE TEMP TABLE found AS
    WITH counted AS (
        SELECT {values}, sum({side}) AS balance
        FROM (
            SELECT *, 1 AS {side} FROM temp.in_source
            UNION ALL
            SELECT *, -1 AS {side} FROM temp.in_file
        )
        GROUP BY {", ".join(names)}, {exact}
        HAVING sum({side}) <> 0
    )
    SELECT
        CASE WHEN balance > 0 THEN 'missing' ELSE 'extra' END AS kind,
        NULL::VARCHAR[] AS columns,
        * EXCLUDE (balance)
    FROM counted, LATERAL (SELECT unnest(range(abs(balance)::BIGINT)) AS n)
    """


def _free(name: str, table: Table) -> str:
    """A column name that the table does not have, quoted."""
    taken = {quoting.fold(plan.name) for plan in table.columns}
    while name in taken:
        name += "_"
    return quoting.identifier(name)


def _listed_keys(table: Table) -> str:
    fields = ", ".join(f"k{place}" for place in range(len(table.key)))
    return f"({fields})" if len(table.key) > 1 else fields
