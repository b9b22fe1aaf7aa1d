"""What the owners of types, tables and views write does not run as the role that reads."""

from __future__ import annotations

import hmac
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import psycopg
import pytest

from app import errors, maskkey
from jobs import live
from jobs.run import dryrun
from jobs.sessions import OpenSessions
from jobs.source import readiness
from jobs.source import settings as sessions
from jobs.source.connection import Source
from jobs.verify import verify
from tests.support.syncing import Lab

KEY = "a mask key of more than sixteen"
# What an owner's function would bring into the file: who runs it, and what that session knows.
SPY = "'spied as ' || current_user || coalesce(current_setting('neaptide.mask_inner', true), '')"
TYPES = """
CREATE TYPE mood AS ENUM ('sad', 'so so', 'NULL');
CREATE TYPE pair AS (a int, b mood);
CREATE TYPE span AS RANGE (subtype = numeric);
CREATE DOMAIN feeling AS mood;
CREATE DOMAIN small AS int4;
CREATE TABLE item (
    id int PRIMARY KEY, m mood, f feeling, p pair, s span, ms mood[], fs feeling[], ps pair[], ss small[], ns span[],
    h mood, q pair, updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
INSERT INTO item VALUES
    (1, 'so so', 'sad', (1, 'so so'), '[1.0,2)', '{sad,NULL,"NULL","so so"}', '{"so so"}', ARRAY[(1, 'sad')::pair],
     '{1,NULL,-3}', '{"[1.0,2)"}', 'sad', (2, 'NULL')),
    (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    (3, 'NULL', 'NULL', (NULL, NULL), 'empty', '{}', '{}', '{}', '{}', '{}', 'NULL', NULL)
"""
CASTS = (
    "mood AS text", "mood AS json", "mood[] AS text", "mood[] AS text[]", "pair AS text", "pair[] AS text[]",
    "span AS text", "span[] AS text[]", "span[] AS text", "feeling[] AS text[]", "feeling[] AS text",
    "small[] AS int4[]", "small[] AS text", "text AS mood",
)  # fmt: skip


def spying(cast: str, number: int) -> str:
    """A cast with a function that tells on the session."""
    source, target = cast.split(" AS ")
    told = {"text[]": f"ARRAY[{SPY}]", "json": f"to_json({SPY})", "int4[]": "'{666}'::int4[]", "mood": "'sad'::mood"}
    body = f"LANGUAGE plpgsql AS $$BEGIN RETURN {told.get(target, SPY)}; END$$"
    made = f"CREATE FUNCTION spy_{number}({source}) RETURNS {target} {body}"
    return f"{made}; CREATE CAST ({cast}) WITH FUNCTION spy_{number}({source})"


@pytest.fixture
def lab(empty_db: str, tmp_path: Path) -> Lab:
    found = Lab(empty_db, tmp_path, [{"name": "public.item", "mask": {"h": "hash", "q": "partial"}}])
    found.sync_options = {"mask_key": KEY}
    found.run(TYPES)
    found.track()
    return found


def everything(lab: Lab) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(lab.folder / "reporting.duckdb"), read_only=True) as file:
        return file.execute("SELECT * EXCLUDE updated_at FROM public.item ORDER BY id").fetchall()


def test_casts_of_owners_are_not_on_the_way_of_a_value(lab: Lab) -> None:
    lab.sync()
    before = everything(lab)
    assert before[0][1:10] == (
        "so so", "sad", '(1,"so so")', "[1.0,2)", ["sad", None, "NULL", "so so"], ["so so"], ["(1,sad)"], [1, None, -3],
        ["[1.0,2)"],
    )  # fmt: skip
    assert before[0][10:] == (hmac.digest(KEY.encode(), b"sad", "sha256").hex(), "****ULL)")
    assert before[1][1:] == (None,) * 11
    lab.run(*(spying(cast, number) for number, cast in enumerate(CASTS)))
    lab.run("UPDATE item SET s = s")
    plan = dryrun.dry_run(lab.job).tables[0]
    assert plan.error is None
    for full in (False, True):
        lab.sync(full=full)
        assert everything(lab) == before
        assert verify.verify(lab.job).equal
    with live.open(lab.job) as store:
        assert "spied" not in str(store.query("SELECT * FROM public.item").rows)
    lab.specs[0]["rules"] = {"ms": "text", "ss": "text", "m": "bytes"}
    lab.sync()
    assert everything(lab)[0][5] == '{sad,NULL,"NULL","so so"}'
    assert "spied" not in str(everything(lab))


