"""What a lake makes of values and names: the same as a file, but for what Parquet would change."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs import quoting
from jobs.verify import verify
from tests.integration.test_odd_names import NAMES
from tests.integration.test_types import CASES
from tests.support import cluster, typelab
from tests.support.lakelab import LakeLab
from tests.support.syncing import Lab

# Text in a lake.
CHANGED = ("INTERVAL", "TIMETZ")


@pytest.mark.long
def test_every_type_and_every_name_is_what_it_is_in_a_file(
    postgres: cluster.Cluster, empty_db: str, tmp_path: Path
) -> None:
    catalog = postgres.create_database()
    lab = LakeLab(empty_db, tmp_path, [{"name": "public.*", "watermark": "none"}], catalog=catalog)
    lab.run(typelab.SCHEMA)
    columns = ", ".join(f"c{place} {case.type}" for place, case in enumerate(CASES))
    lab.run(f"CREATE TABLE public.t (id int PRIMARY KEY, {columns})")
    for row in range(max(len(case.values) for case in CASES) + 1):
        given = {f"c{place}": case.values[row] for place, case in enumerate(CASES) if row < len(case.values)}
        with lab.connect() as conn:
            listed, holes = ", ".join(["id", *given]), ", ".join(["%s"] * (len(given) + 1))
            conn.execute(f"INSERT INTO public.t ({listed}) VALUES ({holes})".encode(), [row, *given.values()])
    for name in NAMES:
        lab.run(f"CREATE TABLE public.{quoting.identifier(name)} ({quoting.identifier(name)} int PRIMARY KEY)")
        lab.run(f"INSERT INTO public.{quoting.identifier(name)} VALUES (1), (2)")
    file = Lab(empty_db, tmp_path / "file", lab.specs)
    file.folder.mkdir()
    assert not file.sync().failed and not lab.sync().failed
    same = ["id", *(f"c{place}" for place, case in enumerate(CASES) if case.duckdb.removesuffix("[]") not in CHANGED)]
    wanted = "SELECT {} FROM public.t ORDER BY id".format(", ".join(f"{name}::VARCHAR" for name in same))
    with file.published() as there, lab.published() as here:
        for session in (there, here):
            session.execute("SET TimeZone = 'UTC'")
        assert here.execute(wanted).fetchall() == there.execute(wanted).fetchall()
        for name in NAMES:
            query = f"SELECT count({quoting.identifier(name)}) FROM public.{quoting.identifier(name)}"
            assert here.execute(query).fetchall() == [(2,)]
    assert verify.verify(lab.job).equal
    lab.run("UPDATE public.t SET id = id + 100", *(f"DELETE FROM public.{quoting.identifier(name)}" for name in NAMES))
    assert not lab.sync(force_deletes=True).failed
    assert verify.verify(lab.job).equal
    postgres.drop_database(catalog)
