"""The Online Retail file from Parquet to the monthly report, against sums that plain SQL makes of the file itself."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from app.demo import retail
from app.oltp import engine
from tests.support import retail as files
from tests.support.cli import Cli

# The rules of the importer once more, in one statement that shares nothing with it. A return is accepted where enough
# of the same customer, product and price is left; whether it is depends on those accepted before it, hence the walk.
BY_THE_RULES = """
WITH RECURSIVE lines AS (
    SELECT
        file_row_number AS row_no, trim(stock_code) AS code, quantity, unit_price, customer_id,
        starts_with(invoice_no, 'C') AS back,
        MIN(file_row_number) OVER (PARTITION BY invoice_no) AS first_row,
        MIN(invoice_date) OVER (PARTITION BY invoice_no) AS placed
    FROM read_parquet($path, file_row_number = TRUE)
    WHERE file_row_number < $limit
),
sound AS (
    SELECT * FROM lines
    WHERE customer_id IS NOT NULL
        AND IF(back, -quantity, quantity) >= 1
        AND unit_price > 0
        AND unit_price * 100 = trunc(unit_price * 100)
        AND code <> ''
),
numbered AS (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY customer_id, code, unit_price ORDER BY placed, first_row, row_no) AS n
    FROM sound
    WHERE (customer_id, code, unit_price) IN (SELECT (customer_id, code, unit_price) FROM sound WHERE back)
),
walk AS (
    SELECT row_no, customer_id, code, unit_price, n, NOT back AS accepted, greatest(quantity, 0) AS available
    FROM numbered
    WHERE n = 1
    UNION ALL
    SELECT
        numbered.row_no, numbered.customer_id, numbered.code, numbered.unit_price, numbered.n,
        walk.available + numbered.quantity >= 0,
        walk.available + IF(walk.available + numbered.quantity >= 0, numbered.quantity, 0)
    FROM walk
    JOIN numbered USING (customer_id, code, unit_price)
    WHERE numbered.n = walk.n + 1
),
accepted AS (
    SELECT * FROM sound
    WHERE NOT back OR row_no IN (SELECT row_no FROM walk WHERE accepted)
)
SELECT
    CAST(date_trunc('month', placed) AS DATE) AS month,
    COALESCE(SUM(quantity * unit_price) FILTER (WHERE NOT back), 0) AS gross,
    COALESCE(SUM(quantity * unit_price), 0) AS net,
    COUNT(*) AS lines
FROM accepted
GROUP BY month
ORDER BY month
"""


def by_the_rules(path: Path, limit: int = 2**62) -> list[tuple[Any, ...]]:
    with duckdb.connect() as connection:
        return connection.execute(BY_THE_RULES, {"path": str(path), "limit": limit}).fetchall()


def check(neaptide: Cli, url: str, limit: int | None) -> None:
    """Import, sync, and compare the report with the file, to the cent."""
    path = files.the_file()
    made = engine.create(url)
    read, totals = retail.import_file(made, path, limit=limit)
    made.dispose()
    neaptide("sync").ok()
    report = neaptide("report", "sales_monthly", "--json").ok()
    expected = by_the_rules(path, limit or 2**62)
    shown = [(one["month"], Decimal(str(one["gross"])), Decimal(str(one["net"]))) for one in report.json["rows"]]
    assert shown == [(str(month), gross, net) for month, gross, net, _ in expected]
    counts = {total.verdict: total.lines for total in totals}
    assert counts["accepted"] == sum(lines for *_, lines in expected)
    assert sum(counts.values()) == read and (limit is None or read == limit)
    assert neaptide("verify").code == 0


def test_a_month_in_the_report_is_the_sum_over_the_accepted_lines(neaptide: Cli, shop_db: str) -> None:
    check(neaptide, shop_db, 40_000)


@pytest.mark.bench
def test_so_it_is_for_the_whole_file(neaptide: Cli, shop_db: str) -> None:
    check(neaptide, shop_db, None)
