"""track: what it installs, and what it leaves alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.tracking import install, visit
from tests.support.syncing import Lab
from tests.support.traps import Trio, row_counts


@pytest.fixture
def trio(empty_db: str, tmp_path: Path) -> Trio:
    """Ten rows in each table."""
    return Trio.made(empty_db, tmp_path)


def test_a_second_track_touches_nothing_and_the_next_run_copies_nothing(trio: Trio) -> None:
    trio.run("UPDATE {t} SET name = 'x' WHERE id = 1")
    assert install.track(trio.lab.job, []) == []
    assert row_counts(trio.sync())["stamped"] == ("delta", 1, 0)
    assert "in place" in visit.script(trio.lab.job, [])


@pytest.mark.few(2)
@pytest.mark.parametrize(
    "damage",
    [
        "ALTER TABLE stamped DISABLE TRIGGER USER",
        "ALTER TABLE stamped ENABLE TRIGGER USER",
        "DO $$ BEGIN EXECUTE format('DROP TRIGGER %I ON stamped', '~neaptide_' || 'stamped'::regclass::oid); END $$",
        "DO $$ BEGIN EXECUTE format('CREATE OR REPLACE FUNCTION neaptide.row_%s() RETURNS trigger LANGUAGE plpgsql AS"
        " ''BEGIN RETURN NEW; END''', 'stamped'::regclass::oid); END $$",
        "DROP INDEX neaptide.tombstone_xid",
    ],
)
def test_what_was_taken_away_or_changed_is_put_back(trio: Trio, damage: str) -> None:
    trio.run(damage)
    assert install.track(trio.lab.job, [])
    assert install.track(trio.lab.job, []) == []
    trio.run("UPDATE {t} SET name = 'x' WHERE id = 1", "DELETE FROM {t} WHERE id = 2")
    trio.sync()


def test_an_index_of_the_owners_on_the_stamp_is_enough(empty_db: str, tmp_path: Path) -> None:
    lab = Lab(empty_db, tmp_path, [{"name": "public.o"}])
    lab.run("CREATE TABLE o (id int PRIMARY KEY, updated_at timestamptz)", "CREATE INDEX ON o (updated_at, id)")
    assert not any("INDEX" in line and "neaptide_updated_at" in line for line in install.track(lab.job, []))


def test_the_script_does_the_same_as_track(empty_db: str, tmp_path: Path) -> None:
    lab = Lab(empty_db, tmp_path, [{"name": "public.s"}, {"name": "public.x", "watermark": "xid"}])
    lab.run("CREATE TABLE s (id int PRIMARY KEY)", "CREATE TABLE x (id float8 PRIMARY KEY)")
    with lab.connect() as conn:
        conn.execute(visit.script(lab.job, []).encode())
    assert install.track(lab.job, []) == []
    lab.sync()
    with lab.connect() as conn:
        conn.execute(visit.script(lab.job, [], untrack=True).encode())
    assert install.track(lab.job, []) != []


def test_untrack_leaves_no_trigger_and_no_schema(trio: Trio) -> None:
    install.untrack(trio.lab.job, [])
    with trio.lab.connect() as conn:
        assert (
            conn.execute("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgname NOT LIKE 'tell%'").fetchall()
            == []
        )
        assert conn.execute("SELECT 1 FROM pg_namespace WHERE nspname = 'neaptide'").fetchall() == []


EARLIER = """
DO $do$ DECLARE relid oid := 'stamped'::regclass; BEGIN
    EXECUTE format('CREATE FUNCTION neaptide.stamp_%s() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.updated_at :='
        ' clock_timestamp(); RETURN NEW; END $$', relid);
    EXECUTE format('CREATE FUNCTION neaptide.key_%s() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN'
        ' INSERT INTO neaptide.tombstone (relid, key) VALUES (%s, jsonb_build_array(OLD.id)); RETURN NULL; END $$',
        relid, relid);
    EXECUTE format('CREATE TRIGGER zz_neaptide_stamp BEFORE INSERT OR UPDATE ON stamped FOR EACH ROW EXECUTE FUNCTION'
        ' neaptide.stamp_%s()', relid);
    EXECUTE format('CREATE TRIGGER neaptide_key AFTER UPDATE OF id ON stamped FOR EACH ROW'
        ' WHEN (OLD.id IS DISTINCT FROM NEW.id) EXECUTE FUNCTION neaptide.key_%s()', relid);
END $do$
"""


def test_what_an_earlier_version_installed_is_brought_up_to_date(trio: Trio) -> None:
    trio.run(EARLIER)
    [failed] = trio.lab.sync().failed
    assert "an earlier version" in (failed.error or "")
    assert "neaptide track" in (failed.error or "")
    trio.lab.track()
    with trio.lab.connect() as conn:
        query = "SELECT count(*) FROM pg_proc WHERE proname LIKE 'stamp\\_%' OR proname LIKE 'key\\_%'"
        assert conn.execute(query.encode()).fetchone() == (0,)
    trio.run("ALTER TABLE {t} ALTER COLUMN id TYPE int", "DELETE FROM {t} WHERE id = 2")
    trio.sync()
    assert install.track(trio.lab.job, []) == []


def test_a_certain_stamp_of_the_owners_needs_only_the_records(trio: Trio) -> None:
    trio.run(
        "CREATE FUNCTION own() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN NEW.updated_at := pg_catalog.now(); RETURN NEW; END $$",
        "CREATE TRIGGER own BEFORE INSERT OR UPDATE ON stamped FOR EACH ROW EXECUTE FUNCTION own()",
        "ALTER TABLE stamped ENABLE ALWAYS TRIGGER own",
    )
    # Ours does no harm where it is there already.
    trio.sync()
    trio.lab.track()
    with trio.lab.connect() as conn:
        query = "SELECT tgtype FROM pg_trigger WHERE tgrelid = 'stamped'::regclass AND tgname LIKE '~%'"
        # Row, before, update.
        assert conn.execute(query.encode()).fetchall() == [(19,)]
    trio.run("UPDATE {t} SET id = 100 WHERE id = 1", "DELETE FROM {t} WHERE id = 2", "INSERT INTO {t} VALUES (50, 'x')")
    trio.sync()
