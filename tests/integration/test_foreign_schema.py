"""A schema of somebody else's with every kind of relation and name, roles with few rights, and names that clash."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from app import errors
from jobs.job import Job
from jobs.tracking import install
from jobs.verify import verify
from tests.support.syncing import Lab

STAMP = "updated_at timestamptz NOT NULL DEFAULT clock_timestamp()"
LONG = "ä" * 31 + "x"
# Names that need quotes, are SQL's own words, DuckDB's, or the sync's own inside of its statements.
COLUMNS = (
    "rowid", "select", "Ünï cödé", "with space", 'quo"te', "dot.ted", "kind", "columns", "range", "side", "balance",
    "n", "sum", "k0", "xmin_", "key", "t", "s", "c", "__there", "%percent", "it's", LONG,
)  # fmt: skip
TABLES = ("Order Items", "select", "Täble", 'quo"te', "dot.ted", "star*", "a_b", "aXb", "100%", "it's", LONG)
KINDS = f"""
CREATE TABLE parts (id int, day date NOT NULL, v text, {STAMP}, PRIMARY KEY (day, id)) PARTITION BY RANGE (day);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM ('2021-01-01') TO ('2022-01-01');
CREATE TABLE parent (id int PRIMARY KEY, v text);
CREATE TABLE child (extra text) INHERITS (parent);
CREATE TABLE made (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, n int, twice int GENERATED ALWAYS AS (n * 2) STORED,
    thrice int GENERATED ALWAYS AS (n * 3) VIRTUAL, {STAMP}
);
CREATE UNLOGGED TABLE volatile_one (id int PRIMARY KEY, {STAMP});
CREATE TABLE by_index (code text NOT NULL, v int, {STAMP});
CREATE UNIQUE INDEX by_index_code ON by_index (code) INCLUDE (v);
CREATE TABLE keyless (v int);
CREATE TABLE included (id int, v int, {STAMP}, PRIMARY KEY (id) INCLUDE (v));
CREATE VIEW a_view AS SELECT id, v FROM parent;
CREATE MATERIALIZED VIEW a_matview AS SELECT count(*) AS n FROM keyless;
INSERT INTO parts SELECT g, '2020-01-01'::date + g, 'v' FROM generate_series(1, 500) g;
INSERT INTO parent VALUES (1, 'p'), (2, 'p'); INSERT INTO child VALUES (1, 'c', 'x'), (3, 'c', 'x');
INSERT INTO made (n) SELECT g FROM generate_series(1, 5) g;
INSERT INTO volatile_one SELECT g FROM generate_series(1, 5) g;
INSERT INTO by_index SELECT 'c' || g, g FROM generate_series(1, 5) g;
INSERT INTO keyless VALUES (1), (1), (NULL);
INSERT INTO included SELECT g, g FROM generate_series(1, 5) g;
"""
CHANGES = """
UPDATE parts SET day = '2021-06-01' WHERE id = 3; DELETE FROM parts WHERE id = 4;
INSERT INTO parts_1 VALUES (900, '2020-05-05');
UPDATE child SET v = 'changed' WHERE id = 1; DELETE FROM ONLY parent WHERE id = 2;
UPDATE made SET n = 50 WHERE id = 1; DELETE FROM made WHERE id = 2;
DELETE FROM volatile_one WHERE id = 1; UPDATE by_index SET v = 0 WHERE v = 1; DELETE FROM by_index WHERE code = 'c2';
DELETE FROM keyless WHERE ctid = '(0,1)'; UPDATE included SET v = 9 WHERE id = 3; DELETE FROM included WHERE id = 1;
REFRESH MATERIALIZED VIEW a_matview;
"""


def q(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def test_every_kind_of_relation_is_followed(empty_db: str, tmp_path: Path) -> None:
    lab = Lab(empty_db, tmp_path, [{"name": "public.*", "exclude": ["child"]}])
    lab.specs += [{"name": "public.by_index", "key": ["code"]}, {"name": "public.a_view"}, {"name": "public.a_matview"}]
    with lab.connect() as conn:
        conn.execute(KINDS.encode())
    lab.track()
    notes = {table.table: table.notes for table in lab.sync().tables}
    assert "it has no key" in notes["public.keyless"][0]
    assert "it is no ordinary table" in notes["public.a_view"][0]
    names = set(notes)
    assert not names & {"public.parts_1", "public.child"}
    lab.assert_equal(*names)
    with lab.connect() as conn:
        conn.execute(CHANGES.encode())
    for _ in range(2):
        run = lab.sync()
        # REFRESH puts another table in its place.
        anew = {(table.table, table.reason) for table in run.tables if table.action == "full"}
        assert anew <= {("public.a_matview", "storage changed")}
        lab.assert_equal(*names)
    assert verify.verify(lab.job).equal


@pytest.mark.long
def test_any_name_of_a_table_a_column_and_a_schema(empty_db: str, tmp_path: Path) -> None:
    lab = Lab(empty_db, tmp_path, [])
    schema = 'Sch.ema "x"'
    lab.specs.append({"name": f"{q(schema)}.*"})
    lab.run(
        f"CREATE SCHEMA {q(schema)}", "CREATE SCHEMA main", f"CREATE TABLE main.main (main int PRIMARY KEY, {STAMP})"
    )
    lab.specs.append({"name": "main.main"})
    columns = ", ".join(f"{q(name)} text" for name in COLUMNS)
    for place, name in enumerate(TABLES):
        key = q(COLUMNS[place]) if place % 2 else f"{q(COLUMNS[place])}, {q(COLUMNS[place + 1])}"
        # One has no key: then a row is what it holds.
        lab.run(f"CREATE TABLE {q(schema)}.{q(name)} ({columns}{'' if place == 0 else f', PRIMARY KEY ({key})'})")
        values = ", ".join("'v' || g" for _ in COLUMNS)
        lab.run(f"INSERT INTO {q(schema)}.{q(name)} SELECT {values} FROM generate_series(1, 3) g")
    lab.track()
    lab.sync()
    for name in TABLES:
        table = f"{q(schema)}.{q(name)}"
        lab.run(
            f"UPDATE {table} SET {q('side')} = 'x' WHERE {q('rowid')} = 'v1'",
            f"DELETE FROM {table} WHERE {q('key')} = 'v2'",
        )
    run = lab.sync()
    assert [table.error for table in run.tables if table.error] == []
    lab.assert_equal("main.main", *(f"{q(schema)}.{q(name)}" for name in TABLES))
    assert verify.verify(lab.job).equal


def test_names_that_duckdb_can_not_tell_apart_are_refused_and_never_merged(empty_db: str, tmp_path: Path) -> None:
    lab = Lab(empty_db, tmp_path, [{"name": "public.*"}])
    lab.run(
        'CREATE TABLE public."Item" (id int)', "CREATE TABLE public.item (id int)", "CREATE TABLE public.other (id int)"
    )
    lab.run(
        'CREATE TABLE public."É" (id int)',
        'CREATE TABLE public."é" (id int)',
        'CREATE TABLE public.cols ("A" int, a int)',
    )
    run = lab.sync()
    assert {table.table for table in run.failed} == {"public.Item", "public.item", "public.cols"}
    assert all("apart" in (table.error or "") for table in run.failed)
    # DuckDB folds only ASCII letters: these two are two.
    lab.assert_equal("public.other", 'public."É"', 'public."é"')
    lab.specs += [
        {"name": "public.Item", "rename": "public.item_too"},
        {"name": "public.cols", "rename_columns": {"a": "b"}},
    ]
    assert not lab.sync().failed
    assert verify.verify(lab.job).equal
    lab.specs.append({"name": "Public.*"})
    lab.run('CREATE SCHEMA "Public"', 'CREATE TABLE "Public".t (id int)')
    with pytest.raises(errors.ConfigError, match="schemas Public and public apart"):
        lab.sync()
    lab.specs[-1]["rename"] = "public_too.*"
    assert not lab.sync().failed


@pytest.fixture
def roles(empty_db: str, tmp_path: Path) -> Iterator[tuple[Lab, Job, str, str]]:
    """A table with an owner, who installs, and a reader, who syncs; neither is a superuser."""
    suffix = empty_db.rsplit("_", 1)[1][:12]
    owner, reader = f"owner_{suffix}", f"reader_{suffix}"
    lab = Lab(empty_db, tmp_path, [{"name": "shop.item"}, {"name": "shop.other"}])
    database = empty_db.rsplit("/", 1)[1]
    lab.run(
        f"CREATE ROLE {owner} LOGIN PASSWORD 'x'",
        f"CREATE ROLE {reader} LOGIN PASSWORD 'x' IN ROLE pg_read_all_stats",
        f"GRANT CREATE ON DATABASE {database} TO {owner}", f"CREATE SCHEMA shop AUTHORIZATION {owner}",
        f"SET ROLE {owner}; CREATE TABLE shop.item (id int PRIMARY KEY, v text);"
        "CREATE TABLE shop.other (id int PRIMARY KEY)",
        "INSERT INTO shop.item VALUES (1, 'a'), (2, 'b')",
    )  # fmt: skip
    for spec in lab.specs:
        spec["watermark"] = "xid"
    urls = [re.sub("//[^@]+@", f"//{role}:x@", empty_db) for role in (owner, reader)]
    install.track(Job(lab.job.settings, urls[0]), [])
    yield lab, Job(lab.job.settings, urls[1]), owner, reader
    lab.run(*(f"DROP OWNED BY {role} CASCADE" for role in (owner, reader)), f"DROP ROLE {owner}", f"DROP ROLE {reader}")


def test_a_reader_with_the_documented_rights_and_no_more(roles: tuple[Lab, Job, str, str]) -> None:
    from jobs.run import sync

    lab, job, owner, reader = roles
    as_owner = f"SET ROLE {owner}; "
    with pytest.raises(errors.AccessDenied, match="schema shop"):
        sync.sync_once(job)
    lab.run(f"{as_owner}GRANT USAGE ON SCHEMA shop, neaptide TO {reader}")
    with pytest.raises(errors.AccessDenied, match=r"may not read shop\.item"):
        sync.sync_once(job)
    lab.run(f"{as_owner}GRANT SELECT ON shop.item TO {reader}")
    with pytest.raises(errors.AccessDenied, match="tombstone"):
        sync.sync_once(job)
    lab.run(f"{as_owner}GRANT SELECT ON neaptide.tombstone, neaptide.purge TO {reader}")
    # One table is out of reach: that one fails, the other is copied.
    run = sync.sync_once(job)
    assert [(table.table, "GRANT SELECT" in (table.error or "")) for table in run.failed] == [("shop.other", True)]
    lab.run(f"{as_owner}GRANT SELECT ON shop.other TO {reader}")
    lab.run("DELETE FROM shop.item WHERE id = 1")
    run = sync.sync_once(job)
    assert not run.failed
    assert not run.warnings
    lab.assert_equal()
    # Rows that the role can't see would be missing without a word.
    lab.run(f"{as_owner}ALTER TABLE shop.item ENABLE ROW LEVEL SECURITY; CREATE POLICY none ON shop.item USING (false)")
    run = sync.sync_once(job)
    assert ["row-level security" in (table.error or "") for table in run.failed] == [True]
    assert len(lab.file_rows("shop.item")) == 1
    lab.run(f"ALTER ROLE {reader} BYPASSRLS")
    assert not sync.sync_once(job).failed
    with psycopg.connect(job.url) as conn, pytest.raises(psycopg.errors.InsufficientPrivilege):
        conn.execute("INSERT INTO shop.item VALUES (9, 'x')")
