"""A history of commits holds what each of them left, whatever happens between and during the runs."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from jobs import faults
from jobs.backfill import backfill
from jobs.feeds.wal.told import Told
from jobs.sessions import OpenSessions
from jobs.tables.ranges import Range
from jobs.verify import verify
from tests.support import cluster, runs, servers
from tests.support.histories import Attempt, Replay
from tests.support.syncing import Lab

SEED = os.environ.get("NEAPTIDE_SEED")
# What the config says of each table, and the columns that it has more.
MODES: dict[str, tuple[dict[str, Any], str]] = {
    "plain": ({}, ""),
    "large": ({}, ", body text DEFAULT repeat('x', 5000)"),
}
WRITES = (
    "INSERT INTO {t} (id, n, note) VALUES ({a}, {n}, 'new') ON CONFLICT (id) DO UPDATE SET n = excluded.n",
    "INSERT INTO {t} (id, n) SELECT g, {n} FROM generate_series({a}, {b}) AS g ON CONFLICT DO NOTHING",
    "UPDATE {t} SET n = {n} WHERE id = {a}",
    "UPDATE {t} SET n = n % 3 WHERE id IN ({a}, {b})",
    "UPDATE {t} SET n = n",
    "UPDATE {t} SET note = NULL WHERE id >= {a}",
    "DELETE FROM {t} WHERE id = {a}",
    "DELETE FROM {t} WHERE id >= {a}",
    "WITH gone AS (DELETE FROM {t} WHERE id = {a}) INSERT INTO {t} SELECT {b} + 20, {n} ON CONFLICT DO NOTHING",
    "UPDATE {t} SET id = {b} + 10 WHERE id = {a} AND NOT EXISTS (SELECT FROM {t} WHERE id = {b} + 10)",
    "SAVEPOINT s; UPDATE {t} SET n = -1; INSERT INTO {t} (id) VALUES ({a} + 100); ROLLBACK TO s",
    "SAVEPOINT s; UPDATE {t} SET n = n + 1 WHERE id = {a}; RELEASE s",
    "TRUNCATE {t}",
)
LARGER = "UPDATE {t} SET body = repeat(chr(97 + {n}), 4000 + {a}) WHERE id = {b}"


def made(url: str, folder: Path, modes: dict[str, tuple[dict[str, Any], str]] = MODES, **given: Any) -> Replay:
    """A table for each mode, with a history of commits, synced once."""
    specs = [
        {"name": f"public.{name}", "feed": "wal", "history": "commits", **mode} for name, (mode, _) in modes.items()
    ]
    lab = Lab(url, folder, specs, keep=OpenSessions(), **given)
    # Transactions are sent in pieces, before they end, from this size on.
    lab.run(f"ALTER DATABASE {url.rpartition('/')[2]} SET logical_decoding_work_mem = '64kB'")
    for name, (_mode, more) in modes.items():
        lab.run(
            f"CREATE TABLE {name} (id int PRIMARY KEY, n int, note text{more})",
            f"INSERT INTO {name} SELECT g, g, 'first' FROM generate_series(1, 5) AS g",
        )
        if more:
            lab.run(
                f"ALTER TABLE {name} ALTER body SET STORAGE EXTERNAL", f"UPDATE {name} SET body = repeat('z', 9000)"
            )
    lab.track()
    replay = Replay(lab, [spec["name"] for spec in specs])
    attempt = replay.begun()
    lab.sync()
    replay.note(attempt)
    checked(replay)
    return replay


def committed(replay: Replay, *statements: str) -> None:
    """One transaction that writes to each table: a version of what it left."""
    since = datetime.now(UTC)
    with replay.lab.connect(autocommit=False) as conn:
        for statement in statements:
            for name in replay.tables:
                if "body" not in statement or name != "public.plain":
                    conn.execute(statement.replace("{t}", name).encode())
    states = {table: replay.state(table) for table in replay.tables}
    replay.attempts.append(Attempt(since, datetime.now(UTC), states))


def checked(replay: Replay) -> None:
    """The file is the source's, and the histories are the model's."""
    replay.lab.assert_equal()
    replay.check()


def test_each_commit_is_a_version_also_of_rows_that_come_and_go_between_two_runs(empty_db: str, tmp_path: Path) -> None:
    replay = made(empty_db, tmp_path)
    committed(replay, "UPDATE {t} SET n = 10 WHERE id = 1")
    committed(replay, "UPDATE {t} SET n = 11 WHERE id = 1", "UPDATE {t} SET n = 12 WHERE id = 1")
    committed(replay, "INSERT INTO {t} VALUES (6, 6, 'short')")
    committed(replay, "DELETE FROM {t} WHERE id = 6")
    replay.lab.sync()
    checked(replay)


def test_a_large_value_that_is_left_alone_is_followed_from_key_to_key(empty_db: str, tmp_path: Path) -> None:
    replay = made(empty_db, tmp_path, {"large": MODES["large"]})
    move = "UPDATE {t} SET id = id + 100, n = n + 1 WHERE id % 100 = 1"
    committed(replay, move, move, move)
    committed(replay, move)
    committed(replay, "DELETE FROM {t} WHERE id = 2", "UPDATE {t} SET id = 2 WHERE id % 100 = 1")
    committed(replay, "UPDATE {t} SET n = 7 WHERE id = 2")
    replay.lab.sync()
    checked(replay)


@pytest.mark.parametrize("point", ["before_commit", "after_commit"])
def test_a_run_that_was_killed_before_it_published_goes_on_from_its_own_rows(
    empty_db: str, tmp_path: Path, point: str
) -> None:
    replay = made(empty_db, tmp_path, {"plain": MODES["plain"]})
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
    checked(replay)


def test_where_the_log_is_not_what_the_rows_are_the_run_is_the_grain_and_says_so(
    empty_db: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replay = made(empty_db, tmp_path, {"plain": MODES["plain"]})
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
    checked(replay)


@pytest.mark.parametrize("anew", [False, True])
def test_a_text_that_can_not_be_read_back_costs_one_run_its_grain(
    empty_db: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, anew: bool
) -> None:
    replay = made(empty_db, tmp_path, MODES)
    committed(replay, "UPDATE {t} SET n = 8 WHERE id = 1")
    committed(replay, *(["TRUNCATE {t}"] if anew else []), "INSERT INTO {t} VALUES (6, 6, 'new')")
    del replay.attempts[-2:]
    attempt = replay.begun()
    with monkeypatch.context() as wrong:
        wrong.setattr(Told, "_whole", lambda _self, row, key: [*key, "no number", *row[2:]])
        done = replay.lab.sync().tables
    replay.note(attempt)
    assert [one.action for one in done] == ["full" if anew else "delta"] * len(MODES)
    assert all("it has texts that are none any more" in one.notes[-1] for one in done)
    committed(replay, "UPDATE {t} SET n = 10 WHERE id = 6")
    committed(replay, "UPDATE {t} SET n = 11 WHERE id = 6")
    replay.lab.sync()
    checked(replay)


def versions(lab: Lab, table: str, what: str) -> list[tuple[Any, ...]]:
    """Of each version so much, in their order."""
    with duckdb.connect(str(lab.folder / "reporting.duckdb"), read_only=True) as file:
        file.execute("SET TimeZone = 'UTC'")
        return file.execute(f"SELECT {what} FROM history.{table} ORDER BY valid_from, id").fetchall()


def test_a_version_begins_when_it_was_committed_and_may_be_asked_for_as_of_then(empty_db: str, tmp_path: Path) -> None:
    replay = made(empty_db, tmp_path, {"plain": MODES["plain"]})
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
    replay = made(empty_db, tmp_path, {"plain": MODES["plain"]})
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
        checked(replay)


def test_what_a_commit_left_before_a_table_got_a_column_is_not_said_wrongly(empty_db: str, tmp_path: Path) -> None:
    replay = made(empty_db, tmp_path, {"plain": MODES["plain"]})
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
        replay = made(server.create_database(), tmp_path / "file", {"plain": MODES["plain"]})
        lab = replay.lab
        with lab.connect() as waiting, ThreadPoolExecutor() as beside:
            waiting.execute("SET synchronous_commit = 'on'")
            late = beside.submit(waiting.execute, "UPDATE plain SET n = 10 WHERE id = 1")
            polled(lambda: lab.connect().execute("SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep'").rowcount)
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


def polled(asked: Callable[[], object]) -> None:
    """Wait until it is so."""
    until = time.monotonic() + 30
    while not asked():
        assert time.monotonic() < until
        time.sleep(0.02)


class Story:
    """What happens to one source and its file, drawn from a seed."""

    def __init__(self, replay: Replay, draw: random.Random) -> None:
        self.replay, self.lab, self.draw = replay, replay.lab, draw

    def commit(self) -> None:
        """A transaction of a few statements."""
        given: list[str] = []
        for _ in range(self.draw.randint(1, 4)):
            which = self.draw.choices((*WRITES, LARGER), [4] * (len(WRITES) - 1) + [1, 8])[0]
            a, b, n = (self.draw.randint(0, 9) for _ in range(3))
            given.append(which.replace("{a}", str(a)).replace("{b}", str(b)).replace("{n}", str(n)))
        committed(self.replay, *given)

    def overlapping(self) -> None:
        """Two transactions at once: the one that began first commits last."""
        with self.lab.connect(autocommit=False) as first, self.lab.connect(autocommit=False) as second:
            for name in self.replay.tables:
                first.execute(f"UPDATE {name} SET n = n + 1 WHERE id < 5".encode())
                second.execute(f"UPDATE {name} SET n = n + 1 WHERE id >= 5".encode())
            for one in (second, first):
                attempt = replace(self.replay.begun(), states={})
                one.commit()
                states = {table: self.replay.state(table) for table in self.replay.tables}
                self.replay.note(attempt, states=states)

    def run_grain(self, run: Callable[[], object]) -> None:
        """What is committed before a run that compares is one version, of the run's moment."""
        count = len(self.replay.attempts)
        self.commit()
        del self.replay.attempts[count:]
        attempt = self.replay.begun()
        run()
        self.replay.note(attempt)

    def turn(self) -> None:
        """Something that brings the file up to date, or dies on the way."""
        kind = self.draw.choices(["sync", "full", "repair", "other", "killed"], [6, 1, 1, 3, 3])[0]
        if kind in ("sync", "full", "repair"):
            self.lab.sync()
        if kind == "full":
            self.run_grain(lambda: self.lab.sync(full=True))
        elif kind == "repair":
            verify.verify(self.lab.job, repair=True)
        if kind not in ("killed", "other"):
            return
        keep, self.lab.keep = self.lab.keep, None
        if kind == "killed":
            runs.ended(self.lab.job, fault=self.draw.choice(KILLS))
            self.commit()
        self.lab.sync()
        self.lab.keep = keep


