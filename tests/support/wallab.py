"""A lab of one table whose changes come from the log, and its slot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg

from jobs.results import Run
from tests.support.items import begun
from tests.support.syncing import Lab


def made(url: str, folder: Path, **given: Any) -> Lab:
    """A table of a hundred rows, tracked and synced until both files exist."""
    return begun(Lab(url, folder, [{"name": "public.item"}], sync_options={"feed": "wal"}, **given))


def synced(lab: Lab, **given: Any) -> dict[str, tuple[str, int, str]]:
    """One run, after which both sides are equal: each table's action, the rows read and the reason."""
    run = lab.sync(**given)
    lab.assert_equal()
    return told(run)


def told(run: Run) -> dict[str, tuple[str, int, str]]:
    """Of each table the action, the rows read, and the error or the reason."""
    return {
        one.table.removeprefix("public."): (one.action, one.rows_read, one.error or one.reason) for one in run.tables
    }


def slot(lab: Lab) -> dict[str, Any]:
    """What the server says of the target's slot."""
    with lab.connect(row_factory=psycopg.rows.dict_row) as conn:
        row = conn.execute("SELECT * FROM pg_replication_slots WHERE slot_name = %s", [lab.job.files.slot]).fetchone()
    assert row is not None
    return row
