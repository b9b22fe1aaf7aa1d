"""Financings with their schedules; they are made once and never changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from app.domain import errors
from app.domain.financing import Financing, Instalment
from app.domain.money import Money
from app.oltp import bulk, outbox, tables
from app.oltp.outbox import Keys
from app.oltp.repositories import SqlRepository


class FinancingRepository(SqlRepository[Financing]):
    """Simulated financings."""

    table = tables.financings
    not_found = errors.FinancingNotFound
    exists = errors.FinancingExists

    def _read(self, ids: Sequence[UUID]) -> list[Financing]:
        heads = bulk.fetch(self._connection(), tables.financings, "id", ids)
        schedules: defaultdict[UUID, list[Row[Any]]] = defaultdict(list)
        if heads:
            financing_ids = [head.id for head in heads]
            for row in bulk.fetch(self._connection(), tables.instalments, "financing_id", financing_ids):
                schedules[row.financing_id].append(row)
        return [_financing(head, schedules[head.id]) for head in heads]

    def _insert(self, financings: Sequence[Financing]) -> None:
        connection = self._connection()
        bulk.insert(connection, tables.financings, [_row(financing) for financing in financings])
        bulk.insert(connection, tables.instalments, _instalment_rows(financings))

    def _keys(self, financing: Financing) -> Keys:
        lines = [[str(financing.id), str(number)] for number, *_ in financing.schedule]
        return super()._keys(financing) | {outbox.named(tables.instalments): lines}


def _row(financing: Financing) -> tuple[Any, ...]:
    return (
        financing.id,
        financing.order_id,
        financing.principal.amount,
        financing.principal.currency,
        financing.monthly_rate,
        len(financing.schedule),
        financing.system,
        financing.first_due_date,
        financing.simulated_at,
    )


def _instalment_rows(financings: Sequence[Financing]) -> Iterator[tuple[Any, ...]]:
    for financing in financings:
        for number, due_date, *amounts in financing.schedule:
            yield financing.id, number, due_date, *(money.amount for money in amounts)


def _financing(head: Row[Any], schedule: Sequence[Row[Any]]) -> Financing:
    return Financing(
        id=head.id,
        order_id=head.order_id,
        principal=Money(head.principal, head.currency),
        monthly_rate=head.monthly_rate,
        system=head.system,
        first_due_date=head.first_due_date,
        simulated_at=head.simulated_at,
        schedule=tuple(_instalment(row, head.currency) for row in schedule),
    )


def _instalment(row: Row[Any], currency: str) -> Instalment:
    payment, principal, interest, balance = (
        Money(amount, currency) for amount in (row.payment, row.principal, row.interest, row.balance)
    )
    return Instalment(row.number, row.due_date, payment, principal, interest, balance)
