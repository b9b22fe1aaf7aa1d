"""The generated orders: the one at each place is the same each time, whatever was placed before it.

An order's moment is drawn from two years that end at a fixed date, with more towards the end and before Christmas.
What would happen after that date has not happened: so the last orders are still open, or paid and not yet shipped.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from app.commands.command import Command
from app.commands.customer import RegisterCustomer
from app.commands.financing import SimulateFinancing
from app.commands.order import CancelOrder, OrderLine, PlaceOrder, ReturnItems, ShipOrder
from app.commands.payment import ProcessPayment
from app.commands.product import ChangePrice, CreateProduct, DiscontinueProduct, RenameProduct
from app.demo import assortment
from app.demo.assortment import CURRENCY, END, START, Customer, Product
from app.domain import money
from app.domain.customer import Address
from app.domain.financing import Financing
from app.domain.money import Money

_METHODS = ("card", "transfer", "paypal")
# What becomes of an order, and how often, of 100.
_FATES = {"plain": 74, "two parts": 7, "financed": 6, "part paid": 4, "unpaid": 3, "cancelled": 3, "refunded": 3}
# More before Christmas, less in summer; January first.
_SEASON = (0.8, 0.75, 0.9, 0.95, 0.95, 0.85, 0.75, 0.75, 0.95, 1.05, 1.35, 1.5)


def opening() -> Iterator[Command]:
    """What comes before the first order: the assortment."""
    for one in assortment.products():
        yield CreateProduct(product_id=one.id, sku=one.sku, name=one.name, unit_price=one.price, at=START)


def news(position: int) -> Iterator[Command]:
    """What changes in the assortment just before the order at this place."""
    for one in assortment.products():
        if one.change is not None and one.after == position:
            yield _change(one)


def customer_of(position: int) -> Customer:
    """Who places the order at this place."""
    return _Story(position).customer


def registration(customer: Customer) -> Command:
    """The customer's own first command."""
    home = Address(country=customer.country, city=customer.city)
    return RegisterCustomer(
        customer_id=customer.id, reference=customer.reference, name=customer.name, address=home, at=customer.since
    )


def order(position: int) -> list[Command]:
    """The order at this place and all that happened to it until the end of the two years."""
    return [command for command in _Story(position).commands() if command.at < END]


def _change(one: Product) -> Command:
    if one.change == "price" and one.new_price is not None:
        return ChangePrice(product_id=one.id, unit_price=one.new_price, at=one.changed_at)
    if one.change == "rename":
        return RenameProduct(product_id=one.id, name=f"{one.name} (new)", at=one.changed_at)
    return DiscontinueProduct(product_id=one.id, at=one.changed_at)


