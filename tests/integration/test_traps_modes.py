"""The other modes of reading and deleting, and changes of the config."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app import errors
from tests.support.syncing import Lab
from tests.support.traps import Trio, row_counts

pytestmark = pytest.mark.each_target

FOUR = (
    "CREATE TABLE keyed (id int PRIMARY KEY, name text)",
    "CREATE TABLE keyless (id int, name text)",
    "CREATE TABLE gone_at (id int PRIMARY KEY, name text, deleted timestamptz)",
    "CREATE TABLE gone (id int PRIMARY KEY, name text, deleted boolean)",
    "CREATE TABLE kept (id int PRIMARY KEY, name text)",
    *(
        f"INSERT INTO {name} SELECT g, 'n' || g FROM generate_series(1, 10) AS g"
        for name in ("keyed", "keyless", "gone_at", "gone", "kept")
    ),
)
SPECS: list[dict[str, Any]] = [
    {"name": "public.keyed", "watermark": "none"},
    {"name": "public.keyless", "watermark": "none"},
    {"name": "public.gone_at", "deletes": "soft", "soft_column": "deleted"},
    {"name": "public.gone", "watermark": "xid", "deletes": "soft", "soft_column": "deleted"},
    {"name": "public.kept", "deletes": "ignore"},
]


@pytest.fixture
def lab(empty_db: str, tmp_path: Path) -> Lab:
    """One table for each mode, synced."""
    found = Lab(empty_db, tmp_path, SPECS)
    found.run(*FOUR)
    found.track()
    found.sync()
    return found


def test_tables_without_a_watermark_follow_with_a_key_and_without(lab: Lab) -> None:
    for statement in (
        "INSERT INTO {t} VALUES (11, 'new'), (12, NULL)",
        "DELETE FROM {t} WHERE id IN (1, 2)",
        "UPDATE {t} SET id = 100 WHERE id = 3",
        "TRUNCATE {t}",
        "INSERT INTO {t} VALUES (1, 'back')",
    ):
        lab.run(*(statement.replace("{t}", name) for name in ("keyed", "keyless")))
        assert lab.sync().changed
        lab.assert_equal("public.keyed", "public.keyless")
    lab.run("INSERT INTO keyless SELECT * FROM keyless", "INSERT INTO keyless SELECT * FROM keyless")
    lab.sync()
    lab.assert_equal("public.keyless")
    assert not lab.sync().changed


def test_rows_marked_as_deleted_leave_the_file_and_come_back(lab: Lab) -> None:
    lab.run("UPDATE gone_at SET deleted = now() WHERE id < 4", "UPDATE gone SET deleted = true WHERE id < 4")
    lab.run("UPDATE gone SET deleted = false WHERE id = 5", "INSERT INTO gone VALUES (50, 'born dead', true)")
    lab.sync()
    assert ids(lab, "gone_at") == [4, 5, 6, 7, 8, 9, 10] == ids(lab, "gone")
    lab.run("UPDATE gone_at SET deleted = NULL WHERE id = 1", "UPDATE gone SET deleted = false WHERE id = 1")
    lab.sync()
    assert ids(lab, "gone_at") == [1, 4, 5, 6, 7, 8, 9, 10] == ids(lab, "gone")


def test_deletes_that_are_ignored_stay_and_changes_come(lab: Lab) -> None:
    lab.run("DELETE FROM public.kept WHERE id < 9", "UPDATE kept SET name = 'x' WHERE id = 9")
    lab.sync()
    assert ids(lab, "kept") == list(range(1, 11))
    lab.run("INSERT INTO kept VALUES (1, 'again')")
    lab.sync()
    with lab.published() as file:
        assert file.execute("SELECT name FROM public.kept WHERE id IN (1, 9) ORDER BY id").fetchall() == [
            ("again",),
            ("x",),
        ]


def ids(lab: Lab, table: str) -> list[int]:
    with lab.published() as file:
        return [row[0] for row in file.execute(f"SELECT id FROM public.{table} ORDER BY id").fetchall()]


@pytest.fixture
def compared(empty_db: str, tmp_path: Path) -> Lab:
    """A table whose keys are compared, of 10 rows, no more than 3 of which may go."""
    specs: list[dict[str, Any]] = [{"name": "public.c", "deletes": "compare", "max_delete_share": 0.3}]
    found = Lab(empty_db, tmp_path, specs)
    found.run("CREATE TABLE c (id int PRIMARY KEY)", "INSERT INTO c SELECT generate_series(1, 10)")
    found.track()
    found.sync()
    return found


@pytest.mark.few(1)
@pytest.mark.parametrize(
    "accident", ["DELETE FROM c WHERE id > 6", "DELETE FROM c", "TRUNCATE c", "TRUNCATE c; INSERT INTO c VALUES (1)"]
)
def test_a_comparison_refuses_to_delete_too_much_unless_told_to(compared: Lab, accident: str) -> None:
    compared.run("DELETE FROM c WHERE id = 10")
    compared.sync()
    compared.assert_equal()
    with compared.connect() as conn:
        conn.execute(accident.encode())
    with pytest.raises(errors.TooManyDeletes, match="max_delete_share"):
        compared.sync()
    assert len(compared.file_rows("public.c")) == 9
    compared.sync(force_deletes=True)
    compared.assert_equal()
    for key in (100, 101, 102):
        # The other file has the rows yet, and what the published one took over is not asked again.
        compared.run(f"INSERT INTO c VALUES ({key})")
        compared.sync()
        compared.assert_equal()


def test_a_run_of_one_table_leaves_the_others_as_new_as_they_were(empty_db: str, tmp_path: Path) -> None:
    trio = Trio.made(empty_db, tmp_path)
    trio.run("UPDATE {t} SET name = 'second' WHERE id = 1")
    trio.sync()
    before = trio.lab.source_rows("public.counted")
    trio.run("UPDATE {t} SET name = 'third' WHERE id = 1")
    trio.lab.sync(tables=["public.stamped"])
    trio.lab.assert_equal("public.stamped")
    assert trio.lab.file_rows("public.counted") == before
    trio.sync()
    trio.run("DELETE FROM {t} WHERE id = 2")
    trio.sync()


def test_tables_that_come_and_go_in_the_config_and_change_their_modes(empty_db: str, tmp_path: Path) -> None:
    trio = Trio.made(empty_db, tmp_path)
    lab, specs = trio.lab, trio.lab.specs
    lab.specs = specs[:2]
    trio.run("DELETE FROM {t} WHERE id = 1", "UPDATE {t} SET name = 'x' WHERE id = 2")
    run = trio.sync()
    assert ("public.compared", "removed") in {(table.table, table.action) for table in run.tables}
    trio.run("DELETE FROM {t} WHERE id = 3", "UPDATE {t} SET name = 'y' WHERE id = 4")
    lab.specs = specs
    trio.sync()
    lab.specs = [
        {**specs[0], "watermark": "xid"},
        {**specs[1], "watermark": "updated_at"},
        {**specs[2], "deletes": "tombstone"},
    ]
    with pytest.raises(errors.NotTracked, match=r"no (column|trigger)"):
        lab.sync()
    lab.track()
    for turn in range(2):
        trio.run(f"DELETE FROM {{t}} WHERE id = {5 + turn}", f"UPDATE {{t}} SET name = 'z {turn}' WHERE id = 9")
        trio.sync()
    lab.specs = specs
    lab.track()
    trio.run("DELETE FROM {t} WHERE id = 7")
    trio.sync()


def test_every_change_is_read_once_by_transaction_id(empty_db: str, tmp_path: Path) -> None:
    trio = Trio.made(empty_db, tmp_path)
    with trio.begin() as late:
        trio.on(late, "UPDATE {t} SET name = 'late' WHERE id = 1")
        trio.run("UPDATE {t} SET name = 'x' WHERE id = 2")
        trio.sync()
        trio.run("UPDATE {t} SET name = 'y' WHERE id = 3")
        trio.sync()
        run = trio.lab.sync(tables=["public.counted"])
        assert run.tables[0].rows_read == 0
        late.commit()
    assert row_counts(trio.sync())["counted"][1] in (1, 2)
