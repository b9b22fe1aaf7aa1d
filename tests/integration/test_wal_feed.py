"""Tables whose changes come from the log: what the stream tells, and what it can't."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest

from app import errors
from jobs.feeds.wal.feed import ANEW
from jobs.feeds.wal.reader import LogReader
from jobs.position.snapshot import position
from jobs.tracking import install, visit
from tests.support.syncing import Lab, read
from tests.support.wallab import made, synced, told


@pytest.fixture
def lab(empty_db: str, tmp_path: Path) -> Lab:
    """A table of a hundred rows, tracked and synced twice, so that both files exist."""
    return made(empty_db, tmp_path)


def test_track_adds_nothing_to_the_tables_and_untrack_leaves_nothing(lab: Lab) -> None:
    with lab.connect() as conn:
        found = conn.execute(
            "SELECT (SELECT count(*) FROM pg_trigger), (SELECT count(*) FROM pg_namespace WHERE nspname = 'neaptide'),"
            " (SELECT count(*) FROM pg_index WHERE indrelid = 'item'::regclass),"
            " (SELECT count(*) FROM pg_attribute WHERE attrelid = 'item'::regclass AND attnum > 0)"
        ).fetchone()
    assert found == (0, 0, 1, 2)
    assert visit.script(lab.job, []).startswith("-- Everything is in place")
    first = visit.script(lab.job, ["public.item"], untrack=True)
    assert first.index("pg_drop_replication_slot") < first.index("DROP PUBLICATION")
    install.untrack(lab.job, [])
    with lab.connect() as conn:
        assert (
            conn.execute("SELECT slot_name FROM pg_replication_slots WHERE database = current_database()").fetchall()
            == []
        )
        assert conn.execute("SELECT pubname FROM pg_publication").fetchall() == []


def test_only_what_changed_is_read_and_a_late_commit_comes_with_the_next_run(lab: Lab) -> None:
    assert synced(lab) == {"item": ("none", 0, "")}
    with lab.connect(autocommit=False) as late:
        late.execute("UPDATE item SET name = 'late' WHERE id = 2")
        lab.run("UPDATE item SET name = 'now' WHERE id = 3", "DELETE FROM item WHERE id = 4")
        action, read, _ = synced(lab)["item"]
        # The other file lacked one more.
        assert (action, read) == ("delta", 2)
        late.commit()
    assert synced(lab)["item"][0] == "delta"
    assert synced(lab) == {"item": ("none", 0, "")}


def test_a_commit_that_is_in_the_log_and_not_seen_yet_comes_with_the_next_run(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit is in the log before it is seen: the snapshot of a run may lie between the two."""
    catching_up, rows = LogReader.catch_up, iter(range(2, 9))

    def meanwhile(self: LogReader, goal: int, lower: Any) -> None:
        lab.run(f"UPDATE item SET name = 'not seen yet' WHERE id = {next(rows)}")
        with lab.connect() as conn:
            row = conn.execute("SELECT pg_current_wal_flush_lsn()::text").fetchone()
        assert row is not None
        catching_up(self, max(goal, position(row[0])), lower)

    # Each of the two files in turn: what is confirmed must not be what one of them lacks.
    for turn in range(3):
        lab.run(f"UPDATE item SET name = 'seen {turn}' WHERE id = 1")
        with monkeypatch.context() as late:
            late.setattr(LogReader, "catch_up", meanwhile)
            lab.sync()
        for _ in range(turn):
            assert synced(lab)["item"][0] == "delta"
            lab.run("UPDATE item SET name = name || '.' WHERE id = 1")


def test_a_table_is_published_only_once_nobody_writes_to_it(lab: Lab) -> None:
    lab.specs = [*lab.specs, {"name": "public.second"}]
    lab.run("CREATE TABLE second (id int PRIMARY KEY)")
    with lab.connect(autocommit=False) as writing:
        writing.execute("INSERT INTO second VALUES (1)")
        with pytest.raises(errors.SourceTimeout):
            lab.track()
        writing.commit()
    lab.track()
    assert synced(lab)["second"][:2] == ("full", 1)


