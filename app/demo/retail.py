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
from itertools import islice
from pathlib import Path

from sqlalchemy import Engine

from app import errors
from app.demo import progress, rules
from app.demo.lines import Invoice, RetailFile, open_file
from app.demo.posting import Names, Posting, key_of
from app.demo.progress import Import, Intake, Total, Verdict
from app.demo.rules import ACCEPTED, Ledger
from app.domain.errors import DomainError
from jobs.results import Progress, Silent

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
            self._posting = Posting(file.source, self._ledger, Names(uow.log.products(), uow.log.customers()))
            uow.commit()

    def run(self) -> int:
        """All batches that are not in yet; how many lines that were."""
        read, done = 0, self._import.done
        self._show.start(_TASK, self._file.count())
        invoices = self._file.invoices()
        for invoice in islice(invoices, done):
            self._replay(invoice)
        self._ledger.commit()
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
            summary = uow.log.summary(self._import.id)
        judged, read = sum(total.lines for total in summary), self._file.count()
        if judged != read:
            raise errors.Bug(f"{read} lines were read, but {judged} were accepted or rejected")
        return summary

    def _replay(self, invoice: Invoice) -> None:
        """Bring the ledger to where it was when this invoice, which is in already, had been taken in."""
        lines = [line for line in invoice.lines if line.line_no not in self._rejected]
        if invoice.is_return:
            for line in lines:
                self._ledger.match(key_of(invoice, line), rules.pieces(invoice, line))
        else:
            self._posting.sold(invoice, lines)
        self._show.advance(_TASK, len(invoice.lines))

    def _take_in(self, batch: list[Invoice], done: int) -> None:
        try:
            self._run(batch, done, lambda _: nullcontext())
        except DomainError:
            # PostgreSQL refused the whole: once more, each invoice on its own, to find out which it was.
            self._run(batch, done, Intake.savepoint)
        self._ledger.commit()

    def _run(self, batch: list[Invoice], done: int, alone: Callable[[Intake], AbstractContextManager[None]]) -> None:
        names = self._posting.names

        def work(uow: Intake) -> None:
            self._ledger.back_to(0)
            self._posting.names = names.copy()
            uow.log.advance(self._import.id, done, done + len(batch))
            verdicts = [verdict for invoice in batch for verdict in self._judged(uow, invoice, alone)]
            uow.log.record(self._import.id, verdicts)

        try:
            progress.transact(self._engine, self._posting.keys(batch), work)
        except BaseException:
            self._ledger.back_to(0)
            self._posting.names = names
            raise

    def _judged(
        self, uow: Intake, invoice: Invoice, alone: Callable[[Intake], AbstractContextManager[None]]
    ) -> Iterator[Verdict]:
        verdicts = {line.line_no: rules.broken_rule(invoice, line) for line in invoice.lines}
        lines = [line for line in invoice.lines if verdicts[line.line_no] is None]
        posting = self._posting
        savepoint, names = (
            self._ledger.savepoint(),
            posting.names.copy() if alone is Intake.savepoint else posting.names,
        )
        try:
            with alone(uow):
                verdicts |= (
                    posting.returns(uow, invoice, lines) if invoice.is_return else posting.sale(uow, invoice, lines)
                )
        except DomainError as error:
            self._ledger.back_to(savepoint)
            posting.names = names
            verdicts |= {line.line_no: error.name for line in lines}
        for line in invoice.lines:
            yield Verdict(line.line_no, verdicts[line.line_no] or ACCEPTED, rules.amount(line))


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
