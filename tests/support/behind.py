"""Files that differ from their source in a way that no run can see: what a range is read anew for."""

from __future__ import annotations

from typing import Any

import duckdb

from app import versions
from tests.support import targets
from tests.support.syncing import Lab

TABLE = "CREATE TABLE {} (id {} PRIMARY KEY, v int, updated_at timestamptz NOT NULL DEFAULT clock_timestamp())"
KEYS = {
    "bigint": "g",
    "uuid": "md5(g::text)::uuid",
    "text": "'k' || g || 'Ä'",
    "date": "DATE '2020-01-01' + g",
    "timestamptz": "TIMESTAMPTZ '2020-01-01 00:30:00.000001+01' + g * INTERVAL '1 hour'",
}


def filled(lab: Lab, kind: str) -> None:
    lab.run("DROP TABLE IF EXISTS t, u", TABLE.format("t", kind), TABLE.format("u", "int"))
    lab.run(f"INSERT INTO t SELECT {KEYS[kind]}, 0 FROM generate_series(1, 100) AS g")
    lab.track()
    lab.sync()
    lab.run("UPDATE t SET v = 1")
    lab.sync()
    # Each of the two files has all of it then.
    lab.run("INSERT INTO u VALUES (1, 1)")
    lab.sync()


def wrong(lab: Lab, *statements: str) -> None:
    """Make both files differ from the source in a way that no run can see, as of a fault that is mended since."""
    if lab.job.settings.lake:
        for statement in statements:
            targets.altered(lab.job, statement)
        assert not lab.sync().changed
        return
    files = lab.job.files
    for path in lab.both:
        path.chmod(0o600)
        with duckdb.connect(str(path)) as file:
            for statement in statements:
                file.execute(statement)
        number = versions.parsed(files.link, path.name).number  # type: ignore[union-attr]
        name = versions.named(files.link, number, versions.seal(path))
        published = path == files.published
        path.rename(name)
        if published:
            files.link.unlink()
            files.link.symlink_to(name.name)
    assert not lab.sync().changed


def rows(lab: Lab) -> dict[Any, int]:
    with lab.published() as file:
        return dict(file.execute("SELECT id, v FROM public.t").fetchall())
