"""What the owner of a table could do before `track`, he can do after it; and what he does is seen by the next run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from app import errors
from jobs.tracking import install
from tests.support.syncing import Lab

PLAIN = (
    "CREATE TABLE plain (id int, part text, name text, updated_at timestamptz NOT NULL DEFAULT now(),"
    " PRIMARY KEY (id, part))",
    "INSERT INTO plain SELECT g, 'p', 'n' FROM generate_series(1, 9) AS g",
)
TREE = (
    "CREATE TABLE tree (id int, part text, name text, updated_at timestamptz NOT NULL DEFAULT now(),"
    " PRIMARY KEY (id, part)) PARTITION BY LIST (part)",
    "CREATE TABLE tree_p PARTITION OF tree FOR VALUES IN ('p')",
    "CREATE TABLE tree_rest PARTITION OF tree DEFAULT",
    "INSERT INTO tree SELECT g, CASE WHEN g < 6 THEN 'p' ELSE 'q' END, 'n' FROM generate_series(1, 9) AS g",
    "CREATE TABLE old (id int, part text, name text, updated_at timestamptz NOT NULL DEFAULT now(),"
    " PRIMARY KEY (id, part))",
)
# Each after the ones before it is rolled back. Rows are written after each, as an application would go on to do.
BOTH = (
    "ALTER TABLE {t} ALTER COLUMN id TYPE bigint",
    "ALTER TABLE {t} ALTER COLUMN id TYPE text",
    "ALTER TABLE {t} ALTER COLUMN name TYPE varchar(90)",
    "ALTER TABLE {t} ALTER COLUMN updated_at TYPE timestamp",
    "ALTER TABLE {t} ALTER COLUMN updated_at TYPE date",
    "ALTER TABLE {t} ALTER COLUMN updated_at DROP DEFAULT, ALTER COLUMN updated_at TYPE bigint USING 5,"
    " ALTER COLUMN updated_at SET DEFAULT 6",
    "ALTER TABLE {t} RENAME COLUMN id TO number",
    "ALTER TABLE {t} RENAME COLUMN updated_at TO written",
    "ALTER TABLE {t} RENAME COLUMN name TO label",
    "ALTER TABLE {t} DROP COLUMN id",
    "ALTER TABLE {t} DROP COLUMN updated_at",
    "ALTER TABLE {t} DROP COLUMN name",
    "ALTER TABLE {t} ADD COLUMN more int DEFAULT 5",
    "ALTER TABLE {t} ADD COLUMN tg_op text, ADD COLUMN gone text, ADD COLUMN absent text, ADD COLUMN found int",
    "ALTER TABLE {t} ALTER COLUMN name SET DEFAULT 'x', ALTER COLUMN name SET NOT NULL",
    "ALTER TABLE {t} DROP CONSTRAINT {t}_pkey",
    "ALTER TABLE {t} RENAME TO other",
    "CREATE SCHEMA elsewhere; ALTER TABLE {t} SET SCHEMA elsewhere",
    "ALTER TABLE {t} DISABLE TRIGGER ALL",
    "ALTER TABLE {t} DISABLE TRIGGER USER",
    "ALTER TABLE {t} ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE {t} REPLICA IDENTITY FULL",
    "DROP TABLE {t}",
    "DROP TABLE {t} CASCADE",
    "TRUNCATE {t}",
    "CREATE TABLE copy (LIKE {t} INCLUDING ALL)",
    "CREATE INDEX ON {t} (name)",
    "CREATE UNIQUE INDEX ON {t} (id, part, name)",
    "CREATE VIEW seen AS SELECT * FROM {t}",
    "CREATE TYPE kind AS ENUM ('n'); ALTER TABLE {t} ALTER COLUMN name TYPE kind USING 'n'",
    "CREATE DOMAIN number AS int; ALTER TABLE {t} ALTER COLUMN id TYPE number",
    "COMMENT ON TABLE {t} IS 'x'",
)
ONE = (
    "ALTER TABLE plain SET UNLOGGED",
    "CREATE TABLE parent (id int NOT NULL, part text NOT NULL); ALTER TABLE plain INHERIT parent",
    "CREATE TABLE parent (LIKE plain) PARTITION BY LIST (part);"
    " ALTER TABLE parent ATTACH PARTITION plain FOR VALUES IN ('p')",
    "CREATE TABLE child () INHERITS (plain)",
    "CLUSTER plain USING plain_pkey",
)
TREES = (
    "CREATE TABLE tree_x PARTITION OF tree FOR VALUES IN ('x')",
    "ALTER TABLE tree DETACH PARTITION tree_p",
    "DROP TABLE tree_p",
    "ALTER TABLE tree_p ADD CHECK (id > 0)",
    "ALTER TABLE tree ATTACH PARTITION old FOR VALUES IN ('old')",
    "ALTER TABLE tree_p RENAME TO other",
    "TRUNCATE tree_p",
    "ALTER TABLE tree_p DISABLE TRIGGER USER",
)
WRITES = ("UPDATE {t} SET part = part", "INSERT INTO {t} DEFAULT VALUES", "DELETE FROM {t}")
SPECS: list[dict[str, Any]] = [{"name": "public.plain"}, {"name": "public.tree"}]


@pytest.fixture(scope="module")
def labs(postgres: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Lab, Lab]]:
    """The same tables in two databases; those of the second are tracked, one for each row and each statement."""
    urls = [postgres.create_database(), postgres.create_database()]
    found = [Lab(url, tmp_path_factory.mktemp("owner"), SPECS) for url in urls]
    for lab in found:
        lab.run(*PLAIN, *TREE)
    found[1].specs = [*SPECS, {"name": "public.old"}]
    found[1].track()
    yield found[0], found[1]
    for url in urls:
        postgres.drop_database(url)


def outcome(lab: Lab, *statements: str) -> list[str]:
    """What each statement and the writes after it say, all of it rolled back."""
    said = []
    with lab.connect(autocommit=False) as conn:
        for statement in statements:
            try:
                with conn.transaction():
                    conn.execute(statement.encode())
                said.append("")
            except psycopg.Error as error:
                said.append(type(error).__name__)
        conn.rollback()
    return said


@pytest.mark.parametrize("table", ["plain", "tree"])
def test_ddl_and_the_writes_after_it_go_as_before(labs: tuple[Lab, Lab], table: str) -> None:
    for ddl in (*BOTH, *(ONE if table == "plain" else TREES)):
        statements = [one.format(t=table) for one in (ddl, *WRITES)]
        assert outcome(labs[1], *statements) == outcome(labs[0], *statements), ddl


LAST = (
    "ALTER TABLE {t} RENAME COLUMN id TO number", "UPDATE {t} SET number = number + 100 WHERE number = 1",
    "DELETE FROM {t} WHERE number = 2", "ALTER TABLE {t} RENAME COLUMN number TO id",
)  # fmt: skip
STAMP = (
    "ALTER TABLE {t} RENAME COLUMN updated_at TO written", "UPDATE {t} SET name = 'unstamped'",
    "ALTER TABLE {t} RENAME COLUMN written TO updated_at",
)  # fmt: skip


@pytest.mark.parametrize("statements", [LAST, STAMP], ids=["key", "stamp"])
def test_a_column_that_had_another_name_for_a_while(empty_db: str, tmp_path: Path, statements: tuple[str, ...]) -> None:
    lab = Lab(empty_db, tmp_path, SPECS)
    lab.run(*PLAIN, *TREE)
    lab.track()
    lab.run(*(f"UPDATE {table} SET name = 'old'" for table in ("plain", "tree")))
    lab.sync()
    lab.run(*(one.format(t=table) for table in ("plain", "tree") for one in statements))
    assert {table.action for table in lab.sync().tables} == {"full"}
    lab.assert_equal()
    lab.run("GRANT SELECT ON plain TO PUBLIC", "CREATE INDEX ON plain (name)", "ANALYZE plain", "VACUUM plain")
    assert not lab.sync().changed


@pytest.mark.few(1)
@pytest.mark.parametrize(
    ("alter", "says"),
    [
        ("ALTER TABLE {t} RENAME COLUMN id TO number", "another key"),
        ("ALTER TABLE {t} ALTER COLUMN id TYPE text", ""),
        ("ALTER TABLE {t} ALTER COLUMN id TYPE date USING date '2020-01-01' + id", "another key"),
        ("ALTER TABLE {t} RENAME COLUMN updated_at TO written", "no column updated_at"),
    ],
)
def test_after_a_migration_track_brings_the_triggers_up_to_date(
    empty_db: str, tmp_path: Path, alter: str, says: str
) -> None:
    lab = Lab(empty_db, tmp_path, SPECS)
    lab.run(*PLAIN, *TREE)
    lab.track()
    lab.sync()
    lab.run(*(alter.format(t=table) for table in ("plain", "tree")), "DELETE FROM plain", "DELETE FROM tree_p")
    if says:
        with pytest.raises(errors.NotTracked, match=says):
            lab.sync()
        assert lab_track(lab)
    lab.sync()
    lab.assert_equal()
    assert not lab_track(lab)
    lab.run("UPDATE tree SET name = 'x'", "DELETE FROM tree WHERE part = 'q'")
    lab.sync()
    lab.assert_equal()


def lab_track(lab: Lab) -> list[str]:
    return install.track(lab.job, [])