KILLS = [point for point in faults.POINTS if point not in ("before_freshness", "after_freshness")]


@pytest.mark.long
@pytest.mark.parametrize("turn", range(4))
def test_histories_of_commits_follow_random_changes(empty_db: str, tmp_path: Path, turn: int) -> None:
    seed = int(SEED) if SEED else random.randrange(2**32)
    try:
        story = Story(made(empty_db, tmp_path), random.Random(seed))
        for _ in range(12):
            for _ in range(story.draw.randint(0, 4)):
                story.overlapping() if story.draw.random() < 0.2 else story.commit()
            story.turn()
            checked(story.replay)
    except BaseException as error:
        error.add_note(f"again with: NEAPTIDE_SEED={seed} pytest tests/integration/test_history_commits.py")
        raise


def test_a_truncate_ends_every_row_and_what_came_before_and_after_it_is_told(empty_db: str, tmp_path: Path) -> None:
    replay = made(empty_db, tmp_path, {name: MODES[name] for name in ("plain", "large")})
    for _ in range(2):
        committed(replay, "UPDATE {t} SET n = 10 WHERE id = 1", "INSERT INTO {t} VALUES (7, 7, 'short')")
        committed(replay, "UPDATE {t} SET n = 11 WHERE id = 1", "TRUNCATE {t}", "INSERT INTO {t} VALUES (1, 1, 'new')")
        committed(replay, "UPDATE {t} SET note = 'newer'", "INSERT INTO {t} VALUES (2, 2, 'two')")
        replay.lab.sync()
        checked(replay)
        replay.lab.sync()
        committed(replay, "UPDATE {t} SET n = 12 WHERE id = 1")
        replay.lab.sync()
        checked(replay)


