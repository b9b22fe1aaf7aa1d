"""Every kind of run under each feed, one after the other by chance, with writers in between."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs.backfill import backfill
from jobs.sessions import OpenSessions
from jobs.tables.ranges import Range
from jobs.targets import pauses
from jobs.verify import verify
from tests.support.syncing import Lab

pytestmark = [pytest.mark.long, pytest.mark.each_feed]
TABLE = "CREATE TABLE {} (id bigint PRIMARY KEY, v int, updated_at timestamptz NOT NULL DEFAULT clock_timestamp())"
BOTH = ("public.a", "public.b")


KINDS: dict[str, Callable[[Lab], object]] = {
    "all": lambda lab: lab.sync(),
    "one": lambda lab: lab.sync(tables=["public.a"]),
    "full of one": lambda lab: lab.sync(tables=["public.a"], full=True),
    "full": lambda lab: lab.sync(full=True),
    "repair": lambda lab: verify.verify(lab.job, repair=True),
    "backfill": lambda lab: backfill.backfill(lab.job, "public.a", Range(low="10", high="60"), chunk=20),
    "pause": lambda lab: (pauses.pause(lab.job, ["public.b"]), lab.sync()),
    "resume": lambda lab: (pauses.resume(lab.job, []), lab.sync()),
}


def write(lab: Lab, chance: random.Random) -> None:
    for name in ("a", "b"):
        key = chance.randint(1, 80)
        lab.run(
            chance.choice(
                (
                    f"INSERT INTO {name} VALUES ({key}, 1) ON CONFLICT (id) DO UPDATE SET v = {name}.v + 1",
                    f"DELETE FROM {name} WHERE id BETWEEN {key} AND {key + 2}",
                    f"UPDATE {name} SET v = v + 1 WHERE id % 9 = {key % 9}",
                    f"UPDATE {name} SET id = id + 1000 WHERE id = {key}",
                )
            )
        )


@pytest.mark.parametrize("keeps", [False, True])
def test_no_kind_of_run_loses_what_another_left(empty_db: str, tmp_path: Path, keeps: bool) -> None:
    chance = random.Random(11)
    with contextlib.closing(OpenSessions()) as keep:
        specs = [{"name": name, "max_delete_share": 1} for name in BOTH]
        lab = Lab(empty_db, tmp_path, specs, keep=keep if keeps else None)
        for name in ("a", "b"):
            lab.run(TABLE.format(name), f"INSERT INTO {name} SELECT g, 0 FROM generate_series(1, 60) AS g")
        lab.track()
        lab.sync()
        for turn in range(4 * len(KINDS)):
            write(lab, chance)
            with lab.connect(autocommit=False) as late:
                late.execute(f"UPDATE a SET v = -{turn} WHERE id = 5")
                KINDS[chance.choice(list(KINDS))](lab)
                if chance.random() < 0.3:
                    late.rollback()
            if chance.random() < 0.5:
                pauses.resume(lab.job, [])
                lab.sync()
                lab.assert_equal()
        pauses.resume(lab.job, [])
        for _ in range(2):
            lab.sync()
            lab.assert_equal()
            write(lab, chance)
