"""Clocks, roles, restarts, triggers and DDL on the source."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from psycopg import conninfo

from app import errors
from jobs.tables import tracked
from tests.support import strangers
from tests.support.cluster import Cluster
from tests.support.syncing import Lab
from tests.support.traps import Trio, row_counts


@pytest.fixture
def trio(empty_db: str, tmp_path: Path) -> Trio:
    """Ten rows in each table."""
    return Trio.made(empty_db, tmp_path)


def shift_stamps(trio: Trio, back: str) -> None:
    """What rows would be stamped with, had the server's clock stepped back: a trigger after Neaptide's shifts it.

    The signature of the table must not give it away, so it is made before the first sync and reads its shift.
    """
    trio.run(f"UPDATE shift SET back = interval '{back}'")


@pytest.fixture
def shifted(empty_db: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trio:
    """Tables whose clock can be set back; the margin is ten seconds."""
    # Such a trigger is refused anywhere else.
    monkeypatch.setattr(tracked, "untracked", lambda _table: None)
    trio = Trio.made(empty_db, tmp_path, sync=False)
    trio.lab.margin = timedelta(seconds=10)
    # What a target remembers of the clock is moved by the tests, of one target.
    trio.keep = None
    trio.run(
        "CREATE TABLE shift (back interval)",
        "INSERT INTO shift VALUES ('0')",
        "CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE stamp timestamptz; BEGIN"
        " SELECT clock_timestamp() - back INTO stamp FROM shift; NEW := jsonb_populate_record(NEW,"
        " jsonb_build_object('updated_at', stamp)); RETURN NEW; END $$",
        'CREATE TRIGGER "~~~" BEFORE INSERT OR UPDATE ON stamped FOR EACH ROW EXECUTE FUNCTION late()',
        'CREATE TRIGGER "~~~" BEFORE INSERT OR UPDATE ON compared FOR EACH ROW EXECUTE FUNCTION late()',
    )
    trio.sync()
    return trio


def move_saved_clock(lab: Lab, by: timedelta) -> None:
    """As if the source's clock, and not the saved one, had been set: in the small file and in both files."""
    beside = lab.folder / "reporting.duckdb.freshness"
    content = json.loads(beside.read_text())
    beside.write_text(json.dumps({**content, "clock": moved(content["clock"], by)}))
    strangers.altered_as_ours(lab.job.files, lambda file: move_clocks(file, by))


def move_clocks(file: duckdb.DuckDBPyConnection, by: timedelta) -> None:
    for name, clock in file.execute("SELECT table_name, clock::VARCHAR FROM neaptide.watermarks").fetchall():
        changed = json.dumps(moved(json.loads(clock), by))
        file.execute("UPDATE neaptide.watermarks SET clock = ? WHERE table_name = ?", [changed, name])


def moved(clock: dict[str, Any], by: timedelta) -> dict[str, Any]:
    return {**clock, "server": (datetime.fromisoformat(clock["server"]) + by).isoformat()}


def test_a_clock_that_steps_back_within_the_margin_loses_nothing(shifted: Trio) -> None:
    shift_stamps(shifted, "9 s")
    shifted.run("INSERT INTO {t} VALUES (20, 'stamped before the last run')", "UPDATE {t} SET name = 'x' WHERE id = 1")
    assert row_counts(shifted.sync())["stamped"] == ("delta", 2, 0)
    shifted.run("UPDATE {t} SET name = 'y' WHERE id = 2")
    shifted.sync()


def test_a_clock_that_steps_back_beyond_the_margin_is_found_out_and_mended(shifted: Trio) -> None:
    shifted.run("UPDATE {t} SET name = 'x' WHERE id = 1")
    shifted.sync()
    shift_stamps(shifted, "1 h")
    move_saved_clock(shifted.lab, timedelta(hours=1))
    shifted.run("INSERT INTO {t} VALUES (20, 'an hour ago')", "UPDATE {t} SET name = 'x' WHERE id = 2")
    run = shifted.sync()
    assert any("clock was set back" in warning for warning in run.warnings)
    assert {name: found[0] for name, found in row_counts(run).items()} == {
        "stamped": "full", "counted": "delta", "compared": "full", "logged": "delta", "told": "delta",
    }  # fmt: skip
    for turn in range(2):
        shift_stamps(shifted, "0")
        shifted.run(f"UPDATE {{t}} SET name = 'later {turn}' WHERE id = 2")
        assert not shifted.sync().warnings