# A type, and three values of it, the first of which may be large and is left alone at times.
TYPES = (
    ("int", "1", "-2", "NULL"),
    ("bigint", "9007199254740993", "-1", "0"),
    ("float8", "0.1", "'-0'", "'NaN'"),
    ("float4", "0.1", "'Infinity'", "1e-30"),
    ("numeric(12,3)", "1.5", "-2", "0"),
    ("numeric", "1.50", "1e50", "'NaN'"),
    ("text", "repeat('a\"\\,{}', 3000)", "''", "'NULL'"),
    ("varchar(9)", "'a'", "' '", "E'\\t\\n\\\\'"),
    ("char(5)", "'ab'", "''", "'abcde'"),
    ('"char"', "'a'", "''", "'z'"),
    ("name", "'a'", "'B b'", "''"),
    ("bytea", "decode(repeat('00ff', 3000), 'hex')", "''", "'\\x01'"),
    ("bool", "true", "false", "NULL"),
    ("date", "'2024-02-29'", "'infinity'", "'0044-03-15 BC'"),
    ("time", "'24:00'", "'00:00:00.000001'", "NULL"),
    ("timetz", "'01:02:03+14'", "'23:00-12'", "NULL"),
    ("timestamp(3)", "'2024-01-01 00:00:00.1239'", "'-infinity'", "NULL"),
    ("timestamptz", "'2024-01-01 00:00+05'", "'0001-01-01 BC'", "'infinity'"),
    ("interval", "'1 mon -2 days 03:04:05.000006'", "'-1 year'", "'0'"),
    ("uuid", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "NULL", "NULL"),
    ("json", '\'{"b": 1,  "a":2}\'', "'null'", "'\"\\ud83d\"'"),
    ("jsonb", "'{\"b\": 1.50}'", "'null'", "'[]'"),
    ("bit(3)", "B'101'", "B'000'", "NULL"),
    ("varbit", "B''", "B'1'", "NULL"),
    ("inet", "'1.2.3.4'", "'::1/64'", "NULL"),
    ("int[]", "'{1,NULL,3}'", "'{}'", "NULL"),
    ("text[]", "ARRAY['a,\"\\', 'NULL', NULL]", "'{}'", "ARRAY['']"),
    ("int4range", "'[1,5)'", "'empty'", "NULL"),
    ("tsvector", "'a:1 b'", "''", "NULL"),
    ("point", "'(0.1,-0)'", "NULL", "NULL"),
    ("shop.mood", "'good, \"sad\"'", "'ok'", "NULL"),
    ("shop.pair", "ROW(1, 'a,\"b')", "ROW(NULL, NULL)", "NULL"),
    ("shop.small", "3", "4", "NULL"),
    ("shop.mood[]", "'{ok}'", "'{}'", "NULL"),
    ("shop.small[]", "'{1,2}'", "'{}'", "NULL"),
    ("citext", "'Ab'", "'aB'", "NULL"),
    ("hstore", "'a=>1,\"b c\"=>NULL'", "''", "NULL"),
    ("int4multirange", "'{[1,3),[5,9)}'", "'{}'", "NULL"),
    ("macaddr", "'08:00:2b:01:02:03'", "NULL", "NULL"),
    ("xid8", "'18446744073709551615'", "'0'", "NULL"),
    ("oid", "4294967295", "0", "NULL"),
    ("jsonpath", "'$.a[*]'", "'$'", "NULL"),
)
MADE = (
    "CREATE SCHEMA shop; CREATE EXTENSION citext; CREATE EXTENSION hstore",
    "CREATE TYPE shop.mood AS ENUM ('ok', 'good, \"sad\"'); CREATE TYPE shop.pair AS (a int, b text)",
    "CREATE DOMAIN shop.small AS int CHECK (VALUE < 10)",
)