class _Story:
    """One order's life, told by its own dice."""

    def __init__(self, position: int) -> None:
        self.position = position
        self.dice = assortment.dice("order", position)
        self.at = _moment(self.dice)
        self.customer = assortment.customer_for(self.at, self.dice)
        self.id = assortment.made_id(self.at, "order", position)
        self.lines = self._lines()
        self.total = money.total((price * quantity for _, quantity, price in self.lines), CURRENCY)
        self.method = self.dice.choice(_METHODS)

    def commands(self) -> Iterator[Command]:
        fate = self.dice.choices(list(_FATES), list(_FATES.values()))[0]
        yield PlaceOrder(
            order_id=self.id,
            number=f"D-{self.position + 1:06}",
            customer_id=self.customer.id,
            items=tuple(self._item(*line) for line in self.lines),
            at=self.at,
        )
        yield from getattr(self, f"_{fate.replace(' ', '_')}")()

    def _plain(self) -> Iterator[Command]:
        yield self._pay(1, self.total, self._later(self.at, 0, 3))
        yield from self._ship(self._later(self.at, 3, 7))

    def _two_parts(self) -> Iterator[Command]:
        first = self.total * Decimal("0.4")
        yield self._pay(1, first, self._later(self.at, 0, 2))
        yield self._pay(2, self.total - first, self._later(self.at, 14, 40))
        yield from self._ship(self._later(self.at, 41, 45))

    def _part_paid(self) -> Iterator[Command]:
        yield self._pay(1, self.total * Decimal("0.3"), self._later(self.at, 0, 10))

    def _unpaid(self) -> Iterator[Command]:
        yield from ()

    def _cancelled(self) -> Iterator[Command]:
        yield self._cancel(self._later(self.at, 0, 4))

    def _refunded(self) -> Iterator[Command]:
        yield self._pay(1, self.total, self._later(self.at, 0, 2))
        yield self._cancel(self._later(self.at, 3, 9))

    def _financed(self) -> Iterator[Command]:
        plan = self._plan()
        yield plan
        schedule = Financing.simulate(
            plan.financing_id,
            principal=plan.principal,
            monthly_rate=plan.monthly_rate,
            instalments=plan.instalments,
            system=plan.system,
            first_due_date=plan.first_due_date,
            at=plan.at,
        ).schedule
        payments = len(schedule) if self.dice.random() < 0.75 else self.dice.randrange(len(schedule))
        owed = self.total
        for one in schedule[:payments]:
            paid = min(one.payment, owed)
            due = datetime.combine(one.due_date, self.at.timetz())
            if paid.is_positive:
                yield self._pay(one.number, paid, due - timedelta(hours=self.dice.randrange(1, 72)))
            owed = owed - paid
        if not owed:
            yield from self._ship(due + timedelta(days=1))

    def _plan(self) -> SimulateFinancing:
        return SimulateFinancing(
            financing_id=assortment.made_id(self.at, "financing", self.position),
            order_id=self.id,
            principal=self.total,
            monthly_rate=Decimal(self.dice.choice(("0", "0", "0.01", "0.02"))),
            instalments=self.dice.choice((3, 6, 12)),
            system=self.dice.choice(("PRICE", "SAC")),
            first_due_date=(self.at + timedelta(days=30)).date(),
            at=self.at,
        )

    def _ship(self, at: datetime) -> Iterator[Command]:
        yield ShipOrder(order_id=self.id, at=at)
        if self.dice.random() < 0.07:
            place = self.dice.randrange(len(self.lines))
            yield ReturnItems(
                order_id=self.id,
                return_id=assortment.made_id(self.at, "return", self.position),
                line_no=place + 1,
                quantity=self.dice.randint(1, self.lines[place][1]),
                reference=f"R-{self.position + 1:06}",
                at=self._later(at, 4, 30),
            )

    def _pay(self, number: int, amount: Money, at: datetime) -> Command:
        payment_id = assortment.made_id(self.at, "payment", self.position, number)
        return ProcessPayment(payment_id=payment_id, order_id=self.id, amount=amount, method=self.method, at=at)

    def _cancel(self, at: datetime) -> Command:
        return CancelOrder(order_id=self.id, refund_id=assortment.made_id(self.at, "refund", self.position), at=at)

    def _later(self, moment: datetime, least: int, most: int) -> datetime:
        """Between so many days after; an own draw for each, always in the order of the calls."""
        return moment + timedelta(seconds=self.dice.randrange(least * 86400 + 60, most * 86400))

    def _lines(self) -> list[tuple[Product, int, Money]]:
        on_sale = [one for one in assortment.products() if one.on_sale(self.position, self.at)]
        count = self.dice.choices((1, 2, 3, 4, 6), (30, 30, 20, 13, 7))[0]
        chosen: dict[str, Product] = {}
        for one in self.dice.choices(on_sale, [one.weight for one in on_sale], k=count):
            chosen[one.sku] = one
            partner = _partner(one, on_sale)
            if partner is not None and self.dice.random() < 0.35:
                chosen[partner.sku] = partner
        return [(one, self._quantity(), one.price_at(self.at)) for one in chosen.values()]

    def _quantity(self) -> int:
        return self.dice.choices((1, 2, 3, 4, 6, 12), (52, 24, 9, 7, 6, 2))[0]

    def _item(self, product: Product, quantity: int, price: Money) -> OrderLine:
        """The price is only said where it is not the one that the shop would take by itself."""
        return OrderLine(product.id, quantity, None if price == product.listed(self.position) else price)


def _partner(product: Product, on_sale: list[Product]) -> Product | None:
    """What goes with it: the best-sellers are bought in pairs."""
    rank = int(product.sku.removeprefix("D-"))
    wanted = f"D-{rank + 1 if rank % 2 else rank - 1:03}"
    return next((one for one in on_sale if one.sku == wanted), None) if rank <= 20 else None


def _moment(chance: random.Random) -> datetime:
    """Drawn until season and growth agree to it; shops are busy from morning to night."""
    while True:
        share = chance.random()
        day = START + timedelta(days=int(share * (END - START).days))
        if chance.random() * 1.5 < _SEASON[day.month - 1] * (0.55 + 0.45 * share):
            seconds = min(86399, max(0, int(chance.gauss(14.5, 3.8) * 3600)))
            return day + timedelta(seconds=seconds)
