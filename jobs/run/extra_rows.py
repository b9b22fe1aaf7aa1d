"""Rows that the published file keeps although they are gone from the source: the other file is to have them as well.

With `deletes = "ignore"` a row that came and went between two runs was read into one file only. So a file begins as the
published one stands, with what tells it apart from that, and all since then is read from the source.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from jobs import quoting
from jobs.engine.rows import exact, out
from jobs.engine.session import DuckSession
from jobs.feeds import changes
from jobs.feeds.changes import Changes
from jobs.record.state import State
from jobs.run.carry import Carried
from jobs.tables.table import Table


class ExtraRows:
    """What the published file, lying at `path`, has of the tables that keep rows, and one in this state may lack."""

    def __init__(self, file: DuckSession, state: State, published: State, path: Path | None) -> None:
        self._file, self._state, self._published, self._path = file, state, published, path
        self._made: list[Changes] = []

    def added(self, carried: Carried, tables: Iterable[Table], label: str) -> Carried:
        """What is carried over, with what more it takes to make of these tables what is published."""
        behind = [table for table in tables if self._is_behind(table, carried)]
        if not behind or self._path is None:
            return carried
        self._file.attach_published(self._path)
        differences = {
            table.name: self._differences(table, f"{label}_kept_{place}") for place, table in enumerate(behind)
        }
        return replace(carried, tables={**carried.tables, **differences})

    def drop(self) -> None:
        """Free its tables."""
        for difference in self._made:
            changes.drop(self._file, difference)

    def _is_behind(self, table: Table, carried: Carried) -> bool:
        if not (table.deletes.keeps and table.key) or table.name in carried.tables:
            return False
        mine, theirs = (state.tables.get(table.name) for state in (self._state, self._published))
        if mine is None or theirs is None or not self._differ:
            return False
        return mine.signature == theirs.signature == table.signature

    @property
    def _differ(self) -> bool:
        return (self._state.run_id, self._state.lineage) != (self._published.run_id, self._published.lineage)

    def _differences(self, table: Table, label: str) -> Changes | None:
        changed, gone = f"temp.changed_{label}", f"temp.gone_{label}"
        columns, key = quoting.listed(plan.name for plan in table.columns), quoting.listed(table.key)
        theirs, mine = f"published.{table.file_quoted}", out(table)
        same = " AND ".join(f"{exact(plan, 'p')} IS NOT DISTINCT FROM {exact(plan, 'b')}" for plan in table.columns)
        there = f"SELECT 1 FROM {mine} AS b WHERE {same}"
        changes.make(self._file, changed, f"SELECT {columns} FROM {theirs} AS p WHERE NOT EXISTS ({there})")
        changes.make(self._file, gone, f"SELECT {key} FROM {mine} ANTI JOIN {theirs} USING ({key})")
        difference = changes.counted(self._file, changed, gone)
        self._made.append(difference)
        return difference if difference.rows or difference.keys else None
