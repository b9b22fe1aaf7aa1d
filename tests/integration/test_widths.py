"""Wide rows and huge ones are bounded by their bytes: a load takes no more memory than it may."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import duckdb
import pytest

from app import errors
from jobs.engine import memory, opening
from jobs.feeds.watermark import load
from jobs.record import state
from jobs.sessions import OpenSessions
from jobs.source import widths
from jobs.source.session import source_session
from jobs.targets.file import compact
from jobs.verify import verify
from tests.support.syncing import Lab

MB = 2**20


def made(url: str, folder: Path, rows: int, size: int, memory: str) -> Lab:
    """A tracked table of rows with a text of so many bytes, which PostgreSQL keeps uncompressed."""
    lab = Lab(url, folder, [{"name": "public.letter"}], target={"memory_limit": memory})
    lab.run(
        "CREATE TABLE letter (id bigint PRIMARY KEY, body text, updated_at timestamptz NOT NULL DEFAULT now())",
        "ALTER TABLE letter ALTER body SET STORAGE EXTERNAL",
        f"INSERT INTO letter SELECT g, repeat(md5(g::text), {size // 32}) FROM generate_series(1, {rows}) AS g",
        "ANALYZE letter",
    )
    lab.track()
    return lab


def largest_group(path: Path) -> int:
    with duckdb.connect(str(path), read_only=True) as file:
        found = file.execute(
            "SELECT max(rows) FROM (SELECT row_group_id, sum(count) AS rows FROM pragma_storage_info('public.letter')"
            " WHERE column_name = 'id' AND segment_type <> 'VALIDITY' GROUP BY row_group_id)"
        ).fetchone()
    assert found is not None
    return int(found[0])


def test_row_groups_of_wide_rows_stay_small_through_deltas_and_compaction(empty_db: str, tmp_path: Path) -> None:
    lab = made(empty_db, tmp_path, rows=9000, size=8192, memory="128MB")
    lab.sync()
    for step in range(3):
        lab.run(f"UPDATE letter SET body = 'short {step}' WHERE id % 3 = {step}")
        lab.sync()
    lab.assert_equal()
    compact.rebuild(lab.job, lab.spare)
    for path in (*lab.both, lab.job.files.work):
        assert largest_group(path) <= 8192
    with opening.opened(lab.job, lab.both[0], read_only=True) as file:
        assert state.read(file).row_group <= 8192 < widths.ROW_GROUP


def test_narrow_rows_have_row_groups_of_the_usual_size(empty_db: str, tmp_path: Path) -> None:
    lab = made(empty_db, tmp_path, rows=9000, size=64, memory="128MB")
    lab.sync()
    with opening.opened(lab.job, lab.both[0], read_only=True) as file:
        assert state.read(file).row_group == widths.ROW_GROUP


@pytest.mark.long
def test_more_bytes_of_huge_rows_than_the_memory_are_loaded(empty_db: str, tmp_path: Path) -> None:
    lab = made(empty_db, tmp_path, rows=12, size=8 * MB, memory="64MB")
    assert lab.sync().tables[0].rows_in == 12
    lab.assert_equal()
    lab.run("DELETE FROM letter WHERE id = 3", "UPDATE letter SET body = 'short' WHERE id = 7")
    lab.sync()
    lab.assert_equal()


def test_pieces_of_huge_rows_hold_few_bytes_and_every_row_once(
    empty_db: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "PIECE_BYTES", 4 * MB)
    monkeypatch.setattr(load, "HUGE_BYTES", MB)
    lab = made(empty_db, tmp_path, rows=40, size=300_000, memory="128MB")
    with source_session(lab.job) as now:
        pieces = list(load.cut(now.tables[0], now))
        query = "SELECT count(*) AS rows, sum(octet_length(body)) AS bytes FROM public.letter WHERE "
        held = [now.conn.execute((query + piece.where).encode()).fetchone() for piece in pieces]
    counts = [row for row in held if row]
    assert all(piece.huge for piece in pieces)
    assert sum(row["rows"] for row in counts) == 40
    assert max(row["bytes"] for row in counts) <= MB
    assert all(a != b for a, b in pairwise(pieces))


def test_a_row_that_does_not_fit_says_which_setting_helps(empty_db: str, tmp_path: Path) -> None:
    lab = made(empty_db, tmp_path, rows=2, size=64 * MB, memory="32MB")
    with pytest.raises(errors.TargetUnusable) as caught:
        lab.sync()
    assert "memory" in caught.value.message
    assert caught.value.hint == "raise [target] memory_limit"


def test_pieces_are_in_order_also_where_another_scan_is_in_the_middle_of_the_table(
    empty_db: str, tmp_path: Path
) -> None:
    """PostgreSQL lets a scan of a large table begin where another one is, and come to the start last."""
    lab = Lab(empty_db, tmp_path, [{"name": "public.page", "watermark": "none"}])
    lab.run(
        "CREATE TABLE page (id bigint PRIMARY KEY, body text) WITH (fillfactor = 10)",
        "INSERT INTO page SELECT g, repeat('x', 700) FROM generate_series(1, 20000) AS g",
    )
    with lab.connect(autocommit=False) as other:
        other.execute("DECLARE half CURSOR FOR SELECT id FROM page")
        other.execute("FETCH 10000 FROM half")
        with source_session(lab.job) as now:
            row = now.conn.execute("SELECT id FROM public.page LIMIT 1").fetchone()
            assert row is not None and row["id"] > 1, "the table is too small for the scans to meet"
            found = list(widths.ranges(now.conn, now.tables[0], MB))
            seen = now.conn.execute("SELECT count(*) AS rows FROM public.page").fetchone()
            held = [
                now.conn.execute(
                    "SELECT count(*) AS rows FROM public.page WHERE ctid >= %s::tid AND (%s::tid IS NULL OR ctid < %s)",
                    [begin, end, end],
                ).fetchone()
                for begin, end in found
            ]
    assert seen is not None
    assert sum(row["rows"] for row in held if row) == seen["rows"] == 20_000


@pytest.mark.long
def test_rows_changed_all_over_a_table_need_no_higher_limit(
    empty_db: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DuckDB holds some 20 KB for each 2,048 rows of which one is deleted: here 24 MB."""
    monkeypatch.setattr(memory, "_LARGE", 0)
    lab = Lab(
        empty_db, tmp_path, [{"name": "public.dot"}], target={"memory_limit": "24MB", "threads": 1}, keep=OpenSessions()
    )
    lab.run(
        "CREATE TABLE dot (id bigint PRIMARY KEY, updated_at timestamptz NOT NULL DEFAULT now())",
        "INSERT INTO dot SELECT g FROM generate_series(1, 2000000) AS g",
        "ANALYZE dot",
    )
    lab.track()
    lab.sync()
    for turn in range(4):
        lab.run(f"UPDATE dot SET id = id WHERE id % 2000 = {turn}")
        run = lab.sync()
        assert [table.rows_in for table in run.tables] == [1000 * min(turn + 1, 2)]
    assert lab.keep is not None
    with lab.keep.engine.lend(lambda: None) as kept:
        number, unit = kept.one("SELECT current_setting('memory_limit')").split()
        assert (unit, float(number) < 25) == ("MiB", True)
    assert verify.verify(lab.job).equal
