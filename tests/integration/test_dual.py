"""Dual writes: PostgreSQL and the reporting file in one command, both or neither."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

from app import errors
from jobs.run import dual
from jobs.verify import verify
from tests.support import modellab
from tests.support.servers import ask
from tests.support.syncing import Lab

ITEM = """
CREATE TABLE public.item (
    id bigint PRIMARY KEY, name text, card text, wide numeric,
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
)
"""
PENDING = "SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database()"


def lab_of(url: str, folder: Path, **spec: Any) -> Lab:
    """Four rows, tracked and synced twice, so that both files are there."""
    found = Lab(
        url, folder, [{"name": "public.item", **spec}], sync_options={"mask_key": "0123456789abcdef"},
    )  # fmt: skip
    found.run(ITEM, "INSERT INTO item (id, name, card) SELECT g, 'n' || g, '4111' || g FROM generate_series(1, 4) AS g")
    found.track()
    for turn in (5, 6):
        found.sync()
        found.run(f"INSERT INTO item (id, name, card) VALUES ({turn}, 'more', 'x')")
    found.sync()
    return found


def write(lab: Lab, *statements: str) -> dual.Writing:
    """One dual write of these statements."""
    with lab.connect(autocommit=False) as conn, dual.opened(lab.job, conn) as writing:
        for statement in statements:
            conn.execute(statement.encode())
        writing.commit()
    return writing


def pending(lab: Lab) -> int:
    return int(ask(lab.url, PENDING))


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"watermark": "xid"},
        {"watermark": "none"},
        {"deletes": "compare"},
        {"where": "id < 100"},
    ],
    ids=str,
)
def test_what_is_written_stands_in_both_and_the_file_is_of_one_moment(
    empty_db: str, tmp_path: Path, spec: dict[str, Any]
) -> None:
    lab = lab_of(empty_db, tmp_path, **spec)
    lab.run("INSERT INTO item (id, name) VALUES (7, 'of somebody else')", "DELETE FROM item WHERE id = 6")
    writing = write(
        lab,
        "INSERT INTO item (id, name) VALUES (10, 'new')",
        "SAVEPOINT s",
        "UPDATE item SET name = 'changed', wide = 1.5 WHERE id IN (1, 10)",
        "RELEASE s",
        "SAVEPOINT t",
        "INSERT INTO item (id, name) VALUES (11, 'undone')",
        "ROLLBACK TO t",
        "DELETE FROM item WHERE id = 2",
        "UPDATE item SET id = 30 WHERE id = 3",
    )
    assert writing.run is not None
    assert writing.run.changed
    assert pending(lab) == 0
    lab.assert_equal()
    assert verify.verify(lab.job).equal
    # The others' marks were of the snapshot, so the next run may see the same rows, and changes none.
    lab.sync()
    lab.assert_equal()
    assert ask(lab.url, "SELECT count(*) FROM item") == 6


def test_as_of_and_watermarks_are_the_snapshot_s_and_nothing_that_overtakes_is_lost(
    empty_db: str, tmp_path: Path
) -> None:
    lab = lab_of(empty_db, tmp_path)
    with lab.connect(autocommit=False) as slow:
        slow.execute("INSERT INTO item (id, name) VALUES (50, 'slow')")
        with lab.connect(autocommit=False) as conn, dual.opened(lab.job, conn) as writing:
            began = ask(lab.url, "SELECT clock_timestamp()")
            lab.run("INSERT INTO item (id, name) VALUES (51, 'commits in between')")
            conn.execute("INSERT INTO item (id, name) VALUES (52, 'dual')")
            writing.commit()
        slow.commit()
    assert writing.run is not None
    assert writing.run.as_of < began
    found = {row[0] for row in lab.file_rows("public.item")}
    assert "52" in found
    assert not {"50", "51"} & found
    lab.sync()
    lab.assert_equal()


def test_masks_renames_and_models_are_kept_as_by_a_run(empty_db: str, tmp_path: Path) -> None:
    lab = lab_of(
        empty_db, tmp_path, mask={"card": "hash"}, rename_columns={"name": "title"}, exclude_columns=["wide"],
        where="id <> 13",
    )  # fmt: skip
    select = "SELECT title, count(*) AS items FROM public.item GROUP BY ALL"
    modellab.write(lab, "titles", select)
    lab.sync()
    write(lab, "INSERT INTO item (id, name, card) VALUES (12, 'n1', '41119'), (13, 'hidden', 'y')")
    modellab.check(lab)
    with_run = [str(row) for row in _rows(lab)]
    assert "41119" not in str(with_run)
    assert verify.verify(lab.job).equal
    lab.sync(full=True)
    assert [str(row) for row in _rows(lab)] == with_run


def _rows(lab: Lab) -> list[tuple[Any, ...]]:
    import duckdb

    with duckdb.connect(str(lab.folder / "reporting.duckdb"), read_only=True) as file:
        return file.execute("SELECT id, title, card FROM public.item ORDER BY id").fetchall()


def test_an_error_in_the_command_or_in_the_file_leaves_neither(
    empty_db: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = lab_of(empty_db, tmp_path)
    before = lab.file_rows("public.item")
    with pytest.raises(psycopg.errors.UniqueViolation):
        write(lab, "UPDATE item SET name = 'x'", "INSERT INTO item (id) VALUES (1)")
    with lab.connect(autocommit=False) as conn, dual.opened(lab.job, conn):
        conn.execute("UPDATE item SET name = 'left without a commit'")
    from jobs.targets.file.publish import Publisher

    def fails(*_: Any, **__: Any) -> str:
        raise errors.DiskFull("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(Publisher, "publish", fails)
        with pytest.raises(errors.DiskFull):
            write(lab, "UPDATE item SET name = 'y'")
    assert pending(lab) == 0
    assert lab.file_rows("public.item") == before
    # The work file had the rows that were undone.
    lab.sync()
    lab.assert_equal()
    assert lab.file_rows("public.item") == before


def test_what_fails_after_the_publish_is_written_all_the_same(
    empty_db: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = lab_of(empty_db, tmp_path)
    from jobs.source.borrowed import Borrowed
    from jobs.targets.file.publish import Publisher

    publish = Publisher.publish

    def fails(self: Publisher, **given: Any) -> str:
        publish(self, **given)
        raise errors.TargetUnusable("the folder went away")

    told: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr(Publisher, "publish", fails)
        with lab.connect(autocommit=False) as conn, dual.opened(lab.job, conn, told.append) as writing:
            conn.execute("UPDATE item SET name = 'written' WHERE id = 1")
            writing.commit()
    assert "it is written" in told[0]
    lab.assert_equal()

    def away(*_: Any) -> None:
        raise errors.SourceUnavailable("PostgreSQL can't be reached")

    with monkeypatch.context() as patch:
        patch.setattr(Borrowed, "finish", away)
        with lab.connect(autocommit=False) as conn, dual.opened(lab.job, conn, told.append) as writing:
            conn.execute("UPDATE item SET name = 'later' WHERE id = 2")
            writing.commit()
    assert "after the next run" in told[1]
    assert pending(lab) == 1
    lab.sync()
    assert pending(lab) == 0
    assert ask(lab.url, "SELECT name FROM item WHERE id = 2") == "later"
    lab.assert_equal()


def test_a_stranger_s_prepared_transaction_is_left_alone(empty_db: str, tmp_path: Path) -> None:
    lab = lab_of(empty_db, tmp_path, watermark="xid")
    write(lab, "UPDATE item SET name = 'known' WHERE id = 1")
    name = f"neaptide of somebody {empty_db[-12:]}"
    with lab.connect(autocommit=False) as conn:
        conn.execute("INSERT INTO item (id) VALUES (90)")
        conn.execute(f"PREPARE TRANSACTION '{name}'")
    try:
        (tmp_path / "reporting.duckdb.dual").touch()
        lab.sync()
        write(lab, "UPDATE item SET name = 'again' WHERE id = 1")
        assert pending(lab) == 1
    finally:
        lab.run(f"COMMIT PREPARED '{name}'")
    lab.sync()
    lab.assert_equal()


def test_what_is_deferred_is_written_before_it_is_read(empty_db: str, tmp_path: Path) -> None:
    lab = lab_of(empty_db, tmp_path, mask={"card": "hash"})
    lab.run(
        "CREATE TABLE public.heard (pad text)",
        "CREATE FUNCTION public.more() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " INSERT INTO public.heard VALUES (current_setting('neaptide.mask_inner', true));"
        " UPDATE public.item SET name = 'deferred' WHERE id = 2; RETURN NULL; END $$",
        "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON public.item DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION public.more()",
    )
    lab.sync()
    write(lab, "INSERT INTO item (id, name) VALUES (60, 'x')")
    assert verify.verify(lab.job).equal
    assert ask(lab.url, "SELECT name FROM item WHERE id = 2") == "deferred"
    assert not ask(lab.url, "SELECT pad FROM heard")


def test_two_writers_of_one_row_are_told_apart(empty_db: str, tmp_path: Path) -> None:
    lab = lab_of(empty_db, tmp_path)
    with lab.connect(autocommit=False) as conn, dual.opened(lab.job, conn):
        lab.run("UPDATE item SET name = 'first' WHERE id = 1")
        with pytest.raises(psycopg.errors.SerializationFailure):
            conn.execute("UPDATE item SET name = 'second' WHERE id = 1")
    lab.sync()
    lab.assert_equal()


def test_nothing_that_is_copied_is_committed_as_ever(empty_db: str, tmp_path: Path) -> None:
    lab = lab_of(empty_db, tmp_path)
    lab.run("CREATE TABLE public.other (id int)")
    writing = write(lab, "INSERT INTO other VALUES (1)")
    assert writing.run is not None
    assert not writing.run.changed
    assert ask(lab.url, "SELECT count(*) FROM other") == 1
    assert pending(lab) == 0


def test_what_it_can_t_be_done_with_is_named(empty_db: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = lab_of(empty_db, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(dual, "_allowed", lambda _: 0)
        with pytest.raises(errors.ConfigError, match="max_prepared_transactions is 0") as caught:
            write(lab, "UPDATE item SET name = 'x'")
    assert "--max-staleness 0s" in (caught.value.hint or "")
    lab.run("CREATE VIEW public.names AS SELECT name FROM item")
    lab.specs.append({"name": "public.names", "watermark": "none"})
    with pytest.raises(errors.ConfigError, match="names runs other people's code"):
        write(lab, "UPDATE item SET name = 'x'")
    lab.specs[1:] = []
    lab.sync_options["feed"] = "wal"
    with pytest.raises(errors.ConfigError, match="by watermark"):
        write(lab, "UPDATE item SET name = 'x'")
    del lab.sync_options["feed"]
    lab.target = {"url": "ducklake:postgres:dbname=lake host=localhost", "data": "lake"}
    with pytest.raises(errors.ConfigError, match="is a lake"):
        write(lab, "UPDATE item SET name = 'x'")
    assert ask(lab.url, "SELECT count(*) FROM item WHERE name = 'x'") == 0


def test_a_table_that_has_to_be_copied_anew_is_copied_first(empty_db: str, tmp_path: Path) -> None:
    lab = lab_of(empty_db, tmp_path)
    lab.run("ALTER TABLE item ADD COLUMN more text DEFAULT 'm'")
    with pytest.raises(errors.ConcurrencyConflict):
        write(lab, "UPDATE item SET name = 'x' WHERE id = 1")
    assert ask(lab.url, "SELECT count(*) FROM item WHERE name = 'x'") == 0
    write(lab, "UPDATE item SET name = 'x' WHERE id = 1")
    lab.assert_equal()
