"""Histories of tables that the log or events tell of, whose deleted rows are marked or kept, and of dual writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jobs.backfill import backfill
from jobs.run import dual
from jobs.sessions import OpenSessions
from jobs.tables.ranges import Range
from jobs.verify import verify
from tests.support.events import telling
from tests.support.histories import WRITES, Replay, seeded
from tests.support.syncing import Lab

COLUMNS = "id int PRIMARY KEY, n int, note text"
STAMP = ", updated_at timestamptz NOT NULL DEFAULT now()"
MARK = ", gone boolean NOT NULL DEFAULT false"
# What the config says of each table, and the columns that it has more.
MODES: dict[str, tuple[dict[str, Any], str]] = {
    "logged": ({"feed": "wal"}, ""),
    "logged_stamp": ({"feed": "wal"}, STAMP),
    "told": ({"feed": "events"}, ""),
    "told_stamp": ({"feed": "events"}, STAMP),
    "kept": ({"deletes": "ignore"}, ""),
    "logged_kept": ({"feed": "wal", "deletes": "ignore"}, ""),
    "told_kept": ({"feed": "events", "deletes": "ignore"}, ""),
    "marked": ({"deletes": "soft", "soft_column": "gone"}, MARK),
    "counted_marked": ({"watermark": "xid", "deletes": "soft", "soft_column": "gone"}, MARK),
    "logged_marked": ({"feed": "wal", "deletes": "soft", "soft_column": "gone"}, MARK),
}


def made(url: str, folder: Path, modes: dict[str, tuple[dict[str, Any], str]]) -> Replay:
    """A table for each mode, with a history, synced once."""
    specs = [{"name": f"public.{name}", "history": True, **mode} for name, (mode, _more) in modes.items()]
    lab = Lab(url, folder, specs, keep=OpenSessions())
    for name, (_mode, more) in modes.items():
        lab.run(
            f"CREATE TABLE {name} ({COLUMNS}{more})",
            f"INSERT INTO {name} SELECT g, g, 'first' FROM generate_series(1, 5) AS g",
        )
    lab.track()
    for name, (mode, _more) in modes.items():
        if mode.get("feed") == "events":
            lab.run(*telling(f"public.{name}", "id"))
    keeping, marked = (
        frozenset(f"public.{name}" for name, (mode, _more) in modes.items() if mode.get("deletes") == which)
        for which in ("ignore", "soft")
    )
    replay = Replay(lab, [spec["name"] for spec in specs], keeping=keeping, marked=marked)
    synced(replay)
    return replay


def fits(replay: Replay, table: str, statement: str) -> bool:
    """Whether the table's mode can see it: rows that are marked are not to be deleted."""
    if table in replay.keeping and "TRUNCATE" in statement:
        # Then it is copied anew, whatever it kept.
        return False
    if table in replay.marked:
        return not any(word in statement for word in ("DELETE", "INSERT", "TRUNCATE", "SET id"))
    return "gone" not in statement


def wrote(replay: Replay, *statements: str) -> None:
    """Write to each table."""
    for statement in statements:
        for table in replay.tables:
            if fits(replay, table, statement):
                replay.lab.run(statement.replace("{t}", table))


def synced(replay: Replay, *statements: str, **given: Any) -> None:
    """Write to each table, sync, and compare the histories with the model's."""
    wrote(replay, *statements)
    attempt = replay.begun()
    run = replay.lab.sync(force_deletes=True, **given)
    assert not run.failed, run.failed
    replay.note(attempt)
    replay.check()


@pytest.mark.long
def test_every_version_of_every_feed_and_way_of_deleting(empty_db: str, tmp_path: Path) -> None:
    replay = made(empty_db, tmp_path, MODES)
    synced(replay, "UPDATE {t} SET n = n + 10 WHERE id < 3")
    synced(replay, "UPDATE {t} SET n = n + 10 WHERE id < 2", "DELETE FROM {t} WHERE id = 5")
    synced(replay, "INSERT INTO {t} VALUES (5, 1, 'again'), (6, 1, 'new')", "UPDATE {t} SET n = n - 10 WHERE id = 1")
    synced(replay, "UPDATE {t} SET n = n")
    synced(replay, "UPDATE {t} SET gone = true WHERE id IN (1, 2)")
    synced(replay, "UPDATE {t} SET gone = false, n = 7 WHERE id = 1", "UPDATE {t} SET n = 8 WHERE id = 2")
    synced(replay, "DELETE FROM {t} WHERE id = 6")
    synced(replay, "UPDATE {t} SET id = 60 WHERE id = 2")
    keys = '{"public.told": [["3"]], "public.told_stamp": [["4"]]}'
    wrong = f"VALUES ('Changed', 'told', '3', 0, '{keys}')"
    replay.lab.run(f"INSERT INTO neaptide.outbox (name, aggregate, key, version, keys) {wrong}")
    synced(replay)
    synced(replay)
    synced(replay, "UPDATE {t} SET note = 'x'")
    synced(replay, "TRUNCATE {t}", "INSERT INTO {t} VALUES (1, 1, 'first') ON CONFLICT DO NOTHING")
    synced(replay, "UPDATE {t} SET note = 'y'")
    assert verify.verify(replay.lab.job).equal


