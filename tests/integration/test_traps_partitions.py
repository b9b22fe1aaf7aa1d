"""Partitioned tables: rows that move, partitions that come and go."""

from __future__ import annotations

from pathlib import Path

import pytest

from app import errors
from tests.support.syncing import Lab

pytestmark = pytest.mark.each_target

TABLE = (
    "CREATE TABLE log (id int, day date, name text, PRIMARY KEY (id, day)) PARTITION BY RANGE (day)",
    "CREATE TABLE log_1 PARTITION OF log FOR VALUES FROM ('2026-01-01') TO ('2026-02-01')",
    "CREATE TABLE log_2 PARTITION OF log FOR VALUES FROM ('2026-02-01') TO ('2026-03-01') PARTITION BY HASH (id)",
    "CREATE TABLE log_2_0 PARTITION OF log_2 FOR VALUES WITH (MODULUS 2, REMAINDER 0)",
    "CREATE TABLE log_2_1 PARTITION OF log_2 FOR VALUES WITH (MODULUS 2, REMAINDER 1)",
    "CREATE TABLE log_rest PARTITION OF log DEFAULT",
    "INSERT INTO log SELECT g, date '2026-01-01' + g, 'n' FROM generate_series(1, 80) AS g",
)


@pytest.fixture
def lab(request: pytest.FixtureRequest, empty_db: str, tmp_path: Path) -> Lab:
    """Eighty rows in four leaves."""
    found = Lab(empty_db, tmp_path, [{"name": "public.log", "watermark": getattr(request, "param", "updated_at")}])
    found.run(*TABLE)
    found.track()
    found.sync()
    return found


def check(lab: Lab, *statements: str) -> None:
    lab.run(*statements)
    lab.sync()
    lab.assert_equal()


@pytest.mark.parametrize("lab", ["updated_at", "xid"], indirect=True)
def test_rows_that_move_and_rows_written_to_a_partition_itself(lab: Lab) -> None:
    check(lab, "UPDATE log SET day = day + 31 WHERE id IN (3, 4)", "UPDATE log SET day = '2030-01-01' WHERE id = 50")
    check(
        lab, "DELETE FROM log_1 WHERE id = 5", "UPDATE log_2_0 SET name = 'direct'", "DELETE FROM log_2 WHERE id = 41"
    )
    check(lab, "INSERT INTO log_1 VALUES (500, '2026-01-05', 'direct')", "UPDATE log SET id = id + 1000 WHERE id < 20")
    assert lab.sync().changed is False


@pytest.mark.parametrize("lab", ["updated_at", "xid"], indirect=True)
def test_a_row_that_moves_in_a_transaction_that_ends_late(lab: Lab) -> None:
    with lab.connect(autocommit=False) as late:
        late.execute("UPDATE log SET day = day + 31 WHERE id = 3")
        late.execute("DELETE FROM log_2 WHERE id = 41")
        check(lab, "INSERT INTO log VALUES (900, '2026-01-09', 'overtakes')")
        late.commit()
    check(lab)


def test_truncate_of_one_partition(lab: Lab) -> None:
    check(lab, "TRUNCATE log_1")
    check(lab, "TRUNCATE log_2", "INSERT INTO log VALUES (41, '2026-02-10', 'back')")
    check(lab, "TRUNCATE log")


def test_partitions_that_come_and_go(lab: Lab) -> None:
    check(
        lab,
        "CREATE TABLE log_4 PARTITION OF log FOR VALUES FROM ('2026-05-01') TO ('2026-06-01')",
        "INSERT INTO log VALUES (600, '2026-05-02', 'new')",
    )
    check(lab, "UPDATE log_4 SET name = 'stamped'", "DELETE FROM log WHERE id = 601")
    check(lab, "ALTER TABLE log DETACH PARTITION log_1")
    lab.run("UPDATE log_1 SET name = 'changed outside' WHERE id = 7", "DELETE FROM log_1 WHERE id = 8")
    check(lab, "ALTER TABLE log ATTACH PARTITION log_1 FOR VALUES FROM ('2026-01-01') TO ('2026-02-01')")
    check(lab, "DELETE FROM log_1 WHERE id = 9")
    check(lab, "DROP TABLE log_2")
    check(lab, "ALTER TABLE log DETACH PARTITION log_rest")


def test_a_detach_that_waits_for_its_second_half(lab: Lab) -> None:
    """DETACH CONCURRENTLY hides the partition first and forgets it later."""
    lab.run("ALTER TABLE log DETACH PARTITION log_rest")
    lab.sync()
    with lab.connect(autocommit=False) as reader, lab.connect() as owner:
        reader.execute("SELECT count(*) FROM log")
        owner.execute("SET statement_timeout = '300ms'")
        with pytest.raises(Exception, match="statement timeout"):
            owner.execute("ALTER TABLE log DETACH PARTITION log_1 CONCURRENTLY")
    check(lab)
    check(lab, "ALTER TABLE log DETACH PARTITION log_1 FINALIZE")


def test_a_trigger_switched_off_on_one_partition(lab: Lab) -> None:
    lab.run(
        "ALTER TABLE log_1 DISABLE TRIGGER ALL",
        "DELETE FROM log_1 WHERE id = 10",
        "UPDATE log_1 SET name = 'unseen' WHERE id = 11",
        "ALTER TABLE log_1 ENABLE TRIGGER ALL",
    )
    with pytest.raises(errors.NotTracked, match=r"partition public\.log_1.*not ENABLE ALWAYS"):
        lab.sync()
    lab.track()
    check(lab)


def test_a_table_that_others_inherit_from_is_refused(empty_db: str, tmp_path: Path) -> None:
    lab = Lab(empty_db, tmp_path, [{"name": "public.p", "watermark": "updated_at"}])
    lab.run("CREATE TABLE p (id int PRIMARY KEY)", "CREATE TABLE c () INHERITS (p)")
    with pytest.raises(errors.NotTracked, match="inherit from public"):
        lab.track()
    lab.specs[0]["watermark"] = "none"
    lab.run("INSERT INTO c VALUES (1)")
    lab.sync()
    lab.assert_equal()
