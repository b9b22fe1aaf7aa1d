"""Products, customers, orders, payments and financings read from the reporting file."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from app import errors
from app.queries import customers, financing, orders, pages, payments, products
from app.reporting import store as reporting
from tests.support import reportchecks, shopdata
from tests.support.shopdata import Shop

NOBODY = uuid.UUID(int=1)


@pytest.fixture(scope="module")
def shop() -> Shop:
    return shopdata.draw(11)


@pytest.fixture(scope="module")
def store(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[reporting.Store]:
    with reportchecks.opened(tmp_path_factory.mktemp("file"), shop) as opened:
        yield opened


def _same(found: object, row: dict[str, Any]) -> bool:
    return all(getattr(found, name) == value for name, value in row.items() if hasattr(found, name))


def test_a_missing_id_is_none(store: reporting.Store) -> None:
    assert products.find_by_id(store, NOBODY) is None
    assert customers.find_by_id(store, NOBODY) is None
    assert orders.find_by_id(store, NOBODY) is None
    assert financing.find_by_id(store, NOBODY) is None
    assert financing.instalments(store, NOBODY) == ()
    assert payments.of_order(store, NOBODY) == ()
    assert orders.find_all(store, customer_id=NOBODY).items == ()


def test_a_product_is_found_with_its_exact_price(shop: Shop, store: reporting.Store) -> None:
    for row in shop["products"]:
        found = products.find_by_id(store, row["id"])
        assert found is not None
        assert _same(found, row)
        assert isinstance(found.unit_price, Decimal)
        assert found.created_at.tzinfo is UTC
        assert found.as_of == store.as_of


def test_a_customer_without_an_address_has_none(shop: Shop, store: reporting.Store) -> None:
    found = customers.find_by_id(store, shop["customers"][0]["id"])
    assert found is not None
    assert _same(found, shop["customers"][0])
    assert (found.street, found.city, found.postal_code) == (None, None, None)


@pytest.mark.parametrize(
    ("sort", "key"),
    [
        ("sku", lambda one: one["sku"]),
        ("name", lambda one: one["name"].lower()),
        ("price", lambda one: one["unit_price"]),
        ("status", lambda one: one["status"]),
        ("created", lambda one: one["created_at"]),
    ],
)
def test_products_are_sorted_both_ways_and_pages_never_overlap(
    shop: Shop, store: reporting.Store, sort: str, key: Callable[[dict[str, Any]], Any]
) -> None:
    for name, backwards in ((sort, False), (f"-{sort}", True)):
        ids: list[uuid.UUID] = []
        for number in range(1, 6):
            page = products.find_all(store, sort=name, page=number, size=7)
            assert (page.total, page.last, page.number, page.size) == (30, 5, number, 7)
            ids += [one.id for one in page.items]
        by_id = sorted(shop["products"], key=lambda one: str(one["id"]))
        assert ids == [one["id"] for one in sorted(by_id, key=key, reverse=backwards)]


def test_products_are_filtered(shop: Shop, store: reporting.Store) -> None:
    found = products.find_all(store, status="active", currency="EUR", text="LARGE", size=100)
    wanted = [one for one in shop["products"] if one["status"] == "active" and one["currency"] == "EUR"]
    assert {one.id for one in found.items} == {one["id"] for one in wanted}
    assert found.total == len(wanted)
    assert [one.sku for one in products.find_all(store, text="sku-007").items] == ["SKU-007"]
    assert products.find_all(store, text="%").total == 0


def test_customers_are_filtered_and_sorted(shop: Shop, store: reporting.Store) -> None:
    found = customers.find_all(store, country="DE", text="customer 1", sort="-reference", size=100)
    wanted = [one for one in shop["customers"] if one["country"] == "DE" and one["name"].startswith("Customer 1")]
    assert [one.reference for one in found.items] == sorted((one["reference"] for one in wanted), reverse=True)


def test_a_page_past_the_end_is_empty_and_an_impossible_one_refused(store: reporting.Store) -> None:
    page = customers.find_all(store, page=99)
    assert (page.items, page.total, page.last) == ((), 60, 3)
    for wrong in ({"page": 0}, {"size": 0}, {"size": pages.LARGEST + 1}):
        with pytest.raises(errors.UsageError):
            customers.find_all(store, **wrong)


@pytest.mark.parametrize("sort", ["id; DROP TABLE shop.products", "unit_price", "", "--sku", "-"])
def test_only_the_listed_sort_keys_get_into_the_statement(store: reporting.Store, sort: str) -> None:
    with pytest.raises(errors.UsageError, match="sort"):
        products.find_all(store, sort=sort)


def test_an_order_comes_with_its_lines_payments_and_returns(shop: Shop, store: reporting.Store) -> None:
    skus = {one["id"]: one["sku"] for one in shop["products"]}
    returned = {one["order_id"] for one in shop["order_returns"]}
    for row in [one for one in shop["orders"] if one["id"] in returned or one["status"] == "cancelled"][:40]:
        found = orders.find_by_id(store, row["id"])
        assert found is not None
        assert _same(found.order, row)
        items = [one for one in shop["order_items"] if one["order_id"] == row["id"]]
        assert [one.line_no for one in found.items] == [one["line_no"] for one in items]
        assert all(_same(one, item) for one, item in zip(found.items, items, strict=True))
        assert [one.sku for one in found.items] == [skus[one["product_id"]] for one in items]
        for table, parts in (("payments", found.payments), ("order_returns", found.returns)):
            assert {one.id for one in parts} == {one["id"] for one in shop[table] if one["order_id"] == row["id"]}
        assert found.as_of == found.order.as_of == store.as_of


def test_payments_come_oldest_first(shop: Shop, store: reporting.Store) -> None:
    order = next(one["order_id"] for one in shop["payments"] if one["kind"] == "refund")
    assert [one.kind for one in payments.of_order(store, order)] == ["payment", "refund"]


def test_a_customers_orders_come_newest_first(shop: Shop, store: reporting.Store) -> None:
    customer = shop["customers"][0]["id"]
    own = sorted(
        (one for one in shop["orders"] if one["customer_id"] == customer),
        key=lambda one: (one["placed_at"], one["number"]),
        reverse=True,
    )
    page = orders.find_all(store, customer_id=customer, size=5, page=2)
    assert [one.number for one in page.items] == [one["number"] for one in own[5:10]]
    assert page.total == len(own)
    shipped = orders.find_all(store, customer_id=customer, status="shipped", size=100)
    assert [one.id for one in shipped.items] == [one["id"] for one in own if one["status"] == "shipped"]


def test_a_financing_comes_with_its_instalments_in_order(shop: Shop, store: reporting.Store) -> None:
    for row in shop["financings"][:10]:
        found = financing.find_by_id(store, row["id"])
        assert found is not None
        assert _same(found, row)
        parts = financing.instalments(store, row["id"])
        assert [one.number for one in parts] == list(range(1, row["instalments"] + 1))
        assert sum(one.principal for one in parts) == row["principal"]
        assert all(one.as_of == store.as_of for one in parts)


def test_empty_tables_give_empty_pages(tmp_path: Path) -> None:
    with reportchecks.opened(tmp_path, None) as empty:
        page = products.find_all(empty)
    assert (page.items, page.total, page.last) == ((), 0, 1)
