"""Commands on payments."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from app.commands.command import Command
from app.domain import errors, texts
from app.domain.money import Money
from app.ports import Keys, UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessPayment(Command):
    """Take a part or all of what is owed for an order."""

    payment_id: UUID
    order_id: UUID
    amount: Money
    method: str

    def __post_init__(self) -> None:
        Command.__post_init__(self)
        texts.required(self.method, "a payment method", longest=texts.MAX_KEY)
        if not isinstance(self.amount, Money) or not self.amount.is_positive:
            raise errors.InvalidPayment(f"a payment is above zero, not {self.amount}")

    def collect_keys(self, keys: Keys) -> None:
        keys.orders.add(self.order_id)


def process_payment(command: ProcessPayment, uow: UnitOfWork) -> None:
    uow.orders.get(command.order_id).pay(command.payment_id, command.amount, method=command.method, at=command.at)
