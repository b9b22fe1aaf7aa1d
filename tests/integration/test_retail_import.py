"""The importer of the Online Retail file, on small files made for each rule, and cut off in the middle."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine

from app import errors
from app.demo import retail
from app.oltp import engine
from tests.support import retail as files
from tests.support.cli import ROOT

UK = "United Kingdom"


@pytest.fixture
def shop(shop_db: str) -> Iterator[Engine]:
    made = engine.create(shop_db)
    yield made
    made.dispose()


def row(
    invoice: str | None = "1000",
    code: str | None = "A",
    quantity: int | None = 2,
    at: str = "2011-01-10 09:30",
    price: str | None = "2.50",
    customer: int | None = 7,
    country: str = UK,
    name: str | None = "THING",
) -> tuple[Any, ...]:
    return invoice, code, name, quantity, at, None if price is None else Decimal(price), customer, country


def load(shop: Engine, tmp_path: Path, *rows: tuple[Any, ...]) -> list[str]:
    """Import a file of these rows; the verdict of each, in the order of the file."""
    retail.import_file(shop, files.make(tmp_path / "lines.parquet", rows))
    found = ask(shop, "SELECT verdict FROM shop.import_verdicts ORDER BY line_no")
    assert len(found) == len(rows)
    return [verdict for (verdict,) in found]


def ask(shop: Engine, statement: str) -> list[tuple[Any, ...]]:
    with shop.connect() as connection:
        return [tuple(found) for found in connection.exec_driver_sql(statement)]


def test_an_invoice_becomes_an_order_paid_and_shipped_at_its_local_time(shop: Engine, tmp_path: Path) -> None:
    summer = "2011-07-10 09:30"
    assert load(shop, tmp_path, row(at=summer), row(code="B", quantity=1, price="1.05", at=summer)) == ["accepted"] * 2
    orders = ask(
        shop, "SELECT number, status, total, paid, currency, placed_at::text, shipped_at = placed_at FROM shop.orders"
    )
    assert orders == [("1000", "shipped", Decimal("6.05"), Decimal("6.05"), "GBP", "2011-07-10 08:30:00+00", True)]
    items = ask(shop, "SELECT line_no, quantity, unit_price, line_total FROM shop.order_items ORDER BY line_no")
    assert items == [(1, 2, Decimal("2.50"), Decimal("5.00")), (2, 1, Decimal("1.05"), Decimal("1.05"))]
    assert ask(shop, "SELECT sku, name FROM shop.products ORDER BY sku") == [("A", "THING"), ("B", "THING")]
    assert ask(shop, "SELECT reference, country FROM shop.customers") == [("7", UK)]


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        (row(customer=None, quantity=0, price="0"), "customer_missing"),
        (row(quantity=0, price="0"), "quantity_below_one"),
        (row(quantity=-3), "quantity_below_one"),
        (row(quantity=None), "quantity_below_one"),
        (row(price="0"), "price_not_positive"),
        (row(price="-5"), "price_not_positive"),
        (row(price=None), "price_not_positive"),
        (row(price="0.001"), "price_below_one_cent"),
        (row(code=None), "product_missing"),
        (row(code=" "), "product_missing"),
        (row(invoice="C1", quantity=3), "quantity_below_one"),
        (row(invoice="C1", quantity=-1), "return_without_sale"),
        (row(code="X" * 101), "invalid_text"),
        (row(price="999999999.99", quantity=2_000_000_000), "amount_too_large"),
        (row(country=" "), "invalid_text"),
    ],
)
def test_a_line_is_rejected_for_the_first_rule_it_breaks(
    shop: Engine, tmp_path: Path, line: tuple[Any, ...], rule: str
) -> None:
    assert load(shop, tmp_path, line) == [rule]
    assert ask(shop, "SELECT count(*) FROM shop.orders") == [(0,)]


def test_one_rejected_line_keeps_the_others_of_its_invoice(shop: Engine, tmp_path: Path) -> None:
    verdicts = load(shop, tmp_path, row(), row(code="B", price="0.005"), row(code="C", price="1"))
    assert verdicts == ["accepted", "price_below_one_cent", "accepted"]
    assert ask(shop, "SELECT line_no, line_total FROM shop.order_items ORDER BY 1") == [(1, 5), (2, 2)]


def test_a_return_takes_back_the_most_recent_sales_first(shop: Engine, tmp_path: Path) -> None:
    verdicts = load(
        shop,
        tmp_path,
        row("1000", quantity=5),
        row("1001", quantity=2, at="2011-01-11 10:00"),
        row("C1002", quantity=-3, at="2011-01-12 10:00"),
        row("C1003", quantity=-4, at="2011-01-13 10:00"),
        row("C1004", quantity=-1, at="2011-01-14 10:00"),
    )
    assert verdicts == ["accepted", "accepted", "accepted", "accepted", "return_without_sale"]
    returned = ask(
        shop,
        "SELECT number, reference, quantity FROM shop.order_returns r JOIN shop.orders o ON o.id = r.order_id "
        "ORDER BY returned_at, number DESC",
    )
    assert returned == [("1001", "C1002", 2), ("1000", "C1002", 1), ("1000", "C1003", 4)]


def test_more_than_was_sold_is_rejected_as_a_whole(shop: Engine, tmp_path: Path) -> None:
    verdicts = load(shop, tmp_path, row(quantity=2), row("C1", quantity=-3, at="2011-01-12 10:00"))
    assert verdicts == ["accepted", "return_without_sale"]
    assert ask(shop, "SELECT returned_quantity FROM shop.order_items") == [(0,)]


@pytest.mark.parametrize("other", [{"customer": 8}, {"code": "B"}, {"price": "2.51"}])
def test_a_return_belongs_to_the_same_customer_product_and_price(
    shop: Engine, tmp_path: Path, other: dict[str, Any]
) -> None:
    back = row("C1", quantity=-1, at="2011-01-12 10:00", **other)
    assert load(shop, tmp_path, row(), back) == ["accepted", "return_without_sale"]


def test_a_return_before_its_sale_has_none(shop: Engine, tmp_path: Path) -> None:
    verdicts = load(shop, tmp_path, row(at="2011-01-12 10:00"), row("C1", quantity=-1, at="2011-01-10 10:00"))
    assert verdicts == ["accepted", "return_without_sale"]


def test_an_invoice_in_two_places_of_the_file_is_one_order(shop: Engine, tmp_path: Path) -> None:
    assert load(shop, tmp_path, row("1"), row("2"), row("1", code="B")) == ["accepted"] * 3
    assert ask(
        shop, "SELECT number, count(*) FROM shop.orders JOIN shop.order_items ON id = order_id GROUP BY 1 ORDER BY 1"
    ) == [
        ("1", 2),
        ("2", 1),
    ]


def test_a_customer_who_moved_has_the_latest_country(shop: Engine, tmp_path: Path) -> None:
    load(shop, tmp_path, row("1"), row("2", at="2011-02-01 10:00", country="Belgium"))
    assert ask(shop, "SELECT country FROM shop.customers") == [("Belgium",)]


def test_a_second_run_finds_nothing_to_do(shop: Engine, tmp_path: Path) -> None:
    load(shop, tmp_path, row("1"), row("C2", quantity=-1, at="2011-02-01 10:00"))
    before = ask(shop, "SELECT count(*), max(updated_at) FROM shop.orders")
    read, totals = retail.import_file(shop, tmp_path / "lines.parquet")
    assert read == 0 and [(total.verdict, total.lines) for total in totals] == [("accepted", 2)]
    assert ask(shop, "SELECT count(*), max(updated_at) FROM shop.orders") == before


def test_an_order_number_that_is_taken_rejects_that_invoice_only(shop: Engine, tmp_path: Path) -> None:
    load(shop, tmp_path, row("1"))
    other = files.make(tmp_path / "other.parquet", [row("1", code="B"), row("3", code="A", at="2011-01-12 10:00")])
    _, totals = retail.import_file(shop, other)
    assert {total.verdict: total.lines for total in totals} == {"accepted": 1, "order_number_taken": 1}
    assert ask(shop, "SELECT number FROM shop.orders ORDER BY 1") == [("1",), ("3",)]


def test_a_discontinued_product_rejects_its_line_only(shop: Engine, tmp_path: Path) -> None:
    load(shop, tmp_path, row("1"))
    with shop.begin() as connection:
        connection.exec_driver_sql("UPDATE shop.products SET status = 'discontinued'")
    other = files.make(tmp_path / "other.parquet", [row("2"), row("2", code="B")])
    _, totals = retail.import_file(shop, other)
    assert {total.verdict: total.lines for total in totals} == {"accepted": 1, "product_discontinued": 1}


def test_batches_make_no_difference(shop: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retail, "BATCH", 1)
    rows = [row(str(number), at=f"2011-01-{number:02} 10:00") for number in range(10, 20)]
    verdicts = load(shop, tmp_path, *rows, *[row(f"C{n}", quantity=-3, at=f"2011-02-{n} 10:00") for n in range(10, 17)])
    assert verdicts == ["accepted"] * 16 + ["return_without_sale"]


def test_two_at_once_don_t_double_anything(shop: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retail, "BATCH", 1)
    path = files.make(tmp_path / "lines.parquet", [row("1"), row("2", code="B", at="2011-02-01 10:00")])
    with retail.open_file(path) as file:
        late = retail._Importer(shop, file, retail.Silent())
        retail.import_file(shop, path)
        with pytest.raises(errors.LockHeld):
            late.run()
    assert ask(shop, "SELECT count(*) FROM shop.orders") == [(2,)]


@pytest.mark.parametrize("content", [b"", b"PAR1 and then nothing"])
def test_a_file_of_another_kind_is_refused(shop: Engine, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.parquet").write_bytes(content)
    with pytest.raises(errors.UsageError, match="no Parquet file"):
        retail.import_file(shop, tmp_path / "x.parquet")


CUT_OFF = """
import os, signal, sys
from pathlib import Path
from app.demo import progress, retail
from app.oltp import engine
retail.BATCH, left, commit = 40, int(sys.argv[3]), progress.Intake.commit
def dying(uow):
    global left
    left -= 1
    if not left:
        uow.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    commit(uow)