@pytest.mark.long
def test_values_of_every_type_are_what_a_run_after_each_commit_has_read(empty_db: str, tmp_path: Path) -> None:
    columns = ", ".join(f"c{n} {kind}" for n, (kind, *_) in enumerate(TYPES))
    settings = {"mask": {"c0": "null", "c6": "redact"}, "rename_columns": {"c1": "renamed"}, "exclude_columns": ["c39"]}
    spec = {"name": "shop.t", "feed": "wal", **settings, "rules": {"c22": "text", "c5": "text"}}
    labs = []
    for name, history in (("commits", "commits"), ("runs", True)):
        (tmp_path / name).mkdir()
        labs.append(Lab(empty_db, tmp_path / name, [{**spec, "history": history}], keep=OpenSessions()))
    by_commit, by_run = labs
    by_run.run(*MADE, f"CREATE TABLE shop.t (id int PRIMARY KEY, {columns})")
    for place in (1, 2, 3):
        first = ", ".join(given[place] for given in TYPES)
        by_run.run(f"INSERT INTO shop.t VALUES ({place}, {first})")
    for lab in labs:
        lab.track()
        lab.sync()
    assert by_commit.job.files.slot != by_run.job.files.slot
    for turn in range(3):
        for n, (_kind, *values) in enumerate(TYPES):
            by_run.run(f"UPDATE shop.t SET c{n} = {values[(n + turn) % 3]} WHERE id = {1 + n % 3}")
            by_run.sync()
        by_run.run(f"DELETE FROM shop.t WHERE id = {turn + 1}")
        by_run.sync()
        by_commit.sync()
    found = []
    for lab in labs:
        with duckdb.connect(str(lab.folder / "reporting.duckdb"), read_only=True) as file:
            rows = file.execute("SELECT * EXCLUDE (valid_from, valid_to) FROM history.t ORDER BY id, valid_from")
            found.append([repr(row) for row in rows.fetchall()])
    assert len(found[0]) > len(TYPES)
    assert found[0] == found[1]


