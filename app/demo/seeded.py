"""Puts the generated orders into the shop, from where the last run stopped, in batches."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Engine

from app.commands import bus
from app.commands.command import Command
from app.demo import assortment, progress, stream
from app.demo.progress import Import, Intake
from app.domain.errors import DomainError
from app.ports import Keys
from jobs.results import Progress, Silent

BATCH = 500
_TASK = "orders"


class Placed(NamedTuple):
    """What one run did: orders that were there before and that it placed, and commands that a rule refused by name."""

    before: int
    placed: int
    refused: dict[str, int]


def place(engine: Engine, orders: int, *, show: Progress | None = None) -> Placed:
    """Place the next orders of the stream until `orders` of it are there; nothing where they are.

    A command may be refused where somebody changed the shop in between: its name is counted. Raises
    `errors.LockHeld` where another process does the same.
    """
    with Intake(engine) as uow:
        known = uow.log.begin(f"seeded:{assortment.SEED}")
        uow.commit()
    run = _Run(engine, known, show or Silent())
    return run.until(orders)


class _Run:
    def __init__(self, engine: Engine, known: Import, show: Progress) -> None:
        self._engine = engine
        self._known = known
        self._show = show
        self._registered = {stream.customer_of(position).id for position in range(known.done)}
        self._refused: dict[str, int] = {}

    def until(self, orders: int) -> Placed:
        before = self._known.done
        if orders > before:
            self._show.start(_TASK, orders - before)
            for start in range(before, orders, BATCH):
                self._batch(start, min(start + BATCH, orders))
            self._show.finish(_TASK)
        return Placed(before, max(0, orders - before), self._refused)

    def _batch(self, start: int, end: int) -> None:
        commands = self._commands(start, end)

        def work(uow: Intake) -> dict[str, int]:
            uow.log.advance(self._known.id, start, end)
            return _dispatched(commands, uow)

        for name, count in progress.transact(self._engine, _keys(commands), work).items():
            self._refused[name] = self._refused.get(name, 0) + count
        self._show.advance(_TASK, end - start)

    def _commands(self, start: int, end: int) -> list[Command]:
        commands: list[Command] = [] if start else list(stream.opening())
        for position in range(start, end):
            commands += stream.news(position)
            customer = stream.customer_of(position)
            if self._is_new(customer.id):
                commands.append(stream.registration(customer))
            commands += stream.order(position)
        return commands

    def _is_new(self, customer_id: UUID) -> bool:
        if customer_id in self._registered:
            return False
        self._registered.add(customer_id)
        return True


def _dispatched(commands: list[Command], uow: Intake) -> dict[str, int]:
    refused: dict[str, int] = {}
    for command in commands:
        try:
            bus.dispatch(command, uow)
        except DomainError as error:
            refused[error.name] = refused.get(error.name, 0) + 1
    return refused


def _keys(commands: list[Command]) -> Keys:
    keys = Keys()
    for command in commands:
        command.collect_keys(keys)
    return keys
