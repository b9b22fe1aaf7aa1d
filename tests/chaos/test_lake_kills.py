"""A lake through kills of its writers, with readers at work: nothing torn, nothing lost."""

from __future__ import annotations

import random
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from jobs.verify import verify
from tests.support import cluster
from tests.support.lakechild import SETUP, child, lab_of, looks, move

READERS, TURNS = 4, 50


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_killed_writer_tears_nothing_and_loses_nothing(
    postgres: cluster.Cluster, empty_db: str, tmp_path: Path
) -> None:
    catalog, rng = postgres.create_database(), random.Random(18)
    lab = lab_of(empty_db, catalog, str(tmp_path), "here")
    lab.run(*SETUP)
    lab.track()
    lab.sync()
    arguments = (empty_db, catalog, str(tmp_path))
    with ExitStack() as ending:
        readers = [ending.enter_context(child("read", *arguments, "here")) for _ in range(READERS)]
        kills = 0
        for turn in range(TURNS):
            # Two machines: whoever is left of the last one's writers goes on.
            writers = [child("sync", *arguments, place) for place in ("here", "there")]
            until = time.monotonic() + rng.uniform(1.0, 3.0)
            while time.monotonic() < until:
                lab.run(move(rng))
                time.sleep(0.02)
            if turn == TURNS // 2:
                lab.run("ALTER TABLE bank.one ADD COLUMN note text DEFAULT 'n'")
            for writer in writers:
                assert writer.poll() is None, writer.communicate()[1]
                writer.kill()
                writer.communicate()
                kills += 1
        for reader in readers:
            assert looks(reader) > 10
    lab.sync()
    lab.assert_equal()
    assert kills == 2 * TURNS and verify.verify(lab.job).equal
    with lab.attached() as lake:
        doubled = "SELECT count(*) FROM (SELECT id FROM bank.one GROUP BY id HAVING count(*) > 1)"
        assert lake.execute(doubled).fetchall() == [(0,)]
    postgres.drop_database(catalog)
