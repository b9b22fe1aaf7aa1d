"""A standby as the source while a transaction with more than 64 subtransactions is open on the primary.

A snapshot that is exported there then, and imported, makes PostgreSQL itself forget that transaction's rows: for the
importer at once, for every session of the standby from then on. Whatever reads a standby must not share a snapshot.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app import errors
from app.oltp.embedded.server import EmbeddedServer
from jobs import faults, live
from jobs.job import Job
from jobs.run import dryrun
from jobs.sessions import OpenSessions
from jobs.source import spool
from jobs.source.session import SourceSession, source_session
from jobs.verify import verify
from tests.support import servers, standbys
from tests.support.othersource import at
from tests.support.servers import ask
from tests.support.standbys import Pair
from tests.support.syncing import Lab

TABLES = ("public.by_xid", "public.whole", "public.compared")
SCHEMA = (
    *(f"CREATE TABLE {table} (id integer, v text, filler text)" for table in TABLES),
    *(f"ALTER TABLE {table} ADD PRIMARY KEY (id)" for table in (TABLES[0], TABLES[2])),
    *(f"INSERT INTO {table} SELECT g, 'old', repeat('x', 50) FROM generate_series(0, 1999) AS g" for table in TABLES),
)
SPECS = [
    {"name": "public.by_xid", "watermark": "xid"},
    {"name": "public.whole", "watermark": "none"},
    {"name": "public.compared", "watermark": "xid", "deletes": "compare"},
]
# A subtransaction for each turn, made by the exception block.
BURST = """
DO $$
BEGIN
    FOR i IN {first}..{first} + 69 LOOP
        BEGIN
            UPDATE {table} SET v = 'new' WHERE id = i;
            DELETE FROM {table} WHERE id = i + 70;
            INSERT INTO {table} (id, v) VALUES (i + 10000, 'new');
        EXCEPTION WHEN division_by_zero THEN NULL;
        END;
    END LOOP;
END
$$
"""
LOGGED = {"log_statement": "all", "log_line_prefix": "<%a> "}


@pytest.fixture(scope="module")
def both() -> Iterator[Pair]:
    with standbys.running(LOGGED) as found:
        yield found


@pytest.fixture
def pair(both: Pair) -> Iterator[Pair]:
    with standbys.database(both) as found:
        yield found


@pytest.fixture
def labs(pair: Pair, tmp_path: Path) -> tuple[Lab, Lab]:
    """Two labs of one target: the first writes on the primary, the second reads the standby."""
    writer = Lab(pair.urls[0], tmp_path, SPECS)
    writer.run(*SCHEMA)
    writer.track()
    pair.caught_up()
    return writer, at(writer, pair.urls[1])


@contextmanager
def unshared(standby: EmbeddedServer) -> Iterator[None]:
    """Whatever a run reads from the standby meanwhile, nobody reads it in another session's snapshot."""
    log = standby.root / "log"
    begun = log.stat().st_size
    yield
    told = log.read_text()[begun:]
    assert "<neaptide" in told
    assert "pg_export_snapshot" not in told
    assert "TRANSACTION SNAPSHOT" not in told


@contextmanager
def burst(pair: Pair, writer: Lab, first: int = 0) -> Iterator[None]:
    """The subtransactions are open on both servers while the block lasts, and committed after it."""
    with writer.connect(autocommit=False) as conn:
        for table in TABLES:
            conn.execute(BURST.format(table=table, first=first).encode())
        writer.run(f"UPDATE by_xid SET v = 'overtakes' WHERE id = {first + 140}")
        pair.caught_up()
        yield
        conn.commit()


def assert_nothing_is_lost(pair: Pair, writer: Lab, lab: Lab, way: str) -> None:
    """The standby shows to everybody what the primary does."""
    pair.caught_up()
    for table in TABLES:
        assert lab.source_rows(table) == writer.source_rows(table), f"{way}: rows of {table} are lost in the standby"


def _sync(lab: Lab) -> None:
    assert lab.sync().changed
    lab.assert_equal()
    assert not lab.sync().changed, "what is read again is not new"


def _verify(lab: Lab) -> None:
    assert verify.verify(lab.job).equal
    lab.assert_equal()


def _repair(lab: Lab) -> None:
    assert verify.verify(lab.job, repair=True).equal
    lab.assert_equal()


def _ask_live(lab: Lab) -> None:
    query = "SELECT count(*)::int AS n FROM {} WHERE v = 'new'"
    with live.open(lab.job) as store:
        for table in TABLES:
            assert store.query(query.format(table)).rows == [(ask(lab.url, query.format(table)),)]


def _plan(lab: Lab) -> None:
    table = TABLES[0]
    found = {plan.table: plan.rows for plan in dryrun.dry_run(lab.job).tables}
    assert found[table] == len({*lab.source_rows(table)} - {*lab.file_rows(table)}) > 0


WAYS = {"sync": _sync, "live": _ask_live, "dry run": _plan, "verify": _verify, "repair": _repair}