@pytest.mark.long
def test_a_dual_write_is_a_run_like_every_other(empty_db: str, tmp_path: Path) -> None:
    modes: dict[str, tuple[dict[str, Any], str]] = {
        "stamped": ({}, ""),
        "counted": ({"watermark": "xid"}, ""),
        "compared": ({"deletes": "compare", "max_delete_share": 1}, ""),
        "whole": ({"watermark": "none", "max_delete_share": 1}, ""),
    }
    replay = made(empty_db, tmp_path, modes)
    for turn in range(4):
        wrote(replay, "UPDATE {t} SET n = n + 10 WHERE id = 1", "DELETE FROM {t} WHERE id = 5")
        written(replay, f"UPDATE {{t}} SET n = {turn + 50} WHERE id = 2", "INSERT INTO {t} VALUES (9, 9)")
        if turn % 2:
            synced(replay)
        written(replay, "UPDATE {t} SET n = n", "DELETE FROM {t} WHERE id = 9")
        synced(replay, f"INSERT INTO {{t}} VALUES ({turn + 20}, 1), (5, {turn})")
    assert verify.verify(replay.lab.job).equal


def written(replay: Replay, *statements: str) -> None:
    """A dual write of these statements, each into every table."""
    attempt = replay.begun()
    with replay.lab.connect(autocommit=False) as conn, dual.opened(replay.lab.job, conn) as writing:
        for table in replay.tables:
            for statement in statements:
                conn.execute(statement.replace("{t}", table).encode())
        writing.commit()
    replay.note(attempt, states=replay.begun().states)
    replay.check()


@pytest.mark.long
def test_a_paused_table_has_no_versions_until_it_is_resumed(empty_db: str, tmp_path: Path) -> None:
    modes = {"stamped": ({}, ""), "paused": ({}, ""), "whole": ({"watermark": "none"}, "")}
    modes |= {name: MODES[name] for name in ("logged", "told")}
    replay = made(empty_db, tmp_path, modes)
    synced(replay, "UPDATE {t} SET n = 10 WHERE id = 1")
    for turn in range(2):
        for spec in replay.lab.specs[1:]:
            spec["paused"] = True
        for n in range(3):
            new = n + 10 * turn + 10
            wrote(replay, f"UPDATE {{t}} SET n = {n} WHERE id = 2", f"INSERT INTO {{t}} VALUES ({new}, 1)")
            attempt = replay.begun()
            replay.lab.sync()
            last = replay.attempts[-1].states
            replay.note(attempt, states=last | {replay.tables[0]: attempt.states[replay.tables[0]]})
            replay.check()
        for spec in replay.lab.specs[1:]:
            spec["paused"] = False
        synced(replay, "DELETE FROM {t} WHERE id = 3", "UPDATE {t} SET n = n")
        synced(replay, "UPDATE {t} SET n = 9 WHERE id = 2")
    assert verify.verify(replay.lab.job).equal


def silently(replay: Replay, table: str, statement: str) -> None:
    """A statement that no event tells of."""
    with replay.lab.connect() as conn:
        conn.execute(f"ALTER TABLE {table} DISABLE TRIGGER tell_insert".encode())
        conn.execute(statement.encode())
        conn.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER tell_insert".encode())


@pytest.mark.long
@pytest.mark.parametrize("wanted", [Range("id < 100"), Range(low="1", high="100")], ids=["where", "keys"])
def test_what_a_backfill_finds_is_marked_and_nothing_else(empty_db: str, tmp_path: Path, wanted: Range) -> None:
    replay = made(empty_db, tmp_path, {name: MODES[name] for name in ("told", "told_stamp")})
    synced(replay, "INSERT INTO {t} VALUES (20, 10)")
    for turn in range(2):
        for table in replay.tables:
            silently(replay, table, f"UPDATE {table} SET note = 'past {turn}' WHERE id = 2")
            if wanted.in_both:
                silently(replay, table, f"DELETE FROM {table} WHERE id = {turn + 3}")
        # What any run would have found, of both tables.
        wrote(replay, f"UPDATE {{t}} SET n = {turn + 30} WHERE id IN (1, 5)", "DELETE FROM {t} WHERE id = 20")
        for place, table in enumerate(replay.tables):
            attempt = replay.begun()
            backfill.backfill(replay.lab.job, table, wanted)
            states = attempt.states
            if place == 0:
                # The other's range is not read yet: it has only what every run finds.
                other = replay.tables[1]
                now, last = states[other], replay.attempts[-1].states[other]
                others = {key: now[key] if key in ("1", "5") else row for key, row in last.items() if key != "20"}
                states = {table: states[table], other: others}
            told = frozenset(("1", "5", "20") if place == 0 else ())
            replay.note(attempt, states=states, mark="backfill", told=told)
            replay.check()
        synced(replay, "UPDATE {t} SET n = n + 1 WHERE id < 3", "INSERT INTO {t} VALUES (20, 1)")


@pytest.mark.long
@pytest.mark.parametrize("turn", range(3))
def test_random_changes(empty_db: str, tmp_path: Path, turn: int) -> None:
    with seeded("test_history_feeds.py") as draw:
        # What came and went is kept by the one file that saw it, unless the process that read it goes on.
        replay = made(empty_db, tmp_path, {name: one for name, one in MODES.items() if not name.endswith("kept")})
        more = ("TRUNCATE {t}", "UPDATE {t} SET gone = NOT gone WHERE id = {a}", "UPDATE {t} SET gone = false, n = {n}")
        for _ in range(20):
            for table in replay.tables:
                for _ in range(draw.randint(0, 3)):
                    which = draw.choice([one for one in (*WRITES, *more) if fits(replay, table, one)])
                    a, b, n = (draw.randint(0, 9) for _ in range(3))
                    replay.lab.run(which.replace("{t}", table).format(a=a, b=b, n=n))
            if draw.random() < 0.2:
                keep, replay.lab.keep = replay.lab.keep, None
                synced(replay)
                replay.lab.keep = keep
            else:
                synced(replay)
