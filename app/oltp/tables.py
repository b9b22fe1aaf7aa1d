"""The shop's tables as SQLAlchemy sees them. Constraints and indexes stand in `sql/shop/`, which makes the tables.

`created_at` and `updated_at` are the database's own and are not written from here.
"""

from __future__ import annotations

from sqlalchemy import Column, Date, DateTime, Integer, MetaData, Numeric, Table, Text, Uuid

SCHEMA = "shop"
metadata = MetaData(schema=SCHEMA)

_PRICE = Numeric(12, 2)
_AMOUNT = Numeric(14, 2)
_MOMENT = DateTime(timezone=True)

products = Table(
    "products",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("sku", Text),
    Column("name", Text),
    Column("unit_price", _PRICE),
    Column("currency", Text),
    Column("status", Text),
    Column("version", Integer),
)

customers = Table(
    "customers",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("reference", Text),
    Column("name", Text),
    Column("street", Text),
    Column("city", Text),
    Column("postal_code", Text),
    Column("country", Text),
    Column("version", Integer),
)

orders = Table(
    "orders",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("number", Text),
    Column("customer_id", Uuid),
    Column("status", Text),
    Column("currency", Text),
    Column("total", _AMOUNT),
    Column("paid", _AMOUNT),
    Column("placed_at", _MOMENT),
    Column("paid_at", _MOMENT),
    Column("shipped_at", _MOMENT),
    Column("cancelled_at", _MOMENT),
    Column("version", Integer),
)

order_items = Table(
    "order_items",
    metadata,
    Column("order_id", Uuid, primary_key=True),
    Column("line_no", Integer, primary_key=True),
    Column("product_id", Uuid),
    Column("quantity", Integer),
    Column("unit_price", _PRICE),
    Column("line_total", _AMOUNT),
    Column("returned_quantity", Integer),
)

order_returns = Table(
    "order_returns",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("order_id", Uuid),
    Column("line_no", Integer),
    Column("quantity", Integer),
    Column("amount", _AMOUNT),
    Column("returned_at", _MOMENT),
    Column("reference", Text),
)

payments = Table(
    "payments",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("order_id", Uuid),
    Column("kind", Text),
    Column("amount", _AMOUNT),
    Column("currency", Text),
    Column("method", Text),
    Column("paid_at", _MOMENT),
)

financings = Table(
    "financings",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("order_id", Uuid),
    Column("principal", _AMOUNT),
    Column("currency", Text),
    Column("monthly_rate", Numeric(9, 6)),
    Column("instalments", Integer),
    Column("system", Text),
    Column("first_due_date", Date),
    Column("simulated_at", _MOMENT),
)

instalments = Table(
    "instalments",
    metadata,
    Column("financing_id", Uuid, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("due_date", Date),
    Column("payment", _AMOUNT),
    Column("principal", _AMOUNT),
    Column("interest", _AMOUNT),
    Column("balance", _AMOUNT),
)