@pytest.mark.parametrize("watermark", ["updated_at", "none"])
def test_a_key_that_would_be_read_back_by_somebody_s_cast_is_refused(lab: Lab, watermark: str) -> None:
    lab.run("CREATE TABLE k (m mood PRIMARY KEY, updated_at timestamptz NOT NULL DEFAULT clock_timestamp())")
    lab.specs = [{"name": "public.k"}]
    lab.track()
    lab.run("INSERT INTO k VALUES ('sad'), ('so so')")
    lab.sync()
    lab.run("DELETE FROM k WHERE m = 'sad'", spying("text AS mood", 0))
    lab.specs[0]["watermark"] = watermark
    if watermark == "updated_at":
        with pytest.raises(errors.ConfigError, match="has a cast by a function of somebody's own"):
            lab.sync()
        lab.specs[0]["deletes"] = "compare"
    lab.sync()
    lab.assert_equal()


def test_a_condition_that_might_call_somebody_s_cast_is_refused(lab: Lab) -> None:
    lab.specs[0]["where"] = "m::text <> 'sad'"
    lab.sync()
    lab.run(spying("mood AS text", 0))
    with pytest.raises(errors.ConfigError, match="which where might call"):
        lab.sync()


BASE = """
CREATE TABLE base (id int PRIMARY KEY, name text); INSERT INTO base VALUES (1, 'clear'), (2, 'text');
CREATE FUNCTION spy(text) RETURNS text LANGUAGE plpgsql AS $$BEGIN
    PERFORM set_config('search_path', 'evil, pg_catalog', false), set_config('datestyle', 'German', false);
    RETURN concat($1, ' spied with ', current_setting('neaptide.mask_inner', true),
        current_setting('neaptide.nonce', true));
END$$;
CREATE VIEW spied AS SELECT id, public.spy(name) AS name FROM base;
CREATE TABLE day (id int PRIMARY KEY, spans daterange DEFAULT '[2024-02-01,2024-02-03)', name text DEFAULT 'x');
INSERT INTO day VALUES (1)
"""
NONE = {"watermark": "none"}
VIEW = {"name": "public.spied", **NONE}
HASHED = {"name": "public.base", **NONE, "mask": {"name": "hash"}}
PADS = maskkey.pads(KEY)


@pytest.fixture
def views(empty_db: str, tmp_path: Path) -> Lab:
    found = Lab(empty_db, tmp_path, [VIEW, HASHED, {"name": "public.day", **NONE}], sync_options={"mask_key": KEY})
    found.run(BASE)
    return found


def of(lab: Lab, table: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(lab.folder / "reporting.duckdb"), read_only=True) as file:
        return file.execute(f"SELECT * FROM public.{table} ORDER BY ALL").fetchall()


@pytest.mark.long
@pytest.mark.parametrize("kept", [False, True])
def test_a_view_that_is_asked_for_is_read_in_a_session_that_knows_no_key(views: Lab, kept: bool) -> None:
    views.keep = OpenSessions() if kept else None
    for turn in range(3):
        views.run(f"UPDATE base SET name = 'clear {turn}' WHERE id = 1")
        dryrun.dry_run(views.job)
        assert not views.sync().failed
        assert of(views, "spied") == [(1, f"clear {turn} spied with "), (2, "text spied with ")]
        assert of(views, "base")[0] == (1, hmac.digest(KEY.encode(), f"clear {turn}".encode(), "sha256").hex())
        # Nor does what its functions set reach the other tables.
        assert of(views, "day") == [(1, "[2024-02-01,2024-02-03)", "x")]
    assert verify.verify(views.job).equal
    with live.open(views.job) as store:
        shown = str(store.query("SELECT * FROM public.spied, public.base").rows)
        assert "spied with" in shown
        assert PADS[:16] not in shown
    assert PADS[:16].encode() not in (views.folder / "reporting.duckdb").read_bytes()
    if views.keep:
        views.keep.close()