def test_tables_that_are_read_without_a_clock_are_free_of_it(empty_db: str, tmp_path: Path) -> None:
    modes = {"counted": "xid", "whole": "none"}
    lab = Lab(empty_db, tmp_path, [{"name": f"public.{name}", "watermark": mode} for name, mode in modes.items()])
    lab.run(*(f"CREATE TABLE {name} (id int PRIMARY KEY)" for name in modes), "INSERT INTO counted VALUES (1)")
    lab.track()
    lab.sync()
    move_saved_clock(lab, timedelta(hours=1))
    lab.run("INSERT INTO counted VALUES (2)", "DELETE FROM counted WHERE id = 1")
    run = lab.sync()
    assert not run.warnings
    assert row_counts(run)["counted"] == ("delta", 1, 1)
    lab.assert_equal()


def test_the_clock_that_counts_is_the_one_the_floor_was_made_by(shifted: Trio) -> None:
    """Two steps, each within the margin, are one beyond it; a run that found nothing lies between them."""
    beside = shifted.lab.folder / "reporting.duckdb.freshness"
    content = json.loads(beside.read_text())
    move_saved_clock(shifted.lab, timedelta(seconds=16))
    beside.write_text(json.dumps({**content, "clock": moved(content["clock"], timedelta(seconds=8))}))
    shift_stamps(shifted, "16 s")
    shifted.run("UPDATE {t} SET name = 'sixteen seconds ago' WHERE id = 2")
    assert row_counts(shifted.sync())["stamped"][0] == "full"


@pytest.mark.long
def test_a_server_that_restarts_between_two_syncs(postgres: Cluster, trio: Trio) -> None:
    with trio.begin() as session:
        trio.on(session, "INSERT INTO {t} VALUES (20, 'prepared')")
        session.execute(f"PREPARE TRANSACTION 'restart {id(trio)}'".encode())
    trio.run("UPDATE {t} SET name = 'before' WHERE id = 1")
    if trio.keep and trio.keep.log:
        # A server that stops waits a minute for a reader of its log that doesn't listen.
        trio.keep.log.close()
    postgres.server.stop()
    postgres.server.start()
    trio.lab.url = postgres.url(trio.lab.url.rsplit("/", 1)[1])
    trio.sync()
    trio.run(f"COMMIT PREPARED 'restart {id(trio)}'", "DELETE FROM {t} WHERE id = 2")
    trio.sync()
    trio.settle()


@pytest.mark.long
def test_a_role_that_may_not_see_other_sessions_loses_nothing_and_is_told_which_grant_helps(trio: Trio) -> None:
    role = f"reader_{id(trio)}"
    trio.run(
        f"CREATE ROLE {role} LOGIN REPLICATION PASSWORD 'x'",
        f"GRANT SELECT ON {{t}} TO {role}",
        f"GRANT USAGE ON SCHEMA neaptide TO {role}",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA neaptide TO {role}",
    )
    owner = trio.lab.url
    reader = conninfo.make_conninfo(owner, user=role, password="x")
    parts = conninfo.conninfo_to_dict(reader)
    reading = Lab(
        f"postgresql://{role}:x@{parts['host']}:{parts['port']}/{parts['dbname']}", trio.lab.folder, trio.lab.specs
    )
    with trio.begin() as late:
        trio.on(late, "UPDATE {t} SET name = 'hidden' WHERE id = 3")
        floor = floors(reading)
        for turn in range(2):
            trio.run(f"UPDATE {{t}} SET name = 'seen {turn}' WHERE id = 4")
            run = reading.sync()
            assert any("pg_read_all_stats" in warning for warning in run.warnings)
            trio.lab.assert_equal()
        assert floors(reading) == floor
        late.commit()
    for turn in range(2):
        trio.run(f"UPDATE {{t}} SET name = 'after {turn}' WHERE id = 4")
        # Sessions that are in no transaction hide nothing.
        assert not reading.sync().warnings
        trio.lab.assert_equal()
        assert floors(reading) > floor
    trio.run(f"GRANT pg_read_all_stats TO {role}")
    with trio.begin() as late:
        trio.on(late, "UPDATE {t} SET name = 'open' WHERE id = 4")
        trio.run("UPDATE {t} SET name = 'seen' WHERE id = 5")
        assert not reading.sync().warnings
    trio.run(f"DROP OWNED BY {role}", f"DROP ROLE {role}")


