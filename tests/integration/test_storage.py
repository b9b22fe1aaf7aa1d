"""How the file's columns are stored: what DuckDB unpacks slowly is not packed."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from jobs.targets.file import compact
from jobs.verify import verify
from tests.support.syncing import Lab

ROWS = 10_000
TABLE = """
CREATE TABLE sale (
    id uuid PRIMARY KEY,
    product uuid NOT NULL,
    basket uuid NOT NULL,
    wide numeric(38, 2) NOT NULL,
    narrow numeric(18, 2) NOT NULL,
    several numeric(20, 2)[] NOT NULL,
    nothing uuid,
    updated_at timestamptz NOT NULL DEFAULT now()
)
"""
# In the order of time, as UUIDv7 are: DuckDB would pack those.
IDS = "lpad(to_hex({}), 12, '0') || substr(md5(g::text), 13)"
FILL = f"""
INSERT INTO sale
SELECT ({IDS.format("g")})::uuid, ({IDS.format("g % 100")})::uuid, md5((g / 10)::text)::uuid, g % 1000, g % 1000,
    ARRAY[g % 1000, 5], NULL
FROM generate_series({{}}, {{}}) AS g
"""


def ways(path: Path) -> dict[str, set[str]]:
    """By column, in which ways its values are stored."""
    with duckdb.connect(str(path), read_only=True) as file:
        found = file.execute(
            "SELECT column_name, list(DISTINCT compression) FROM pragma_storage_info('public.sale')"
            " WHERE segment_type <> 'VALIDITY' GROUP BY column_name"
        ).fetchall()
    return {name: set(kinds) for name, kinds in found}


@pytest.mark.each_feed
def test_values_of_128_bits_are_stored_as_they_are_or_in_runs(empty_db: str, tmp_path: Path) -> None:
    lab = Lab(empty_db, tmp_path, [{"name": "public.sale"}])
    lab.run(TABLE, FILL.format(1, ROWS))
    lab.track()
    for step in range(3):
        lab.sync()
        lab.run(FILL.format(ROWS * (step + 1) + 1, ROWS * (step + 2)), f"DELETE FROM sale WHERE wide = {step}")
    lab.sync()
    assert verify.verify(lab.job).equal
    compact.rebuild(lab.job, lab.spare)
    for path in (*lab.both, lab.job.files.work):
        found = ways(path)
        assert found["id"] == {"Uncompressed"}
        assert found["product"] | found["basket"] | found["wide"] == {"RLE"}
        # What DuckDB unpacks fast is left to it.
        assert found["narrow"] == {"BitPacking"}


def test_a_mask_or_a_rule_that_makes_text_of_them_is_no_hindrance(empty_db: str, tmp_path: Path) -> None:
    entry = {"name": "public.sale", "mask": {"product": "hash", "basket": "null"}, "rules": {"wide": "text"}}
    lab = Lab(empty_db, tmp_path, [entry], sync_options={"mask_key": "sixteen characters and more"})
    lab.run(TABLE, FILL.format(1, 1000))
    lab.track()
    lab.sync()
    assert verify.verify(lab.job).equal
    assert ways(lab.both[0])["wide"] != {"RLE"}


@pytest.mark.each_feed
def test_a_zero_below_nought_stays_apart_from_its_neighbours(empty_db: str, tmp_path: Path) -> None:
    lab = Lab(empty_db, tmp_path, [{"name": "public.reading", "watermark": "none"}])
    drawn = "CASE g / 1000 WHEN 0 THEN 1.5 WHEN 2 THEN float8 '-0' ELSE 0 END"
    lab.run(
        "CREATE TABLE reading (id int PRIMARY KEY, wide float8, narrow float4)",
        f"INSERT INTO reading SELECT g, {drawn}, {drawn} FROM generate_series(0, 3999) AS g",
    )
    lab.sync()
    with duckdb.connect(str(tmp_path / "reporting.duckdb"), read_only=True) as file:
        below = "SELECT count(*) FROM public.reading WHERE wide::VARCHAR = '-0.0' AND narrow::VARCHAR = '-0.0'"
        assert file.execute(below).fetchall() == [(1000,)]
    assert verify.verify(lab.job).equal
    lab.run("UPDATE reading SET wide = -wide, narrow = -narrow WHERE id % 1000 = 7")
    assert lab.sync().changed
    assert verify.verify(lab.job).equal
    assert not lab.sync().changed
    compact.rebuild(lab.job, lab.spare)
    lab.run("UPDATE reading SET wide = 2 WHERE id = 1")
    lab.sync()
    assert verify.verify(lab.job).equal