progress.Intake.commit = dying
retail.import_file(engine.create(sys.argv[1]), Path(sys.argv[2]))
"""


def test_a_run_that_was_killed_goes_on_where_it_stopped(shop: Engine, shop_db: str, tmp_path: Path) -> None:
    rows = [
        row(str(n), f"P{n % 7}", 1 + n % 4, at=f"2011-03-{1 + n // 30:02} {n % 24:02}:00", customer=n % 3)
        if n % 5 < 4
        else row(f"C{n}", f"P{n % 7}", -2, at=f"2011-03-{1 + n // 30:02} {n % 24:02}:30", customer=n % 3)
        for n in range(400)
    ]
    path = files.make(tmp_path / "lines.parquet", rows)
    for dies_at in (2, 4, 6):
        done = subprocess.run([sys.executable, "-c", CUT_OFF, shop_db, path, str(dies_at)], cwd=ROOT, check=False)
        assert done.returncode == -signal.SIGKILL
    read, _ = retail.import_file(shop, path)
    assert 0 < read < 400
    assert _content(shop) == _straight_through(shop, path)


def _content(shop: Engine) -> list[list[tuple[Any, ...]]]:
    return [
        ask(shop, f"SELECT {columns} FROM shop.{table} ORDER BY {columns}")
        for table, columns in (
            ("orders", "id, number, total, paid, status"),
            ("order_items", "order_id, line_no, quantity, returned_quantity"),
            ("order_returns", "id, order_id, line_no, quantity, reference"),
            ("payments", "id, order_id, amount"),
            ("import_verdicts", "line_no, verdict"),
        )
    ]


def _straight_through(shop: Engine, path: Path) -> list[list[tuple[Any, ...]]]:
    """The same in a shop made empty, in one go."""
    with shop.begin() as connection:
        connection.exec_driver_sql("TRUNCATE shop.products, shop.customers, shop.imports RESTART IDENTITY CASCADE")
    retail.import_file(shop, path)
    return _content(shop)


def test_the_table_of_verdicts_can_be_asked(shop: Engine, shop_db: str, tmp_path: Path) -> None:
    load(shop, tmp_path, row(), row(code="B", price="0", quantity=4))
    with psycopg.connect(shop_db) as conn:
        found = conn.execute("SELECT line_no, verdict, amount FROM shop.import_verdicts ORDER BY 1").fetchall()
    assert found == [(1, "accepted", Decimal("5.000")), (2, "price_not_positive", Decimal("0.000"))]
