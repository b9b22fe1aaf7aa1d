from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import inspect

from app import errors as app_errors
from app.commands.order import ReturnItems, ShipOrder
from app.domain import errors, ids
from app.oltp import tables, violations
from tests.support.shop import AT, Shop, opened

ROWS: dict[str, dict[str, Any]] = {
    "products": {"sku": "NEW", "name": "New", "unit_price": 1, "currency": "EUR", "status": "active", "version": 1},
    "customers": {"reference": "NEW", "name": "New", "country": "Peru", "version": 1},
    "orders": {
        "number": "NEW",
        "status": "open",
        "currency": "EUR",
        "total": 10,
        "paid": 0,
        "placed_at": AT,
        "version": 1,
    },
    "order_items": {"line_no": 9, "quantity": 2, "unit_price": 5, "line_total": 10},
    "order_returns": {"line_no": 1, "quantity": 1, "amount": 10, "returned_at": AT},
    "payments": {"kind": "payment", "amount": 1, "currency": "EUR", "method": "card", "paid_at": AT},
    "financings": {
        "principal": 1,
        "currency": "EUR",
        "monthly_rate": 0,
        "instalments": 1,
        "system": "PRICE",
        "first_due_date": AT.date(),
        "simulated_at": AT,
    },
    "instalments": {"number": 1, "due_date": AT.date(), "payment": 3, "principal": 2, "interest": 1, "balance": 0},
}

# The rule's constraint, and what breaks it in an otherwise good row.
BREACHES: dict[str, tuple[str, dict[str, Any]]] = {
    "products_sku_key": ("products", {"sku": "TEA"}),
    "products_sku_not_empty": ("products", {"sku": " "}),
    "products_name_not_empty": ("products", {"name": ""}),
    "products_unit_price_positive": ("products", {"unit_price": 0}),
    "products_currency_form": ("products", {"currency": "eur"}),
    "products_status_known": ("products", {"status": "sold"}),
    "products_version_positive": ("products", {"version": 0}),
    "customers_reference_key": ("customers", {"reference": "C-1"}),
    "customers_reference_not_empty": ("customers", {"reference": ""}),
    "customers_name_not_empty": ("customers", {"name": " "}),
    "customers_country_not_empty": ("customers", {"country": ""}),
    "customers_version_positive": ("customers", {"version": 0}),
    "orders_number_key": ("orders", {"number": "N-1"}),
    "orders_number_not_empty": ("orders", {"number": ""}),
    "orders_customer_id_fkey": ("orders", {"customer_id": UUID(int=1)}),
    "orders_status_known": ("orders", {"status": "lost", "paid": 10}),
    "orders_currency_form": ("orders", {"currency": "EURO"}),
    "orders_paid_within_total": ("orders", {"paid": 11}),
    "orders_status_matches_paid": ("orders", {"status": "paid", "paid": 9, "paid_at": AT}),
    "orders_status_matches_times": ("orders", {"shipped_at": AT}),
    "orders_version_positive": ("orders", {"version": 0}),
    "order_items_pkey": ("order_items", {"line_no": 1}),
    "order_items_order_id_fkey": ("order_items", {"order_id": UUID(int=1)}),
    "order_items_product_id_fkey": ("order_items", {"product_id": UUID(int=1)}),
    "order_items_line_no_positive": ("order_items", {"line_no": 0}),
    "order_items_quantity_positive": ("order_items", {"quantity": 0, "line_total": 0}),
    "order_items_unit_price_positive": ("order_items", {"unit_price": 0, "line_total": 0}),
    "order_items_line_total_exact": ("order_items", {"line_total": 11}),
    "order_items_returned_within_sold": ("order_items", {"returned_quantity": 3}),
    "order_returns_line_fkey": ("order_returns", {"line_no": 99}),
    "order_returns_quantity_positive": ("order_returns", {"quantity": 0}),
    "order_returns_amount_positive": ("order_returns", {"amount": 0}),
    "payments_order_id_fkey": ("payments", {"order_id": UUID(int=1)}),
    "payments_kind_known": ("payments", {"kind": "gift"}),
    "payments_amount_positive": ("payments", {"amount": 0}),
    "payments_currency_form": ("payments", {"currency": "€"}),
    "payments_method_not_empty": ("payments", {"method": ""}),
    "financings_order_id_fkey": ("financings", {"order_id": UUID(int=1)}),
    "financings_principal_positive": ("financings", {"principal": 0}),
    "financings_currency_form": ("financings", {"currency": ""}),
    "financings_monthly_rate_fraction": ("financings", {"monthly_rate": 2}),
    "financings_instalments_range": ("financings", {"instalments": 0}),
    "financings_system_known": ("financings", {"system": "BALLOON"}),
    "instalments_financing_id_fkey": ("instalments", {"financing_id": UUID(int=1)}),
    "instalments_number_positive": ("instalments", {"number": 0}),
    "instalments_parts_not_negative": ("instalments", {"principal": 4, "interest": -1}),
    "instalments_payment_exact": ("instalments", {"payment": 4}),
}
# A doubled key is tried by inserting the same row twice.
KEYS = [f"{table}_pkey" for table in ROWS if table != "order_items"]


@pytest.fixture
def shop(shop_db: str) -> Iterator[Shop]:
    with opened(shop_db) as found:
        yield found


