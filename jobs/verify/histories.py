"""Compares the present versions of each history with the rows of its table, and mends it with them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from jobs import quoting
from jobs.engine import rows
from jobs.engine.session import DuckSession
from jobs.history import keeper, known, rewriting, whole
from jobs.record import history as ledger
from jobs.source.session import SourceSession
from jobs.tables.table import Table
from jobs.verify.results import TableCheck


def compare(file: DuckSession, tables: Iterable[Table]) -> list[TableCheck]:
    """What was found of these tables' histories; of one that has yet to begin, or to follow its table, nothing."""
    histories = ledger.read(file)
    return [
        _compared(file, table)
        for table in tables
        if table.name in histories and histories[table.name].signature == rewriting.signature(table)
    ]


def mend(
    file: DuckSession, now: SourceSession, tables: Sequence[Table], checks: list[TableCheck], past: Path | None
) -> None:
    """Bring the histories in line with their tables, which were mended: that is no change of the source's.

    `past` is where they are taken over from, if the file has none.
    """
    wanted = [table for table in tables if table.spec.history]
    if not wanted:
        return
    compared = compare(file, wanted)
    histories = keeper.Keeper(file, now.snapshot.as_of, "repair", past, origin="repair")
    histories.begin()
    for table in wanted:
        histories.replaced(table)
    mended = {check.table for check in checks if not check.equal}
    # What a history lacks of rows that were mended in this very call was no fault of its own.
    checks.extend(check for check in compared if check.equal or check.table.removeprefix("history of ") not in mended)


def catch_up(file: DuckSession, tables: Iterable[Table], gone: Iterable[str]) -> None:
    """Once the watermarks are written: the histories are as of these, and those of tables that are gone go, too."""
    if histories := ledger.read(file):
        known.remove(file, gone)
        ledger.catch_up(file, [table.name for table in tables if table.name in histories])


def _compared(file: DuckSession, table: Table) -> TableCheck:
    began = time.monotonic()
    key = quoting.listed(table.key)
    present, here = f"({whole.current(table)})", rows.out(table)
    same = " AND ".join(
        f"{rows.exact(plan, 't')} IS NOT DISTINCT FROM {rows.exact(plan, 'c')}" for plan in table.columns
    )
    joined = " AND ".join(f"t.{name} = c.{name}" for name in map(quoting.identifier, table.key))
    counts = file.rows(
        f"SELECT count(*) FILTER (WHERE c.valid_from IS NULL) AS missing,"
        f" count(*) FILTER (WHERE c.valid_from IS NOT NULL AND NOT ({same})) AS different, count(*) AS rows"
        f" FROM {here} AS t LEFT JOIN {present} AS c ON {joined}"
    )[0]
    extra = file.one(f"SELECT count(*) FROM {present} ANTI JOIN {here} USING ({key})")
    versions = file.one(f"SELECT count(*) FROM {present}")
    return TableCheck(
        f"history of {table.name}", counts["rows"], versions, counts["missing"], extra, counts["different"],
        seconds=time.monotonic() - began,
    )  # fmt: skip
