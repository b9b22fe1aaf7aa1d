"""The shop's tables filled with many orders by SQL, from a seed: about four lines an order, all constraints kept."""

from __future__ import annotations

from tests.bench import source

TABLES = ("products", "customers", "orders", "order_items", "order_returns", "payments", "financings", "instalments")
_PRODUCTS, _CUSTOMERS = 4_000, 100_000
# Ids in the order of time, as UUIDv7 are: random ones would make PostgreSQL's indexes look worse than they need be.
_ID = "(lpad(to_hex({n}), 12, '0') || substr(md5({n}::text || '{kind}'), 13))::uuid"
_AT = "timestamptz '2026-06-01 00:00:00+00'"
# The functions' hash is part of the on-disk format, so a seed gives the same shop in every version.
_HASH = "(hashint8extended({n}, {seed}) & 9223372036854775807)"


def fill(url: str, lines: int, seed: int = 1) -> None:
    """Fill an empty shop with about `lines` order lines, and give it the indexes that reports would want."""
    orders = lines // 4
    # One session for all: triggers and foreign keys are off in it, what it writes keeps to both.
    statements = [_products(seed), _customers(seed), _lines(orders, seed), _orders(orders, seed), _items(), _payments()]
    statements += [_returns(seed), "DROP TABLE line", *_INDEXES]
    source.execute(url, "SET session_replication_role = replica; SET work_mem = '512MB'; " + ";\n".join(statements))
    source.settle(url, *(f"shop.{name}" for name in TABLES))