def floors(lab: Lab) -> list[Any]:
    with lab.published() as file:
        return [row[0] for row in file.execute("SELECT floor FROM neaptide.watermarks ORDER BY table_name").fetchall()]


@pytest.mark.long
def test_the_floor_stays_while_a_transaction_is_prepared(trio: Trio) -> None:
    with trio.begin() as session:
        trio.on(session, "UPDATE {t} SET name = 'prepared' WHERE id = 3")
        session.execute(f"PREPARE TRANSACTION 'floor {id(trio)}'".encode())
    trio.run("UPDATE {t} SET name = 'x' WHERE id = 1")
    before = floors(trio.lab)
    trio.sync()
    assert floors(trio.lab) == before
    trio.run(f"COMMIT PREPARED 'floor {id(trio)}'")
    trio.sync()
    trio.settle()
    assert floors(trio.lab) > before


def test_triggers_switched_off_and_on_again_are_found_out(empty_db: str, tmp_path: Path) -> None:
    trio = Trio.made(empty_db, tmp_path, log=False)
    trio.run("ALTER TABLE {t} DISABLE TRIGGER USER", "DELETE FROM {t} WHERE id = 1")
    trio.run("UPDATE {t} SET name = 'unseen' WHERE id = 2", "ALTER TABLE {t} ENABLE TRIGGER USER")
    with pytest.raises(errors.NotTracked, match="not ENABLE ALWAYS"):
        trio.sync()
    trio.lab.track()
    run = trio.sync()
    assert {found[0] for found in row_counts(run).values()} == {"full"}


def test_ddl_that_changes_values_without_a_trigger(trio: Trio) -> None:
    trio.run("CREATE TYPE mood_{t} AS ENUM ('sad', 'glad')", "ALTER TABLE {t} ADD m mood_{t} DEFAULT 'sad'")
    trio.run("ALTER TABLE {t} ADD v int GENERATED ALWAYS AS (id * 2) STORED")
    trio.sync()
    trio.run("ALTER TABLE {t} ALTER name TYPE text USING upper(name)")
    trio.sync()
    trio.run("ALTER TYPE mood_{t} RENAME VALUE 'sad' TO 'blue'")
    trio.sync()
    trio.run("ALTER TABLE {t} DROP COLUMN v", "ALTER TABLE {t} ADD v int GENERATED ALWAYS AS (id * 3) STORED")
    trio.run("CLUSTER {t} USING {t}_pkey", "UPDATE {t} SET name = 'after' WHERE id = 1", "VACUUM FULL {t}")
    trio.sync()


def test_an_unlogged_table_is_copied_anew_after_a_restart(postgres: Cluster, empty_db: str, tmp_path: Path) -> None:
    """A crash empties it without a word."""
    lab = Lab(empty_db, tmp_path, [{"name": "public.u"}])
    lab.run("CREATE UNLOGGED TABLE u (id int PRIMARY KEY)", "INSERT INTO u VALUES (1)")
    lab.track()
    lab.sync()
    postgres.server.stop()
    postgres.server.start()
    lab.url = postgres.url(empty_db.rsplit("/", 1)[1])
    assert row_counts(lab.sync())["u"][0] == "full"
