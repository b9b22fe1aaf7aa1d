"""Tables that are parts of others: partitions and children that the config names itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from app import errors
from tests.support.syncing import Lab
from tests.support.traps import row_counts

COLUMNS = "(id int PRIMARY KEY, name text, updated_at timestamptz NOT NULL DEFAULT now())"


def tracked(url: str, folder: Path, statements: tuple[str, ...], *names: str) -> Lab:
    lab = Lab(url, folder, [{"name": f"public.{name}"} for name in names])
    lab.run(*statements)
    lab.track()
    lab.sync()
    return lab


def check(lab: Lab, *statements: str) -> None:
    lab.run(*statements)
    lab.sync()
    lab.assert_equal()


PARTS = (
    f"CREATE TABLE whole {COLUMNS} PARTITION BY RANGE (id)",
    "CREATE TABLE low PARTITION OF whole FOR VALUES FROM (0) TO (50)",
    "CREATE TABLE high PARTITION OF whole FOR VALUES FROM (50) TO (1000) PARTITION BY RANGE (id)",
    "CREATE TABLE high_1 PARTITION OF high FOR VALUES FROM (50) TO (1000)",
    "INSERT INTO whole SELECT g, 'n' FROM generate_series(1, 90) AS g",
)


@pytest.mark.few(1)
@pytest.mark.parametrize("names", [("low",), ("low", "high"), ("whole", "low", "high_1")], ids=",".join)
def test_partitions_that_are_written_through_their_parent(
    empty_db: str, tmp_path: Path, names: tuple[str, ...]
) -> None:
    lab = tracked(empty_db, tmp_path, PARTS, *names)
    check(lab, "DELETE FROM whole WHERE id IN (10, 60)", "UPDATE whole SET name = 'x' WHERE id IN (11, 61)")
    check(lab, "UPDATE whole SET id = id + 600 WHERE id BETWEEN 20 AND 25")
    check(lab, "UPDATE whole SET id = id - 600 WHERE id > 600", "DELETE FROM low WHERE id = 1")
    check(lab, "TRUNCATE whole", "INSERT INTO whole VALUES (5, 'again')")


def test_a_child_that_is_written_through_its_parent(empty_db: str, tmp_path: Path) -> None:
    statements = (
        f"CREATE TABLE parent {COLUMNS}",
        "CREATE TABLE child (PRIMARY KEY (id)) INHERITS (parent)",
        "INSERT INTO child SELECT g, 'n' FROM generate_series(1, 30) AS g",
    )
    lab = tracked(empty_db, tmp_path, statements, "child")
    check(lab, "DELETE FROM parent WHERE id < 5", "UPDATE parent SET id = id + 100 WHERE id = 7")
    check(lab, "TRUNCATE parent")


ALONE = (
    f"CREATE TABLE whole {COLUMNS} PARTITION BY RANGE (id)",
    f"CREATE TABLE part {COLUMNS}",
    "CREATE TABLE parent (id int NOT NULL)",
    "INSERT INTO part SELECT g, 'n' FROM generate_series(1, 30) AS g",
)
JOINS = {
    "partition": (
        "ALTER TABLE whole ATTACH PARTITION part FOR VALUES FROM (0) TO (1000)",
        "DELETE FROM whole WHERE id = 3",
        "ALTER TABLE whole DETACH PARTITION part",
    ),
    "child": (
        "ALTER TABLE part INHERIT parent",
        "DELETE FROM parent WHERE id = 3",
        "ALTER TABLE part NO INHERIT parent",
    ),
}


@pytest.mark.few(1)
@pytest.mark.parametrize("kind", list(JOINS))
def test_a_table_that_becomes_part_of_one_nobody_follows(empty_db: str, tmp_path: Path, kind: str) -> None:
    lab = tracked(empty_db, tmp_path, ALONE, "part")
    joins, deletes, leaves = JOINS[kind]
    lab.run(joins, deletes)
    with pytest.raises(errors.NotTracked, match="record deleted rows"):
        lab.sync()
    lab.track()
    check(lab, deletes.replace("3", "4"))
    # Row by row sees all there is to see, also when it stands alone again.
    check(lab, leaves, "DELETE FROM part WHERE id = 5")


@pytest.mark.parametrize("kind", list(JOINS))
def test_a_table_that_was_part_of_another_for_a_while(empty_db: str, tmp_path: Path, kind: str) -> None:
    lab = tracked(empty_db, tmp_path, ALONE, "part")
    lab.run(*JOINS[kind])
    assert row_counts(lab.sync())["part"][0] == "full"
    lab.assert_equal()


def test_a_tracked_table_becomes_a_partition_of_a_tracked_one_and_leaves_it(empty_db: str, tmp_path: Path) -> None:
    lab = tracked(empty_db, tmp_path, ALONE, "part", "whole")
    lab.run(JOINS["partition"][0], "INSERT INTO whole VALUES (500, 'through it')")
    lab.track()
    check(lab)
    check(lab, "DELETE FROM whole WHERE id = 3", "UPDATE part SET id = id + 100 WHERE id = 4")
    lab.run(JOINS["partition"][2])
    lab.track()
    check(lab, "DELETE FROM part WHERE id = 6", "INSERT INTO part VALUES (7000, 'alone')")


def test_a_partition_on_another_server_is_refused(empty_db: str, tmp_path: Path) -> None:
    lab = Lab(empty_db, tmp_path, [{"name": "public.whole"}])
    lab.run(
        f"CREATE TABLE whole {COLUMNS.replace(' PRIMARY KEY', ' NOT NULL')} PARTITION BY RANGE (id)",
        "CREATE EXTENSION IF NOT EXISTS file_fdw",
        "CREATE SERVER files FOREIGN DATA WRAPPER file_fdw",
        "CREATE FOREIGN TABLE far PARTITION OF whole FOR VALUES FROM (0) TO (9) SERVER files"
        " OPTIONS (filename '/dev/null')",
    )
    lab.specs[0]["key"] = ["id"]
    with pytest.raises(errors.NeaptideError):
        lab.track()


def test_a_stamp_that_says_in_which_partition_a_row_lies_is_refused(empty_db: str, tmp_path: Path) -> None:
    lab = Lab(empty_db, tmp_path, [{"name": "public.log"}])
    lab.run(
        "CREATE TABLE log (id int, updated_at timestamptz, PRIMARY KEY (id, updated_at))"
        " PARTITION BY RANGE (updated_at)",
        "CREATE TABLE log_1 PARTITION OF log FOR VALUES FROM ('2020-01-01') TO ('2021-01-01')",
    )
    with pytest.raises(errors.NotTracked, match="in which partition"):
        lab.track()
    lab.specs[0]["watermark"] = "xid"
    lab.track()
    check(lab, "INSERT INTO log VALUES (1, '2020-05-05')")


@pytest.mark.few(1)
@pytest.mark.parametrize(
    ("damage", "says"),
    [
        ("ALTER TABLE low ENABLE TRIGGER USER", "partition public.low"),
        ("ALTER TABLE high_1 DISABLE TRIGGER USER", "partition public.high_1"),
        ("ALTER TABLE ONLY whole ENABLE TRIGGER USER", "of public.whole"),
        ('CREATE TRIGGER "~~" BEFORE UPDATE ON low FOR EACH ROW EXECUTE FUNCTION keep()', "~~ of public.whole's part"),
    ],
)
def test_what_fires_on_one_partition_only_is_seen(empty_db: str, tmp_path: Path, damage: str, says: str) -> None:
    lab = tracked(empty_db, tmp_path, PARTS, "whole")
    lab.run("CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW := OLD; RETURN NEW; END $$")
    lab.run(damage, "DELETE FROM whole WHERE id IN (3, 60)")
    with pytest.raises(errors.NotTracked, match=says):
        lab.sync()
    if "CREATE" in damage:
        lab.run('DROP TRIGGER "~~" ON low')
    lab.track()
    check(lab)
