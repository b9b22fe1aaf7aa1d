"""Transactions that end in any order, late, twice, or not at all."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from tests.support.traps import Trio, row_counts


@pytest.fixture
def trio(empty_db: str, tmp_path: Path) -> Trio:
    """Ten rows in each table."""
    return Trio.made(empty_db, tmp_path)


@pytest.mark.long
def test_transactions_that_end_in_any_order_and_last_for_many_syncs(trio: Trio) -> None:
    sessions = [trio.begin() for _ in range(4)]
    for place, session in enumerate(sessions):
        trio.on(session, f"INSERT INTO {{t}} VALUES ({100 + place}, 'from {place}')")
        trio.on(session, f"UPDATE {{t}} SET name = 'by {place}' WHERE id = {place + 1}")
        trio.on(session, f"DELETE FROM {{t}} WHERE id = {place + 6}")
    for end in (3, 0, 2, 1):
        trio.sync()
        trio.run(f"INSERT INTO {{t}} VALUES ({200 + end}, 'overtakes')")
        trio.sync()
        sessions[end].rollback() if end == 2 else sessions[end].commit()
        trio.sync()
    for session in sessions:
        session.close()
    trio.sync()
    trio.settle()


@pytest.mark.long
def test_a_transaction_without_an_id_until_after_the_sync_is_not_lost(trio: Trio) -> None:
    with trio.begin() as late:
        late.execute("SELECT count(*) FROM stamped")
        trio.run("INSERT INTO {t} VALUES (50, 'between')")
        trio.sync()
        trio.on(late, "INSERT INTO {t} VALUES (51, 'late')")
        trio.sync()
        late.commit()
    trio.sync()
    trio.settle()


@pytest.mark.long
def test_savepoints_nested_released_and_rolled_back(trio: Trio) -> None:
    with trio.begin() as late:
        trio.on(late, "SAVEPOINT a", "INSERT INTO {t} VALUES (20, 'a')")
        trio.on(late, "SAVEPOINT b", "INSERT INTO {t} VALUES (21, 'b')", "DELETE FROM {t} WHERE id = 1")
        trio.sync()
        trio.on(late, "SAVEPOINT c", "UPDATE {t} SET name = 'c' WHERE id = 2", "RELEASE SAVEPOINT c")
        trio.run("INSERT INTO {t} VALUES (30, 'overtakes')")
        trio.sync()
        trio.on(late, "ROLLBACK TO SAVEPOINT b", "INSERT INTO {t} VALUES (22, 'after')", "DELETE FROM {t} WHERE id = 3")
        trio.on(late, "RELEASE SAVEPOINT a")
        trio.sync()
        late.commit()
    trio.sync()
    trio.settle()
    assert "1" in {row[0] for row in trio.lab.file_rows("public.stamped")}


@pytest.mark.long
def test_a_savepoint_that_takes_its_id_between_two_syncs_is_not_lost(trio: Trio) -> None:
    """Its id is above the last snapshot's xmax, and it was not running then: asking for visibility would mislead."""
    with trio.begin() as late:
        trio.on(late, "INSERT INTO {t} VALUES (20, 'parent')")
        for turn in range(3):
            trio.on(late, f"SAVEPOINT s{turn}", f"INSERT INTO {{t}} VALUES ({30 + turn}, 'child')")
            trio.run(f"UPDATE {{t}} SET name = 'other {turn}' WHERE id = 1")
            trio.sync()
        late.commit()
    trio.sync()
    trio.settle()


BLOCK = """
DO $$ BEGIN
    FOR n IN 1..5 LOOP
        BEGIN
            INSERT INTO {t} VALUES (300 + n, 'kept');
            IF n % 2 = 0 THEN
                DELETE FROM {t} WHERE id = n;
                PERFORM 1 / 0;
            END IF;
        EXCEPTION WHEN division_by_zero THEN
            UPDATE {t} SET name = 'caught' WHERE id = n;
        END;
    END LOOP;
END $$
"""


@pytest.mark.long
def test_plpgsql_blocks_that_catch_exceptions(trio: Trio) -> None:
    with trio.begin() as late:
        trio.on(late, BLOCK)
        trio.run("INSERT INTO {t} VALUES (400, 'overtakes')")
        trio.sync()
        late.commit()
    trio.sync()
    trio.settle()


@pytest.mark.long
def test_prepared_transactions_that_are_ended_some_syncs_later(trio: Trio) -> None:
    for name in ("keep", "drop"):
        with trio.begin() as session:
            first = 500 if name == "keep" else 600
            trio.on(
                session, f"INSERT INTO {{t}} VALUES ({first}, '{name}')", f"DELETE FROM {{t}} WHERE id = {first // 100}"
            )
            session.execute(f"PREPARE TRANSACTION '{name} {id(trio)}'".encode())
    run = trio.sync()
    assert any("2 prepared transactions" in warning for warning in run.warnings)
    trio.run("INSERT INTO {t} VALUES (501, 'overtakes')")
    trio.sync()
    trio.sync()
    trio.run(f"COMMIT PREPARED 'keep {id(trio)}'", f"ROLLBACK PREPARED 'drop {id(trio)}'")
    run = trio.sync()
    assert not run.warnings
    assert row_counts(run)["stamped"][2] == 1
    trio.run("UPDATE {t} SET name = 'on' WHERE id = 9")
    trio.sync()
    trio.settle()


@pytest.mark.long
def test_a_transaction_prepared_between_two_syncs_while_others_go_on(trio: Trio) -> None:
    with trio.begin() as session, trio.begin() as other:
        trio.on(session, "UPDATE {t} SET name = 'prepared' WHERE id = 4")
        trio.on(other, "UPDATE {t} SET name = 'long' WHERE id = 5")
        trio.sync()
        session.execute(f"PREPARE TRANSACTION 'between {id(trio)}'".encode())
        trio.run("INSERT INTO {t} VALUES (700, 'overtakes')")
        trio.sync()
        other.commit()
        trio.sync()
        trio.run(f"COMMIT PREPARED 'between {id(trio)}'")
        trio.sync()


def test_rows_written_twice_by_one_transaction_and_by_two(trio: Trio) -> None:
    with trio.begin() as late:
        trio.on(late, "UPDATE {t} SET name = 'first' WHERE id = 1", "UPDATE {t} SET name = 'second' WHERE id = 1")
        trio.sync()
        late.commit()
    trio.run("UPDATE {t} SET name = 'third' WHERE id = 1")
    trio.sync()
    trio.settle()


def test_a_failed_statement_leaves_nothing(trio: Trio) -> None:
    with pytest.raises(psycopg.errors.UniqueViolation):
        trio.run("INSERT INTO {t} SELECT g, 'x' FROM generate_series(20, 1, -1) AS g")
    assert not trio.sync().changed