@pytest.fixture
def parents(shop: Shop) -> dict[str, Any]:
    """A shipped order and a financing, for rows to belong to."""
    order_id, financing_id = shop.place(), ids.new_id()
    shop.handle(shop.paying(order_id, "30"), ShipOrder(at=AT, order_id=order_id))
    insert(shop, "financings", {"id": financing_id, **ROWS["financings"]})
    return {
        "customer_id": shop.customer,
        "order_id": order_id,
        "product_id": shop.tea,
        "financing_id": financing_id,
        "id": ids.new_id(),
    }


def row(table: str, parents: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    wanted = tables.metadata.tables[f"shop.{table}"].columns.keys()
    owned = {name: value for name, value in parents.items() if name in wanted}
    return {**owned, **ROWS[table], **changes}


def insert(shop: Shop, table: str, values: dict[str, Any]) -> None:
    names, places = ", ".join(values), ", ".join(["%s"] * len(values))
    shop.execute(f"INSERT INTO shop.{table} ({names}) VALUES ({places})", *values.values())


def meaning(shop: Shop, table: str, values: dict[str, Any]) -> Exception:
    with pytest.raises(psycopg.Error) as caught:
        insert(shop, table, values)
    return violations.meaning(caught.value)


@pytest.mark.parametrize("table", ROWS)
def test_a_good_row_is_taken(shop: Shop, parents: dict[str, Any], table: str) -> None:
    insert(shop, table, row(table, parents, {}))


@pytest.mark.parametrize("constraint", BREACHES)
def test_a_breach_by_hand_is_the_domain_error_of_its_rule(shop: Shop, parents: dict[str, Any], constraint: str) -> None:
    table, changes = BREACHES[constraint]
    found = meaning(shop, table, row(table, parents, changes))
    assert isinstance(found, errors.DomainError)
    assert (type(found), found.data) == (violations.RULES[constraint], {"constraint": constraint})


@pytest.mark.parametrize("constraint", KEYS)
def test_a_doubled_key_is_the_domain_error_of_its_rule(shop: Shop, parents: dict[str, Any], constraint: str) -> None:
    table = constraint.removesuffix("_pkey")
    insert(shop, table, row(table, parents, {}))
    found = meaning(shop, table, row(table, parents, {}))
    assert isinstance(found, errors.DomainError)
    assert (type(found), found.data) == (violations.RULES[constraint], {"constraint": constraint})


def test_every_constraint_has_its_rule_and_every_rule_is_tried(shop: Shop) -> None:
    named = shop.rows(
        "SELECT conname FROM pg_constraint WHERE conrelid = ANY (%s::regclass[]) AND contype <> 'n'",
        [f"shop.{table}" for table in ROWS],
    )
    assert {name for (name,) in named} == set(violations.RULES) == {*BREACHES, *KEYS}


def test_a_missing_value_and_one_too_large_are_domain_errors(shop: Shop, parents: dict[str, Any]) -> None:
    missing = meaning(shop, "products", row("products", parents, {"name": None}))
    large = meaning(shop, "products", row("products", parents, {"unit_price": 10**11}))
    assert (type(missing), str(missing)) == (errors.MissingValue, "products.name is missing")
    assert isinstance(large, errors.AmountTooLarge)


def test_a_shop_row_that_others_belong_to_can_not_be_deleted(shop: Shop, parents: dict[str, Any]) -> None:
    for table in ("products", "customers", "orders", "order_items"):
        if table == "order_items":
            shop.handle(ReturnItems(at=AT, order_id=parents["order_id"], return_id=ids.new_id(), line_no=1, quantity=1))
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            shop.execute(f"DELETE FROM shop.{table}")


def test_a_message_shows_the_key_but_not_the_whole_row(shop: Shop, parents: dict[str, Any]) -> None:
    taken = meaning(shop, "customers", row("customers", parents, {"reference": "C-1", "name": "Private Person"}))
    empty = meaning(shop, "customers", row("customers", parents, {"country": "", "name": "Private Person"}))
    assert "(C-1)" in str(taken)
    assert "Private" not in f"{taken} {empty}"


def test_what_is_no_rule_is_an_error_of_the_application(shop: Shop) -> None:
    with pytest.raises(psycopg.Error) as caught:
        shop.execute("SELECT 1 / 0")
    assert isinstance(violations.meaning(caught.value), app_errors.Bug)


def test_every_foreign_key_has_an_index_that_begins_with_it(shop: Shop) -> None:
    uncovered = shop.rows(
        "SELECT c.conname FROM pg_constraint AS c WHERE c.contype = 'f' AND c.connamespace = 'shop'::regnamespace"
        " AND NOT EXISTS (SELECT FROM pg_index AS i WHERE i.indrelid = c.conrelid AND i.indpred IS NULL"
        "   AND (i.indkey::int2[])[0:cardinality(c.conkey) - 1] @> c.conkey)"
    )
    assert uncovered == []


@pytest.mark.parametrize("table", tables.metadata.sorted_tables, ids=lambda table: table.name)
def test_the_tables_in_python_are_those_in_postgresql(shop: Shop, table: Any) -> None:
    real = {
        column["name"]: str(column["type"]) for column in inspect(shop.engine).get_columns(table.name, schema="shop")
    }
    stamps = {"created_at": "TIMESTAMP", "updated_at": "TIMESTAMP"}
    assert real == {name: kind(column.type) for name, column in table.columns.items()} | stamps


def kind(type_: Any) -> str:
    return {"DATETIME": "TIMESTAMP", "CHAR(32)": "UUID"}.get(str(type_), str(type_))
