"""Commands on products."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from app.commands.command import Command
from app.domain import money, texts
from app.domain.money import Money
from app.domain.product import Product
from app.ports import Keys, UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class _OnProduct(Command):
    product_id: UUID

    def collect_keys(self, keys: Keys) -> None:
        keys.products.add(self.product_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateProduct(_OnProduct):
    """Put a product on sale."""

    sku: str
    name: str
    unit_price: Money

    def __post_init__(self) -> None:
        Command.__post_init__(self)
        texts.required(self.sku, "a SKU", longest=texts.MAX_KEY)
        texts.required(self.name, "a product's name")
        money.price(self.unit_price)


@dataclass(frozen=True, slots=True, kw_only=True)
class RenameProduct(_OnProduct):
    """Give a product another name."""

    name: str

    def __post_init__(self) -> None:
        Command.__post_init__(self)
        texts.required(self.name, "a product's name")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePrice(_OnProduct):
    """Set the price of orders to come."""

    unit_price: Money

    def __post_init__(self) -> None:
        Command.__post_init__(self)
        money.price(self.unit_price)


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscontinueProduct(_OnProduct):
    """Take a product out of sale."""


def create_product(command: CreateProduct, uow: UnitOfWork) -> None:
    product = Product.create(
        command.product_id, sku=command.sku, name=command.name, unit_price=command.unit_price, at=command.at
    )
    uow.products.add(product)


def rename_product(command: RenameProduct, uow: UnitOfWork) -> None:
    uow.products.get(command.product_id).rename(command.name, at=command.at)


def change_price(command: ChangePrice, uow: UnitOfWork) -> None:
    uow.products.get(command.product_id).change_price(command.unit_price, at=command.at)


def discontinue_product(command: DiscontinueProduct, uow: UnitOfWork) -> None:
    uow.products.get(command.product_id).discontinue(at=command.at)
