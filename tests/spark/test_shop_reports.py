"""All reports of the shop, and its queries: Spark's answer is DuckDB's, row by row."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, timedelta

import pytest

from app import statements
from app.queries import reports
from app.queries.parameters import Parameter
from app.reporting import store as reporting
from app.spark.store import SparkStore
from tests.support import shopdata, sparklab
from tests.support.cluster import Cluster
from tests.support.sparkcluster import StandaloneCluster

NAMES = list(reports.shop().reports)
ZONES = ("UTC", "Europe/Berlin", "America/Sao_Paulo", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia")


@pytest.fixture(scope="module")
def stores(
    postgres: Cluster, standalone: StandaloneCluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[reporting.Store, SparkStore]]:
    folder = tmp_path_factory.mktemp("shop")
    with sparklab.made(postgres, folder) as lab:
        sparklab.fill_with_shop(lab, folder, shopdata.draw(9).tables)
        with sparklab.on_spark(lab, standalone.url) as found:
            yield found


@pytest.mark.parametrize("name", NAMES)
def test_a_report_is_the_same_on_spark(stores: tuple[reporting.Store, SparkStore], name: str) -> None:
    base, spark = stores
    report = reports.shop().get(name)
    dice = random.Random(name)
    for given in ({}, _drawn(dice, report.parameters)):
        expected, found = reports.run(base, report, given), reports.run(spark, report, given)
        assert sparklab.same(expected, found), (given, expected.rows[:5], found.rows[:5])
        assert found.as_of == base.as_of
    assert reports.run(base, report).rows


def _drawn(dice: random.Random, declared: tuple[Parameter, ...]) -> dict[str, str]:
    """Values of some of the parameters."""
    first, last = sorted(date(2023, 10, 25) + timedelta(dice.randrange(220)) for _ in range(2))
    values = {"from": str(first), "to": str(last), "on": str(last), "timezone": dice.choice(ZONES), "limit": "3",
              "segment": "champions", "min_orders": "2", "months": "2", "days": "3", "min_sold": "4"}  # fmt: skip
    return {one.name: values[one.name] for one in declared if one.name in values and dice.random() < 0.7}


QUERIES = [
    (f"queries/{file}", block)
    for file in ("customers", "orders", "products", "payments", "financing", "lookup")
    for block in statements.load(f"queries/{file}")
    if not block.startswith("named_")
]


@pytest.mark.parametrize(("file", "block"), QUERIES)
def test_a_query_of_the_shop_is_the_same_on_spark(
    stores: tuple[reporting.Store, SparkStore], file: str, block: str
) -> None:
    base, spark = stores
    order, product = (base.query(f"FROM shop.{one} ORDER BY id LIMIT 1").records()[0] for one in ("orders", "products"))
    values = {"id": order["id"], "order_id": order["id"], "customer_id": order["customer_id"], "status": "paid",
              "country": None, "text": "a", "currency": None, "limit": 7, "offset": 2}  # fmt: skip
    sql = statements.get(file, block).replace("{order_by}", "created_at DESC, id")
    wanted = {name: value for name, value in values.items() if f"${name}" in sql}
    given = [order["number"] if "orders" in sql else product["sku"]] if "?" in sql else wanted
    assert sparklab.same(base.query(sql, given), spark.query(sql, given))
