"""Tables whose changes come from the log: what the stream tells, what it can't, and what becomes of the slot."""

from __future__ import annotations

import threading
import time
import uuid
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import conninfo

from app import errors
from jobs.feeds.wal import feed as following
from jobs.feeds.wal import log as changes
from jobs.feeds.wal import stream
from jobs.feeds.wal.reader import LogReader
from jobs.position.snapshot import position
from jobs.results import Run
from jobs.sessions import Keep
from jobs.targets.file import work
from jobs.tracking import install, visit
from tests.support.cluster import Cluster
from tests.support.syncing import Lab, read


@pytest.fixture
def lab(empty_db: str, tmp_path: Path) -> Lab:
    """A table of a hundred rows, tracked and synced twice, so that both files exist."""
    return made(empty_db, tmp_path)


def made(url: str, folder: Path, **given: Any) -> Lab:
    found = Lab(url, folder, [{"name": "public.item"}], sync_options={"feed": "wal"}, **given)
    found.run(
        "CREATE TABLE item (id bigint PRIMARY KEY, name text)",
        "INSERT INTO item SELECT g, 'row ' || g FROM generate_series(1, 100) AS g",
    )
    found.track()
    for _ in range(2):
        found.sync()
        found.run("UPDATE item SET name = name || '.' WHERE id = 1")
    found.sync()
    return found


def synced(lab: Lab, **given: Any) -> dict[str, tuple[str, int, str]]:
    """One run, after which both sides are equal: each table's action, the rows read and the reason."""
    run = lab.sync(**given)
    lab.assert_equal()
    return told(run)


def told(run: Run) -> dict[str, tuple[str, int, str]]:
    return {
        one.table.removeprefix("public."): (one.action, one.rows_read, one.error or one.reason) for one in run.tables
    }


def slot(lab: Lab) -> dict[str, Any]:
    with lab.connect(row_factory=psycopg.rows.dict_row) as conn:
        row = conn.execute("SELECT * FROM pg_replication_slots WHERE slot_name = %s", [lab.job.files.slot]).fetchone()
    assert row is not None
    return row


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


def test_the_server_is_told_only_of_what_both_files_have(lab: Lab) -> None:
    before = slot(lab)["confirmed_flush_lsn"]
    for turn in range(3):
        lab.run(f"UPDATE item SET name = 'turn {turn}' WHERE id = {turn + 1}")
        seen = {saved.watermark.log.split(" ")[0] for saved in _state(lab).tables.values()}
        synced(lab)
        # The file that was published until now is the spare one: it lacks what comes after.
        assert {slot(lab)["confirmed_flush_lsn"]} == seen
    assert slot(lab)["confirmed_flush_lsn"] > before


def _state(lab: Lab) -> Any:
    return work.peek(lab.job)


def test_an_idle_database_lets_go_of_the_log_and_goes_on_without_a_copy_of_its_tables(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "IDLE", 0)
    lab.run("CREATE TABLE other AS SELECT g FROM generate_series(1, 1000) AS g")
    before = slot(lab)["confirmed_flush_lsn"]
    assert synced(lab) == {"item": ("none", 0, "")}
    assert slot(lab)["confirmed_flush_lsn"] > before
    for turn in range(3):
        lab.run(f"UPDATE item SET name = 'turn {turn}' WHERE id = {turn + 1}")
        assert synced(lab)["item"][0] == "delta"


def test_more_keys_than_may_be_held_have_the_table_copied(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "MOST_KEYS", 50)
    lab.run("UPDATE item SET name = name || '!'")
    assert synced(lab)["item"] == ("full", 100, following.MANY)
    lab.run("UPDATE item SET name = 'few' WHERE id = 2")
    synced(lab)
    monkeypatch.undo()
    lab.run("UPDATE item SET name = 'fewer' WHERE id = 2")
    assert synced(lab)["item"][0] == "delta"


def test_a_slot_that_is_gone_and_a_publication_without_the_table(lab: Lab) -> None:
    name = lab.job.files.slot
    lab.specs = [*lab.specs, {"name": "public.plain", "watermark": "none"}]
    lab.run("CREATE TABLE plain (id int)", f"SELECT pg_drop_replication_slot('{name}')")
    lab.run("UPDATE item SET name = 'unseen' WHERE id = 1", "DELETE FROM item WHERE id = 2")
    found = told(lab.sync())
    assert found["plain"][0] == "full"
    assert "neaptide track" in found["item"][2]
    assert name in found["item"][2]
    lab.track()
    assert synced(lab)["item"] == ("full", 99, following.UNCOVERED)
    lab.run(f"ALTER PUBLICATION {name} DROP TABLE item", "DELETE FROM item WHERE id = 3")
    assert "is not in the publication" in told(lab.sync())["item"][2]
    lab.track()
    assert synced(lab)["item"] == ("full", 98, following.ANEW)
    lab.run(f"ALTER PUBLICATION {name} SET (publish = 'insert')", "DELETE FROM item WHERE id = 4")
    assert "does not tell all" in told(lab.sync())["item"][2]
    lab.track()
    assert synced(lab)["item"][0] == "full"
    lab.run("DELETE FROM item WHERE id = 5")
    assert synced(lab)["item"][0] == "delta"


