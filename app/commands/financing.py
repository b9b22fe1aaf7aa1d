"""Commands on financing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from app.commands.command import Command
from app.domain.financing import Financing
from app.domain.money import Money
from app.ports import Keys, UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulateFinancing(Command):
    """Compute and keep a schedule; `monthly_rate` is a fraction (0.02 is 2 %), `system` is PRICE or SAC."""

    financing_id: UUID
    principal: Money
    monthly_rate: Decimal
    instalments: int
    system: str
    first_due_date: date
    order_id: UUID | None = None

    def __post_init__(self) -> None:
        Command.__post_init__(self)
        _simulate(self)

    def collect_keys(self, keys: Keys) -> None:
        keys.financings.add(self.financing_id)
        if self.order_id is not None:
            keys.orders.add(self.order_id)


def simulate_financing(command: SimulateFinancing, uow: UnitOfWork) -> None:
    if command.order_id is not None:
        uow.orders.get(command.order_id)
    uow.financings.add(_simulate(command))


def _simulate(command: SimulateFinancing) -> Financing:
    return Financing.simulate(
        command.financing_id,
        principal=command.principal,
        monthly_rate=command.monthly_rate,
        instalments=command.instalments,
        system=command.system,
        first_due_date=command.first_due_date,
        at=command.at,
        order_id=command.order_id,
    )