@pytest.mark.long
def test_savepoints_big_streamed_and_prepared_transactions(lab: Lab) -> None:
    with lab.connect(autocommit=False) as conn:
        # The least that there is: whatever is larger is sent before it ends.
        conn.execute("INSERT INTO item SELECT g, repeat('x', 50) FROM generate_series(1000, 6000) AS g")
        for turn in range(70):
            conn.execute(f"SAVEPOINT s{turn}")
            conn.execute(f"UPDATE item SET name = 'turn {turn}' WHERE id = {turn + 1}")
            if turn % 3 == 0:
                conn.execute(f"ROLLBACK TO s{turn}")
        conn.execute("DELETE FROM item WHERE id = 80")
        assert synced(lab) == {"item": ("none", 0, "")}
        conn.commit()
    assert synced(lab)["item"][0] == "delta"
    name = uuid.uuid4().hex
    lab.run("CREATE TABLE other (id int)")
    with lab.connect() as conn:
        conn.execute("BEGIN")
        conn.execute("UPDATE item SET name = 'prepared' WHERE id = 5")
        conn.execute(f"PREPARE TRANSACTION '{name}'".encode())
    lab.run("UPDATE item SET name = 'beside' WHERE id = 6")
    assert synced(lab)["item"][0] == "delta"
    lab.run(f"COMMIT PREPARED '{name}'")
    assert synced(lab)["item"][0] == "delta"


def test_keys_of_every_spelling_and_changed_ones(empty_db: str, tmp_path: Path) -> None:
    lab = Lab(empty_db, tmp_path, [{"name": "public.pair"}, {"name": "public.wide"}], sync_options={"feed": "wal"})
    lab.run(
        "CREATE TABLE pair (a text, b timestamptz, c numeric, v text, PRIMARY KEY (a, b, c))",
        "CREATE TABLE wide (id text PRIMARY KEY, v text)",
        "ALTER TABLE wide ALTER id SET STORAGE EXTERNAL",
        """INSERT INTO pair VALUES ('{"\\,'' é', now(), 1.10, 'x')""",
        "INSERT INTO pair VALUES ('', '2001-01-01', 0, 'y'), ('NULL', now(), 7, 'z')",
        "INSERT INTO wide SELECT repeat(chr(64 + g), 2500), 'x' FROM generate_series(1, 5) AS g",
    )
    lab.track()
    synced(lab)
    lab.run("UPDATE pair SET v = v || '!'", "UPDATE wide SET v = 'changed' WHERE id LIKE 'A%'")
    assert {name: found[:2] for name, found in synced(lab).items()} == {"pair": ("delta", 3), "wide": ("delta", 1)}
    lab.run("UPDATE pair SET c = 1.1 WHERE c = 1.10", "UPDATE wide SET id = 'z' || id WHERE id LIKE 'B%'")
    synced(lab)
    lab.run("UPDATE pair SET a = a || 'x'", "DELETE FROM wide WHERE id LIKE 'C%'", "DELETE FROM pair WHERE c = 7")
    synced(lab)
    lab.run("UPDATE wide SET id = id || '.'")
    assert synced(lab)["wide"][0] == "delta"


def test_a_generated_key_is_told_or_refused_and_never_keeps_its_owner_from_writing(
    empty_db: str, tmp_path: Path
) -> None:
    lab = Lab(empty_db, tmp_path, [{"name": "public.made"}], sync_options={"feed": "wal"})
    lab.run(
        "CREATE TABLE made (n int, id int GENERATED ALWAYS AS (n * 2) STORED PRIMARY KEY, v text)",
        "INSERT INTO made (n, v) SELECT g, 'x' FROM generate_series(1, 9) AS g",
    )
    with lab.connect() as conn:
        tells = conn.info.server_version >= 180000
    if tells:
        lab.track()
        synced(lab)
    else:
        with pytest.raises(errors.NotTracked, match="replica identity"):
            lab.track()
    writes = (
        "UPDATE made SET v = 'y' WHERE n = 1",
        "UPDATE made SET n = 70 WHERE n = 7",
        "DELETE FROM made WHERE n = 8",
    )
    lab.run(*writes)
    if not tells:
        return
    assert synced(lab)["made"][:2] == ("delta", 2)
    # As a publication was made before: `track` brings it up to date.
    name = lab.job.files.slot
    lab.run(f"ALTER PUBLICATION {name} SET (publish_generated_columns = none)")
    with pytest.raises(errors.NotTracked, match="does not tell all"):
        lab.sync()
    lab.track()
    lab.run("UPDATE made SET v = 'z' WHERE n = 1")
    assert synced(lab)["made"][0] == "full"


