"""A shop of three tables, with a read model of each kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jobs import results
from jobs.sessions import OpenSessions
from tests.support.modellab import check, write
from tests.support.syncing import Lab

BUYERS = "CREATE TABLE shop.buyers (id int PRIMARY KEY, name text, country text)"
BILLS = (
    "CREATE TABLE shop.bills (id int PRIMARY KEY, buyer int, day date, state text, total numeric(12, 2), "
    "weight double precision)"
)
LINES = "CREATE TABLE shop.lines (bill int, place int, article int, amount numeric(10, 2), PRIMARY KEY (bill, place))"
FILL = (
    "INSERT INTO shop.buyers SELECT g, 'buyer ' || g, CASE WHEN g % 4 > 0 THEN 'C' || g % 3 END "
    "FROM generate_series(1, 12) AS g",
    "INSERT INTO shop.bills SELECT g, 1 + g % 12, '2024-01-01'::date + g % 5, CASE WHEN g % 5 = 0 THEN 'open' "
    "ELSE 'paid' END, g, g % 3 FROM generate_series(1, 40) AS g",
    "INSERT INTO shop.lines SELECT 1 + g % 40, g / 40, g % 7, g FROM generate_series(1, 119) AS g",
)
MODELS = {
    "wide": (
        "SELECT l.bill, l.place, b.day, b.state, b.weight, y.name, l.amount FROM shop.lines l "
        "JOIN shop.bills b ON b.id = l.bill LEFT JOIN shop.buyers y ON y.id = b.buyer WHERE b.state <> 'void'",
        "bill, place",
    ),
    "per_day": (
        "SELECT CAST(b.day AS VARCHAR) AS date, y.country, count(*) AS n, "
        "CAST(sum(l.amount) AS DECIMAL(18, 2)) AS amount, "
        "sum(l.amount) FILTER (WHERE b.state = 'open') AS open FROM shop.lines l "
        "JOIN shop.bills b ON b.id = l.bill JOIN shop.buyers y ON y.id = b.buyer GROUP BY date, y.country",
        "",
    ),
    "totals": (
        "SELECT y.id, count(b.id) AS n, max(b.total) AS largest FROM shop.buyers y "
        "LEFT JOIN shop.bills b ON b.buyer = y.id GROUP BY y.id",
        "id",
    ),
    "ranked": ("SELECT id, rank() OVER (ORDER BY total DESC) AS rank FROM shop.bills", ""),
    "loyal": ("SELECT n, count(*) AS buyers FROM models.totals GROUP BY n", ""),
}
MOVES = (
    "UPDATE shop.bills SET day = day + 1, state = 'void' WHERE id = 3",
    "DELETE FROM shop.lines WHERE bill = 3",
    "UPDATE shop.buyers SET country = 'C9', name = 'moved' WHERE id IN (2, 4)",
    "DELETE FROM shop.buyers WHERE id = 5",
    "INSERT INTO shop.lines VALUES (7, 90, NULL, 5), (999, 1, 1, 1)",
    "INSERT INTO shop.bills VALUES (999, 2, '2024-02-01', 'open', NULL, '-0')",
    "UPDATE shop.bills SET id = 500 WHERE id = 8",
    "UPDATE shop.bills SET weight = '-0' WHERE id < 3",
    "DELETE FROM shop.bills WHERE id = 999",
    "UPDATE shop.lines SET amount = amount + 1 WHERE article = 2",
)


def opened(url: str, folder: Path, keep: OpenSessions | None = None, **spec: Any) -> Lab:
    """Three tables of a shop, synced, with a model of each kind."""
    lab = Lab(url, folder, [{"name": f"shop.{name}", **spec} for name in ("buyers", "bills", "lines")], keep=keep)
    stamp = "" if spec.get("watermark") in ("xid", "none") else ", updated_at timestamptz"
    lab.run("CREATE SCHEMA shop", *(f"{table[:-1]}{stamp})" for table in (BUYERS, BILLS, LINES)), *FILL)
    lab.track()
    for name, (select, key) in MODELS.items():
        write(lab, name, select, key)
    lab.sync()
    check(lab)
    return lab


def actions(run: results.Run) -> dict[str, str]:
    """What a run did to each model."""
    return {model.model: model.action for model in run.models}


def moved(lab: Lab, turns: int = 2) -> results.Run:
    """One change of an order and one of a line, synced, so often."""
    for turn in range(turns):
        lab.run(
            f"UPDATE shop.bills SET total = coalesce(total, 0) + 1, day = day + 1 WHERE id = {10 + turn}",
            f"UPDATE shop.lines SET amount = amount + 1 WHERE bill = {11 + turn}",
        )
        run = lab.sync()
        check(lab)
    return run
