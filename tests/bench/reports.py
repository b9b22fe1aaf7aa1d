"""6. Reports on the file and the same SQL on PostgreSQL, in which every report must give the same rows.

PostgreSQL runs the report's own text. What only DuckDB understands is rewritten, see `_REWRITTEN`; nothing else is.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg

from tests.bench import child, shop, source
from tests.bench.bench import Bench, interleaved, seconds
from tests.bench.figures import pair_ratio

GROUP = "reports"
NAMES = (
    "sales_monthly", "top_products", "top_customers", "sales_by_country", "returns_rate", "payments_by_method",
    "order_status",
)  # fmt: skip
_REWRITTEN = (
    # PostgreSQL finds a row's day fast as it is, so it does without the table of the zone's offsets.
    (r"WITH clock AS \(.*?\n\),\n", "WITH "),
    (r"\n *LEFT JOIN clock ON [^\n]*", ""),
    (r"COALESCE\(\s*CAST\(make_timestamp\(.*?\) AS DATE\),\s*(CAST\(\S+ AT TIME ZONE \S+ AS DATE\))\s*\)", r"\1"),
    # It would put what is used twice into a table first, read by one process and without statistics.
    (r"\b(kept_order|bought_order) AS \(", r"\1 AS NOT MATERIALIZED ("),
    (r"INTERVAL 1 month", "INTERVAL '1 month'"),
    (r"unnest\((generate_series\(.*?\))\) AS DATE", r"\1 AS DATE"),
    (r"HUGEINT", "numeric"),
    (r"\(\(2 \* ABS\(cents\) \+ periods\) // \(2 \* periods\)\)", "div(2 * ABS(cents) + periods, 2 * periods)"),
    # A frame's bound may hold no column there.
    (r"width - 1 PRECEDING", "$months - 1 PRECEDING"),
    (r"array_position\(\[(.*?)\]", r"array_position(ARRAY[\1]"),
    (r"total\.returned / total\.sold", "total.returned::double precision / total.sold"),
    # Dividing gives DuckDB a floating-point number of integers and decimals alike.
    (r"ROUND\(100 \* (\w+) / ", r"ROUND(100.0 * \1 / "),
)
_SESSION = "SET work_mem = '256MB'; SET timezone = 'UTC'"


def measure(bench: Bench) -> None:
    """Load the shop, then each report on both sides in pairs."""
    from app.oltp import migrations

    url, path, report = bench.cluster.create_database(), bench.target("shop"), bench.report
    migrations.migrate(url)
    shop.fill(url, bench.rows)
    tables = [f"shop.{name}" for name in shop.TABLES]
    child.call("track", url=url, tables=tables)
    first = child.call("load", url=url, path=path, tables=tables, models=True)
    lines = source.ask(url, "SELECT count(*) FROM shop.order_items")
    report.add(
        GROUP,
        f"first load of the shop with its read models, {lines:,} order lines",
        "s",
        [first["seconds"]],
        f"{first['rows']:,} rows",
    )
    ratios = [_one(bench, url, path, name) for name in NAMES]
    for least, wanted in ((20, 5), (100, 3)):
        enough = sum(ratio >= least for ratio in ratios)
        report.hold(GROUP, f"reports {least} times as fast as PostgreSQL", enough, wanted, at_least=True)
    report.hold(GROUP, "their geometric mean", math.exp(sum(map(math.log, ratios)) / len(ratios)), 20, at_least=True)
    bench.drop(url)


def _one(bench: Bench, url: str, path: str, name: str) -> float:
    ours, theirs = on_file(path, name), on_postgres(url, name)
    check_equal(name, ours["rows"], theirs["rows"])
    files, servers = interleaved(
        [lambda: on_file(path, name), lambda: on_postgres(url, name)], max(2, bench.repeats // 2)
    )
    bench.report.add(GROUP, f"{name} on the file", "s", seconds(files))
    bench.report.add(GROUP, f"{name} on PostgreSQL", "s", seconds(servers))
    return bench.report.add(
        GROUP, f"{name}: PostgreSQL / file", "x", pair_ratio(seconds(servers), seconds(files))
    ).median


def on_file(path: str, name: str) -> dict[str, Any]:
    """The report as `neaptide report` runs it, opening the file included."""
    from app.queries import reports
    from app.reporting import opening

    began = time.monotonic()
    with opening.open(Path(path)) as store:
        rows = reports.run(store, reports.shop().get(name)).rows
    return {"seconds": time.monotonic() - began, "rows": rows}


def on_postgres(url: str, name: str) -> dict[str, Any]:
    """The same statement on PostgreSQL, in a session that has room to sort and may use parallel workers."""
    from app.queries import parameters, reports

    report = reports.shop().get(name)
    given = parameters.values(report.parameters, {}, date.today())
    # Bound in the client, so that the planner sees the values.
    with psycopg.connect(url, cursor_factory=psycopg.ClientCursor, autocommit=True) as conn:
        conn.execute(_SESSION)
        statement = translated(report.sql)
        began = time.monotonic()
        rows = conn.execute(statement.encode(), dict(given)).fetchall()
        return {"seconds": time.monotonic() - began, "rows": rows}


def translated(text: str) -> str:
    """A report's text in PostgreSQL's SQL, with psycopg's parameters."""
    for pattern, replacement in _REWRITTEN:
        text = re.sub(pattern, replacement, text, flags=re.DOTALL)
    return re.sub(r"\$(\w+)", r"%(\1)s", text.replace("%", "%%"))


def check_equal(name: str, ours: Sequence[tuple[Any, ...]], theirs: Sequence[tuple[Any, ...]]) -> None:
    """Raise unless both sides say the same, row by row in order."""
    one, other = (
        [[_plain(value) for value in row] for row in ours],
        [[_plain(value) for value in row] for row in theirs],
    )
    if one != other:
        place = next((i for i, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), len(one))
        raise RuntimeError(f"{name} differs at row {place}: {one[place : place + 1]} and {other[place : place + 1]}")


def _plain(value: Any) -> Any:
    """Numbers to two places, since percentages are rounded from other types; times to days."""
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return round(float(value), 2)
    return value.date() if isinstance(value, datetime) else value