SWAPS = ("VIEW base AS SELECT id, public.spy(name) AS name FROM gone", "MATERIALIZED VIEW base AS SELECT * FROM gone")
MODES = ({}, NONE, {"watermark": "none", "mask": {"name": "redact"}})


@pytest.mark.few(1)
@pytest.mark.parametrize("swap", SWAPS, ids=["view", "materialized view"])
@pytest.mark.parametrize("mode", MODES, ids=["followed", "whole", "masked"])
def test_a_table_whose_place_a_view_has_taken_is_refused(views: Lab, swap: str, mode: dict[str, Any]) -> None:
    views.run("ALTER TABLE base ADD updated_at timestamptz NOT NULL DEFAULT clock_timestamp()")
    views.specs = [{"name": "public.base", **mode}, {"name": "public.day", **NONE}]
    views.track()
    views.sync()
    before = of(views, "base")
    views.run("ALTER TABLE base RENAME TO gone", f"CREATE {swap}", "UPDATE day SET name = 'y'")
    assert any(table.error for table in dryrun.dry_run(views.job).tables)
    for full in (False, True):
        run = views.sync(full=full)
        assert "view now" in str(run.failed[0].error) or "no ordinary table" in str(run.failed[0].error)
        assert of(views, "base") == before
        assert of(views, "day")[0][2] == "y"
    found = {check.table: check for check in verify.verify(views.job).tables}
    assert found["public.base"].error
    with live.open(views.job) as store, pytest.raises(errors.NeaptideError, match="base"):
        store.query("SELECT * FROM public.base")
    if mode and "mask" not in mode:
        assert not views.sync(full=True, tables=["public.base"]).failed


def test_a_view_is_not_masked_by_hash_nor_a_table_with_somebody_s_function_in_its_condition(views: Lab) -> None:
    views.specs = [{**VIEW, "mask": {"name": "hash"}}]
    with pytest.raises(errors.ConfigError, match="whose owners could learn the key"):
        views.sync()
    views.specs = [{**HASHED, "where": "public.spy(name) <> ''"}]
    with pytest.raises(errors.ConfigError, match="where calls functions of others"):
        views.sync()
    called = {"name": "public.base", **NONE, "where": "public.spy(name) LIKE '%with '"}
    views.specs = [called, {**HASHED, "name": "public.day"}]
    assert not views.sync().failed
    assert len(of(views, "base")) == 2


def test_sessions_for_tables_read_no_view(views: Lab) -> None:
    with Source.of(views.job).connect() as conn:
        known = conn.execute("SELECT FROM pg_settings WHERE name = 'restrict_nonsystem_relation_kind'").fetchone()
        if known is None:
            pytest.skip("this version of PostgreSQL can't keep a session from views")
        with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState), conn.transaction():
            conn.execute("SELECT * FROM public.spied")


def test_what_a_view_set_is_gone_before_the_next_run(views: Lab) -> None:
    """Its functions can set what they like in the run's own session, which a daemon keeps."""
    views.keep = OpenSessions()
    for _ in range(2):
        with Source.of(views.job).meet() as (conn, _identity):
            assert conn.execute("SHOW search_path").fetchone() == {"search_path": "pg_catalog, pg_temp"}
            with conn.transaction():
                sessions.let_views(conn)
                conn.execute("SELECT * FROM public.spied")
            assert conn.execute("SHOW search_path").fetchone() == {"search_path": "evil, pg_catalog"}
    views.keep.close()


@pytest.mark.parametrize(
    ("encrypted", "address", "allowed"),
    [
        (True, "192.0.2.1", True), (False, "192.0.2.1", False), (False, "127.0.0.9", True), (False, "::1", True),
        (False, "", True), (False, "fe80::1", False),
    ],
)  # fmt: skip
def test_a_hash_takes_a_connection_that_nobody_listens_on(encrypted: bool, address: str, allowed: bool) -> None:
    conn: Any = SimpleNamespace(pgconn=SimpleNamespace(ssl_in_use=encrypted), info=SimpleNamespace(hostaddr=address))
    spec = SimpleNamespace(mask={"name": "hash"})
    table: Any = SimpleNamespace(spec=spec, runs_code=False, source_name="public.base")
    with nullcontext() if allowed else pytest.raises(errors.ConfigError, match="in clear"):
        readiness.check_hashed(conn, table)
