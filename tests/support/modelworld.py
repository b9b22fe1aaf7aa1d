"""A file of three tables with models, changed and kept as a run does it, without PostgreSQL."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Sequence
from typing import Any

import duckdb

from jobs.engine.session import DuckSession
from jobs.models.build import Builder
from jobs.models.file import Model
from jobs.models.folder import Folder
from jobs.models.upkeep import Replaced, Upkeep
from jobs.record import state
from jobs.results import ModelRun

Row = tuple[Any, ...]
# By table: its columns, and how many of them are the key.
TABLES: dict[str, tuple[str, int]] = {
    "buyers": ("id INTEGER, name VARCHAR, country VARCHAR", 1),
    "bills": ("id INTEGER, buyer INTEGER, day DATE, state VARCHAR, weight DOUBLE", 1),
    "lines": ("bill INTEGER, place INTEGER, article INTEGER, amount DECIMAL(10,2)", 2),
}


class World:
    """`changes` name rows by table: new versions as they are, keys alone for those that are gone."""

    def __init__(self, models: dict[str, tuple[str, str]]) -> None:
        self.connection = duckdb.connect(":memory:", config={"threads": 1})
        self.connection.execute("SET TimeZone = 'UTC'; ATTACH ':memory:' AS out; USE out; CREATE SCHEMA shop")
        self.file = DuckSession(self.connection)
        state.create_schema(self.file)
        for name, (columns, width) in TABLES.items():
            self.connection.execute(f"CREATE TABLE shop.{name} ({columns})")
            key = [column.split()[0] for column in columns.split(", ")[:width]]
            self.connection.execute(
                "INSERT INTO neaptide.watermarks (table_name, run_id, signature) VALUES (?, '0', ?)",
                [f"shop.{name}", json.dumps({"key": key})],
            )
        found = {name: Model(name, text, key=_key(key)) for name, (text, key) in models.items()}
        self.folder, self._runs = Folder(found), 0

    def run(self, changes: dict[str, Iterable[Row]]) -> list[ModelRun]:
        """One run: what goes and what comes is noted, applied, and followed by the models."""
        self._runs += 1
        run_id = f"{self._runs:09d}-random"
        self.connection.execute("BEGIN")
        upkeep = Upkeep(self.file, self.folder, run_id)
        upkeep.begin()
        batches = {name: _Batch(self.connection, name, list(rows)) for name, rows in changes.items()}
        upkeep.before({f"shop.{name}": one.replaced() for name, one in batches.items() if upkeep.reads(f"shop.{name}")})
        for one in batches.values():
            one.apply()
        self.connection.execute("UPDATE neaptide.watermarks SET run_id = ?", [run_id])
        upkeep.after([f"shop.{name}" for name in changes], ())
        self.connection.execute("COMMIT")
        return [*upkeep.plan.runs, *Builder(self.file, upkeep.plan).run()]

    def wrong(self) -> dict[str, int]:
        """The models that differ from their SELECTs, with how many rows; or of which another number is said."""
        found = {name: self._difference(name, model.text) for name, model in self.folder.models.items()}
        said = dict(self.connection.execute("SELECT name, rows FROM neaptide.models").fetchall())
        for name, rows in said.items():
            ((count,),) = self.connection.execute(f"SELECT count(*) FROM models.{name}").fetchall()
            found[name] += abs(rows - count)
        return {name: count for name, count in found.items() if count}

    def _difference(self, name: str, select: str) -> int:
        described = self.connection.execute(f"DESCRIBE {select}").fetchall()
        fields = ", ".join(f'"{row[0]}"::VARCHAR' for row in described)
        one, other = f"SELECT {fields} FROM models.{name}", f"SELECT {fields} FROM ({select})"
        query = f"SELECT count(*) FROM (({one} EXCEPT ALL {other}) UNION ALL ({other} EXCEPT ALL {one}))"
        found = self.connection.execute(query).fetchone()
        assert found is not None
        return int(found[0])


class _Batch:
    """The changes of one table."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, name: str, rows: Sequence[Row]) -> None:
        self._connection, self._name = connection, name
        columns, width = TABLES[name]
        self._names = [column.split()[0] for column in columns.split(", ")]
        self._key = ", ".join(self._names[:width])
        connection.execute(f"CREATE OR REPLACE TEMP TABLE now_{name} AS FROM shop.{name} LIMIT 0")
        connection.execute(f"CREATE OR REPLACE TEMP TABLE gone_{name} AS SELECT {self._key} FROM shop.{name} LIMIT 0")
        for row in {row[:width]: row for row in rows}.values():
            table = f"gone_{name}" if len(row) == width else f"now_{name}"
            connection.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", list(row))
        self._drop_unchanged()

    def replaced(self) -> Replaced:
        """As `jobs.apply.merge` tells it of a table."""
        columns = {name: kind for name, kind, *_ in self._connection.execute(f"DESCRIBE shop.{self._name}").fetchall()}
        old, new = f"temp.old_{self._name}", f"temp.new_{self._name}"
        self._connection.execute(
            f"CREATE OR REPLACE TEMP TABLE old_{self._name} AS FROM shop.{self._name} {self._goes()}"
        )
        self._connection.execute(f"CREATE OR REPLACE TEMP TABLE new_{self._name} AS FROM now_{self._name}")
        return Replaced(columns, old, new)

    def apply(self) -> None:
        """Changed and gone keys out, new versions in."""
        self._connection.execute(f"DELETE FROM shop.{self._name} {self._goes()}")
        self._connection.execute(f"INSERT INTO shop.{self._name} FROM temp.now_{self._name}")

    def _goes(self) -> str:
        parts = (f"SELECT ({self._key}) FROM temp.{kind}_{self._name}" for kind in ("now", "gone"))
        return f"WHERE ({self._key}) IN ({' UNION ALL '.join(parts)})"

    def _drop_unchanged(self) -> None:
        same = " AND ".join(f"n.{name}::VARCHAR IS NOT DISTINCT FROM t.{name}::VARCHAR" for name in self._names)
        self._connection.execute(
            f"DELETE FROM temp.now_{self._name} AS n WHERE EXISTS (SELECT 1 FROM shop.{self._name} AS t WHERE {same})"
        )


