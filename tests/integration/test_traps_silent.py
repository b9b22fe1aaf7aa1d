"""Transactions that don't show when they began: what PostgreSQL's monitoring does not say is no "there is none"."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.support.syncing import Lab
from tests.support.traps import Trio

OFF = "SET track_activities = off"
LATE = "UPDATE {t} SET name = 'late' WHERE id <= 3"


@pytest.fixture
def trio(empty_db: str, tmp_path: Path) -> Trio:
    """Ten rows in each table."""
    return Trio.made(empty_db, tmp_path)


def off_before(trio: Trio, session: psycopg.Connection[Any]) -> None:
    session.execute(OFF)
    session.execute("BEGIN")
    trio.on(session, LATE)


def off_within(trio: Trio, session: psycopg.Connection[Any]) -> None:
    session.execute("BEGIN")
    trio.on(session, LATE)
    session.execute("SET LOCAL track_activities = off")


def on_again(trio: Trio, session: psycopg.Connection[Any]) -> None:
    """Its state is that of any other then, but when its transaction began is not caught up on."""
    session.execute(OFF)
    session.execute("BEGIN")
    trio.on(session, LATE)
    session.execute("SET track_activities = on")
    session.execute("SELECT 1")


def nothing_but_off(trio: Trio, session: psycopg.Connection[Any]) -> None:
    """The setting is the database's."""
    session.execute("BEGIN")
    trio.on(session, LATE)


@pytest.mark.few(1)
@pytest.mark.parametrize("begin", [off_before, off_within, on_again, nothing_but_off])
def test_a_transaction_of_a_session_that_is_not_tracked_loses_nothing(
    trio: Trio, begin: Callable[[Trio, psycopg.Connection[Any]], None]
) -> None:
    if begin is nothing_but_off:
        trio.run(f"ALTER DATABASE {trio.lab.url.rsplit('/', 1)[1]} {OFF}")
    with trio.lab.connect() as late:
        begin(trio, late)
        assert_nothing_is_lost(trio, lambda: late.execute("COMMIT"))


@pytest.mark.long
def test_a_walsender_may_write_rows_too(trio: Trio) -> None:
    """A connection that can stream changes takes SQL as well, by the simple protocol alone."""
    trio.run(f"ALTER DATABASE {trio.lab.url.rsplit('/', 1)[1]} {OFF}")
    with trio.lab.connect(replication="database") as late:
        late.pgconn.exec_(b"BEGIN; UPDATE stamped SET name = 'late' WHERE id = 1")
        assert_nothing_is_lost(trio, lambda: late.pgconn.exec_(b"COMMIT"))


def assert_nothing_is_lost(trio: Trio, commit: Callable[[], object]) -> None:
    warnings = []
    for turn in range(2):
        trio.run(f"UPDATE {{t}} SET name = 'seen {turn}' WHERE id = 9")
        warnings.append(trio.sync().warnings)
    commit()
    trio.settle()
    assert all("track_activities is off" in " ".join(told) for told in warnings)


def test_who_is_in_no_transaction_holds_nothing_up(trio: Trio) -> None:
    """A pool's idle sessions can't have stamped anything: the floor rises past them."""
    with trio.lab.connect() as idle:
        idle.execute(OFF)
        before = floors(trio.lab)
        trio.run("UPDATE {t} SET name = 'seen' WHERE id = 9")
        assert not trio.sync().warnings
        assert all(old < new for old, new in zip(before, floors(trio.lab), strict=True))


def floors(lab: Lab) -> list[Any]:
    """Of the tables that are read by their stamps."""
    with lab.published() as file:
        query = "SELECT floor FROM neaptide.watermarks WHERE mode = 'updated_at' ORDER BY table_name"
        return [row[0] for row in file.execute(query).fetchall()]