@pytest.mark.long
def test_an_identity_with_what_is_never_told_is_refused(lab: Lab) -> None:
    with lab.connect() as conn:
        if conn.info.server_version < 180000:
            pytest.skip("there are no such columns yet")
    install.untrack(lab.job, [])
    lab.run(
        "ALTER TABLE item ADD twice int GENERATED ALWAYS AS (id * 2) VIRTUAL", "ALTER TABLE item REPLICA IDENTITY FULL"
    )
    with pytest.raises(errors.NotTracked, match="not stored"):
        lab.track()
    lab.run("UPDATE item SET name = 'written' WHERE id = 1", "ALTER TABLE item REPLICA IDENTITY DEFAULT")
    lab.track()
    assert synced(lab)["item"][0] == "full"


def test_partitions_and_their_truncation(empty_db: str, tmp_path: Path) -> None:
    lab = Lab(empty_db, tmp_path, [{"name": "public.log"}], sync_options={"feed": "wal"})
    lab.run(
        "CREATE TABLE log (id int PRIMARY KEY, v text) PARTITION BY RANGE (id)",
        *(f"CREATE TABLE log{n} PARTITION OF log FOR VALUES FROM ({n}00) TO ({n + 1}00)" for n in range(3)),
        "INSERT INTO log SELECT g, 'x' FROM generate_series(0, 250) AS g",
    )
    lab.track()
    synced(lab)
    lab.run(
        "UPDATE log SET v = 'y' WHERE id = 7",
        "UPDATE log SET id = id + 90 WHERE id = 170",
        "DELETE FROM log2 WHERE id = 201",
    )
    assert synced(lab)["log"][:2] == ("delta", 2)
    lab.run("TRUNCATE log1")
    assert synced(lab)["log"][0] == "full"
    lab.run("CREATE TABLE log3 PARTITION OF log FOR VALUES FROM (300) TO (400)", "INSERT INTO log VALUES (301, 'new')")
    synced(lab)
    lab.run("UPDATE log SET v = 'newer' WHERE id = 301", "ALTER TABLE log DETACH PARTITION log0")
    synced(lab)
    lab.run("UPDATE log SET v = 'newest' WHERE id = 301")
    assert synced(lab)["log"][0] == "delta"


def test_a_partition_that_was_changed_while_it_was_none(empty_db: str, tmp_path: Path) -> None:
    lab = Lab(empty_db, tmp_path, [{"name": "public.log"}], sync_options={"feed": "wal"})
    lab.run(
        "CREATE TABLE log (id int PRIMARY KEY, v text) PARTITION BY RANGE (id)",
        "CREATE TABLE low PARTITION OF log FOR VALUES FROM (0) TO (100) PARTITION BY RANGE (id)",
        "CREATE TABLE lowest PARTITION OF low FOR VALUES FROM (0) TO (50)",
        "INSERT INTO log SELECT g, 'x' FROM generate_series(0, 49) AS g",
    )
    lab.track()
    for parent, part, ends in (("log", "low", 100), ("low", "lowest", 50)):
        synced(lab)
        lab.run(
            f"ALTER TABLE {parent} DETACH PARTITION {part}",
            f"UPDATE {part} SET v = v || '{part}' WHERE id > 40",
            f"DELETE FROM {part} WHERE id = {ends // 10}",
            f"ALTER TABLE {parent} ATTACH PARTITION {part} FOR VALUES FROM (0) TO ({ends})",
        )
        assert synced(lab)["log"] == ("full", len(lab.source_rows("log")), ANEW)
    lab.run("UPDATE log SET v = 'z' WHERE id = 41")
    assert synced(lab)["log"][0] == "delta"


