"""What decides which rows are copied, and isn't copied itself: stamps, marks, functions. It changes without a write."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from jobs.sessions import OpenSessions
from jobs.source import connection, position
from tests.support.syncing import Lab

TYPES = """
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TYPE grade AS (n integer);
CREATE FUNCTION lower_half(t text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT t < 'm' $$;
CREATE FUNCTION upper_half(t text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT t > 'm' $$;
CREATE FUNCTION innermost(t text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN t; END $$;
CREATE FUNCTION inner_one(t text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS
$$ BEGIN RETURN public."Innermost One"(t); END $$;
CREATE FUNCTION "Innermost One"(t text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT public.INNERMOST(t) $$;
CREATE FUNCTION outer_one(t text) RETURNS boolean LANGUAGE sql IMMUTABLE
BEGIN ATOMIC SELECT public.inner_one(t) < 'm'; END;
CREATE FUNCTION by_default() RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'm' $$;
CREATE FUNCTION defaulted(t text, than text DEFAULT by_default()) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS
$$ BEGIN RETURN t < than; END $$;
CREATE FUNCTION below(a text, b text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN a < b; END $$;
CREATE OPERATOR <<# (LEFTARG = text, RIGHTARG = text, FUNCTION = below);
CREATE FUNCTION graded(t text) RETURNS grade LANGUAGE sql IMMUTABLE AS $$ SELECT ROW(ascii(t))::public.grade $$;
CREATE CAST (text AS grade) WITH FUNCTION graded(text);
CREATE FUNCTION unrelated(t text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT true $$;
"""
CALLED = "a function that where may call changed"
BODY = "CREATE OR REPLACE FUNCTION {} LANGUAGE {} IMMUTABLE AS $$ {} $$"


@dataclass(frozen=True)
class Case:
    """An entry of a table, what is done without a write to it, and what the run says of it; "" for nothing."""

    entry: dict[str, Any]
    change: str
    reason: str
    kept: str = ""

    @property
    def condition(self) -> str:
        """The rows that belong in the file."""
        return self.kept or str(self.entry.get("where", "true"))


CASES = {
    "xid_again": Case(
        {"watermark": "xid"},
        "UPDATE t SET v = 'x' WHERE id < 3; ALTER TABLE t DROP sync_xid; ALTER TABLE t ADD sync_xid xid8 DEFAULT '0'",
        "a column of its key or its stamp was altered",
    ),
    "stamp_again": Case(
        {},
        "UPDATE t SET v = 'x' WHERE id < 3; ALTER TABLE t DROP updated_at;"
        "ALTER TABLE t ADD updated_at timestamptz NOT NULL DEFAULT '2000-01-01'",
        "a column of its key or its stamp was altered",
    ),
    "mark_again": Case(
        {"deletes": "soft", "soft_column": "gone"},
        "ALTER TABLE t DROP gone; ALTER TABLE t ADD gone boolean",
        "column gone dropped, column gone added",
        "gone IS NOT TRUE",
    ),
    "filter_again": Case(
        {"where": "region = 'here'"},
        "ALTER TABLE t DROP region; ALTER TABLE t ADD region text DEFAULT 'here'",
        "column region dropped, column region added",
    ),
    "filter_exchanged": Case(
        {"where": "\"REGION\" IS NULL AND region = 'here'"},
        "ALTER TABLE t RENAME region TO x; ALTER TABLE t RENAME other TO region",
        "column region dropped, column region added",
    ),
    "label": Case(
        {"where": "mood = 'sad'"},
        "ALTER TYPE mood RENAME VALUE 'sad' TO 'x'; ALTER TYPE mood RENAME VALUE 'ok' TO 'sad';"
        "ALTER TYPE mood RENAME VALUE 'x' TO 'ok'",
        "label sad renamed to ok, label ok renamed to sad",
    ),
    "whole_row": Case(
        {"where": "public.of_row(whole_row)"},
        "ALTER TABLE t DROP region; ALTER TABLE t ADD region text DEFAULT 'here'",
        "label sad renamed to ok, label ok renamed to sad, column region dropped, column region added",
    ),
    "direct": Case(
        {"where": "public.lower_half(v)"},
        "ALTER FUNCTION lower_half RENAME TO x; ALTER FUNCTION upper_half RENAME TO lower_half;"
        "ALTER FUNCTION x RENAME TO upper_half",
        CALLED,
    ),
    "nested": Case(
        {"where": "public.outer_one(v)"},
        BODY.format("innermost(t text) RETURNS text", "plpgsql", "BEGIN RETURN CASE WHEN $1 > 'm' THEN 'a' END; END"),
        CALLED,
    ),
    "preset": Case(
        {"where": "public.defaulted(v)"},
        BODY.format("by_default() RETURNS text", "sql", "SELECT 'zz'"),
        CALLED,
    ),
    "sign": Case(
        {"where": "v OPERATOR(public.<<#) 'm'"},
        BODY.format("below(a text, b text) RETURNS boolean", "plpgsql", "BEGIN RETURN a > b; END"),
        CALLED,
    ),
    "casted": Case(
        {"where": "(v::public.grade).n < 109"},
        BODY.format("graded(t text) RETURNS grade", "sql", "SELECT ROW(215 - ascii(t))::public.grade"),
        CALLED,
    ),
    "plain": Case({"where": "v < 'm'", "columns": ["id", "v", "updated_at"]}, "ALTER TABLE t DROP other", ""),
}  # fmt: skip

# What has functions that no text names: operators and casts.
UNNAMED = ["sign", "casted"]


@pytest.fixture
def lab(empty_db: str, tmp_path: Path) -> Lab:
    """A table for each case, tracked and synced twice, so that both files are there."""
    specs = [{"name": f"public.{n}", "columns": ["id", "v"], **case.entry} for n, case in CASES.items()]
    found = Lab(empty_db, tmp_path, specs, keep=OpenSessions())
    found.run(TYPES)
    for name in CASES:
        found.run(
            f"CREATE TABLE {name} (id int PRIMARY KEY, v text, region text, other text, gone boolean, mood mood,"
            ' "REGION" text, updated_at timestamptz NOT NULL DEFAULT clock_timestamp())'
        )
        found.run(
            f"INSERT INTO {name} SELECT g, chr(97 + g * 2), CASE WHEN g % 2 = 0 THEN 'here' END,"
            " CASE WHEN g % 3 = 0 THEN 'here' END, g % 2 = 0, (ARRAY['sad', 'ok'])[1 + g % 2]::mood"
            " FROM generate_series(1, 12) g"
        )
    found.run(
        "CREATE FUNCTION of_row(r whole_row) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT r.region = 'here' $$"
    )
    found.track()
    found.sync()
    return found


def change(lab: Lab, name: str) -> None:
    with lab.connect() as conn:
        conn.execute(CASES[name].change.replace(" t ", f" {name} ").encode())


def assert_belonging(lab: Lab) -> None:
    """The file has the rows for which the condition holds now, with their values."""
    with lab.connect() as conn, duckdb.connect(str(lab.job.files.link), read_only=True) as file:
        for name, case in CASES.items():
            query = f"SELECT id, v FROM public.{name}"
            wanted = conn.execute(f"{query} WHERE {case.condition} ORDER BY id".encode()).fetchall()
            assert file.execute(f"{query} ORDER BY id").fetchall() == wanted, name
            assert wanted, name


def test_whatever_decides_without_being_copied_is_noticed(lab: Lab) -> None:
    assert_belonging(lab)
    lab.run("GRANT EXECUTE ON FUNCTION lower_half TO PUBLIC", BODY.format(
        "unrelated(t text) RETURNS boolean", "sql", "SELECT false"
    ))  # fmt: skip
    lab.run(BODY.format("lower_half(t text) RETURNS boolean", "sql", "SELECT t < 'm'"))
    assert not lab.sync().changed
    assert_noticed(lab, [name for name in CASES if name not in UNNAMED])
    assert_noticed(lab, UNNAMED)
    for turn in range(2):
        lab.run(*(f"UPDATE {name} SET v = v || {turn} WHERE id < 5" for name in CASES))
        lab.sync()
        assert_belonging(lab)


def assert_noticed(lab: Lab, names: list[str]) -> None:
    """What is done to these tables is found in one run, and to no other."""
    for name in names:
        change(lab, name)
    reasons = {table.table.removeprefix("public."): table.reason for table in lab.sync().tables}
    assert_belonging(lab)
    for name, case in CASES.items():
        wanted = case.reason if name in names else ""
        # Every condition may lead to those.
        assert reasons[name] == (CALLED if names is UNNAMED and "where" in case.entry else wanted), name


@pytest.mark.long
def test_a_function_that_changes_while_rows_are_read_by_it_makes_the_run_begin_again(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    one = position.one

    def asked(conn: connection.Connection, name: str) -> dict[str, Any]:
        found = one(conn, name)
        if name == "snapshot" and not done:
            done.append(name)
            change(lab, "nested")
        return found

    lab.run("UPDATE nested SET v = 'a' WHERE id = 1")
    monkeypatch.setattr(position, "one", asked)
    lab.sync()
    assert done
    assert_belonging(lab)
