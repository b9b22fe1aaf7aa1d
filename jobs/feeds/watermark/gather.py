"""One table's changes since its watermark, gathered into temporary tables.

A tombstone deletes only a key that is absent from the source in the same snapshot, so reading one again, or one whose
key was inserted anew, does no harm.
"""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

from app import errors
from jobs import quoting
from jobs.engine import intake
from jobs.engine.rows import out, source_rows
from jobs.engine.session import DuckSession
from jobs.feeds import changes, mass_delete
from jobs.feeds.changes import Changes, Into
from jobs.feeds.feed import News, UnreadableKeys
from jobs.feeds.watermark import probe
from jobs.plan.steps import Step
from jobs.position import watermark
from jobs.position.snapshot import Snapshot
from jobs.position.watermark import Watermark
from jobs.tables import filters, keys
from jobs.tables.table import Table
from jobs.types.wire import Wire

# In a smaller table it makes no difference in which order its pages are read.
_FEW_PAGES = 1000


def gather(into: Into, step: Step, now: Snapshot) -> Changes:
    """Read what changed. For a table that is compared whole, read all of it. Raises `errors.TooManyDeletes`."""
    reading = _Reading(into.session, step, now, into.label)
    gathered = reading.changes()
    changes.take_threads(into.session, gathered.rows)
    error = None if into.force_deletes else reading.loss(gathered, into.published)
    if error:
        raise error
    reading.end()
    return gathered


class _Reading:
    """What is read of one table for one step."""

    def __init__(self, session: DuckSession, step: Step, now: Snapshot, label: str) -> None:
        self._session, self._step, self._table = session, step, step.table
        self._changed, self._gone = f"temp.changed_{label}", f"temp.gone_{label}"
        self._keys, self._has_keys = f"temp.present_{label}", False
        stamp = step.table.stamp
        self._since = "" if stamp is None else filters.text(watermark.changed_rows(stamp, step.since, now))

    def changes(self) -> Changes:
        """Rows, then keys."""
        self._session.use_threads(1)
        return Changes(self._changed, self._gone, self._read_rows(), self._read_gone())

    def loss(self, gone: Changes, published: Path | None) -> errors.TooManyDeletes | None:
        """The error where too much of a table is gone whose keys are compared."""
        table = self._table
        if not table.deletes.compares or not gone.keys:
            return None
        present = f"SELECT {quoting.listed(table.key)} FROM {self._changed}" if table.stamp is None else self._present()
        return mass_delete.refused(self._session, table, present, published)

    def end(self) -> None:
        """Free what nobody needs after this."""
        if self._has_keys:
            self._session.execute(f"DROP TABLE {changes.bare(self._keys)}")

    def _read_rows(self) -> int:
        table, since = self._table, self._since
        rows = source_rows(table, table.columns, filters.both(since, filters.belongs(table)))
        with self._session.in_order_of_pages() if since and table.pages > _FEW_PAGES else nullcontext():
            return intake.make(self._session, changes.bare(self._changed), rows)

    def _read_gone(self) -> int:
        table, plans = self._table, self._table.key_plans()
        columns = ", ".join(f"{quoting.identifier(plan.name)} {plan.duckdb_type}" for plan in plans)
        self._session.execute(f"CREATE TEMP TABLE {changes.bare(self._gone)} ({columns or 'nothing INTEGER'})")
        if not plans:
            return 0
        gone = self._read_deleted()
        # Of a table that is read whole, what is absent from what was read includes these, unless deleted rows are kept.
        if filters.excluded(table) and (table.stamp is not None or table.deletes.keeps):
            left = filters.both(self._since, filters.excluded(table))
            gone += intake.insert(self._session, self._gone, source_rows(table, plans, left))
        return gone

    def _read_deleted(self) -> int:
        table = self._table
        if table.stamp is None and not table.deletes.keeps:
            return self._read_absent(f"SELECT {quoting.listed(table.key)} FROM {self._changed}")
        if self._step.compares_keys:
            return self._read_absent(self._present())
        return self._read_recorded() if table.deletes.recorded and _may_have_gone(self._step) else 0

    def _read_recorded(self) -> int:
        try:
            return intake.insert(self._session, self._gone, _tombstoned_keys(self._table, self._step.since))
        except errors.NeaptideError as error:
            # No access, a lost session or a full disk is no matter of a key.
            if type(error) is not errors.NeaptideError:
                raise
            raise UnreadableKeys(self._table.name) from error

    def _read_absent(self, present: str) -> int:
        inside = f"SELECT {quoting.listed(self._table.key)} FROM {out(self._table)}"
        return int(self._session.one(f"INSERT INTO {self._gone} ({inside}) EXCEPT ({present})"))

    def _present(self) -> str:
        """A DuckDB SELECT of the keys that the source has."""
        wire = source_rows(self._table, self._table.key_plans(), filters.belongs(self._table))
        if self._session.spool is None:
            return wire.joined()
        if not self._has_keys:
            intake.make(self._session, changes.bare(self._keys), wire)
            self._has_keys = True
        return f"SELECT * FROM {self._keys}"


def _may_have_gone(step: Step) -> bool:
    """Whether keys were recorded since the watermark, as far as the source was asked in this snapshot."""
    return not isinstance(step.news, News) or step.news.gone


def _tombstoned_keys(table: Table, since: Watermark) -> Wire:
    """The keys deleted since the watermark and absent from the source in this snapshot."""
    infos, plans = table.key_infos(), table.key_plans()
    names = [quoting.identifier(info.name) for info in infos]
    parts = ", ".join(
        f"{keys.read_back(f'(t.key ->> {place})', info)} AS {name}"
        for place, (info, name) in enumerate(zip(infos, names, strict=True))
    )
    same = " AND ".join(
        keys.equal(info, plan, f"s.{name}", f"k.{name}") for info, plan, name in zip(infos, plans, names, strict=True)
    )
    fields = ", ".join(f"{plan.source_sql} AS {quoting.identifier(plan.name)}" for plan in plans)
    query = (
        f"SELECT {fields} FROM (SELECT {parts} FROM neaptide.tombstone AS t"
        f" WHERE {filters.text(probe.tombstones_since(table, since))} AND t.key IS NOT NULL) AS k"
        f" WHERE NOT EXISTS (SELECT FROM {table.rows_from} AS s WHERE {same})"
    )
    return Wire(plans, query)