def test_what_leaves_no_trace_in_the_log_is_found_by_the_definition(lab: Lab) -> None:
    lab.run("ALTER TABLE item ADD COLUMN more int DEFAULT 7")
    assert synced(lab)["item"][0] == "full"
    lab.run("ALTER TABLE item ALTER more TYPE text USING more || '!'", "UPDATE item SET name = 'x' WHERE id = 9")
    assert synced(lab)["item"][0] == "full"
    lab.run("TRUNCATE item", "INSERT INTO item VALUES (1, 'after')")
    assert synced(lab)["item"][0] == "full"


def test_filters_masks_and_deletes_are_as_with_every_feed(empty_db: str, tmp_path: Path) -> None:
    specs: list[dict[str, Any]] = [
        {"name": "public.a", "where": "n < 10", "rename": "shown.a", "rename_columns": {"n": "number"}},
        {"name": "public.b", "rename": "shown.b", "deletes": "soft", "soft_column": "gone"},
        {"name": "public.c", "rename": "shown.c", "deletes": "ignore", "where": "n < 10"},
    ]
    lab = Lab(empty_db, tmp_path, specs, sync_options={"feed": "wal"})
    for name in "abc":
        lab.run(
            f"CREATE TABLE {name} (id int PRIMARY KEY, n int, gone bool)",
            f"INSERT INTO {name} SELECT g, g, false FROM generate_series(1, 9) AS g",
        )
    lab.track()
    lab.sync()
    for name in "abc":
        lab.run(
            f"UPDATE {name} SET n = 10 WHERE id = 1",
            f"UPDATE {name} SET gone = true WHERE id = 2",
            f"DELETE FROM {name} WHERE id = 3",
        )
    lab.sync()
    held = {
        name: [row[0] for row in read(lab.folder / "reporting.duckdb", name, ["id"])]
        for name in ("shown.a", "shown.b", "shown.c")
    }
    assert held == {"shown.a": list("2456789"), "shown.b": list("1456789"), "shown.c": list("23456789")}


def test_tables_that_the_log_cant_tell_apart_are_kept_out(empty_db: str, tmp_path: Path) -> None:
    lab = Lab(empty_db, tmp_path, [{"name": "public.*"}], sync_options={"feed": "wal"})
    lab.run(
        "CREATE TABLE keyed (id int PRIMARY KEY)",
        "CREATE TABLE keyless (id int)",
        "INSERT INTO keyless VALUES (1), (1)",
    )
    lab.track()
    lab.run("UPDATE keyless SET id = 2", "DELETE FROM keyless")
    assert {name: found[0] for name, found in told(lab.sync()).items()} == {
        "keyed": "full",
        "keyless": "full",
    }
    for ddl, reason in (
        ("CREATE TABLE bad (id int)", "no primary key"),
        ("CREATE UNLOGGED TABLE bad (id int PRIMARY KEY)", "unlogged"),
        ("CREATE TABLE bad (id int PRIMARY KEY DEFERRABLE)", "replica identity"),
    ):
        lab.run("DROP TABLE IF EXISTS bad", ddl)
        lab.specs = [{"name": "public.bad", "feed": "wal"}]
        with pytest.raises(errors.NotTracked, match=reason):
            lab.track()
        lab.run("INSERT INTO bad VALUES (1)", "UPDATE bad SET id = 2")


@pytest.mark.long
def test_a_table_that_changes_its_feed_between_runs(lab: Lab) -> None:
    wal = lab.specs
    for specs in ([{"name": "public.item", "feed": "watermark"}], [{"name": "public.item", "watermark": "none"}], wal):
        lab.specs = specs
        lab.run(
            "UPDATE item SET name = 'before' WHERE id = 10", "DELETE FROM item WHERE id = (SELECT max(id) FROM item)"
        )
        lab.track()
        assert synced(lab)["item"][0] in ("full", "whole", "delta")
        for _ in range(2):
            lab.run(
                "UPDATE item SET name = name || '+' WHERE id = 10",
                "DELETE FROM item WHERE id = (SELECT max(id) FROM item)",
            )
            synced(lab)