def write(url: str, rows: int, turn: int, *, mixed: bool) -> None:
    """About as many rows as a shop writes: new orders with two lines and a payment, and some status changes.

    Five rows to an order, one of them the older order that is shipped. Mixed, of fifty rows one is a customer who
    moves, and of a hundred one a product that is renamed.
    """
    orders, base = max(1, rows // 5), 1_000_000_000 + turn * 10_000_000 + (500_000_000 if mixed else 0) + rows * 100
    new = f"SELECT {base} + n AS o, n FROM generate_series(1, {orders}) AS n"
    customers, products = (max(1, rows // 50), max(1, rows // 100)) if mixed else (0, 0)
    source.execute(url, f"""
        INSERT INTO shop.orders (id, number, customer_id, status, currency, total, paid, placed_at, paid_at, version)
        SELECT {_id("o", "order")}, 'N-' || o, {_id(f"(1 + (n * 7919 + {turn} * 31) % {_CUSTOMERS})", "customer")},
            'paid', 'EUR', 20, 20, timestamptz '2026-06-01' + n % 600 * interval '1 minute', now(), 1
        FROM ({new}) AS fresh;
        INSERT INTO shop.order_items (order_id, line_no, product_id, quantity, unit_price, line_total)
        SELECT {_id("o", "order")}, l, {_id(f"(1 + (n * 31 + l * 977 + {turn}) % {_PRODUCTS})", "product")}, 1, 10, 10
        FROM ({new}) AS fresh, generate_series(1, 2) AS l;
        INSERT INTO shop.payments (id, order_id, kind, amount, currency, method, paid_at)
        SELECT {_id("o", "payment")}, {_id("o", "order")}, 'payment', 20, 'EUR', 'card', now() FROM ({new}) AS fresh;
        UPDATE shop.orders SET status = 'shipped', shipped_at = now(), version = version + 1
        WHERE id IN (
            SELECT id FROM shop.orders WHERE status = 'paid' AND placed_at < '2026-06-01'
            ORDER BY placed_at DESC LIMIT {orders}
        );
        UPDATE shop.customers SET city = 'Moved {turn}', country = 'Denmark', version = version + 1
        WHERE id IN (SELECT {_id(f"(1 + (n * 104729 + {turn}) % {_CUSTOMERS})", "customer")}
            FROM generate_series(1, {customers}) AS n);
        UPDATE shop.products SET name = name || ' {turn}', version = version + 1
        WHERE id IN (SELECT {_id(f"(1 + (n * 37 + {turn}) % {_PRODUCTS})", "product")}
            FROM generate_series(1, {products}) AS n)""")  # fmt: skip


_INDEXES = (
    "CREATE INDEX orders_placed_at_idx ON shop.orders (placed_at)",
    "CREATE INDEX order_returns_returned_at_idx ON shop.order_returns (returned_at)",
    "CREATE INDEX payments_paid_at_idx ON shop.payments (paid_at)",
    # What the reports read of a line, without a visit to the table.
    "CREATE INDEX order_items_covering_idx ON shop.order_items (order_id, line_no)"
    " INCLUDE (product_id, quantity, line_total)",
)


def _id(number: str, kind: str) -> str:
    return _ID.format(n=number, kind=kind)


def _hash(number: str, seed: int) -> str:
    return _HASH.format(n=number, seed=seed)


def _products(seed: int) -> str:
    return f"""
        INSERT INTO shop.products (id, sku, name, unit_price, currency, status, version, updated_at)
        SELECT {_id("i", "product")}, 'P-' || i, 'Product ' || i, 1 + {_hash("i", seed)} % 9900 / 100.0, 'EUR',
            'active', 1, {_AT}
        FROM generate_series(1, {_PRODUCTS}::bigint) AS i"""


def _customers(seed: int) -> str:
    return f"""
        INSERT INTO shop.customers (id, reference, name, city, country, version, updated_at)
        SELECT {_id("i", "customer")}, 'C-' || i, 'Customer ' || i, 'City ' || i % 500,
            (ARRAY['Spain', 'France', 'Germany', 'Italy', 'Portugal', 'Austria'])[1 + {_hash("i", seed)} % 6], 1, {_AT}
        FROM generate_series(1, {_CUSTOMERS}::bigint) AS i"""


def _lines(orders: int, seed: int) -> str:
    """Lines come first: an order's total follows from them. Products differ within an order."""
    return f"""
        CREATE TEMP TABLE line AS
        SELECT o, l AS line_no, 1 + (h + l * 37) % {_PRODUCTS} AS product, 1 + (h >> 12 + l) % 9 AS quantity,
            1 + (h >> 20 + l) % 9900 / 100.0 AS unit_price, h
        FROM (SELECT o, {_hash("o", seed)} AS h FROM generate_series(1, {orders}::bigint) AS o) AS drawn
        CROSS JOIN LATERAL generate_series(1, 1 + (h % 7)::integer) AS l"""


def _orders(orders: int, seed: int) -> str:
    """Three years of orders: of sixteen, one is cancelled, three are open, the others paid or shipped."""
    placed = f"(timestamptz '2023-06-01 00:00:00+00' + o * interval '{94_608_000 / orders} seconds')"
    return f"""
        INSERT INTO shop.orders (id, number, customer_id, status, currency, total, paid, placed_at, paid_at,
            shipped_at, cancelled_at, version, updated_at)
        SELECT {_id("o", "order")}, 'N-' || o, {_id(f"(1 + h % {_CUSTOMERS})", "customer")}, status,
            CASE WHEN h >> 30 & 7 = 0 THEN 'USD' ELSE 'EUR' END, total,
            CASE WHEN status IN ('paid', 'shipped') THEN total ELSE 0 END, {placed},
            CASE WHEN status IN ('paid', 'shipped') THEN {placed} + interval '1 day' END,
            CASE WHEN status = 'shipped' THEN {placed} + interval '2 days' END,
            CASE WHEN status = 'cancelled' THEN {placed} + interval '1 hour' END, 1, {_AT}
        FROM (
            SELECT o, h, sum(quantity * unit_price) AS total,
                (ARRAY['cancelled', 'open', 'open', 'open', 'paid', 'paid', 'shipped', 'shipped'])
                    [1 + (h >> 33 & 7)::integer] AS status
            FROM line GROUP BY o, h ORDER BY o
        ) AS summed"""


def _items() -> str:
    return f"""
        INSERT INTO shop.order_items (order_id, line_no, product_id, quantity, unit_price, line_total, updated_at)
        SELECT {_id("o", "order")}, line_no, {_id("product", "product")}, quantity, unit_price,
            quantity * unit_price, {_AT}
        FROM line ORDER BY o, line_no"""


def _payments() -> str:
    return f"""
        INSERT INTO shop.payments (id, order_id, kind, amount, currency, method, paid_at, updated_at)
        SELECT {_id("row_number() OVER ()", "payment")}, id, 'payment', total, currency,
            CASE WHEN total::integer % 3 = 0 THEN 'card' ELSE 'transfer' END, paid_at, {_AT}
        FROM shop.orders WHERE paid_at IS NOT NULL"""


def _returns(seed: int) -> str:
    """One line in fifty comes back, one piece of it, a week after the order."""
    return f"""
        INSERT INTO shop.order_returns (id, order_id, line_no, quantity, amount, returned_at, updated_at)
        SELECT {_id("row_number() OVER ()", "return")}, orders.id, line_no, 1, unit_price,
            placed_at + interval '7 days', {_AT}
        FROM line JOIN shop.orders ON orders.number = 'N-' || o
        WHERE (h >> 5) % 50 = line_no AND status <> 'cancelled'"""
