"""Which lines of the Online Retail file the shop can take, and which sale a return belongs to.

A line is rejected for the first rule it breaks, in the order of `broken_rule`; the others of its invoice go on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from app.demo.lines import Invoice, Line

ACCEPTED = "accepted"
CUSTOMER_MISSING = "customer_missing"
QUANTITY_BELOW_ONE = "quantity_below_one"
PRICE_NOT_POSITIVE = "price_not_positive"
PRICE_BELOW_ONE_CENT = "price_below_one_cent"
PRODUCT_MISSING = "product_missing"
RETURN_WITHOUT_SALE = "return_without_sale"

Key = tuple[str, str, Decimal]
_CENT = Decimal("0.01")


def broken_rule(invoice: Invoice, line: Line) -> str | None:
    """The first rule a line breaks by itself, or None. A return's quantity is negative in the file."""
    if invoice.customer is None:
        return CUSTOMER_MISSING
    if pieces(invoice, line) < 1:
        return QUANTITY_BELOW_ONE
    if line.price is None or line.price <= 0:
        return PRICE_NOT_POSITIVE
    if line.price % _CENT:
        return PRICE_BELOW_ONE_CENT
    return None if line.sku else PRODUCT_MISSING


def pieces(invoice: Invoice, line: Line) -> int:
    """How many pieces were sold, or came back."""
    quantity = line.quantity or 0
    return -quantity if invoice.is_return else quantity


def amount(line: Line) -> Decimal | None:
    """Quantity x price as the file has them, with its sign."""
    return None if line.quantity is None or line.price is None else line.quantity * line.price


@dataclass(slots=True)
class Sold:
    """A line of an order of which `left` pieces have not come back."""

    order_id: UUID
    line_no: int
    remaining: int


class Piece(NamedTuple):
    """A part of a return: so many pieces of this line of this order."""

    order_id: UUID
    line_no: int
    quantity: int


class Ledger:
    """What was sold and may come back: only of the keys (customer, SKU, price) that are ever returned."""

    def __init__(self, keys: Collection[Key]) -> None:
        self._keys = keys
        self._sold: defaultdict[Key, list[Sold]] = defaultdict(list)
        self._undo: list[Callable[[], object]] = []

    def sell(self, key: Key, sold: Sold) -> None:
        """Note an accepted line."""
        if key in self._keys:
            lines = self._sold[key]
            lines.append(sold)
            self._undo.append(lines.pop)

    def peek(self, key: Key) -> list[UUID]:
        """The orders a return would come from, at a guess: the most recent ones with something left."""
        return [sold.order_id for sold in reversed(self._sold.get(key, [])) if sold.remaining][:3]

    def match(self, key: Key, quantity: int) -> list[Piece]:
        """The lines these pieces come back from, most recent first; none where fewer were sold than come back."""
        matched: list[tuple[Sold, int]] = []
        for sold in reversed(self._sold.get(key, [])):
            if sold.remaining and quantity:
                taken = min(sold.remaining, quantity)
                matched.append((sold, taken))
                quantity -= taken
        if quantity:
            return []
        return [self._take(sold, taken) for sold, taken in matched]

    def _take(self, sold: Sold, taken: int) -> Piece:
        sold.remaining -= taken
        self._undo.append(lambda: setattr(sold, "remaining", sold.remaining + taken))
        return Piece(sold.order_id, sold.line_no, taken)

    def savepoint(self) -> int:
        """A point to go back to; `commit` makes it the start."""
        return len(self._undo)

    def commit(self) -> None:
        """What happened so far is committed."""
        self._undo.clear()

    def back_to(self, savepoint: int) -> None:
        """Forget what happened since the savepoint."""
        while len(self._undo) > savepoint:
            self._undo.pop()()
