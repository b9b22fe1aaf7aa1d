"""A lake through kills of its writers, with readers at work: nothing torn, nothing lost."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from jobs.verify import verify
from tests.support import cluster
from tests.support.lakechild import SETUP, lab_of

MOVE = """
    WITH moved AS (
        DELETE FROM bank.{a} WHERE id IN (SELECT id FROM bank.{a} ORDER BY random() LIMIT {n}) RETURNING id, cents
    )
    INSERT INTO bank.{b} SELECT id, cents FROM moved ON CONFLICT (id) DO UPDATE SET cents = two.cents + excluded.cents
"""


def child(what: str, arguments: tuple[str, ...]) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.support.lakechild", what, *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def move(rng: random.Random) -> str:
    a, b = rng.sample(("one", "two"), 2)
    return MOVE.format(a=a, b=b, n=rng.randint(1, 40)).replace("two.cents", f"{b}.cents")


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
        readers = [ending.enter_context(child("read", (*arguments, "here"))) for _ in range(2)]
        kills = 0
        for turn in range(25):
            # Two machines: whoever is left of the last one's writers goes on.
            writers = [child("sync", (*arguments, place)) for place in ("here", "there")]
            until = time.monotonic() + rng.uniform(2.0, 4.5)
            while time.monotonic() < until:
                lab.run(move(rng))
                time.sleep(0.02)
            if turn == 12:
                lab.run("ALTER TABLE bank.one ADD COLUMN note text DEFAULT 'n'")
            for writer in writers:
                assert writer.poll() is None, writer.communicate()[1]
                writer.kill()
                writer.communicate()
                kills += 1
        for reader in readers:
            out, err = reader.communicate("done\n")
            assert "torn" not in out and not err, (out, err)
            assert int(out.rpartition("looks: ")[2]) > 20
    lab.sync()
    lab.assert_equal()
    assert kills == 50 and verify.verify(lab.job).equal
    with lab.attached() as lake:
        doubled = "SELECT count(*) FROM (SELECT id FROM bank.one GROUP BY id HAVING count(*) > 1)"
        assert lake.execute(doubled).fetchall() == [(0,)]
    postgres.drop_database(catalog)
