"""Writes of every kind, and what clients try to do to the stamp."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, Text, create_engine
from sqlalchemy.dialects.postgresql import insert

from tests.support.traps import Trio, row_counts

pytestmark = pytest.mark.each_target


@pytest.fixture
def trio(empty_db: str, tmp_path: Path) -> Trio:
    """Ten rows in each table."""
    return Trio.made(empty_db, tmp_path)


UPSERT = """
INSERT INTO {t} (id, name) SELECT g, 'upserted' FROM generate_series(8, 12) AS g
ON CONFLICT (id) DO UPDATE SET name = excluded.name
"""
MERGE = """
MERGE INTO {t} AS t USING (SELECT g AS id FROM generate_series(1, 15) AS g) AS s ON t.id = s.id
WHEN MATCHED AND s.id < 3 THEN DELETE
WHEN MATCHED AND s.id < 6 THEN UPDATE SET name = 'merged'
WHEN MATCHED AND s.id = 7 THEN UPDATE SET id = 70
WHEN NOT MATCHED THEN INSERT (id, name) VALUES (s.id, 'by merge')
"""


def test_upsert_merge_and_copy(trio: Trio) -> None:
    trio.run(UPSERT)
    assert row_counts(trio.sync())["stamped"] == ("delta", 5, 0)
    trio.run("INSERT INTO {t} (id) VALUES (1) ON CONFLICT DO NOTHING")
    trio.run("INSERT INTO {t} (id) VALUES (9) ON CONFLICT (id) DO UPDATE SET id = 900")
    with trio.lab.connect() as conn:
        # PostgreSQL 14 has no MERGE.
        if conn.info.server_version >= 150000:
            trio.run(MERGE)
    trio.sync()
    with trio.lab.connect() as conn:
        for name in ("stamped", "counted", "compared"):
            with conn.cursor().copy(f"COPY {name} (id, name) FROM STDIN".encode()) as copy:
                copy.write("1000\tby copy\n1001\t\\N\n")
    trio.sync()


@pytest.mark.long
def test_upserts_by_an_orm_that_overtake_and_roll_back(trio: Trio) -> None:
    engine = create_engine(trio.lab.url.replace("postgresql://", "postgresql+psycopg://"))
    tables = [
        Table(name, MetaData(), Column("id", Integer), Column("name", Text))
        for name in ("stamped", "counted", "compared")
    ]

    def upsert(first: int) -> list[object]:
        rows = [{"id": key, "name": f"orm {first}"} for key in range(first, first + 3)]
        return [
            insert(table).values(rows).on_conflict_do_update(index_elements=["id"], set_={"name": f"orm again {first}"})
            for table in tables
        ]

    with engine.connect() as late, engine.connect() as lost:
        for conn, first in ((late, 9), (lost, 40)):
            for statement in upsert(first):
                conn.execute(statement)  # type: ignore[call-overload]
        trio.run("UPDATE {t} SET name = 'overtakes' WHERE id = 1")
        trio.sync()
        late.commit()
        lost.rollback()
    engine.dispose()
    trio.sync()
    trio.settle()


def test_updates_that_change_nothing_and_stamps_that_clients_send(trio: Trio) -> None:
    trio.run("UPDATE {t} SET name = name WHERE id < 4")
    trio.sync()
    for turn, stamps in enumerate((("NULL", "'2001-01-01'"), ("'2101-01-01'", "'infinity'", "'-infinity'"))):
        for place, stamp in enumerate(stamps):
            keys = f"{1 + place}, {5 + place}"
            trio.run(f"UPDATE stamped SET name = name || '!', updated_at = {stamp} WHERE id IN ({keys})")
            trio.run(f"INSERT INTO compared (id, updated_at) SELECT max(id) + 1, {stamp} FROM compared")
            trio.run(f"UPDATE counted SET name = name || '!', sync_xid = '5' WHERE id IN ({keys})")
        trio.sync()
        trio.run(f"UPDATE {{t}} SET name = 'later {turn}' WHERE id = 9")
        trio.sync()


def test_writes_of_a_session_that_replicates(trio: Trio) -> None:
    """session_replication_role = replica turns ordinary triggers off."""
    with trio.lab.connect() as conn:
        conn.execute("SET session_replication_role = replica")
        trio.on(conn, "INSERT INTO {t} VALUES (20, 'applied')", "UPDATE {t} SET name = 'applied' WHERE id = 1")
        trio.on(conn, "DELETE FROM {t} WHERE id = 2", "UPDATE {t} SET id = 30 WHERE id = 3")
    trio.sync()
    with trio.lab.connect() as conn:
        conn.execute("SET session_replication_role = replica")
        trio.on(conn, "TRUNCATE {t}")
    trio.sync(force_deletes=True)


def test_a_trigger_of_the_owners_that_trusts_clients_is_not_enough(empty_db: str, tmp_path: Path) -> None:
    """It keeps what the client sent; the stamp of Neaptide's comes after it."""
    trio = Trio.made(
        empty_db, tmp_path, "(id int PRIMARY KEY, name text, updated_at timestamptz DEFAULT now())", rows=3
    )
    trio.run(
        "CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN NEW.updated_at := coalesce(NEW.updated_at, now()); RETURN NEW; END $$",
        "CREATE TRIGGER a BEFORE INSERT OR UPDATE ON {t} FOR EACH ROW EXECUTE FUNCTION keep()",
        "ALTER TABLE {t} ENABLE ALWAYS TRIGGER a",
    )
    trio.lab.track()
    trio.sync()
    trio.run("UPDATE {t} SET name = 'old', updated_at = '2001-01-01' WHERE id = 1")
    trio.sync()
    trio.settle()


def test_a_first_sync_while_writers_write(empty_db: str, tmp_path: Path) -> None:
    trio = Trio.made(empty_db, tmp_path, rows=0, sync=False)
    with trio.begin() as one, trio.begin() as two:
        trio.on(one, "INSERT INTO {t} SELECT g, 'one' FROM generate_series(1, 50) AS g")
        trio.on(two, "INSERT INTO {t} SELECT g, 'two' FROM generate_series(51, 100) AS g")
        trio.sync()
        one.commit()
        trio.on(two, "DELETE FROM {t} WHERE id BETWEEN 40 AND 60")
        trio.sync()
        two.commit()
    trio.sync()
    trio.settle()