def drawn(r: random.Random) -> tuple[str, str]:
    """A SELECT over the three tables, and its key if it has to be named."""
    joins = f"shop.lines l {r.choice(('JOIN', 'LEFT JOIN'))} shop.bills b ON b.id = l.bill"
    if r.random() < 0.7:
        joins += (
            f" {r.choice(('JOIN', 'LEFT JOIN'))} shop.buyers y ON y.id = b.buyer{r.choice(('', ' AND l.article > 1'))}"
        )
    else:
        joins += " JOIN shop.buyers y ON y.id = l.article"
    where = r.choice(
        ("", " WHERE b.state <> 'void'", " WHERE y.id IS NULL OR l.amount > 3", " WHERE l.article IS NOT NULL")
    )
    if r.random() < 0.4:
        return (
            f"SELECT l.bill, l.place, b.day, b.state, b.weight, y.name, y.country, l.amount FROM {joins}{where}",
            "bill, place",
        )
    groups = r.sample(["b.day", "y.country", "l.article", "b.state", "l.bill"], r.randint(1, 3))
    sums = [
        "count(*) AS n",
        "sum(l.amount) AS amount",
        "count(y.id) AS buyers",
        "sum(l.amount) FILTER (b.state = 'open') AS o",
        "count(DISTINCT b.id) AS bills",
    ]
    other = [
        "max(l.amount) AS most",
        "count(DISTINCT y.country) AS countries",
        "avg(l.amount) AS mean",
        "min(b.day) AS first",
    ]
    wanted = r.sample(sums, r.randint(1, 4)) + (r.sample(other, r.randint(0, 2)) if r.random() < 0.5 else [])
    having = r.choice(("", "", " HAVING count(*) > 1", " HAVING sum(l.amount) > 4"))
    key = ", ".join(r.sample([group[2:] for group in groups], r.randint(1, len(groups))))
    return f"SELECT {', '.join(groups + wanted)} FROM {joins}{where} GROUP BY {', '.join(groups)}{having}", key


def batch(r: random.Random) -> dict[str, list[Row]]:
    """A bill, its lines and its buyer in one batch, besides others that have nothing to do with them."""
    found: dict[str, list[Row]] = {name: [] for name in TABLES}
    for _ in range(r.randint(1, 4)):
        bill, buyer = r.randint(1, 12), r.randint(1, 6)
        for table, row in (
            ("bills", _bill(r, bill)),
            ("lines", _line(r, bill)),
            ("lines", _line(r, bill)),
            ("buyers", _buyer(r, buyer)),
        ):
            if r.random() < 0.5:
                found[table].append(row[: TABLES[table][1]] if r.random() < 0.3 else row)
    return {name: rows for name, rows in found.items() if rows}


def _bill(r: random.Random, bill: int) -> Row:
    state, day = r.choice(("open", "paid", "void", None)), r.choice(("2024-01-01", "2024-01-02", None))
    return bill, r.choice((1, 2, 3, 4, None)), day, state, r.choice((0.0, -0.0, 1.5, None))


def _line(r: random.Random, bill: int) -> Row:
    return bill, r.randint(1, 3), r.choice((1, 2, 3, None)), r.choice((1, 2.5, 4, None))


def _buyer(r: random.Random, buyer: int) -> Row:
    return buyer, f"name {r.randint(1, 3)}", r.choice(("ES", "FR", None))


def _key(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",")) if text else ()