def test_a_slot_that_somebody_else_moved_on_loses_nothing(lab: Lab) -> None:
    lab.run("UPDATE item SET name = 'taken away' WHERE id = 1", "DELETE FROM item WHERE id = 2")
    lab.run(f"SELECT pg_replication_slot_advance('{lab.job.files.slot}', pg_current_wal_lsn())")
    assert synced(lab)["item"] == ("full", 99, following.UNCOVERED)
    lab.run("UPDATE item SET name = 'again' WHERE id = 1")
    assert synced(lab)["item"][0] == "delta"


def test_a_stream_that_fails_twice_at_one_place_has_its_slot_made_anew(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ends(*_: object) -> None:
        raise psycopg.errors.InternalError_("could not map filenumber") from None

    lab.specs = [*lab.specs, {"name": "public.plain", "watermark": "none"}]
    lab.run("CREATE TABLE plain (id int)", "UPDATE item SET name = 'unread' WHERE id = 1")
    monkeypatch.setattr(psycopg.errors.InternalError_, "sqlstate", "XX000")
    with monkeypatch.context() as failing:
        failing.setattr(stream.Stream, "take", ends)
        for _ in range(2):
            found = told(lab.sync())
            assert "filenumber" in found["item"][2]
            assert found["plain"][2] == "" or found["plain"][0] == "full"
    assert synced(lab)["item"] == ("full", 100, following.UNCOVERED)
    lab.run("UPDATE item SET name = 'read' WHERE id = 1")
    assert synced(lab)["item"][0] == "delta"


def test_a_role_that_may_not_replicate_and_a_reader_from_elsewhere(lab: Lab) -> None:
    role = f"reader_{uuid.uuid4().hex[:8]}"
    lab.run(
        f"CREATE ROLE {role} LOGIN PASSWORD 'x'",
        f"GRANT SELECT ON item TO {role}",
        "CREATE TABLE plain (id int)",
        f"GRANT SELECT ON plain TO {role}",
    )
    parts = conninfo.conninfo_to_dict(lab.url)
    url = f"postgresql://{role}:x@{parts['host']}:{parts['port']}/{parts['dbname']}"
    both = [*lab.specs, {"name": "public.plain", "watermark": "none"}]
    lab.run("UPDATE item SET name = 'unread' WHERE id = 1")
    found = told(replace(lab, url=url, specs=both).sync())
    assert found["plain"][0] == "full"
    assert "REPLICATION" in found["item"][2]
    lab.run(f"ALTER ROLE {role} REPLICATION")
    assert synced(lab)["item"][0] == "delta"
    lab.run(f"DROP OWNED BY {role}", f"DROP ROLE {role}")


def test_a_run_takes_the_slot_over_from_the_daemon_and_gives_it_back(lab: Lab) -> None:
    kept = replace(lab, keep=Keep())
    try:
        for turn in range(3):
            lab.run(f"UPDATE item SET name = 'kept {turn}' WHERE id = {turn + 1}")
            assert synced(kept)["item"][0] == "delta"
            assert slot(lab)["active"]
            lab.run(
                f"UPDATE item SET name = 'alone {turn}' WHERE id = {turn + 2}",
                f"DELETE FROM item WHERE id = {90 + turn}",
            )
            assert synced(lab)["item"][0] == "delta"
    finally:
        assert kept.keep
        kept.keep.close()


def test_a_server_that_stops_waits_for_no_file(lab: Lab, postgres: Cluster) -> None:
    """It waits for its log to be received, and would wait for it to be confirmed, which takes both files."""
    kept = replace(lab, keep=Keep())
    assert kept.keep
    lab.run("UPDATE item SET name = 'not in both' WHERE id = 1")
    synced(kept)
    stop = threading.Event()
    listening = threading.Thread(target=_listen, args=(kept.keep, stop))
    listening.start()
    began = time.monotonic()
    postgres.server.stop()
    took = time.monotonic() - began
    stop.set()
    listening.join()
    postgres.server.start()
    kept.keep.close()
    assert took < 30
    lab.url = postgres.url(lab.url.rsplit("/", 1)[1])
    lab.run("UPDATE item SET name = 'after it' WHERE id = 2")
    assert synced(lab)["item"][0] == "delta"


def _listen(keep: Keep, stop: threading.Event) -> None:
    with suppress(psycopg.Error):
        while not stop.wait(0.02):
            keep.log.take()
