"""The shop's read models, and its reports and queries on them: the same rows as of the tables."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from app import bootstrap, config
from app.demo import seeded
from app.oltp import engine
from app.queries import orders, reports
from app.queries.report_file import Report
from app.reporting import opening
from app.reporting import store as reporting
from jobs.models.order import Planned
from tests.support import cli, shopdata, shopfile, shopmodels

ON_MODELS = [report for report in reports.shop().reports.values() if report.instead]
ZONES = ("UTC", "UTC", "Europe/Berlin", "America/Sao_Paulo")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[reporting.Store, Planned]]:
    link = shopfile.build(tmp_path_factory.mktemp("file"), shopdata.draw(9).tables)
    planned = shopmodels.build(link)
    with opening.open(link) as store:
        yield store, planned


def drawn(chance: random.Random, report: Report) -> dict[str, str]:
    """Parameters as somebody might give them, about as often as not those that models can answer."""
    first = date(2024, 1, 1) + timedelta(days=chance.randrange(200))
    choices = {
        "timezone": chance.choice(ZONES), "from": first.isoformat(), "limit": str(chance.randrange(30)),
        "to": (first + timedelta(days=chance.randrange(90))).isoformat(), "days": str(chance.randint(1, 40)),
        "months": str(chance.randint(1, 9)), "min_sold": str(chance.randrange(9)),
    }  # fmt: skip
    return {one.name: choices[one.name] for one in report.parameters if chance.random() < 0.5}


def test_each_of_the_shop_s_models_is_kept_by_what_changed(built: tuple[reporting.Store, Planned]) -> None:
    _, planned = built
    assert not planned.bad
    assert {name: one.kind for name, one in planned.analyses.items()} == {
        "order_lines": "rows", "named_orders": "rows", "sales_per_day": "sums", "customer_sales": "sums",
        "returns_per_day": "sums", "customer_returns": "sums", "product_sales": "sums", "product_returns": "sums",
        "payments_per_day": "sums", "orders_by_status": "sums",
    }  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize("report", ON_MODELS, ids=lambda report: report.name)
def test_a_report_says_the_same_of_models_and_of_tables(built: tuple[reporting.Store, Planned], report: Report) -> None:
    store, _ = built
    chance, of_models = random.Random(report.name), 0
    for given in [{}, *(drawn(chance, report) for _ in range(40))]:
        statement, values = reports.question(store, report, given)
        of_models += statement != report.sql
        found, wanted = store.query(statement, values), store.query(report.sql, reports.bound(store, report, given))
        assert (found.columns, found.types, found.rows) == (wanted.columns, wanted.types, wanted.rows), given
    assert 3 < of_models < 41
    assert store.query(*reports.question(store, report)).rows


def test_customers_that_are_not_in_the_file_or_bought_alike_keep_their_places(tmp_path: Path) -> None:
    tables = dict(shopdata.draw(9).tables)
    tables["customers"] = tables["customers"][::2]
    tables["order_items"] = [{**line, "line_total": "10.00"} for line in tables["order_items"]]
    tables["order_returns"] = []
    link = shopfile.build(tmp_path, tables)
    shopmodels.build(link)
    with opening.open(link) as store:
        for name, limit in itertools.product(("top_customers", "sales_by_country"), range(8)):
            report = reports.shop().get(name)
            given = {"limit": str(limit)} if name == "top_customers" else {}
            statement, values = reports.question(store, report, given)
            found = store.query(statement, values).rows
            assert statement != report.sql
            assert found == store.query(report.sql, reports.bound(store, report, given)).rows, (name, limit)


def test_every_model_is_read_by_something(built: tuple[reporting.Store, Planned]) -> None:
    _, planned = built
    read = {name for report in ON_MODELS if report.instead for name in report.instead.models}
    assert read | {"order_lines", "named_orders"} == planned.analyses.keys()


def test_orders_are_the_same_with_names_from_one_table(built: tuple[reporting.Store, Planned], tmp_path: Path) -> None:
    store, _ = built
    with opening.open(shopfile.build(tmp_path, shopdata.draw(9).tables)) as plain:
        page = orders.find_all(store, size=50)
        assert page == orders.find_all(plain, size=50)
        for one in page.items[:20]:
            assert orders.find_by_id(store, one.id) == orders.find_by_id(plain, one.id)
        customer = page.items[0].customer_id
        assert orders.find_all(store, customer_id=customer, status="open") == orders.find_all(
            plain, customer_id=customer, status="open"
        )


@pytest.fixture
def synced(shop_db: str, tmp_path: Path) -> config.Settings:
    """A shop of generated orders, synced with its models."""
    made = engine.create(shop_db)
    seeded.place(made, 150)
    made.dispose()
    found = cli.config(tmp_path, shop_db, more=f'[models]\npath = "{shopmodels.FOLDER}"\n')
    found("track").ok()
    found("sync").ok()
    return config.load(tmp_path / "config.toml")


@pytest.mark.long
def test_a_report_says_the_same_of_models_of_tables_and_of_postgresql(synced: config.Settings) -> None:
    with bootstrap.reporting_file(synced) as file, bootstrap.live(synced) as live:
        for report in ON_MODELS:
            chance = random.Random(report.name)
            for given in [{}, *(drawn(chance, report) for _ in range(6))]:
                of_models = file.query(*reports.question(file, report, given))
                of_tables = file.query(report.sql, reports.bound(file, report, given))
                assert of_models.rows == of_tables.rows == reports.run(live, report, given).rows, given
        assert file.models == {path.stem for path in shopmodels.FOLDER.glob("*.sql")}
        page = orders.find_all(file, size=20)
        assert [replace(one, as_of=page.as_of) for one in orders.find_all(live, size=20).items] == list(page.items)
