"""Orders with their items, payments and returns: one aggregate, four tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, Row

from app.domain import errors
from app.domain.money import Money
from app.domain.order import ItemReturn, Order, OrderItem
from app.domain.payment import Payment
from app.oltp import bulk, outbox, tables
from app.oltp.outbox import Keys
from app.oltp.repositories import VersionedRepository


class _Parts(NamedTuple):
    """What of an order stands in the database: its lines, and how many payments and returns."""

    items: dict[int, OrderItem]
    payments: int
    returns: int


_NOTHING = _Parts({}, 0, 0)


class OrderRepository(VersionedRepository[Order]):
    """Orders. Any change to a part counts as one of the order, so its version guards them all."""

    table = tables.orders
    not_found = errors.OrderNotFound
    exists = errors.OrderExists

    def __init__(self, connection: Callable[[], Connection]) -> None:
        super().__init__(connection)
        self._parts: dict[UUID, _Parts] = {}
        # The keys of the parts that were written, by order, until they are told.
        self._part_keys: dict[UUID, Keys] = {}

    def forget(self) -> None:
        super().forget()
        self._parts.clear()
        self._part_keys.clear()

    def _read(self, ids: Sequence[UUID]) -> list[Order]:
        connection = self._connection()
        heads = bulk.fetch(connection, tables.orders, "id", ids)
        if not heads:
            return []
        order_ids = [head.id for head in heads]
        items = _grouped(bulk.fetch(connection, tables.order_items, "order_id", order_ids))
        payments = _grouped(bulk.fetch(connection, tables.payments, "order_id", order_ids))
        returns = _grouped(bulk.fetch(connection, tables.order_returns, "order_id", order_ids))
        orders = [_order(head, items[head.id], payments[head.id], returns[head.id]) for head in heads]
        return [self._remember(order) for order in orders]

    def _remember(self, order: Order) -> Order:
        self._parts[order.id] = _Parts(dict(order.items), len(order.payments), len(order.returns))
        return super()._remember(order)

    def _is_changed(self, order: Order) -> bool:
        # A payment changes what is paid and a return its line, so head and lines tell it all.
        return super()._is_changed(order) or order.items != self._parts[order.id].items

    def _row(self, order: Order) -> tuple[Any, ...]:
        return (
            order.id,
            order.number,
            order.customer_id,
            order.status,
            order.currency,
            order.total.amount,
            order.paid.amount,
            order.placed_at,
            order.paid_at,
            order.shipped_at,
            order.cancelled_at,
            order.version,
        )

    def _insert(self, orders: Sequence[Order]) -> None:
        # The base class writes the heads and remembers the parts as written; so the parts are taken before.
        parts = {order.id: _NOTHING for order in orders}
        super()._insert(orders)
        self._write_parts(orders, parts)

    def _update(self, orders: Sequence[Order]) -> None:
        super()._update(orders)
        self._write_parts(orders, self._parts)

    def _write_parts(self, orders: Sequence[Order], old: dict[UUID, _Parts]) -> None:
        """Lines that went and changed, then all that is new; the heads were written and hold the lock."""
        connection = self._connection()
        self._part_keys |= {order.id: _part_keys(order, old[order.id]) for order in orders}
        self._write_changed_items(orders, old)
        for table, rows in (
            (tables.order_items, _new_items(orders, old)),
            (tables.payments, _new_payments(orders, old)),
            (tables.order_returns, _new_returns(orders, old)),
        ):
            first = next(rows, None)
            if first is not None:
                bulk.insert(connection, table, chain([first], rows))

    def _keys(self, order: Order) -> Keys:
        return super()._keys(order) | self._part_keys.pop(order.id)

    def _write_changed_items(self, orders: Sequence[Order], old: dict[UUID, _Parts]) -> None:
        gone, changed = [], []
        for order in orders:
            for line_no, was in old[order.id].items.items():
                item = order.items.get(line_no)
                if item is None:
                    gone.append({"order_id": order.id, "line_no": line_no})
                elif item != was:
                    changed.append(_item_change(order.id, item))
        bulk.delete(self._connection(), tables.order_items, gone)
        bulk.update(self._connection(), tables.order_items, ("order_id", "line_no"), changed)


def _part_keys(order: Order, old: _Parts) -> Keys:
    changed = [line_no for line_no, was in old.items.items() if order.items.get(line_no) != was]
    new = [line_no for line_no in order.items if line_no not in old.items]
    known = {
        tables.order_items: [[str(order.id), str(line_no)] for line_no in (*changed, *new)],
        tables.payments: [[str(payment.id)] for payment in order.payments[old.payments :]],
        tables.order_returns: [[str(back.id)] for back in order.returns[old.returns :]],
    }
    return {outbox.named(table): keys for table, keys in known.items() if keys}


def _new_items(orders: Sequence[Order], old: dict[UUID, _Parts]) -> Iterator[tuple[Any, ...]]:
    for order in orders:
        known = old[order.id].items
        for item in order.items.values():
            if item.line_no not in known:
                yield _item_row(order.id, item)


def _new_payments(orders: Sequence[Order], old: dict[UUID, _Parts]) -> Iterator[tuple[Any, ...]]:
    for order in orders:
        for payment in order.payments[old[order.id].payments :]:
            amount = payment.amount
            yield payment.id, order.id, payment.kind, amount.amount, amount.currency, payment.method, payment.paid_at


def _new_returns(orders: Sequence[Order], old: dict[UUID, _Parts]) -> Iterator[tuple[Any, ...]]:
    for order in orders:
        for back in order.returns[old[order.id].returns :]:
            yield back.id, order.id, back.line_no, back.quantity, back.amount.amount, back.returned_at, back.reference


def _item_row(order_id: UUID, item: OrderItem) -> tuple[Any, ...]:
    line_no, product_id, quantity, unit_price, line_total, returned = item
    return order_id, line_no, product_id, quantity, unit_price.amount, line_total.amount, returned


def _item_change(order_id: UUID, item: OrderItem) -> dict[str, Any]:
    row = dict(zip(tables.order_items.columns.keys(), _item_row(order_id, item), strict=True))
    return {**row, "old_order_id": row.pop("order_id"), "old_line_no": row.pop("line_no")}


def _grouped(rows: Sequence[Row[Any]]) -> defaultdict[UUID, list[Row[Any]]]:
    groups: defaultdict[UUID, list[Row[Any]]] = defaultdict(list)
    for row in rows:
        groups[row.order_id].append(row)
    return groups


def _order(head: Row[Any], items: list[Row[Any]], payments: list[Row[Any]], returns: list[Row[Any]]) -> Order:
    currency = head.currency
    return Order(
        id=head.id,
        number=head.number,
        customer_id=head.customer_id,
        currency=currency,
        placed_at=head.placed_at,
        items={row.line_no: _item(row, currency) for row in items},
        total=Money(head.total, currency),
        paid=Money(head.paid, currency),
        status=head.status,
        paid_at=head.paid_at,
        shipped_at=head.shipped_at,
        cancelled_at=head.cancelled_at,
        version=head.version,
        payments=[Payment(r.id, r.kind, Money(r.amount, r.currency), r.method, r.paid_at) for r in payments],
        returns=[_return(row, currency) for row in returns],
    )


def _item(row: Row[Any], currency: str) -> OrderItem:
    price, total = Money(row.unit_price, currency), Money(row.line_total, currency)
    return OrderItem(row.line_no, row.product_id, row.quantity, price, total, row.returned_quantity)


def _return(row: Row[Any], currency: str) -> ItemReturn:
    return ItemReturn(row.id, row.line_no, row.quantity, Money(row.amount, currency), row.returned_at, row.reference)
