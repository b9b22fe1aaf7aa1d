"""The shop's read models in a file that no sync made: each SELECT run once."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb

from jobs import quoting
from jobs.models import order
from jobs.models.analysis.shapes import Relation
from jobs.models.folder import found_in
from jobs.models.order import Planned
from tests.support.cli import ROOT

FOLDER = ROOT / "sql" / "models"
KEYS = {"shop.order_items": ("order_id", "line_no"), "shop.instalments": ("financing_id", "number")}


def planned(connection: duckdb.DuckDBPyConnection, catalog: str) -> Planned:
    """The shop's models over the tables of this file."""
    rows = connection.execute(
        "SELECT schema_name, table_name, json_group_object(column_name, data_type) FROM duckdb_columns() "
        "WHERE database_name = $1 AND schema_name = 'shop' GROUP BY ALL", [catalog],
    ).fetchall()  # fmt: skip
    names = {quoting.join_name(schema, name): json.loads(columns) for schema, name, columns in rows}
    tables = {name: Relation(columns, KEYS.get(name, ("id",))) for name, columns in names.items()}
    return order.planned(found_in(FOLDER), tables, catalog=catalog)


def build(link: Path) -> Planned:
    """Add all of them to the file behind the link."""
    file = link.resolve()
    with duckdb.connect() as connection:
        connection.execute(f"SET TimeZone = 'UTC'; ATTACH '{file}' AS out; CREATE SCHEMA out.models")
        found = planned(connection, "out")
        for name, analysis in found.analyses.items():
            connection.execute(f"CREATE TABLE out.models.{name} AS {analysis.text}")
        return found
