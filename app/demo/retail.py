"""The importer of the Online Retail file: every invoice through the command handlers, in batches.

A sale becomes an order that is placed, paid in full and shipped at its first line's time, with the lines' own prices;
products and customers are created as they appear. A `C` invoice gives pieces of earlier sales back. What became of
each line stands in `shop.import_verdicts`, written in the transaction of its batch, and so does how far the import
has come: a run that was cut off goes on where it stopped, and a second run finds nothing to do.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from decimal import Decimal
from functools import cache
from hashlib import sha256
from itertools import islice
from pathlib import Path
from uuid import UUID

from sqlalchemy import Engine

from app import errors
from app.commands import bus
from app.commands.customer import ChangeAddress, RegisterCustomer
from app.commands.order import OrderLine, PlaceOrder, ReturnItems, ShipOrder
from app.commands.payment import ProcessPayment
from app.commands.product import CreateProduct
from app.demo import progress, rules
from app.demo.lines import Invoice, Line, RetailFile, open_file
from app.demo.progress import Import, Intake, Total, Verdict
from app.demo.rules import ACCEPTED, Ledger, Sold
from app.domain import ids
from app.domain.customer import Address
from app.domain.errors import DomainError, ProductDiscontinued
from app.domain.money import Money
from app.ports import Keys
from jobs.results import Progress, Silent

CURRENCY = "GBP"
METHOD = "invoice"
# Lines in one transaction: enough that its round trips don't count, few enough to stay small in memory.
BATCH = 10_000
_TASK = "order lines"


def import_file(
    engine: Engine, path: Path, *, show: Progress | None = None, limit: int | None = None
) -> tuple[int, list[Total]]:
    """Bring the file in, from where the last run stopped; how many lines this run read, and the totals by verdict.

    Raises `errors.UsageError` for a file of another kind, `errors.LockHeld` where another process imports it.
    """
    with open_file(path, limit) as file, _rare_collection():
        importer = _Importer(engine, file, show or Silent())
        read = importer.run()
        return read, importer.totals()


@contextmanager
def _rare_collection() -> Iterator[None]:
    """Look for cycles less often: there are none in millions of values, and looking took a quarter of the time."""
    before = gc.get_threshold()
    gc.set_threshold(50_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)


class _Importer:
    """One run over one file."""

    def __init__(self, engine: Engine, file: RetailFile, show: Progress) -> None:
        self._engine = engine
        self._file = file
        self._show = show
        self._ledger = Ledger(file.returned())
        with Intake(engine) as uow:
            self._import: Import = uow.log.begin(file.source)
            self._rejected = uow.log.rejected(self._import.id)
            self._names = _Names(uow.log.products(), uow.log.customers())
            uow.commit()

    def run(self) -> int:
        """All batches that are not in yet; how many lines that were."""
        read, done = 0, self._import.done
        self._show.start(_TASK, self._file.count())
        invoices = self._file.invoices()
        for invoice in islice(invoices, done):
            self._replay(invoice)
        self._ledger.keep()
        for batch in _batches(invoices):
            self._take_in(batch, done)
            done += len(batch)
            lines = sum(len(invoice.lines) for invoice in batch)
            read += lines
            self._show.advance(_TASK, lines)
        self._show.finish(_TASK)
        return read

    def totals(self) -> list[Total]:
        """Lines and amounts by verdict. Every line that was read has exactly one."""
        with Intake(self._engine) as uow:
            found = uow.log.summary(self._import.id)
        judged, read = sum(total.lines for total in found), self._file.count()
        if judged != read:
            raise errors.Bug(f"{read} lines were read, but {judged} were accepted or rejected")
        return found

    def _replay(self, invoice: Invoice) -> None:
        """Bring the ledger to where it was when this invoice, which is in already, had been taken in."""
        lines = [line for line in invoice.lines if line.line_no not in self._rejected]
        if invoice.is_return:
            for line in lines:
                self._ledger.match(_key(invoice, line), rules.pieces(invoice, line))
        else:
            self._sold(invoice, lines)
        self._show.advance(_TASK, len(invoice.lines))

    def _take_in(self, batch: list[Invoice], done: int) -> None:
        try:
            self._run(batch, done, lambda _: nullcontext())
        except DomainError:
            # PostgreSQL refused the whole: once more, each invoice on its own, to find out which it was.
            self._run(batch, done, Intake.savepoint)
        self._ledger.keep()

    def _run(self, batch: list[Invoice], done: int, alone: Callable[[Intake], AbstractContextManager[None]]) -> None:
        names = self._names

        def work(uow: Intake) -> None:
            self._ledger.back_to(0)
            self._names = names.copy()
            uow.log.advance(self._import.id, done, done + len(batch))
            verdicts = [verdict for invoice in batch for verdict in self._judged(uow, invoice, alone)]
            uow.log.record(self._import.id, verdicts)

        try:
            progress.transact(self._engine, self._keys(batch), work)
        except BaseException:
            self._ledger.back_to(0)
            self._names = names
            raise

    def _keys(self, batch: list[Invoice]) -> Keys:
        """What the batch will ask for, as far as it is there already."""
        keys = Keys()
        for invoice in batch:
            if invoice.customer in self._names.customers:
                keys.customers.add(self._names.customers[invoice.customer][0])
            for line in invoice.lines:
                if invoice.is_return:
                    keys.orders.update(self._ledger.peek(_key(invoice, line)))
                elif line.sku in self._names.products:
                    keys.products.add(self._names.products[line.sku])
        return keys

    def _judged(
        self, uow: Intake, invoice: Invoice, alone: Callable[[Intake], AbstractContextManager[None]]
    ) -> Iterator[Verdict]:
        verdicts = {line.line_no: rules.broken_rule(invoice, line) for line in invoice.lines}
        lines = [line for line in invoice.lines if verdicts[line.line_no] is None]
        mark, names = self._ledger.mark(), self._names.copy() if alone is Intake.savepoint else self._names
        try:
            with alone(uow):
                verdicts |= self._returns(uow, invoice, lines) if invoice.is_return else self._sale(uow, invoice, lines)
        except DomainError as error:
            self._ledger.back_to(mark)
            self._names = names
            verdicts |= {line.line_no: error.name for line in lines}
        for line in invoice.lines:
            yield Verdict(line.line_no, verdicts[line.line_no] or ACCEPTED, rules.amount(line))

    def _sale(self, uow: Intake, invoice: Invoice, lines: list[Line]) -> dict[int, str]:
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
        self._sold(invoice, [line for line, _ in wanted])
        return broken

    def _order_line(self, uow: Intake, invoice: Invoice, line: Line) -> OrderLine:
        assert line.sku is not None and line.price is not None and line.quantity is not None
        price = _money(line.price)
        product_id = self._names.products.get(line.sku)
        if product_id is None:
            product_id = self._id(invoice, "product", line.sku)
            name = line.description or line.sku
            bus.dispatch(
                CreateProduct(product_id=product_id, sku=line.sku, name=name, unit_price=price, at=invoice.at), uow
            )
            self._names.products[line.sku] = product_id
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
        known = self._names.customers.get(reference)
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
        self._names.customers[reference] = (known[0], invoice.country)
        return known[0]

    def _returns(self, uow: Intake, invoice: Invoice, lines: list[Line]) -> dict[int, str]:
        """Give back what was sold; the rules that the other lines broke."""
        broken: dict[int, str] = {}
        for line in lines:
            mark = self._ledger.mark()
            try:
                if not self._give_back(uow, invoice, line):
                    broken[line.line_no] = rules.RETURN_WITHOUT_SALE
            except DomainError as error:
                self._ledger.back_to(mark)
                broken[line.line_no] = error.name
        return broken

    def _give_back(self, uow: Intake, invoice: Invoice, line: Line) -> bool:
        """Whether as many were sold; refused as a whole where the shop knows of fewer."""
        found = self._ledger.match(_key(invoice, line), rules.pieces(invoice, line))
        commands = [
            ReturnItems(
                order_id=piece.order_id,
                return_id=self._id(invoice, "return", f"{line.line_no}.{place}"),
                line_no=piece.line_no,
                quantity=piece.quantity,
                reference=invoice.number,
                at=invoice.at,
            )
            for place, piece in enumerate(found)
        ]
        for command in commands:
            bus.dispatch(command, uow)
        return bool(commands)

    def _sold(self, invoice: Invoice, lines: list[Line]) -> None:
        """Note what may come back; the order's lines are numbered from 1 in the order of the file."""
        order_id = self._order_id(invoice)
        for number, line in enumerate(lines, start=1):
            self._ledger.sell(_key(invoice, line), Sold(order_id, number, rules.pieces(invoice, line)))

    def _order_id(self, invoice: Invoice) -> UUID:
        return self._id(invoice, "order")

    def _id(self, invoice: Invoice, *what: str) -> UUID:
        """The same for the same file, so that nothing can come in twice."""
        entropy = sha256("\n".join((self._file.source, invoice.number, *what)).encode()).digest()
        return ids.id_at(invoice.at, entropy[: ids.ENTROPY_BYTES])


class _Names:
    """The ids behind what the file calls products and customers; a customer's country with it."""

    def __init__(self, products: dict[str, UUID], customers: dict[str, tuple[UUID, str]]) -> None:
        self.products = products
        self.customers = customers

    def copy(self) -> _Names:
        return _Names(dict(self.products), dict(self.customers))


def _batches(invoices: Iterator[Invoice]) -> Iterator[list[Invoice]]:
    batch: list[Invoice] = []
    lines = 0
    for invoice in invoices:
        batch.append(invoice)
        lines += len(invoice.lines)
        if lines >= BATCH:
            yield batch
            batch, lines = [], 0
    if batch:
        yield batch


def _key(invoice: Invoice, line: Line) -> rules.Key:
    return invoice.customer or "", line.sku or "", line.price or Decimal(0)


@cache
def _money(price: Decimal) -> Money:
    return Money(price, CURRENCY)
