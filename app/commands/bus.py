"""From a command to its handler, in one transaction, again when somebody else was faster.

The boundary: what a handler did is written whole or not at all. A conflict (another transaction changed the same
aggregate) rolls back and runs the command again on what is there now; after `ATTEMPTS` it is the caller's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

from app import errors
from app.commands import customer, financing, order, payment, product
from app.commands.command import Command
from app.domain.errors import DomainError
from app.ports import Keys, UnitOfWork, UnitOfWorkFactory

T = TypeVar("T")
ATTEMPTS = 5

HANDLERS: dict[type[Command], Callable[[Any, UnitOfWork], None]] = {
    product.CreateProduct: product.create_product,
    product.RenameProduct: product.rename_product,
    product.ChangePrice: product.change_price,
    product.DiscontinueProduct: product.discontinue_product,
    customer.RegisterCustomer: customer.register_customer,
    customer.ChangeAddress: customer.change_address,
    order.PlaceOrder: order.place_order,
    order.AddItem: order.add_item,
    order.RemoveItem: order.remove_item,
    order.CancelOrder: order.cancel_order,
    order.ShipOrder: order.ship_order,
    order.ReturnItems: order.return_items,
    payment.ProcessPayment: payment.process_payment,
    financing.SimulateFinancing: financing.simulate_financing,
}


class Refusal(NamedTuple):
    """A command of a batch that broke a rule: where it stood, and which rule."""

    position: int
    command: Command
    error: DomainError


def handle(command: Command, uow_factory: UnitOfWorkFactory) -> None:
    """Run one command in one transaction.

    Raises `app.domain.errors.DomainError` for a broken rule and `errors.ConcurrencyConflict` when each of
    `ATTEMPTS` met another writer; nothing was written then.
    """

    def once() -> None:
        with uow_factory() as uow:
            dispatch(command, uow)
            uow.commit()

    _again_on_conflict(once)


def handle_batch(commands: Sequence[Command], uow_factory: UnitOfWorkFactory) -> list[Refusal]:
    """Run many commands in one transaction and return those that were refused.

    A refused command leaves no trace and the others go on. Commands run in the order given. Aggregates are read
    in bulk before and written in bulk after; only if the database then refuses the bulk, the batch is rolled back
    and run command by command, to find out which one it was. Raises `errors.ConcurrencyConflict` as `handle` does.
    """
    return _again_on_conflict(lambda: _run_batch(commands, uow_factory))


def dispatch(command: Command, uow: UnitOfWork) -> None:
    """Call the command's handler within a unit of work that the caller commits."""
    try:
        handler = HANDLERS[type(command)]
    except KeyError:
        raise errors.Bug(f"no handler for {type(command).__name__}") from None
    handler(command, uow)


def _run_batch(commands: Sequence[Command], uow_factory: UnitOfWorkFactory) -> list[Refusal]:
    try:
        with uow_factory() as uow:
            uow.preload(_keys(commands))
            refusals = _dispatch_all(commands, uow)
            uow.commit()
            return refusals
    except DomainError:  # a constraint refused the bulk: some command's fault, but which one's?
        return _run_one_by_one(commands, uow_factory)


def _dispatch_all(commands: Sequence[Command], uow: UnitOfWork) -> list[Refusal]:
    """Relies on the aggregates checking before they change: a refused command touched nothing."""
    refusals = []
    for position, command in enumerate(commands):
        try:
            dispatch(command, uow)
        except DomainError as error:
            refusals.append(Refusal(position, command, error))
    return refusals


def _run_one_by_one(commands: Sequence[Command], uow_factory: UnitOfWorkFactory) -> list[Refusal]:
    refusals = []
    with uow_factory() as uow:
        for position, command in enumerate(commands):
            try:
                with uow.savepoint():
                    dispatch(command, uow)
            except DomainError as error:
                refusals.append(Refusal(position, command, error))
        uow.commit()
    return refusals


def _keys(commands: Sequence[Command]) -> Keys:
    keys = Keys()
    for command in commands:
        command.collect_keys(keys)
    return keys


def _again_on_conflict(run: Callable[[], T]) -> T:
    for _ in range(ATTEMPTS - 1):
        try:
            return run()
        except errors.ConcurrencyConflict:
            continue
    return run()