def test_a_prepared_transaction_is_one_commit_once_it_is_committed(empty_db: str, tmp_path: Path) -> None:
    replay = made(empty_db, tmp_path, {"plain": MODES["plain"]})
    with replay.lab.connect(autocommit=False) as conn:
        conn.execute("UPDATE plain SET n = 20 WHERE id = 2")
        conn.execute("UPDATE plain SET n = 21 WHERE id = 2")
        conn.execute("PREPARE TRANSACTION 'later'")
    committed(replay, "UPDATE {t} SET n = 10 WHERE id = 1")
    replay.lab.sync()
    checked(replay)
    since = datetime.now(UTC)
    replay.lab.run("COMMIT PREPARED 'later'")
    replay.attempts.append(Attempt(since, datetime.now(UTC), {"public.plain": replay.state("public.plain")}))
    committed(replay, "DELETE FROM {t} WHERE id = 2")
    replay.lab.sync()
    checked(replay)


@pytest.mark.long
def test_what_was_committed_before_a_crash_of_the_server_is_told_once(open_folder: Path, tmp_path: Path) -> None:
    with servers.primary(open_folder / "server") as server:
        replay = made(server.url(), tmp_path, {"plain": MODES["plain"]})
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
            checked(replay)


def test_a_range_that_is_read_anew_doubles_no_version(empty_db: str, tmp_path: Path) -> None:
    replay = made(empty_db, tmp_path, {"plain": MODES["plain"]})
    committed(replay, "UPDATE {t} SET n = 10 WHERE id = 1")
    committed(replay, "UPDATE {t} SET n = 11 WHERE id = 1", "DELETE FROM {t} WHERE id = 2")
    backfill.backfill(replay.lab.job, "public.plain", Range(low="1", high="3"))
    committed(replay, "INSERT INTO {t} VALUES (2, 2, 'back')")
    replay.lab.sync()
    backfill.backfill(replay.lab.job, "public.plain", Range(low="1", high="3"))
    assert not replay.lab.sync().changed
    checked(replay)
