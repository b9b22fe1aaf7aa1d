"""Commands on customers."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from app.commands.command import Command
from app.domain import texts
from app.domain.customer import Address, Customer
from app.ports import Keys, UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class _OnCustomer(Command):
    customer_id: UUID

    def collect_keys(self, keys: Keys) -> None:
        keys.customers.add(self.customer_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterCustomer(_OnCustomer):
    """Take in a customer; the address is checked when it is built."""

    reference: str
    name: str
    address: Address

    def __post_init__(self) -> None:
        Command.__post_init__(self)
        texts.required(self.reference, "a customer's reference", longest=texts.MAX_KEY)
        texts.required(self.name, "a customer's name")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeAddress(_OnCustomer):
    """Replace a customer's whole address."""

    address: Address


def register_customer(command: RegisterCustomer, uow: UnitOfWork) -> None:
    customer = Customer.register(
        command.customer_id, reference=command.reference, name=command.name, address=command.address, at=command.at
    )
    uow.customers.add(customer)


def change_address(command: ChangeAddress, uow: UnitOfWork) -> None:
    uow.customers.get(command.customer_id).change_address(command.address, at=command.at)
