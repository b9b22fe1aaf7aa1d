"""Builds a reporting file as the sync leaves it, without a sync: rows in, file and link out."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

AS_OF = datetime(2024, 6, 30, 12, 0, tzinfo=UTC)
Row = Mapping[str, Any]

_STAMPS = "created_at TIMESTAMPTZ, updated_at TIMESTAMPTZ"
_COLUMNS = {
    "products": "id UUID, sku VARCHAR, name VARCHAR, unit_price DECIMAL(12,2), currency VARCHAR, status VARCHAR, "
    "version INTEGER",
    "customers": "id UUID, reference VARCHAR, name VARCHAR, street VARCHAR, city VARCHAR, postal_code VARCHAR, "
    "country VARCHAR, version INTEGER",
    "orders": "id UUID, number VARCHAR, customer_id UUID, status VARCHAR, currency VARCHAR, total DECIMAL(14,2), "
    "paid DECIMAL(14,2), placed_at TIMESTAMPTZ, paid_at TIMESTAMPTZ, shipped_at TIMESTAMPTZ, "
    "cancelled_at TIMESTAMPTZ, version INTEGER",
    "order_items": "order_id UUID, line_no INTEGER, product_id UUID, quantity INTEGER, unit_price DECIMAL(12,2), "
    "line_total DECIMAL(14,2), returned_quantity INTEGER",
    "order_returns": "id UUID, order_id UUID, line_no INTEGER, quantity INTEGER, amount DECIMAL(14,2), "
    "returned_at TIMESTAMPTZ, reference VARCHAR",
    "payments": "id UUID, order_id UUID, kind VARCHAR, amount DECIMAL(14,2), currency VARCHAR, method VARCHAR, "
    "paid_at TIMESTAMPTZ",
    "financings": "id UUID, order_id UUID, principal DECIMAL(14,2), currency VARCHAR, monthly_rate DECIMAL(9,6), "
    "instalments INTEGER, system VARCHAR, first_due_date DATE, simulated_at TIMESTAMPTZ",
    "instalments": "financing_id UUID, number INTEGER, due_date DATE, payment DECIMAL(14,2), "
    "principal DECIMAL(14,2), interest DECIMAL(14,2), balance DECIMAL(14,2)",
}


def build(
    folder: Path, tables: Mapping[str, Sequence[Row]] | None = None, *, as_of: datetime = AS_OF, run_id: str = "run-1"
) -> Path:
    """A published file in `folder`; its link is returned. Tables that aren't given are empty."""
    file = folder / "reporting.a.duckdb"
    write(file, tables or {}, as_of=as_of, run_id=run_id)
    link = folder / "reporting.duckdb"
    link.symlink_to(file.name)
    return link


def write(file: Path, tables: Mapping[str, Sequence[Row]], *, as_of: datetime = AS_OF, run_id: str = "run-1") -> None:
    """Write one file with all tables of the shop."""
    with duckdb.connect(str(file)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("CREATE SCHEMA shop; CREATE SCHEMA neaptide")
        for name, columns in _COLUMNS.items():
            connection.execute(f"CREATE TABLE shop.{name} ({columns}, {_STAMPS})")
            _fill(connection, name, tables.get(name, ()), file.with_suffix(".csv"))
        connection.execute("CREATE TABLE neaptide.run (as_of TIMESTAMPTZ, run_id VARCHAR, finished_at TIMESTAMPTZ)")
        connection.execute("INSERT INTO neaptide.run VALUES ($1, $2, $1)", [as_of, run_id])
        connection.execute("CREATE VIEW neaptide.freshness AS SELECT as_of, run_id, finished_at FROM neaptide.run")


def check_again(link: Path, *, as_of: datetime, run_id: str = "run-1") -> None:
    """What a run leaves that found nothing changed: a later `as_of` in the small file beside the link."""
    content = {"run_id": run_id, "as_of": as_of.isoformat(), "checked_at": as_of.isoformat()}
    link.with_name(link.name + ".freshness").write_text(json.dumps(content), encoding="utf-8")


def publish(link: Path, file: Path) -> None:
    """Swap the link by rename, as the sync does."""
    other = link.with_name("link.new")
    other.symlink_to(file.name)
    other.replace(link)


def _fill(connection: duckdb.DuckDBPyConnection, name: str, rows: Sequence[Row], scratch: Path) -> None:
    """Through a CSV file: row by row takes DuckDB a millisecond each."""
    if not rows:
        return
    described = connection.execute(f"SELECT * FROM shop.{name} LIMIT 0").description or []
    types = {column[0]: str(column[1]) for column in described}
    with scratch.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerows(["\\N" if row.get(column) is None else row[column] for column in types] for row in rows)
    connection.execute(
        f"INSERT INTO shop.{name} FROM read_csv($file, columns = {types!r}, nullstr = '\\N', header = false)",
        {"file": str(scratch)},
    )
    scratch.unlink()