@pytest.mark.long
@pytest.mark.parametrize("mode", ["symlink", "pointer"])
def test_no_row_is_lost_whatever_reads_while_subtransactions_are_open(
    pair: Pair, labs: tuple[Lab, Lab], mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each way in turn, from the first load on; in one mode with sessions that stay open, and in many small parts."""
    writer, lab = labs
    lab.mode, lab.keep = mode, OpenSessions() if mode == "pointer" else None
    monkeypatch.setattr(spool, "PART", 2**14 if mode == "pointer" else spool.PART)
    with unshared(pair.standby):
        for place, (name, way) in enumerate({"first load": _sync, **WAYS}.items()):
            with burst(pair, writer, first=place * 150):
                way(lab)
            assert_nothing_is_lost(pair, writer, lab, name)
        lab.sync()
        lab.assert_equal()
    if lab.keep:
        lab.keep.close()


def test_live_is_not_answered_by_a_standby_that_is_further_behind(
    labs: tuple[Lab, Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A URL may lead to several: what was found out on one of them says nothing of another."""

    @contextmanager
    def ahead(job: Job, **given: Any) -> Iterator[SourceSession]:
        with source_session(job, **given) as now:
            yield replace(now, snapshot=replace(now.snapshot, wal="FFFF/0"))

    monkeypatch.setattr(live, "source_session", ahead)
    with pytest.raises(errors.StandbyBehind), live.open(labs[1].job):
        pass


def test_a_table_that_cannot_be_read_leaves_the_others_their_snapshot(pair: Pair, labs: tuple[Lab, Lab]) -> None:
    """Its error ends no transaction: the rest of the run goes on in the very snapshot, first load or not."""
    writer, lab = labs
    writer.run(
        "CREATE VIEW broken AS SELECT 1 / (id - 1) AS id FROM whole",
        "CREATE TABLE far AS SELECT g AS id, CASE g WHEN 7 THEN '294270-01-01' END::timestamptz AS at"
        " FROM generate_series(1, 9) AS g",
        "ALTER TABLE far ADD PRIMARY KEY (id)",
    )
    pair.caught_up()
    lab.specs = [*({"name": f"public.{name}", "watermark": "none"} for name in ("broken", "far")), *SPECS]
    with unshared(pair.standby), burst(pair, writer):
        told = {table.table: table.error or "" for table in lab.sync().tables}
        assert "division by zero" in told["public.broken"]
        assert "column at, row id = 7" in told["public.far"]
        lab.assert_equal(*TABLES)
    pair.caught_up()
    lab.sync()
    lab.assert_equal(*TABLES)


def test_a_query_that_does_not_end_is_ended_at_the_deadline(pair: Pair, labs: tuple[Lab, Lab]) -> None:
    writer, lab = labs
    writer.run("CREATE VIEW slow AS SELECT pg_sleep(60)::text AS id")
    pair.caught_up()
    lab.specs, lab.sync_options = [{"name": "public.slow", "watermark": "none"}], {"deadline": "1s"}
    with pytest.raises(errors.SourceTimeout, match="deadline"):
        lab.sync()


def test_masked_values_and_rules_are_the_same_as_from_the_primary(pair: Pair, tmp_path: Path) -> None:
    """The run's one session knows the masks' key, and nobody else does."""
    spec = {"name": "public.person", "watermark": "xid", "mask": {"name": "hash", "note": "partial"}}
    specs = [{**spec, "rules": {"at": "null"}}]
    options = {"mask_key": "a key that stands nowhere else"}
    writer = Lab(pair.urls[0], tmp_path / "primary", specs, sync_options=options)
    writer.run(
        "CREATE TABLE person (id int PRIMARY KEY, name text, note text, at timestamptz, tags jsonb[], n numeric(9, 2))",
        "INSERT INTO person SELECT g, 'name ' || g, repeat('n', g), CASE g % 3 WHEN 0 THEN 'infinity' END::timestamptz,"
        " ARRAY['{\"a\": 1.00}'::jsonb, NULL], g / 3.0 FROM generate_series(1, 50) AS g",
        "UPDATE person SET at = '294270-01-01' WHERE id = 7",
    )
    writer.track()
    pair.caught_up()
    lab = Lab(pair.urls[1], tmp_path / "standby", specs, sync_options=options)
    runs = writer.sync(), lab.sync()
    assert [table.notes for table in runs[0].tables] == [table.notes for table in runs[1].tables] != [()]
    assert lab.file_rows("public.person") == writer.file_rows("public.person")
    assert "nowhere else" not in (pair.standby.root / "log").read_text()


def test_a_standby_that_is_promoted_in_the_middle_of_a_run(
    pair: Pair, labs: tuple[Lab, Lab], open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run's snapshot holds on, and so does its one session: what is written on the new timeline is not read."""
    writer, _ = labs
    with servers.standby(pair.primary, open_folder / "promoted", LOGGED) as promoted:
        here = Pair(pair.primary, promoted, pair.database)
        lab, original = at(writer, here.urls[1]), faults.point
        lab.sync()

        def promote(name: str) -> None:
            original(name)
            if name == "snapshot_joined" and ask(lab.url, "SELECT pg_is_in_recovery()"):
                assert ask(lab.url, "SELECT pg_promote()")
                lab.run(*(f"UPDATE {table} SET v = 'after'" for table in TABLES))

        with unshared(promoted), burst(here, writer):
            before = {table: lab.source_rows(table) for table in TABLES}
            monkeypatch.setattr(faults, "point", promote)
            assert lab.sync().changed
        monkeypatch.undo()
        assert {table: lab.file_rows(table) for table in TABLES} == before
        verify.verify(lab.job, repair=True)
        lab.assert_equal()
