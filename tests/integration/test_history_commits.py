"""A history of commits holds what each of them left, whatever happens between and during the runs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from jobs.backfill import backfill
from jobs.feeds.wal.told import Told
from jobs.sessions import OpenSessions
from jobs.tables.ranges import Range
from jobs.verify import verify
from tests.support import cluster, runs, servers
from tests.support.commits import committed, made, versions
from tests.support.histories import Attempt


def test_each_commit_is_a_version_also_of_rows_that_come_and_go_between_two_runs(empty_db: str, tmp_path: Path) -> None:
    replay = made(empty_db, tmp_path)
    committed(replay, "UPDATE {t} SET n = 10 WHERE id = 1")
    committed(replay, "UPDATE {t} SET n = 11 WHERE id = 1", "UPDATE {t} SET n = 12 WHERE id = 1")
    committed(replay, "INSERT INTO {t} VALUES (6, 6, 'short')")
    committed(replay, "DELETE FROM {t} WHERE id = 6")
    replay.lab.sync()
    replay.checked()


def test_a_large_value_that_is_left_alone_is_followed_from_key_to_key(empty_db: str, tmp_path: Path) -> None:
    replay = made(empty_db, tmp_path, ["large"])
    move = "UPDATE {t} SET id = id + 100, n = n + 1 WHERE id % 100 = 1"
    committed(replay, move, move, move)
    committed(replay, move)
    committed(replay, "DELETE FROM {t} WHERE id = 2", "UPDATE {t} SET id = 2 WHERE id % 100 = 1")
    committed(replay, "UPDATE {t} SET n = 7 WHERE id = 2")
    replay.lab.sync()
    replay.checked()


@pytest.mark.parametrize("point", ["before_commit", "after_commit"])
def test_a_run_that_was_killed_before_it_published_goes_on_from_its_own_rows(
    empty_db: str, tmp_path: Path, point: str
) -> None:
    replay = made(empty_db, tmp_path, ["plain"])
    committed(replay, "UPDATE {t} SET n = 10 WHERE id = 1")
    replay.lab.sync()
    replay.lab.sync()
    # A version that is none: the moment of the history stays, its rows are later.
    committed(replay, "UPDATE {t} SET n = n WHERE id = 2")
    replay.lab.keep = None
    runs.killed_at(replay.lab.job, point)
    committed(replay, "DELETE FROM {t} WHERE id > 3")
    replay.lab.sync()
    assert not replay.lab.sync().tables[0].notes
    replay.checked()


def test_where_the_log_is_not_what_the_rows_are_the_run_is_the_grain_and_says_so(
    empty_db: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replay = made(empty_db, tmp_path, ["plain"])
    replay.lab.run("INSERT INTO plain VALUES (6, 6, 'new')")
    attempt = replay.begun()
    with monkeypatch.context() as wrong:
        wrong.setattr(Told, "_whole", lambda _self, row, key: [*key, "7", *row[2:]])
        (done,) = replay.lab.sync().tables
    replay.note(attempt)
    assert "what it tells of 1 rows is not what they are" in done.notes[-1]
    committed(replay, "UPDATE {t} SET n = 10 WHERE id = 1")
    committed(replay, "UPDATE {t} SET n = 11 WHERE id = 1")
    assert not replay.lab.sync().tables[0].notes
    replay.checked()


@pytest.mark.parametrize("anew", [False, True])
def test_a_text_that_can_not_be_read_back_costs_one_run_its_grain(
    empty_db: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, anew: bool
) -> None:
    replay = made(empty_db, tmp_path)
    committed(replay, "UPDATE {t} SET n = 8 WHERE id = 1")
    committed(replay, *(["TRUNCATE {t}"] if anew else []), "INSERT INTO {t} VALUES (6, 6, 'new')")
    del replay.attempts[-2:]
    attempt = replay.begun()
    with monkeypatch.context() as wrong:
        wrong.setattr(Told, "_whole", lambda _self, row, key: [*key, "no number", *row[2:]])
        done = replay.lab.sync().tables
    replay.note(attempt)
    assert [one.action for one in done] == ["full" if anew else "delta"] * len(done)
    assert all("it has texts that are none any more" in one.notes[-1] for one in done)
    committed(replay, "UPDATE {t} SET n = 10 WHERE id = 6")
    committed(replay, "UPDATE {t} SET n = 11 WHERE id = 6")
    replay.lab.sync()
    replay.checked()


def test_a_version_begins_when_it_was_committed_and_may_be_asked_for_as_of_then(empty_db: str, tmp_path: Path) -> None:
    replay = made(empty_db, tmp_path, ["plain"])
    lab = replay.lab
    lab.run("SELECT pg_sleep(0.05)")
    committed(
        replay, "UPDATE {t} SET n = 10 WHERE id = 1", "SELECT pg_sleep(0.05)", "UPDATE {t} SET n = 11 WHERE id = 1"
    )
    committed(replay, "DELETE FROM {t} WHERE id = 1")
    lab.sync()
    (_, moment, until) = versions(lab, "plain", "n, valid_from, valid_to")[-1]
    update, delete = replay.attempts[-2:]
    assert update.since < moment <= update.until <= delete.since <= until <= delete.until
    with duckdb.connect(str(lab.folder / "reporting.duckdb"), read_only=True) as file:
        file.execute("USE reporting")
        asked = [update.since, moment, until]
        rows = [file.execute("SELECT n FROM history.plain_at(?) WHERE id = 1", [at]).fetchall() for at in asked]
    assert rows == [[(1,)], [(11,)], []]
    assert verify.verify(lab.job).equal


def test_an_entry_goes_from_runs_to_commits_and_back(empty_db: str, tmp_path: Path) -> None:
    replay = made(empty_db, tmp_path, ["plain"])
    lab, (spec,) = replay.lab, replay.lab.specs
    for history in (True, "commits", True, "commits"):
        lab.specs = [{**spec, "history": history}]
        count = len(replay.attempts)
        committed(replay, "UPDATE {t} SET n = n + 1 WHERE id = 1")
        committed(replay, "UPDATE {t} SET n = n + 1 WHERE id = 1")
        attempt = replay.begun()
        lab.sync()
        if history is True:
            del replay.attempts[count:]
            replay.note(attempt)
        replay.checked()


def test_what_a_commit_left_before_a_table_got_a_column_is_not_said_wrongly(empty_db: str, tmp_path: Path) -> None:
    replay = made(empty_db, tmp_path, ["plain"])
    lab = replay.lab
    lab.run("UPDATE plain SET n = 10 WHERE id = 1", "ALTER TABLE plain ADD more int DEFAULT 7")
    lab.run("UPDATE plain SET n = 11 WHERE id = 1")
    lab.sync()
    lab.run("UPDATE plain SET n = 12 WHERE id = 1", "UPDATE plain SET more = 8 WHERE id = 1")
    lab.sync()
    lab.assert_equal()
    found = [row for row in versions(lab, "plain", "n, more, id") if row[2] == 1]
    assert found == [(1, None, 1), (11, 7, 1), (12, 7, 1), (12, 8, 1)]
    assert verify.verify(lab.job).equal


@pytest.mark.long
def test_a_commit_that_is_seen_later_than_one_behind_it_is_told_once_and_both_are(tmp_path: Path) -> None:
    """A commit that waits for a standby stands in the log already, and no snapshot sees it."""
    with cluster.running(tmp_path / "server", synchronous_commit="local", synchronous_standby_names="nobody") as server:
        (tmp_path / "file").mkdir()
        replay = made(server.create_database(), tmp_path / "file", ["plain"])
        lab = replay.lab
        with lab.connect() as waiting, ThreadPoolExecutor() as beside:
            waiting.execute("SET synchronous_commit = 'on'")
            late = beside.submit(waiting.execute, "UPDATE plain SET n = 10 WHERE id = 1")
            asked = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
            servers.until(lambda: servers.ask(lab.url, asked), "the commit waits for a standby")
            for turn in range(3):
                lab.run(f"UPDATE plain SET n = {20 + turn} WHERE id = 2", "UPDATE plain SET n = 30 WHERE id = 2")
                lab.sync()
            assert lab.keep is not None and lab.keep.log.unseen
            lab.run(f"SELECT pg_cancel_backend({waiting.info.backend_pid})")
            late.result()
            lab.sync()
        lab.assert_equal()
        assert verify.verify(lab.job).equal
        # The server ends only once its reader has let go.
        lab.keep.log.close()
        found = [row[:1] for row in versions(lab, "plain", "n, id") if row[1] == 2]
        assert found == [(2,), (20,), (30,), (21,), (30,), (22,), (30,)]
        assert [row[:1] for row in versions(lab, "plain", "n, id") if row[1] == 1] == [(1,), (10,)]


def test_a_truncate_ends_every_row_and_what_came_before_and_after_it_is_told(empty_db: str, tmp_path: Path) -> None:
    replay = made(empty_db, tmp_path)
    for _ in range(2):
        committed(replay, "UPDATE {t} SET n = 10 WHERE id = 1", "INSERT INTO {t} VALUES (7, 7, 'short')")
        committed(replay, "UPDATE {t} SET n = 11 WHERE id = 1", "TRUNCATE {t}", "INSERT INTO {t} VALUES (1, 1, 'new')")
        committed(replay, "UPDATE {t} SET note = 'newer'", "INSERT INTO {t} VALUES (2, 2, 'two')")
        replay.lab.sync()
        replay.checked()
        replay.lab.sync()
        committed(replay, "UPDATE {t} SET n = 12 WHERE id = 1")
        replay.lab.sync()
        replay.checked()


def test_a_prepared_transaction_is_one_commit_once_it_is_committed(empty_db: str, tmp_path: Path) -> None:
    replay = made(empty_db, tmp_path, ["plain"])
    with replay.lab.connect(autocommit=False) as conn:
        conn.execute("UPDATE plain SET n = 20 WHERE id = 2")
        conn.execute("UPDATE plain SET n = 21 WHERE id = 2")
        conn.execute("PREPARE TRANSACTION 'later'")
    committed(replay, "UPDATE {t} SET n = 10 WHERE id = 1")
    replay.lab.sync()
    replay.checked()
    since = datetime.now(UTC)
    replay.lab.run("COMMIT PREPARED 'later'")
    replay.attempts.append(Attempt(since, datetime.now(UTC), {"public.plain": replay.state("public.plain")}))
    committed(replay, "DELETE FROM {t} WHERE id = 2")
    replay.lab.sync()
    replay.checked()


@pytest.mark.long
def test_what_was_committed_before_a_crash_of_the_server_is_told_once(open_folder: Path, tmp_path: Path) -> None:
    with servers.primary(open_folder / "server") as server:
        replay = made(server.url(), tmp_path, ["plain"])
        for turn in range(4):
            committed(replay, f"UPDATE {{t}} SET n = {turn + 10} WHERE id = 1")
            committed(replay, f"INSERT INTO {{t}} VALUES ({turn + 20}, 0, 'new')", "DELETE FROM {t} WHERE id = 2")
            if turn % 2:
                replay.lab.sync()
            servers.crash(server)
            server.start()
            replay.lab = replace(replay.lab, keep=None if turn > 1 else OpenSessions())
            committed(replay, f"UPDATE {{t}} SET n = {turn + 30} WHERE id = 1")
            replay.lab.sync()
            replay.checked()


def test_a_range_that_is_read_anew_doubles_no_version(empty_db: str, tmp_path: Path) -> None:
    replay = made(empty_db, tmp_path, ["plain"])
    committed(replay, "UPDATE {t} SET n = 10 WHERE id = 1")
    committed(replay, "UPDATE {t} SET n = 11 WHERE id = 1", "DELETE FROM {t} WHERE id = 2")
    backfill.backfill(replay.lab.job, "public.plain", Range(low="1", high="3"))
    committed(replay, "INSERT INTO {t} VALUES (2, 2, 'back')")
    replay.lab.sync()
    backfill.backfill(replay.lab.job, "public.plain", Range(low="1", high="3"))
    assert not replay.lab.sync().changed
    replay.checked()
