"""One invoice through the command handlers: a sale is placed, paid and shipped, a return gives earlier sales back."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from hashlib import sha256
from uuid import UUID

from app.commands import bus
from app.commands.customer import ChangeAddress, RegisterCustomer
from app.commands.order import OrderLine, PlaceOrder, ReturnItems, ShipOrder
from app.commands.payment import ProcessPayment
from app.commands.product import CreateProduct
from app.demo import rules
from app.demo.lines import Invoice, Line
from app.demo.progress import Intake
from app.demo.rules import Ledger, Sold
from app.domain import ids
from app.domain.customer import Address
from app.domain.errors import DomainError, ProductDiscontinued
from app.domain.money import Money
from app.ports import Keys

CURRENCY = "GBP"
METHOD = "invoice"


class Names:
    """The ids behind what the file calls products and customers; a customer's country with it."""

    def __init__(self, products: dict[str, UUID], customers: dict[str, tuple[UUID, str]]) -> None:
        self.products = products
        self.customers = customers

    def copy(self) -> Names:
        return Names(dict(self.products), dict(self.customers))


class Posting:
    """Posts the invoices of one `source`.

    `ledger` and `names` hold what was posted; whoever rolls back sets them back.
    """

    def __init__(self, source: str, ledger: Ledger, names: Names) -> None:
        self._source = source
        self.ledger = ledger
        self.names = names

    def keys(self, batch: list[Invoice]) -> Keys:
        """What the batch will ask for, as far as it is there already."""
        keys = Keys()
        for invoice in batch:
            if invoice.customer in self.names.customers:
                keys.customers.add(self.names.customers[invoice.customer][0])
            for line in invoice.lines:
                if invoice.is_return:
                    keys.orders.update(self.ledger.peek(key_of(invoice, line)))
                elif line.sku in self.names.products:
                    keys.products.add(self.names.products[line.sku])
        return keys

    def sale(self, uow: Intake, invoice: Invoice, lines: list[Line]) -> dict[int, str]:
        """Place, pay and ship what can be ordered; the rules that the other lines broke."""
        broken: dict[int, str] = {}
        wanted: list[tuple[Line, OrderLine]] = []
        for line in lines:
            try:
                wanted.append((line, self._order_line(uow, invoice, line)))
            except DomainError as error:
                broken[line.line_no] = error.name
        while wanted:
            try:
                self._order(uow, invoice, [item for _, item in wanted])
                break
            except ProductDiscontinued as error:
                gone = error.data.get("product_id")
                broken |= {line.line_no: error.name for line, item in wanted if item.product_id == gone}
                wanted = [(line, item) for line, item in wanted if item.product_id != gone]
        self.sold(invoice, [line for line, _ in wanted])
        return broken

    def _order_line(self, uow: Intake, invoice: Invoice, line: Line) -> OrderLine:
        assert line.sku is not None and line.price is not None and line.quantity is not None
        price = _money(line.price)
        product_id = self.names.products.get(line.sku)
        if product_id is None:
            product_id = self._id(invoice, "product", line.sku)
            name = line.description or line.sku
            bus.dispatch(
                CreateProduct(product_id=product_id, sku=line.sku, name=name, unit_price=price, at=invoice.at), uow
            )
            self.names.products[line.sku] = product_id
        return OrderLine(product_id, line.quantity, price)

    def _order(self, uow: Intake, invoice: Invoice, items: list[OrderLine]) -> None:
        order_id, at = self._order_id(invoice), invoice.at
        customer_id = self._customer(uow, invoice)
        bus.dispatch(
            PlaceOrder(order_id=order_id, number=invoice.number, customer_id=customer_id, items=tuple(items), at=at),
            uow,
        )
        due = uow.orders.get(order_id).owed
        payment_id = self._id(invoice, "payment")
        bus.dispatch(ProcessPayment(payment_id=payment_id, order_id=order_id, amount=due, method=METHOD, at=at), uow)
        bus.dispatch(ShipOrder(order_id=order_id, at=at), uow)

    def _customer(self, uow: Intake, invoice: Invoice) -> UUID:
        """The customer's id, registered or moved as the invoice says."""
        reference = invoice.customer
        assert reference is not None
        known = self.names.customers.get(reference)
        address = Address(country=invoice.country)
        if known is None:
            known = (self._id(invoice, "customer", reference), invoice.country)
            name = f"Customer {reference}"
            bus.dispatch(
                RegisterCustomer(customer_id=known[0], reference=reference, name=name, address=address, at=invoice.at),
                uow,
            )
        elif known[1] != invoice.country:
            bus.dispatch(ChangeAddress(customer_id=known[0], address=address, at=invoice.at), uow)
        self.names.customers[reference] = (known[0], invoice.country)
        return known[0]

    def returns(self, uow: Intake, invoice: Invoice, lines: list[Line]) -> dict[int, str]:
        """Give back what was sold; the rules that the other lines broke."""
        broken: dict[int, str] = {}
        for line in lines:
            savepoint = self.ledger.savepoint()
            try:
                if not self._give_back(uow, invoice, line):
                    broken[line.line_no] = rules.RETURN_WITHOUT_SALE
            except DomainError as error:
                self.ledger.back_to(savepoint)
                broken[line.line_no] = error.name
        return broken

    def _give_back(self, uow: Intake, invoice: Invoice, line: Line) -> bool:
        """Whether as many were sold; refused as a whole where the shop knows of fewer."""
        pieces = self.ledger.match(key_of(invoice, line), rules.pieces(invoice, line))
        commands = [
            ReturnItems(
                order_id=piece.order_id,
                return_id=self._id(invoice, "return", f"{line.line_no}.{place}"),
                line_no=piece.line_no,
                quantity=piece.quantity,
                reference=invoice.number,
                at=invoice.at,
            )
            for place, piece in enumerate(pieces)
        ]
        for command in commands:
            bus.dispatch(command, uow)
        return bool(commands)

    def sold(self, invoice: Invoice, lines: list[Line]) -> None:
        """Note what may come back; the order's lines are numbered from 1 in the order of the file."""
        order_id = self._order_id(invoice)
        for number, line in enumerate(lines, start=1):
            self.ledger.sell(key_of(invoice, line), Sold(order_id, number, rules.pieces(invoice, line)))

    def _order_id(self, invoice: Invoice) -> UUID:
        return self._id(invoice, "order")

    def _id(self, invoice: Invoice, *what: str) -> UUID:
        """The same for the same file, so that nothing can come in twice."""
        entropy = sha256("\n".join((self._source, invoice.number, *what)).encode()).digest()
        return ids.id_at(invoice.at, entropy[: ids.ENTROPY_BYTES])


def key_of(invoice: Invoice, line: Line) -> rules.Key:
    """What a returned line and the sale of it have in common."""
    return invoice.customer or "", line.sku or "", line.price or Decimal(0)


@cache
def _money(price: Decimal) -> Money:
    return Money(price, CURRENCY)
